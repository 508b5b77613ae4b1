"""A simulated day as a watch gets it: mined batch by batch, with the answers of a model that is wrong now and then."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import polars as pl

from rationanomaly.params import ParseParams
from rationanomaly.parse.mining import Miner
from rationanomaly.records import Label
from rationanomaly.simulate.day.dataset import DayLog
from rationanomaly.simulate.day.settings import DAY_SECONDS

_SOURCE = "cluster.log"
_ANSWERS = 14
#: Lines are mined for so many seconds at once and given out in batches, which is faster.
_MINED_SECONDS = 3600
_COLUMNS = ("source", "line", "time", "node", "level", "message", "template", "template_id", "parameters", "sessions",
            "answer", "score", "event", "episode")  # fmt: skip


@dataclass(frozen=True)
class AnswerErrors:
    """How often answers are wrong, as shares of templates.

    Attributes:
        reviewed: of the templates that people have seen before the day.
        miss: of new faults, called normal.
        false_alarm: of new benign messages, called abnormal.
    """

    reviewed: float = 0.0
    miss: float = 0.1
    false_alarm: float = 0.05


class MinedDay:
    """Mines the lines of a day as they come; what it gives out depends on its order alone, not on a clock.

    Attributes:
        known: ids of the templates of the lines that people have seen before the day.
        templates: event of the machine → texts of the templates that its lines had.
    """

    def __init__(self, log: DayLog, settings: ParseParams, errors: AnswerErrors, seed: int) -> None:
        self._log, self._errors = log, errors
        self._random = np.random.default_rng([seed, _ANSWERS])
        self._miner = Miner.new(settings)
        self.templates: dict[int, dict[str, None]] = defaultdict(dict)
        self._answers: dict[str, tuple[Label, float]] = {}
        self._given: set[str] = set()
        seen = self._miner.name(self._miner.take(log.training.select("message")))
        self.known: frozenset[str] = frozenset(seen["template_id"])
        for identity, event in _first_events(seen.with_columns(event=log.training["event"])).items():
            self._answer(identity, event, errors.reviewed, errors.reviewed)

    def batches(self, history_seconds: float, day_seconds: float) -> Iterator[pl.DataFrame]:
        """The lines of some seconds each, with the columns that the engine gives out, ``event`` and ``episode``.

        A template that is new is ``pending`` in its first batch.

        Args:
            history_seconds: length of a batch of the quiet days.
            day_seconds: length of a batch of the day.
        """
        lines = self._log.lines.with_row_index("line", 1)
        seconds = lines["time"].dt.epoch("ms").to_numpy() / 1000
        start = self._log.day_start
        first = start - np.ceil((start - seconds[0]) / DAY_SECONDS) * DAY_SECONDS
        edges = np.concatenate([np.arange(first, start, history_seconds), np.arange(start, seconds[-1], day_seconds)])
        hours = (edges - first) // _MINED_SECONDS
        ends = [*np.searchsorted(seconds, edges)[1:], len(seconds)]
        begin = 0
        for hour in np.unique(hours):
            some = [int(end) for end, one in zip(ends, hours, strict=True) if one == hour]
            named = self._mine(lines.slice(begin, some[-1] - begin))
            for end in some:
                if end > begin:
                    yield self._as_pending(named.slice(0, end - begin))
                    named, begin = named.slice(end - begin), end

    def corrected(self, batch: pl.DataFrame) -> pl.DataFrame:
        """The lines of a batch that were pending, with their answers."""
        waiting = batch.filter(pl.col("answer") == "pending")
        return self._answered(waiting) if waiting.height else waiting

    def truth_templates(self) -> list[list[str]]:
        """Of each event of the machine the texts of its templates so far; see `DayLog.truth`."""
        return [list(self.templates.get(event, ())) for event in range(len(self._log.machine.events))]

    def _mine(self, lines: pl.DataFrame) -> pl.DataFrame:
        named = self._miner.name(self._miner.take(lines))
        for event, text in named.select("event", "template").unique(maintain_order=True).iter_rows():
            self.templates[event][text] = None
        for identity, event in _first_events(named).items():
            if identity not in self._answers:
                self._answer(identity, event, self._errors.miss, self._errors.false_alarm)
        sessions = pl.when(pl.col("session").is_not_null()).then(pl.concat_list("session"))
        named = named.with_columns(pl.col("line").cast(pl.Int64), source=pl.lit(_SOURCE), sessions=sessions)
        return self._answered(named)

    def _as_pending(self, batch: pl.DataFrame) -> pl.DataFrame:
        """A batch in which the answers on templates that no earlier one had are still to come."""
        new = set(batch["template_id"].unique()) - self._given - self.known
        self._given |= new
        if not new:
            return batch
        waits = pl.col("template_id").is_in(list(new))
        score = pl.when(~waits).then("score")
        return batch.with_columns(pl.when(waits).then(pl.lit("pending")).otherwise("answer").alias("answer"), score)

    def _answered(self, lines: pl.DataFrame) -> pl.DataFrame:
        ids = lines["template_id"].unique().to_list()
        answers = pl.DataFrame(
            [(identity, *self._answers[identity]) for identity in ids],
            schema={"template_id": pl.String, "answer": pl.String, "score": pl.Float64},
            orient="row",
        )
        bare = lines.drop("answer", "score", strict=False)
        return bare.join(answers, on="template_id", how="left", maintain_order="left").select(_COLUMNS)

    def _answer(self, identity: str, event: int, miss: float, false_alarm: float) -> None:
        """Draw the answer on a template, once; the score lies on its side of one half."""
        fault = self._log.machine.events[event].fault
        wrong = self._random.random() < (miss if fault else false_alarm)
        label: Label = "abnormal" if fault != wrong else "normal"
        sure = float(self._random.beta(8, 1)) / 2
        self._answers[identity] = label, 0.5 + sure if label == "abnormal" else 0.5 - sure


def _first_events(named: pl.DataFrame) -> dict[str, int]:
    """Template id → the event of its first line."""
    first = named.group_by("template_id", maintain_order=True).agg(pl.col("event").first())
    return dict(first.iter_rows())
