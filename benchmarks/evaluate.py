"""How long `evaluate` takes for everything but generation: levels, metrics, intervals, comparisons, plots, the report.

    python -m benchmarks.evaluate [--templates 3000] [--sessions 100000]

Verdicts are made up: of every system that judges templates, with an analysis of each template by each trained model,
and of every system that judges whole sessions. A session has up to 100 lines, drawn by popularity (Zipf).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import numpy as np
import polars as pl

from rationanomaly import records
from rationanomaly.artifacts import write_json
from rationanomaly.evaluate import measuring, plots, predictions, report
from rationanomaly.evaluate.examples import EXAMPLES, choose_examples
from rationanomaly.evaluate.levels import TestedSessions
from rationanomaly.evaluate.lines import LineCounts
from rationanomaly.evaluate.predictions import Prediction, SessionAnswers, SystemAnswers
from rationanomaly.evaluate.session_model import SessionModelAnswers
from rationanomaly.evaluate.session_rows import write_session_rows
from rationanomaly.evaluate.sessions import TESTED_SCHEMA, ScoredAnswer
from rationanomaly.evaluate.systems import SESSION_MODEL, SESSION_SYSTEMS, SYSTEMS, TRAINED
from rationanomaly.params import load_params

ROOT = Path(__file__).resolve().parents[1]
TARGET_SECONDS = 60
_MOST_LINES = 100
_DRAWS = 1000


def templates(count: int, random: np.random.Generator) -> pl.DataFrame:
    """Tested templates in near-duplicate groups, a tenth of them abnormal, of two data sets."""
    group = np.sort(random.integers(0, max(1, int(0.7 * count)), count))
    abnormal = (random.random(count) < 0.1)[group]
    return pl.DataFrame(
        {
            "template_id": [f"t{row:05}" for row in range(count)],
            "template": [f"unit {row} said <*> about part {group[row]}" for row in range(count)],
            "group": group,
            "dataset": np.where(group % 2 == 0, "BGL", "Spirit").tolist(),
            "abnormal": abnormal,
        }
    )


def sessions(tested: pl.DataFrame, count: int, random: np.random.Generator) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Sessions (`TESTED_SCHEMA`), and all their lines (``template_id``, ``abnormal``)."""
    share = random.permutation(1 / np.arange(1, tested.height + 1))
    # An abnormal template is rare, or every session would hold one.
    share = np.where(tested["abnormal"].to_numpy(), 0.01 * share, share)
    lengths = np.minimum(random.geometric(0.05, count), _MOST_LINES)
    rows = random.choice(tested.height, int(lengths.sum()), p=share / share.sum())
    lines = pl.DataFrame({"session": np.repeat(np.arange(count), lengths), "row": rows}).join(
        tested.with_row_index("row").select(pl.col("row").cast(pl.Int64), "template_id", "abnormal"), on="row"
    )
    table = (
        lines.group_by("session")
        .agg(
            lines=pl.len().cast(pl.Int64),
            templates=pl.col("template_id").unique().sort(),
            truth=pl.col("abnormal").any(),
        )
        .sort("session")
        .with_columns(session=pl.col("session").cast(pl.String), corrected=pl.col("truth"))
    )
    return table.select(TESTED_SCHEMA.names()).cast(TESTED_SCHEMA), lines.select("template_id", "abnormal")


def answers(name: str, tested: pl.DataFrame, random: np.random.Generator) -> SystemAnswers:
    """A system that is right of about nine in ten."""
    writes = name in TRAINED
    middle = np.where(tested["abnormal"].to_numpy(), 1.2, -1.8)
    scores = np.round(1 / (1 + np.exp(-(middle + random.normal(0, 1, tested.height)))), 6).tolist()
    found = []
    for row, score in zip(tested.iter_rows(named=True), scores, strict=True):
        truth, answer = ("abnormal" if yes else "normal" for yes in (row["abnormal"], score >= 0.5))
        found.append(
            Prediction(
                name,
                row["template_id"],
                row["template"],
                row["dataset"],
                "test",
                truth,
                truth,
                False,
                answer,
                score,
                direct_score=score if writes else None,
                direct_answer=answer if writes else None,
                stated=answer if writes else None,
                consistent=True if writes else None,
                rationale=f'It says "said". So the log is {answer}.' if writes else None,
                grounded=writes,
            )
        )
    by_id = {one.template_id: ScoredAnswer(one.answer, one.score) for one in found}
    prompt = load_params(ROOT / "params.yaml").prompt if writes else None
    return SystemAnswers(name, found, by_id, 0.8, range(len(found)) if writes else (), prompt=prompt)


def whole(name: str, truth: Sequence[bool | None], random: np.random.Generator) -> SessionAnswers:
    """A system that judges sessions as a whole."""
    scores = np.array(truth, dtype=np.float64) + random.normal(0, 0.4, len(truth))
    return SessionAnswers(name, np.where(scores >= 0.5, "abnormal", "normal").tolist(), scores.tolist(), 0.5, "best F1")


def main() -> int:
    """Measure and print; 1 if the target is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--templates", type=int, default=3000)
    parser.add_argument("--sessions", type=int, default=100_000)
    arguments = parser.parse_args()
    random = np.random.default_rng(0)
    tested = templates(arguments.templates, random)
    table, lines = sessions(tested, arguments.sessions, random)
    systems = [answers(name, tested, random) for name in SYSTEMS]
    of_sessions = [whole(name, table["truth"].to_list(), random) for name in SESSION_SYSTEMS]
    chosen = whole(SESSION_MODEL, table["truth"].to_list(), random)
    marks: list[tuple[str, float]] = [("", time.perf_counter())]
    work = time.process_time()

    def mark(what: str) -> None:
        marks.append((what, time.perf_counter()))

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        flat = TestedSessions.of(table, dict(zip(tested["template_id"], tested["group"], strict=True)))
        counts = LineCounts.of(tested, lines)
        mark("levels")
        metrics = measuring.measure(systems, of_sessions, chosen, tested, flat, counts, _DRAWS, 0)
        mark("metrics, intervals, comparisons")
        write_json(folder / records.METRICS, metrics)
        records.write_rows(folder / records.PREDICTIONS, predictions.rows_of(systems))
        records.write_rows(folder / EXAMPLES, choose_examples(systems, 8))
        mark("predictions")
        plots.draw_precision_recall(systems, folder)
        plots.draw_roc(systems, folder)
        plots.draw_calibration(systems, folder)
        mark("plots")
        write_session_rows(folder, table, flat, systems, of_sessions, SessionModelAnswers(chosen, {}, {}))
        mark("predictions of sessions")
        report.write_report(folder, report.Setting("test", True, "held-out lines"), metrics)
        mark("report")
    for (_, before), (what, after) in pairwise(marks):
        print(f"{what:<32} {after - before:6.1f} s")
    seconds = marks[-1][1] - marks[0][1]
    print(f"{len(systems)} systems of templates, {len(of_sessions) + 1} of sessions, {len(metrics):,} metrics")
    # On a busy machine the clock says little; the verdict is by the clock all the same.
    print(f"{time.process_time() - work:.1f} s of processor time")
    print(
        f"EVALUATE_SECONDS = {seconds:.1f} (target {TARGET_SECONDS}) {'ok' if seconds <= TARGET_SECONDS else 'short'}"
    )
    return 0 if seconds <= TARGET_SECONDS else 1


if __name__ == "__main__":
    sys.exit(main())
