"""A small table of templates of two made-up systems, with wrong tags and their corrections, for small experiments.

    python -m benchmarks.two_systems --output DIR     # DIR/templates.csv and DIR/corrections.json

The simulator's catalogue holds the messages of a machine's hardware and of the software on it; here they are two data
sets, so that a model can learn one and be tested on the other. Real ones are those of profiles/bgl-spirit.yaml.
"""

from __future__ import annotations

import argparse
import csv
import io
import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from rationanomaly.artifacts import write_json, write_text
from rationanomaly.simulate.events import Event, load_catalogue

#: Subsystems that are hardware or next to it; the others are software.
HARDWARE = frozenset(
    {"bmc", "boot", "cooling", "interconnect", "ionode", "kernel", "memory", "power", "processor", "storage"}
)
TEMPLATES, CORRECTIONS = "templates.csv", "corrections.json"
#: Of each system.
_NORMAL, _ABNORMAL = 60, 24
#: Share of wrong tags, as the paper found it.
_WRONG_SHARE = 0.074
_OTHER = {"normal": "abnormal", "abnormal": "normal"}


def write_table(output: Path, seed: int = 0) -> None:
    """Write the table with the tags, and the corrections as a published patch.

    Args:
        output: folder.
        seed: of what is drawn, and of which tags are wrong.
    """
    rng = np.random.default_rng(seed)
    rows = [row for system in ("hardware", "software") for row in _draw(load_catalogue(), system, rng)]
    wrong = {int(row) for row in rng.permutation(len(rows))[: round(_WRONG_SHARE * len(rows))]}
    text = io.StringIO(newline="")
    table = csv.writer(text, lineterminator="\n")
    table.writerow(("dataset", "template", "label"))
    corrections = []
    for number, (system, template, truth) in enumerate(rows):
        tag = _OTHER[truth] if number in wrong else truth
        table.writerow((system, template, tag))
        if tag != truth:
            corrections.append({"dataset": system, "template": template, "label": tag, "corrected": truth})
    write_text(output / TEMPLATES, text.getvalue())
    write_json(output / CORRECTIONS, corrections)


def _draw(events: Sequence[Event], system: str, rng: np.random.Generator) -> list[tuple[str, str, str]]:
    """System, template and true label of some events of a system, each template once."""
    mine = [event for event in events if (event.subsystem in HARDWARE) == (system == "hardware")]
    found = []
    for label, count in (("normal", _NORMAL), ("abnormal", _ABNORMAL)):
        texts = sorted({_template(event) for event in mine if event.label == label})
        found += [(system, texts[place], label) for place in rng.permutation(len(texts))[:count]]
    return found


def _template(event: Event) -> str:
    return "".join(text + ("<*>" if placeholder else "") for text, placeholder in event.pieces())


def main() -> int:
    """Write it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, required=True, metavar="DIR")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    write_table(arguments.output, arguments.seed)
    return 0


if __name__ == "__main__":
    sys.exit(main())
