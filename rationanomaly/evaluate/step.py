"""Step `evaluate`: the models of the steps beside rules, classifiers and published models, on what nobody learnt from.

rationanomaly evaluate --params params.yaml
"""

from __future__ import annotations

from dataclasses import asdict

from rationanomaly import records
from rationanomaly.artifacts import stated_digest, write_json
from rationanomaly.evaluate import measuring, model_card, plots, predictions, report
from rationanomaly.evaluate.audit import AUDIT
from rationanomaly.evaluate.champion import judge_with_champion
from rationanomaly.evaluate.champion_flips import write_flips
from rationanomaly.evaluate.examples import EXAMPLES, choose_examples
from rationanomaly.evaluate.held_out import read_held_out
from rationanomaly.evaluate.judging_classifiers import FITS, Means, judge_with_classifier
from rationanomaly.evaluate.judging_models import judge_with_detector
from rationanomaly.evaluate.judging_prompts import judge_with_all_prompts
from rationanomaly.evaluate.levels import TestedSessions
from rationanomaly.evaluate.model_card_facts import gather_facts
from rationanomaly.evaluate.session_model import judge_with_session_model
from rationanomaly.evaluate.session_rows import write_session_rows, write_timelines
from rationanomaly.evaluate.session_systems import SessionData, fits, judge_sessions
from rationanomaly.evaluate.similar_templates import beside_similar
from rationanomaly.evaluate.stressing import stress_final
from rationanomaly.evaluate.systems import CHAMPION, FINAL, SYSTEMS, TRAINED
from rationanomaly.evaluate.teacher_rationale import beside_teacher
from rationanomaly.model.card import read_card
from rationanomaly.params import Params
from rationanomaly.progress import track
from rationanomaly.steps import Inputs, Metrics, Outputs
from rationanomaly.thresholds import ThresholdRule


def run(params: Params, inputs: Inputs, outputs: Outputs) -> Metrics:
    """Judge what no model learnt from, hold it against the truth, and report."""
    folder, settings, seed, threads = outputs.folder, params.evaluate, params.run.seed, params.training.threads

    # ---------------------------------------------------------------- what is held out, and what is true
    held_out = read_held_out(params, inputs)
    write_json(folder / AUDIT, [asdict(check) for check in held_out.checks])

    # ---------------------------------------------------------------- judge templates
    means, rule = Means.of(params, held_out), ThresholdRule.of(settings.session_threshold)
    found = {name: judge_with_classifier(name, held_out, means, rule) for name in FITS}
    if settings.prompted_rows:
        found |= judge_with_all_prompts(inputs["base"], held_out, settings.prompted_rows, threads)
    for name in track(TRAINED, "judging held-out templates", len(TRAINED), "models"):
        found[name] = judge_with_detector(name, inputs[name], held_out, settings, threads)
    final = found[FINAL] = beside_teacher(beside_similar(found[FINAL], held_out), params.prompt, seed)
    champion = judge_with_champion(settings, inputs[FINAL], held_out, threads)
    if champion is not None:
        found[CHAMPION] = champion.system
    systems = [found[name] for name in (*SYSTEMS[:-1], CHAMPION, FINAL) if name in found]

    # ---------------------------------------------------------------- judge whole sessions
    data = SessionData.of(held_out, final.direct_scores)
    whole = []
    if data is not None:
        whole = judge_sessions(data, fits(settings, means.template_vectors(held_out)), rule, seed)
    if champion is not None and champion.sessions is not None:
        whole.append(champion.sessions)
    chosen = judge_with_session_model(inputs[FINAL], held_out, final)

    # ---------------------------------------------------------------- measure
    sessions = TestedSessions.of(held_out.sessions.table, held_out.groups)
    of_sessions = None if chosen is None else chosen.answers
    metrics = measuring.measure(
        systems, whole, of_sessions, held_out.tested, sessions, held_out.lines, settings.bootstrap, seed
    )
    metrics |= measuring.irreducible(held_out.tested, held_out.lines)
    metrics |= {f"audit/{check.name}": float(check.found) for check in held_out.checks if check.found is not None}
    if chosen is not None:
        metrics |= chosen.validation
    metrics |= stress_final(inputs[FINAL], final, held_out, settings.stress, seed, threads, folder)

    # ---------------------------------------------------------------- write
    # Whoever runs the step has checked the folders: nothing is hashed again.
    judged = {name: digest for name in TRAINED if (digest := stated_digest(inputs[name])) is not None}
    write_json(folder / records.JUDGED_MODELS, judged)
    records.write_rows(folder / records.PREDICTIONS, predictions.rows_of(systems))
    records.write_rows(folder / predictions.FREE_TEXTS, predictions.free_rows_of(systems))
    write_session_rows(folder, held_out.sessions.table, sessions, systems, whole, chosen)
    write_timelines(folder, held_out, sessions, final, chosen)
    examples = choose_examples(systems, settings.examples)
    records.write_rows(folder / EXAMPLES, examples)
    if champion is not None:
        metrics |= write_flips(folder, champion, final, read_card(inputs[FINAL]))
    plots.draw_precision_recall(systems, folder)
    plots.draw_roc(systems, folder)
    plots.draw_calibration(systems, folder)
    plots.write_confusion(systems, folder)
    plots.draw_rewards(inputs["grpo"] / records.CURVES, folder)
    setting = report.Setting(held_out.side, held_out.known, held_out.sessions.scope)
    report.write_report(folder, setting, metrics)
    model_card.write_model_card(folder, gather_facts(params, inputs, held_out), metrics)
    return metrics
