"""A trained model under stress: injected text, altered logs, other systems' logs, what rationales make up.

    python -m benchmarks.stress --outputs outputs/laptop [--rows 25] [--searched 10 --queries 200] [--write FILE]

Takes the folder of a finished run. Prints every rate with its interval, and the bars that a release is held against.
`--model` puts another step's model under stress; its rationales stay those of the final one.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from rationanomaly import progress
from rationanomaly.detection.model_detector import ModelDetector
from rationanomaly.detection.verdict import Verdict
from rationanomaly.evaluate.predictions import Prediction
from rationanomaly.records import LABELLED, LABELLED_SCHEMA, PREDICTIONS, read_rows, read_table, write_rows
from rationanomaly.stress.judging import Tested
from rationanomaly.stress.run import PREFIX, PROBES, TARGETS, StressSettings, stress

FINAL = "grpo"
_SEED = 0


class Judging:
    """A model by one kind of verdict."""

    def __init__(self, detector: ModelDetector, *, reasoned: bool) -> None:
        self._detector, self._reasoned = detector, reasoned

    def judge(self, texts: Sequence[str], /) -> list[Verdict]:
        """One verdict for each text."""
        return self._detector.judge(texts, "reasoned" if self._reasoned else "direct")


def read_tested(outputs: Path) -> list[Tested]:
    """What the final model of a run said of the tested templates."""
    labelled = read_table(outputs / "correct" / LABELLED, LABELLED_SCHEMA)
    groups = dict(zip(labelled["template_id"], labelled["group"], strict=True))
    rows = read_rows(outputs / "evaluate" / PREDICTIONS, Prediction)
    return [
        Tested(
            row.template,
            row.truth,
            groups.get(row.template_id, -1),
            row.answer,
            # Of an analysis that did not come to an end there is an answer, too: `invalid`.
            row.rationale if row.rationale or row.stated is None else "",
            tuple((span["start"], span["end"]) for span in row.evidence),
            row.dataset,
        )
        for row in rows
        if row.model == FINAL
    ]


def main() -> int:
    """Print the rates and the bars; 1 if one is short."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--outputs", type=Path, required=True, help="folder of a finished run")
    parser.add_argument("--model", default=FINAL, help="step whose model is tried")
    parser.add_argument("--rows", type=int, default=25, help="true alarms, and texts of each family")
    parser.add_argument("--searched", type=int, default=0, help="alarms against which injections are searched")
    parser.add_argument("--queries", type=int, default=200, help="for each of these")
    parser.add_argument("--reasoned", nargs="*", choices=PROBES, default=(), help="probes of the reasoned verdict")
    parser.add_argument("--write", type=Path, help="file for the examples")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)

    detector = ModelDetector.open(options.outputs / options.model, options.threads)
    labelled = read_table(options.outputs / "correct" / LABELLED, LABELLED_SCHEMA)
    learnt = labelled.filter((labelled["split"] == "train") & (labelled["label"] == "normal"))
    settings = StressSettings(options.rows, options.searched, options.queries, frozenset(options.reasoned))
    with progress.listening(_show):
        result = stress(
            Judging(detector, reasoned=False),
            read_tested(options.outputs),
            settings,
            _SEED,
            prompt=detector.card.prompt,
            normals=learnt["template"].to_list(),
            reasoned=Judging(detector, reasoned=True),
        )
    if options.write:
        write_rows(options.write, result.examples)
    print_rates(result.metrics)
    return print_bars(result.metrics)


def _show(event: progress.Event) -> None:
    print(f"{event.task}: {event.done:.0f} of {event.total or 0:.0f} {event.unit}", file=sys.stderr)


def print_rates(metrics: Mapping[str, float]) -> None:
    """A line for each rate."""
    for name in metrics:
        if f"{name}/rows" in metrics:
            low, high, rows = (metrics[f"{name}/{part}"] for part in ("low", "high", "rows"))
            print(f"{name.removeprefix(PREFIX):<45} {metrics[name]:6.3f}  [{low:.3f}, {high:.3f}]  of {rows:.0f}")


def print_bars(metrics: Mapping[str, float]) -> int:
    """A line for each target; 1 if one that was measured is missed."""
    short = False
    for name, target in TARGETS.items():
        bar = name.removeprefix(PREFIX).replace("/", "_").upper()
        if name not in metrics:
            print(f"{bar} was not measured")
            continue
        reached = metrics[name] <= target
        short |= not reached
        print(f"{bar} = {metrics[name]:.3f} (target {target}) {'ok' if reached else 'short'}")
    return int(short)


if __name__ == "__main__":
    sys.exit(main())
