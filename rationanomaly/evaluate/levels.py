"""What a system says, level by level: templates, lines, and sessions, as the metrics want it.

The unit that decides is the group: near-duplicate templates stand or fall together, and so do the sessions whose
verdict comes from one of them. A model of whole sessions has no deciding template: what it sees of a session is its
events, so sessions of equal events are one unit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from rationanomaly.evaluate.metrics import Judged
from rationanomaly.evaluate.predictions import SessionAnswers, SystemAnswers
from rationanomaly.evaluate.session_verdicts import (
    Ints,
    SessionVerdicts,
    TemplateVerdicts,
    deciding_groups,
    flatten,
    judge_sessions,
)
from rationanomaly.evaluate.sessions import session_truth

BY_DATASET = "by_dataset/"
#: Before a kind of level: the mean over the data sets.
DATASET_MEAN = "dataset_mean/"
DIRECT = "direct/template"
#: The sessions that a chosen session model judges (`evaluate.session_model`).
SESSION_MODEL = "session_model"
DISTINCT = "_distinct"


@dataclass(frozen=True)
class TestedSessions:
    """The tested sessions over flat arrays.

    Attributes:
        ids: template ids by code.
        groups: near-duplicate group of each, shape (templates,).
        codes, starts: of all sessions, as `session_verdicts.judge_sessions` reads them.
        truth, corrected: as in `sessions.TESTED_SCHEMA`; ``truth`` with corrected labels where nothing else is known.
        events: a number for each set of templates, shape (n,).
        first: rows that hold each set of templates with each truth for the first time.
    """

    ids: Sequence[str]
    groups: Ints
    codes: Ints
    starts: Ints
    truth: Sequence[bool | None]
    corrected: Sequence[bool | None]
    events: Ints
    first: Sequence[int]

    __test__ = False  # not a test class, whatever pytest thinks of its name

    @classmethod
    def of(cls, table: pl.DataFrame, groups: Mapping[str, int]) -> TestedSessions:
        """Of `sessions.TESTED_SCHEMA`.

        Args:
            table: the tested sessions.
            groups: near-duplicate group by template id; a template without one is its own.
        """
        lists = table["templates"]
        ids, codes, starts = flatten(lists)
        known = max(groups.values(), default=-1) + 1
        of_ids = [groups.get(key, known + place) for place, key in enumerate(ids)]
        truth = session_truth(table)
        sets = lists.list.join("\x1f")
        events = sets.rank("dense").to_numpy().astype(np.int64) if table.height else np.empty(0, np.int64)
        pairs = pl.DataFrame({"events": events, "truth": truth}, schema={"events": pl.Int64, "truth": pl.Boolean})
        rows = pairs.select(pl.struct(pl.all()).is_first_distinct().arg_true()).to_series().to_list()
        return cls(
            ids, np.array(of_ids, dtype=np.int64), codes, starts, truth, table["corrected"].to_list(), events, rows,
        )  # fmt: skip

    def coverage(self, system: SystemAnswers) -> float:
        """Share of the sessions all of whose templates have a verdict."""
        missing = np.array([key not in system.by_id for key in self.ids], dtype=np.bool_)[self.codes]
        rows = np.repeat(np.arange(len(self.truth)), np.diff(self.starts))
        return 1 - len(np.unique(rows[missing])) / len(self.truth)

    def verdicts(self, system: SystemAnswers) -> SessionVerdicts:
        """A system's verdicts by the worst template of each session."""
        return judge_sessions(self.codes, self.starts, TemplateVerdicts.of(self.ids, system.by_id))


def template_levels(system: SystemAnswers, tested: pl.DataFrame) -> dict[str, Judged]:
    """The templates as a whole; by data set, if there are several; against corrected labels, if these differ; and all
    of a model's direct verdicts, by data set, too."""
    groups: list[int] = tested["group"].to_list()
    levels = {"template": system.judged(groups)}
    if any(p.truth != p.label for p in system.predictions):
        levels["template_corrected"] = system.judged(groups, column="label")
    if tested["dataset"].n_unique() > 1:
        datasets, written = tested["dataset"].to_list(), set(system.rows)
        for name in sorted(set(datasets)):
            rows = [row for row, dataset in enumerate(datasets) if dataset == name]
            place = f"{BY_DATASET}{plain(name)}/"
            levels[f"{place}template"] = system.judged(groups, [row for row in rows if row in written])
            if system.prompt is not None:
                levels[place + DIRECT] = system.judged_directly(groups, rows)
    if system.prompt is not None:
        levels[DIRECT] = system.judged_directly(groups)
    return levels


def session_levels(system: SystemAnswers, sessions: TestedSessions) -> dict[str, Judged]:
    """The sessions against their truth, and with their own threshold, each as all and as distinct ones; and against
    corrected labels; nothing of a system that judges no session."""
    if not system.by_id:
        return {}
    judged = sessions.verdicts(system)
    groups = deciding_groups(judged, sessions.groups)
    levels = _with_distinct("session", sessions, judged.labels, judged.scores.tolist(), groups)
    if levels and sessions.corrected != sessions.truth:
        known = [row for row, value in enumerate(sessions.corrected) if value is not None]
        levels["session_corrected"] = _pick(sessions.corrected, judged.labels, judged.scores.tolist(), groups, known)
    if levels and system.session_threshold is not None:
        tuned = judged.tuned(system.session_threshold)
        levels |= _with_distinct("session_tuned", sessions, tuned.labels, tuned.scores.tolist(), groups)
    return levels


def whole_session_levels(name: str, found: SessionAnswers, sessions: TestedSessions) -> dict[str, Judged]:
    """Of a model of whole sessions.

    Args:
        name: of the level; the distinct ones are added.
    """
    return _with_distinct(name, sessions, found.answers, found.scores, sessions.events)


def is_of_a_dataset(level: str, kind: str = "template") -> bool:
    """Whether it is a level of templates of one data set: ``by_dataset/NAME/template``, or of another kind."""
    return level.startswith(BY_DATASET) and level.split("/", 2)[2] == kind


def plain(name: str) -> str:
    """A data set's name as part of a metric's: MLflow takes only some characters there."""
    return "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "_" for c in name)[:60]


def _with_distinct(
    name: str, sessions: TestedSessions, answers: Sequence[str], scores: Sequence[float], groups: Ints
) -> dict[str, Judged]:
    truth = sessions.truth
    known = [row for row, value in enumerate(truth) if value is not None]
    if not known:
        return {}
    distinct = [row for row in sessions.first if truth[row] is not None]
    return {
        name: _pick(truth, answers, scores, groups, known),
        name + DISTINCT: _pick(truth, answers, scores, groups, distinct),
    }


def _pick(
    truth: Sequence[bool | None],
    answers: Sequence[str],
    scores: Sequence[float],
    groups: Ints,
    rows: Sequence[int],
) -> Judged:
    return Judged(
        ["abnormal" if truth[row] else "normal" for row in rows],
        [answers[row] for row in rows],
        [scores[row] for row in rows],
        groups[list(rows)].tolist(),
    )
