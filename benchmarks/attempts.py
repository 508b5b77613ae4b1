"""What writing an analysis anew gains, by the number of attempts: how many are borne out, and how good the verdict is.

    python -m benchmarks.attempts --model outputs/laptop/grpo --labelled outputs/laptop/correct --attempts 5

Reads templates of a split that is not tested. After each attempt a row says how many analyses it wrote, which share of
all logs has one that is borne out (`WrittenText.borne_out`), and F1 and AP of three scores: behind the analysis that is
taken, which argues as the first one did; behind the one borne out best, whatever it argues for; and the mean of all.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
from sklearn.metrics import average_precision_score, f1_score

from rationanomaly.detection.model_detector import ModelDetector
from rationanomaly.model.attempts import Attempts
from rationanomaly.model.scoring import Scorer
from rationanomaly.records import LABELLED, LABELLED_SCHEMA, read_table
from rationanomaly.rulebook.written_text import WrittenText
from rationanomaly.text.prompt import Shown, show

SPLITS = ("validation", "train")


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, help="output folder of base, sft or grpo")
    parser.add_argument("--labelled", type=Path, required=True, help="output folder of correct")
    parser.add_argument("--split", choices=SPLITS, default=SPLITS[0])
    parser.add_argument("--rows", type=int, help="as many, the first by template id; default: all")
    parser.add_argument("--attempts", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    table = read_table(arguments.labelled / LABELLED, LABELLED_SCHEMA).filter(pl.col("split") == arguments.split)
    table = table.sort("template_id").head(arguments.rows or table.height)
    detector = ModelDetector.open(arguments.model, arguments.threads)
    logs = [show(text, detector.card.prompt) for text in table["template"]]
    abnormal = (table["label"] == "abnormal").to_numpy()
    print(f"{len(logs)} templates, {abnormal.sum()} abnormal; F1 at the model's threshold")
    print("attempts  written  borne out  F1 AP of the taken  F1 AP of the best  F1 AP of the mean")
    threshold = detector.card.threshold.value
    for number, row in enumerate(
        _rows(detector._scorer, logs, arguments.attempts, detector.card.detect.temperature), 1
    ):
        cells = " ".join(
            f"{f1_score(abnormal, scores >= threshold):.3f} {average_precision_score(abnormal, scores):.3f}".rjust(18)
            for scores in (row.taken, row.best, row.mean)
        )
        print(f"{number:8} {row.written:8} {row.borne_out:10.3f} {cells}", flush=True)
    return 0


@dataclass(frozen=True)
class Row:
    """What holds after an attempt.

    Attributes:
        written: analyses that it wrote.
        borne_out: share of the logs whose taken analysis is borne out.
        taken, best, mean: scores, shape (logs,), as the table names them.
    """

    written: int
    borne_out: float
    taken: np.ndarray
    best: np.ndarray
    mean: np.ndarray


@dataclass(frozen=True)
class _Scored:
    text: WrittenText
    score: float


def _rows(scorer: Scorer, logs: Sequence[Shown], attempts: int, temperature: float) -> Iterator[Row]:
    found = Attempts(logs)
    written: list[list[_Scored]] = [[] for _ in logs]
    for index in range(attempts):
        places = found.open_places()
        texts = [text or "" for text in scorer.analyses([logs[place] for place in places], index, temperature)]
        found.add(places, texts)
        scores = scorer.reasoned_scores([logs[place] for place in places], texts)
        for place, text, score in zip(places, texts, scores, strict=True):
            written[place].append(_Scored(WrittenText(logs[place], text), float(score)))
        taken = [next(one for one in few if one.text == text) for few, text in zip(written, found.taken, strict=True)]
        yield Row(
            len(places),
            float(np.mean([one.text.borne_out == 1 for one in taken])),
            np.array([one.score for one in taken]),
            np.array([max(few, key=lambda one: one.text.borne_out).score for few in written]),
            np.array([np.mean([one.score for one in few]) for few in written]),
        )


if __name__ == "__main__":
    sys.exit(main())
