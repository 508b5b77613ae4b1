"""Systems that judge whole sessions, without any language model: fitted, thresholds chosen, tested, as a table.

    rationanomaly parse --params profiles/bgl-sessions.yaml --output outputs-bgl-sessions/parse
    python -m benchmarks.session_systems --parse outputs-bgl-sessions/parse         # the split that it came with
    python -m benchmarks.session_systems --parse outputs-bgl-sessions/parse --shuffled   # if drawn at random
    python -m benchmarks.session_systems --parse outputs-hdfs/parse deeplog loganomaly logrobust

A threshold is the best F1 on validation sessions; DeepLog, LogAnomaly and LogRobust also have that of their papers.
Shuffled, a fifth of all sessions is drawn for the test and a fifth of the others' distinct sequences for validation: it
shows what a split by time changes, and nothing measured on it is a result. Vectors of templates are the encoder's.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl

from rationanomaly import records
from rationanomaly.baselines.sequences.deeplog import fit_deeplog
from rationanomaly.baselines.sequences.loganomaly import loganomaly_with
from rationanomaly.baselines.sequences.logrobust import logrobust_with
from rationanomaly.errors import RationAnomalyError
from rationanomaly.evaluate.metrics import Judged, class_metrics
from rationanomaly.evaluate.ranking import shorten
from rationanomaly.evaluate.session_systems import COUNTED
from rationanomaly.evaluate.systems import DEEP, SESSION_SYSTEMS, TITLES
from rationanomaly.session_models.batch import Events, Floats, SessionBatch
from rationanomaly.session_models.choice import first_events
from rationanomaly.session_models.model import Fit, Flags
from rationanomaly.session_models.tables import batch_of, events_of
from rationanomaly.text.encoder import Encoder
from rationanomaly.thresholds import choose_threshold

_HEAD = ("system", "threshold", "F1 (precision / recall)", "macro, weighted F1", "distinct F1", "AP, distinct",
         "seconds")  # fmt: skip
_SHUFFLED_TEST, _SHUFFLED_VALIDATION = 0.2, 0.2


@dataclass(frozen=True)
class Sides:
    """Sessions with their truth: to fit, to choose a threshold, to test; and the first test row of each sequence."""

    events: Events
    known: int
    batches: Mapping[str, SessionBatch]
    abnormal: Mapping[str, Flags]
    distinct: list[int]


def main() -> int:
    """Print a row for each system and threshold; 1 if the sessions can't be read."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "systems", nargs="*", metavar="SYSTEM", help=f"of {', '.join(SESSION_SYSTEMS)}; all unless named"
    )
    parser.add_argument("--parse", type=Path, required=True, metavar="DIR", help="output of `parse`")
    parser.add_argument("--shuffled", action="store_true", help="draw the sides at random")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    unknown = set(arguments.systems) - set(SESSION_SYSTEMS)
    if unknown:
        parser.error(f"no such system: {', '.join(sorted(unknown))}")
    try:
        sides = read_sides(arguments.parse, arguments.shuffled, arguments.seed)
        for side, truth in sides.abnormal.items():
            print(f"{side}: {len(truth)} sessions, {int(truth.sum())} abnormal")
        print(f"distinct of the test: {len(sides.distinct)}\n")
        print(f"| {' | '.join(_HEAD)} |\n|{' --- |' * len(_HEAD)}")
        for name in arguments.systems or SESSION_SYSTEMS:
            for row in rows_of(name, _fit(name), sides, arguments.seed):
                print("| " + " | ".join(row) + " |", flush=True)
    except RationAnomalyError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


def read_sides(folder: Path, shuffled: bool, seed: int) -> Sides:
    """Read the output of `parse`.

    Args:
        folder: with sessions that came with a split, or have labels.
        shuffled: draw the sides anew.
        seed: of that draw.
    """
    sessions = records.read_table(folder / records.SESSIONS, records.SESSIONS_SCHEMA)
    sessions = sessions.filter(pl.col("alert").is_not_null())
    sides = np.array(_drawn(sessions, seed) if shuffled else sessions["split"].to_list(), dtype=object)
    sessions = sessions.with_columns(side=pl.Series(sides.tolist(), dtype=pl.String))
    known = sessions.filter(pl.col("side") == "train")["template_ids"].explode().unique().drop_nulls().to_list()
    templates = records.read_table(folder / records.TEMPLATES, records.TEMPLATES_SCHEMA)
    events = events_of(templates.select("template_id", "template").unique("template_id", keep="first"), known, {})
    parts = {side: sessions.filter(pl.col("side") == side) for side in ("train", "validation", "test")}
    test = parts["test"].with_row_index("row").select("row", "alert", key=pl.col("template_ids").list.join(" "))
    return Sides(
        events,
        len(known),
        {side: batch_of(part["template_ids"], events) for side, part in parts.items()},
        {side: part["alert"].to_numpy().astype(np.bool_) for side, part in parts.items()},
        test.unique(["key", "alert"], keep="first", maintain_order=True)["row"].to_list(),
    )


def _drawn(sessions: pl.DataFrame, seed: int) -> list[str]:
    random = np.random.default_rng(seed)
    tested = random.random(sessions.height) < _SHUFFLED_TEST
    keys = sessions["template_ids"].list.join(" ").rank("dense").to_numpy().astype(np.int64)
    chooses = (random.random(int(keys.max(initial=0)) + 1) < _SHUFFLED_VALIDATION)[keys]
    sides: list[str] = np.where(tested, "test", np.where(chooses, "validation", "train")).tolist()
    return sides


def _fit(name: str) -> Fit:
    if name not in DEEP:
        return COUNTED[name]
    vectors = Encoder.load().vectors
    return {"deeplog": fit_deeplog, "loganomaly": loganomaly_with(vectors), "logrobust": logrobust_with(vectors)}[name]


def rows_of(name: str, fit: Fit, sides: Sides, seed: int) -> Iterator[list[str]]:
    """The cells of a system, once for each threshold."""
    begin = time.perf_counter()
    known = first_events(sides.events, sides.known)
    model = fit(sides.batches["train"], sides.abnormal["train"], known, seed)
    scores = {side: model.scores(batch, sides.events) for side, batch in sides.batches.items()}
    seconds = time.perf_counter() - begin
    chosen = choose_threshold(scores["validation"], sides.abnormal["validation"])
    thresholds = {"validation": None if chosen is None else chosen.value, "paper": getattr(model, "threshold", None)}
    for rule, threshold in thresholds.items():
        if threshold is None:
            continue
        every, distinct = (
            _metrics(sides.abnormal["test"], scores["test"], threshold, rows)
            for rows in (list(range(len(scores["test"]))), sides.distinct)
        )
        f1, precision, recall, ap = (shorten(every[f"abnormal/{key}"]) for key in ("f1", "precision", "recall", "ap"))
        averages = ", ".join(shorten(every[f"{key}/f1"]) for key in ("macro", "weighted"))
        yield [TITLES[name], rule, f"{f1} ({precision} / {recall})", averages, shorten(distinct["abnormal/f1"]),
               f"{ap}, {shorten(distinct['abnormal/ap'])}", f"{seconds:.0f}"]  # fmt: skip


def _metrics(abnormal: Flags, scores: Floats, threshold: float, rows: list[int]) -> dict[str, float]:
    labels = np.where(abnormal[rows], "abnormal", "normal").tolist()
    answers = np.where(scores[rows] >= threshold, "abnormal", "normal").tolist()
    return class_metrics(Judged(labels, answers, scores[rows].tolist(), rows))


if __name__ == "__main__":
    sys.exit(main())
