"""What every test of ``distill`` starts from: params, questions, a labelled table, a run of the step."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl

from rationanomaly import records
from rationanomaly.distill.step import run
from rationanomaly.distill.teachers import Question
from rationanomaly.params import Params, load_params
from rationanomaly.records import Label, Rejected, Triplet
from rationanomaly.steps import Metrics, Outputs
from rationanomaly.text import prompt
from tests.conftest import ROOT


def settings(*more: str) -> Params:
    """The embedded default with changes; the raw inputs do not depend on the current folder."""
    return load_params(ROOT / "params.yaml", [f"data.reasoning={ROOT / 'data' / 'none.jsonl'}", *more])


def asking(url: str, *more: str) -> Params:
    """An endpoint that needs no key, and logs that are shown as they are."""
    sure = ("distill.teacher=openai", f"distill.endpoint.url={url}", "distill.endpoint.key=null")
    return settings(*sure, "prompt.normalise=false", *more)


def ask(params: Params, log: str, label: Label = "abnormal", **more: Any) -> Question:
    """A question about one log; ``more`` are fields of `Question`."""
    return Question(records.template_id(log), log, prompt.show(log, params.prompt), label, **more)


def write_labelled(folder: Path, rows: Sequence[tuple[str, str]], split: str = "train") -> Path:
    """A folder as `correct` leaves it, with (template, corrected label) rows; returns it."""
    folder.mkdir(parents=True, exist_ok=True)
    table = pl.DataFrame(
        [
            {
                "template_id": records.template_id(template),
                "template": template,
                "dataset": "made-up",
                "original_label": label,
                "label": label,
                "corrected": False,
                "category": None,
                "history": [],
                "mixed": False,
                "lines": 1,
                "first_line": number,
                "group": number,
                "split": split,
            }
            for number, (template, label) in enumerate(rows)
        ],
        schema=records.LABELLED_SCHEMA,
    )
    records.write_table(folder / records.LABELLED, table, records.LABELLED_SCHEMA)
    return folder


def distil(params: Params, rows: Sequence[tuple[str, str]], folder: Path, name: str = "out") -> Metrics:
    """Run the step over these rows into ``folder/name``, with ``folder/state``."""
    output = folder / name
    output.mkdir()
    inputs = {"correct": write_labelled(folder / "correct", rows), "reasoning": params.data.reasoning}
    return run(params, inputs, Outputs(output, folder / "state"))


def read(output: Path) -> tuple[list[Triplet], list[Rejected]]:
    """What a run accepted and rejected."""
    return records.read_rows(output / records.TRIPLETS, Triplet), records.read_rows(output / records.REJECTED, Rejected)


class Watch:
    """A clock that nothing but waiting moves, and no test waits.

    Attributes:
        sleeps: seconds that were waited, in order.
    """

    def __init__(self) -> None:
        self.sleeps: list[float] = []

    def __call__(self) -> float:
        return sum(self.sleeps)

    async def sleep(self, seconds: float) -> None:
        """Note the seconds and let others run."""
        assert seconds > 0
        self.sleeps.append(seconds)
        await asyncio.sleep(0)


@contextmanager
def everything_logged_to(path: Path) -> Iterator[None]:
    """Write the records of all loggers, debug ones of the HTTP libraries included, into a file."""
    handler = logging.FileHandler(path)
    loggers = [logging.getLogger(name) for name in ("", "openai", "httpx2", "httpcore2")]
    levels = [logger.level for logger in loggers]
    loggers[0].addHandler(handler)
    for logger in loggers:
        logger.setLevel(logging.DEBUG)
    try:
        yield
    finally:
        loggers[0].removeHandler(handler)
        handler.close()
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
