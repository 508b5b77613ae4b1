"""Step `evaluate`: base, SFT, SFT+GRPO and the reference classifier on held-out templates and sessions.

rationanomaly evaluate --params params.yaml
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

import polars as pl

from rationanomaly import records
from rationanomaly.evaluate import judging, measuring, plots, report
from rationanomaly.evaluate.examples import EXAMPLES, choose_examples
from rationanomaly.evaluate.session_threshold import calibration_sessions
from rationanomaly.evaluate.sessions import TestSessions, choose_sessions
from rationanomaly.evaluate.truth import label_lines, label_templates, read_truth
from rationanomaly.params import Params
from rationanomaly.progress import track
from rationanomaly.steps import Inputs, Metrics, Outputs

_log = logging.getLogger(__name__)


def run(params: Params, inputs: Inputs, outputs: Outputs) -> Metrics:
    """Judge what no model learnt from, hold it against the truth, and report."""
    folder, settings, seed = outputs.folder, params.evaluate, params.run.seed

    # ---------------------------------------------------------------- what is held out, and what is true
    held_out = _held_out(params, inputs)

    # ---------------------------------------------------------------- judge
    models = []
    for name in track(judging.TRAINED, "judging held-out templates", len(judging.TRAINED), "models"):
        models.append(
            judging.judge_with_detector(
                name, inputs[name], held_out.tested, held_out.others, held_out.calibration, params.training.threads
            )
        )
    models.append(
        judging.judge_with_reference(held_out.fitted_on, held_out.tested, held_out.others, held_out.calibration)
    )

    # ---------------------------------------------------------------- measure
    metrics = measuring.measure(models, held_out.tested, held_out.sessions.table, settings.bootstrap, seed)
    metrics |= measuring.irreducible(held_out.tested)

    # ---------------------------------------------------------------- write
    records.write_rows(folder / records.PREDICTIONS, judging.rows_of(models))
    records.write_rows(folder / records.SESSION_PREDICTIONS, measuring.session_rows(models, held_out.sessions.table))
    examples = choose_examples(models, settings.examples)
    records.write_rows(folder / EXAMPLES, examples)
    plots.draw_precision_recall(models, folder)
    plots.draw_rewards(inputs["grpo"] / records.CURVES, folder)
    setting = report.Setting(held_out.side, held_out.known, held_out.sessions.scope)
    report.write_report(setting, metrics, examples, models, folder)
    return metrics


@dataclass(frozen=True)
class HeldOut:
    """What is tested.

    Attributes:
        side: test, or validation where the split has no test share.
        known: whether a truth file says what is true of each line.
        tested: the labelled templates of that side, with their truth.
        others: ``template_id`` and ``template`` of those that only the sessions hold.
        fitted_on: the labelled templates that the reference classifier may learn from.
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


def _held_out(params: Params, inputs: Inputs) -> HeldOut:
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
