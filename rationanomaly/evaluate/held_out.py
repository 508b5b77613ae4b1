"""What is tested: templates and sessions that no model learnt from, with what is true of them."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from rationanomaly import records
from rationanomaly.evaluate.audit import Check, audit, require_clean
from rationanomaly.evaluate.lines import LineCounts
from rationanomaly.evaluate.session_threshold import calibration_sessions
from rationanomaly.evaluate.sessions import TestSessions, choose_sessions
from rationanomaly.evaluate.truth import label_lines, label_templates, read_truth
from rationanomaly.params import Params, SplitParams
from rationanomaly.session_models.sides import session_sides
from rationanomaly.session_models.tables import teaching_sessions
from rationanomaly.steps import Inputs

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class HeldOut:
    """What is tested.

    Attributes:
        side: test, or validation where the split has no test share.
        known: whether a truth file says what is true of each line.
        tested: the labelled templates of that side, with their truth.
        others: ``template_id``, ``template`` and ``lines`` of those that only the sessions hold.
        fitted_on: the labelled templates that classifiers may learn from.
        sessions: the tested sessions.
        calibration: validation sessions, on which a threshold for sessions is chosen.
        teaching: all sessions with their sides (`teaching_sessions`), where sessions are tested as a whole; else none.
        templates: ``template_id`` and ``template`` of all sessions.
        lines: how many lines of which truth the tested templates have.
        groups: near-duplicate group by template id, of all that have a label.
        checks: what the audit asked, all found clean.
    """

    side: str
    known: bool
    tested: pl.DataFrame
    others: pl.DataFrame
    fitted_on: pl.DataFrame
    sessions: TestSessions
    calibration: pl.DataFrame
    teaching: pl.DataFrame
    templates: pl.DataFrame
    lines: LineCounts
    groups: Mapping[str, int]
    checks: Sequence[Check]

    @property
    def whole_sessions(self) -> bool:
        """Whether sessions are tested with all their lines, so that models of whole sessions have a meaning."""
        return self.sessions.scope != "held-out lines"


def read_held_out(params: Params, inputs: Inputs) -> HeldOut:
    """Read the outputs of `parse` and `correct` and the truth, and choose what is tested.

    Raises:
        GateError: something of what is tested could have been learnt.
        InputError: the truth file can't be read, or says nothing of a line of the log.
        ArtifactError: a folder does not hold what this version reads.
    """
    labelled = records.read_table(inputs["correct"] / records.LABELLED, records.LABELLED_SCHEMA)
    templates = records.read_table(inputs["parse"] / records.TEMPLATES, records.TEMPLATES_SCHEMA)
    sessions = records.read_table(inputs["parse"] / records.SESSIONS, records.SESSIONS_SCHEMA)
    lines = records.read_table(inputs["parse"] / records.LINES, records.LINES_SCHEMA)

    truth = read_truth(inputs["truth"])
    lines = label_lines(lines, truth, inputs["truth"])
    labelled = label_templates(labelled, lines, truth is not None, params.parse.abnormal_share)

    side = "test" if (labelled["split"] == "test").any() else "validation"
    if side == "validation":
        problem = "no template is on the test side: the figures of templates are of validation data"
        _log.warning("%s, on which thresholds and adapters were chosen", problem)
    given = sessions["split"].is_not_null().any() and params.parse.sessions.test_share is None
    checks = audit(
        labelled,
        sessions,
        session_sides(sessions, labelled).to_list(),
        params.correct.split.near_duplicate,
        _order_of(templates, sessions, params.correct.split),
        side,
        lines_in_order=not given,
    )
    require_clean(checks)
    tested = labelled.filter(pl.col("split") == side)
    fitted_on = labelled.filter(pl.col("split").is_in(["train", "validation"] if side == "test" else ["train"]))
    unlabelled = templates.join(labelled, on="template_id", how="anti")["template_id"]
    unseen = frozenset([*tested["template_id"], *unlabelled])
    chosen = choose_sessions(sessions, lines, labelled, unseen)
    calibration = calibration_sessions(sessions, lines, labelled)
    needed = pl.concat([chosen.table["templates"], calibration["templates"]]).explode().unique().alias("template_id")
    others = templates.join(needed.to_frame(), on="template_id", how="semi")
    others = others.join(tested, on="template_id", how="anti").select("template_id", "template", "lines")
    teaching = teaching_sessions(sessions, labelled)
    texts = templates.select("template_id", "template").unique("template_id", keep="first", maintain_order=True)
    groups = dict(labelled.select("template_id", "group").iter_rows())
    return HeldOut(
        side, truth is not None, tested, others, fitted_on, chosen, calibration, teaching, texts,
        LineCounts.of(tested, lines), groups, checks,
    )  # fmt: skip


def _order_of(templates: pl.DataFrame, sessions: pl.DataFrame, split: SplitParams) -> Mapping[str, int] | None:
    """A number for each template that orders first appearances, where they were split by these; else None."""
    timed = templates["first_seen"].null_count() == 0
    if sessions["split"].is_not_null().any() or split.hold_out:
        return None
    if split.order == "stratified" or (split.order == "auto" and not timed):
        return None
    by = ["first_seen", "first_line"] if timed else ["first_line"]
    return {key: place for place, key in enumerate(templates.sort(by, maintain_order=True)["template_id"])}
