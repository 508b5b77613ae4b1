"""Whether a verdict hangs on what its rationale quotes: true alarms, judged again without their quotes.

    python -m benchmarks.causal --outputs outputs/laptop [--outputs outputs-1 …]

Of each template that is abnormal and that the final model called so, three texts are made and judged anew, analysis and
all (`rationanomaly.stress.counterfactuals`): without the words that the rationale quotes, without as many of those that
it doesn't quote, and with the quotes alone. `benchmarks.stress` asks the same, among much else, of the direct verdict.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.stress import FINAL, read_tested
from rationanomaly import progress
from rationanomaly.detection.model_detector import ModelDetector
from rationanomaly.stress.counterfactuals import (
    QUOTES_MATTER,
    QUOTES_SUFFICE,
    RANDOM_WORDS_MATTER,
    counterfactual_cases,
    make_texts,
)
from rationanomaly.stress.judging import Remembered

__all__ = ["main", "make_texts"]

#: Of the alarms: those that hang on their quotes (at least), on other words (at most), and whose quotes suffice.
TARGETS = {
    "CAUSAL_QUOTES_MATTER": (QUOTES_MATTER, 0.8),
    "CAUSAL_RANDOM_WORDS_MATTER": (RANDOM_WORDS_MATTER, 0.2),
    "CAUSAL_QUOTES_SUFFICE": (QUOTES_SUFFICE, 0.8),
}
_SEED = 0


def main() -> int:
    """Print the shares and their targets; 1 if one is short."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--outputs", type=Path, action="append", required=True, help="folder of a finished run")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    held: dict[str, list[bool]] = {rate: [] for rate, _ in TARGETS.values()}
    with progress.listening(lambda _event: None):
        for outputs in options.outputs:
            _judge(outputs, options.threads, held)
    short = False
    for name, (rate, target) in TARGETS.items():
        found = held[rate]
        share = sum(found) / max(len(found), 1)
        reached = bool(found) and (share <= target if rate == RANDOM_WORDS_MATTER else share >= target)
        short |= not reached
        print(f"{name} = {share:.3f} of {len(found)} (target {target}) {'ok' if reached else 'short'}")
    return int(short)


def _judge(outputs: Path, threads: int, held: dict[str, list[bool]]) -> None:
    tested = read_tested(outputs)
    alarms = [one for one in tested if one.truth == one.answer == "abnormal" and one.quotes]
    judge = Remembered(ModelDetector.open(outputs / FINAL, threads))
    for case in counterfactual_cases(alarms, len(alarms), _SEED):
        after = judge.judge([case.altered])[0]
        before = judge.judge([case.original.template])[0] if case.original else None
        for rate in held.keys() & set(case.rates):
            held[rate].append(case.counts(before, after))


if __name__ == "__main__":
    sys.exit(main())
