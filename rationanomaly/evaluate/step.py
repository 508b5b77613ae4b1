"""Step `evaluate`: the models of the steps beside rules and classifiers, on held-out templates and sessions.

rationanomaly evaluate --params params.yaml
"""

from __future__ import annotations

from rationanomaly import records
from rationanomaly.evaluate import measuring, plots, predictions, report
from rationanomaly.evaluate.examples import EXAMPLES, choose_examples
from rationanomaly.evaluate.held_out import read_held_out
from rationanomaly.evaluate.judging_classifiers import FITS, Means, judge_with_classifier
from rationanomaly.evaluate.judging_models import judge_with_detector
from rationanomaly.evaluate.systems import SYSTEMS, TRAINED
from rationanomaly.params import Params
from rationanomaly.progress import track
from rationanomaly.steps import Inputs, Metrics, Outputs


def run(params: Params, inputs: Inputs, outputs: Outputs) -> Metrics:
    """Judge what no model learnt from, hold it against the truth, and report."""
    folder, settings, seed = outputs.folder, params.evaluate, params.run.seed

    # ---------------------------------------------------------------- what is held out, and what is true
    held_out = read_held_out(params, inputs)

    # ---------------------------------------------------------------- judge
    means = Means.of(params, held_out)
    found = {name: judge_with_classifier(name, held_out, means) for name in FITS}
    for name in track(TRAINED, "judging held-out templates", len(TRAINED), "models"):
        found[name] = judge_with_detector(name, inputs[name], held_out, settings, params.training.threads)
    systems = [found[name] for name in SYSTEMS]

    # ---------------------------------------------------------------- measure
    metrics = measuring.measure(systems, held_out.tested, held_out.sessions.table, settings.bootstrap, seed)
    metrics |= measuring.irreducible(held_out.tested)

    # ---------------------------------------------------------------- write
    records.write_rows(folder / records.PREDICTIONS, predictions.rows_of(systems))
    records.write_rows(folder / predictions.FREE_TEXTS, predictions.free_rows_of(systems))
    records.write_rows(folder / records.SESSION_PREDICTIONS, measuring.session_rows(systems, held_out.sessions.table))
    examples = choose_examples(systems, settings.examples)
    records.write_rows(folder / EXAMPLES, examples)
    plots.draw_precision_recall(systems, folder)
    plots.draw_rewards(inputs["grpo"] / records.CURVES, folder)
    setting = report.Setting(held_out.side, held_out.known, held_out.sessions.scope)
    report.write_report(setting, metrics, examples, systems, folder)
    return metrics
