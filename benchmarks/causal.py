"""Whether a verdict hangs on what its rationale quotes: true alarms, judged again without their quotes.

    python -m benchmarks.causal --outputs outputs [--outputs outputs-1 …]

Of each template that is abnormal and that the final model called so, three texts are made and judged anew, analysis and
all: without the words that the rationale quotes, without as many words drawn at random, and with the quotes alone. An
alarm hangs on its evidence if the first lowers the log odds of abnormal by 1 or more; if the second does as much, any
words would have done. Random words are drawn among all words of the template, those quoted too, from a fixed seed.
"""

from __future__ import annotations

import argparse
import math
import random
import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rationanomaly import progress
from rationanomaly.detection.model_detector import ModelDetector
from rationanomaly.detection.verdict import Verdict
from rationanomaly.evaluate.predictions import Prediction
from rationanomaly.records import PREDICTIONS, read_rows

FINAL = "grpo"
#: Of the alarms: those that hang on their quotes (at least), on random words (at most), and whose quotes suffice.
TARGETS = {"CAUSAL_QUOTES_MATTER": 0.8, "CAUSAL_RANDOM_WORDS_MATTER": 0.2, "CAUSAL_QUOTES_SUFFICE": 0.8}
LEAST_FALL = 1.0
_WORD = re.compile(r"[^\W_]{2,}")


@dataclass(frozen=True)
class Texts:
    """A template and what is made of it."""

    whole: str
    without_quotes: str
    without_random_words: str
    quotes: str


def main() -> int:
    """Print the shares and their targets; 1 if one is short."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--outputs", type=Path, action="append", required=True, help="folder of a finished run")
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    held: dict[str, list[bool]] = {name: [] for name in TARGETS}
    with progress.listening(lambda _event: None):
        for outputs in options.outputs:
            for name, found in _judge(outputs, options.threads).items():
                held[name] += found
    count = len(held["CAUSAL_QUOTES_MATTER"])
    print(f"true alarms with quotes: {count}")
    short = not count
    for name, target in TARGETS.items():
        share = sum(held[name]) / max(count, 1)
        reached = share <= target if name == "CAUSAL_RANDOM_WORDS_MATTER" else share >= target
        short |= not reached
        print(f"{name} = {share:.3f} (target {target}) {'ok' if reached else 'short'}")
    return int(short)


def _judge(outputs: Path, threads: int) -> dict[str, list[bool]]:
    rows = read_rows(outputs / "evaluate" / PREDICTIONS, Prediction)
    alarms = [row for row in rows if row.model == FINAL and row.truth == row.answer == "abnormal" and row.evidence]
    texts = [make_texts(row.template, [(span["start"], span["end"]) for span in row.evidence]) for row in alarms]
    detector = ModelDetector.open(outputs / FINAL, threads)
    whole, without, random_words, quotes = (
        detector.judge([getattr(text, name) for text in texts])
        for name in ("whole", "without_quotes", "without_random_words", "quotes")
    )
    return {
        "CAUSAL_QUOTES_MATTER": _falls(whole, without),
        "CAUSAL_RANDOM_WORDS_MATTER": _falls(whole, random_words),
        "CAUSAL_QUOTES_SUFFICE": [verdict.answer == "abnormal" for verdict in quotes],
    }


def make_texts(template: str, spans: Sequence[tuple[int, int]]) -> Texts:
    """What is judged of a template whose rationale quotes ``spans``, half-open and in characters."""
    quoted = [any(start <= place < end for start, end in spans) for place in range(len(template))]
    remainder = "".join(character for character, inside in zip(template, quoted, strict=True) if not inside)
    quotes = " ".join(template[start:end] for start, end in sorted(spans))
    words = list(_WORD.finditer(template))
    wanted = min(len(_WORD.findall(quotes)), len(words))
    drawn = random.Random(template).sample(words, wanted)
    kept = list(template)
    for word in drawn:
        kept[word.start() : word.end()] = [""] * (word.end() - word.start())
    return Texts(template, _squeezed(remainder), _squeezed("".join(kept)), quotes)


def _falls(before: Sequence[Verdict], after: Sequence[Verdict]) -> list[bool]:
    pairs = zip(before, after, strict=True)
    return [_log_odds(one.score) - _log_odds(other.score) >= LEAST_FALL for one, other in pairs]


def _log_odds(score: float) -> float:
    inside = min(max(score, 1e-9), 1 - 1e-9)
    return math.log(inside / (1 - inside))


def _squeezed(text: str) -> str:
    return " ".join(text.split())


if __name__ == "__main__":
    sys.exit(main())
