"""How soon an unseen template has its direct score and its rationale, with the model in a process of its own.

    python -m benchmarks.verdicts --model outputs/laptop/grpo --labelled outputs/laptop/correct --pairs 20 --cores 1

The templates come in pairs: one while the model has nothing to do, and `--pause` seconds later another one, while the
analysis of the first is being written; the next pair comes when both have their rationales. The texts are those of the
table's validation rows, whose labels are not read. The table says, of each of the two, the median and the 95th
percentile of the seconds to the direct verdict and to the reasoned one, and the largest of them: by the clock, and of
these the seconds in which the model's process had a core, which is what they are where nothing else runs.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from pathlib import Path

import numpy as np
import polars as pl

from rationanomaly.detection.verdict_service import VerdictService
from rationanomaly.records import LABELLED, LABELLED_SCHEMA, read_table, template_id

SECONDS = 600.0


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", required=True, help="output folder of base, sft or grpo")
    parser.add_argument("--labelled", type=Path, required=True, help="output folder of correct")
    parser.add_argument("--pairs", type=int, default=20)
    parser.add_argument("--pause", type=float, default=1.5, help="seconds between the two of a pair")
    parser.add_argument("--cores", type=int, default=1, help="that the model's process may use")
    arguments = parser.parse_args()
    table = read_table(arguments.labelled / LABELLED, LABELLED_SCHEMA).filter(pl.col("split") == "validation")
    texts = table.sort("template_id")["template"].head(2 * arguments.pairs).to_list()
    service = _open(arguments.model, arguments.cores)
    try:
        idle, busy = [], []
        for first, second in zip(texts[::2], texts[1::2], strict=False):
            one, other = _pair(service, first, second, arguments.pause)
            idle.append(one)
            busy.append(other)
    finally:
        service.close()
    print(f"{service.version}, {len(idle)} pairs, {arguments.cores} cores")
    print("                            by the clock                  with a core")
    print("template comes  verdict   median     95 %  largest     median     95 %  largest  seconds")
    for name, times in (("at rest", np.array(idle)), ("during another", np.array(busy))):
        for column, kind in enumerate(("direct", "reasoned")):
            cells = [f"{cell:8.3f}" for k in (0, 1) for cell in np.percentile(times[:, column, k], [50, 95, 100])]
            print(f"{name:14}  {kind:8} {' '.join(cells[:3])}   {' '.join(cells[3:])}")
    return 0


def _open(model: str, cores: int) -> VerdictService:
    """A service whose process has the last cores to itself, as far as this one is concerned."""
    ours = sorted(os.sched_getaffinity(0))
    os.sched_setaffinity(0, ours[-cores:])
    try:
        return VerdictService(model, threads=cores)
    finally:
        os.sched_setaffinity(0, ours[:-cores] or ours)


def _clocks(service: VerdictService) -> np.ndarray:
    """Seconds by the clock, and those in which the main thread of the model's process has had a core, shape (2,)."""
    assert service._worker is not None
    spent = Path(f"/proc/{service._worker.pid}/schedstat").read_text(encoding="ascii").split()[0]
    return np.array([time.perf_counter(), int(spent) / 1e9])


def _pair(service: VerdictService, first: str, second: str, pause: float) -> list[list[np.ndarray]]:
    """Of each of two templates how long its direct and its reasoned verdict took, by `_clocks`."""
    came: dict[tuple[str, bool], np.ndarray] = {}
    asked: dict[str, np.ndarray] = {}

    def ask(text: str) -> None:
        asked[text] = _clocks(service)
        service.ask({template_id(text): text})

    def collect_until(end: float) -> None:
        while time.perf_counter() < end and len(came) < 4:
            time.sleep(0.001)
            for answered in service.collect():
                came[answered.template, answered.final] = _clocks(service) - asked[answered.template]

    ask(first)
    collect_until(time.perf_counter() + pause)
    ask(second)
    collect_until(time.perf_counter() + SECONDS)
    return [[came[text, False], came[text, True]] for text in (first, second)]


if __name__ == "__main__":
    sys.exit(main())
