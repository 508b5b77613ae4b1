"""What is tested: templates and sessions that no model learnt from, with what is true of them."""

from __future__ import annotations

import logging
from dataclasses import dataclass

import polars as pl

from rationanomaly import records
from rationanomaly.evaluate.session_threshold import calibration_sessions
from rationanomaly.evaluate.sessions import TestSessions, choose_sessions
from rationanomaly.evaluate.truth import label_lines, label_templates, read_truth
from rationanomaly.params import Params
from rationanomaly.steps import Inputs

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class HeldOut:
    """What is tested.

    Attributes:
        side: test, or validation where the split has no test share.
        known: whether a truth file says what is true of each line.
        tested: the labelled templates of that side, with their truth.
        others: ``template_id`` and ``template`` of those that only the sessions hold.
        fitted_on: the labelled templates that classifiers may learn from.
        sessions: the tested sessions.
        calibration: validation sessions, on which a threshold for sessions is chosen.
    """

    side: str
    known: bool
    tested: pl.DataFrame
    others: pl.DataFrame
    fitted_on: pl.DataFrame
    sessions: TestSessions
    calibration: pl.DataFrame


def read_held_out(params: Params, inputs: Inputs) -> HeldOut:
    """Read the outputs of `parse` and `correct` and the truth, and choose what is tested.

    Raises:
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
        problem = "the split has no test side: the metrics are of validation data"
        _log.warning("%s, on which thresholds and adapters were chosen", problem)
    tested = labelled.filter(pl.col("split") == side)
    fitted_on = labelled.filter(pl.col("split").is_in(["train", "validation"] if side == "test" else ["train"]))
    unlabelled = templates.join(labelled, on="template_id", how="anti")["template_id"]
    unseen = frozenset([*tested["template_id"], *unlabelled])
    chosen = choose_sessions(sessions, lines, labelled, unseen)
    calibration = calibration_sessions(sessions, lines, labelled)
    needed = pl.concat([chosen.table["templates"], calibration["templates"]]).explode().unique().alias("template_id")
    others = templates.join(needed.to_frame(), on="template_id", how="semi")
    others = others.join(tested, on="template_id", how="anti").select("template_id", "template")
    return HeldOut(side, truth is not None, tested, others, fitted_on, chosen, calibration)
