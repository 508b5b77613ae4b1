"""What a model card says against its model: limits that follow from the figures, and figures that are missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from rationanomaly.evaluate.levels import DIRECT
from rationanomaly.evaluate.model_card_facts import CardFacts
from rationanomaly.evaluate.ranking import SESSIONS
from rationanomaly.evaluate.report_files import Setting
from rationanomaly.stress.run import PREFIX, TARGETS

#: With fewer abnormal templates intervals are wide, and their coverage was not measured (docs/evaluation.md).
FEW = 40
#: Of an interval of F1: models that differ by less can't be told apart.
WIDE = 0.2
#: Expected calibration error above which a score is no probability.
MISCALIBRATED = 0.1
_F1 = "abnormal/f1"
_INJECTION, _SEARCHED = f"{PREFIX}injection/flips", f"{PREFIX}searched/flips"
_UNSUPPORTED, _FOREIGN = f"{PREFIX}unsupported/rate", f"{PREFIX}foreign/false_alarms"

Values = Mapping[str, float]


def limits(metrics: Values, facts: CardFacts, setting: Setting, cost_known: bool) -> list[str]:
    """One sentence or two for each, the gravest first.

    Args:
        metrics: those of `evaluate`.
        facts: of data and training.
        setting: how was tested.
        cost_known: whether the card has figures of cost.
    """
    said = [*_of_attacks(metrics), *_of_test(metrics, facts, setting), *_of_labels(facts, setting)]
    said += [*_of_reasons(metrics), *_of_scores(metrics, facts), *_of_scope(metrics, facts)]
    return said if cost_known else [*said, "What a verdict costs was not measured here."]


def _of_attacks(metrics: Values) -> Iterator[str]:
    if _INJECTION not in metrics:
        yield (
            "Nothing is known of how it stands up to injected text, unstable logs or logs of other systems: the stress "
            "probes were not run."
        )
        return
    if metrics.get(f"{_INJECTION}/high", 1.0) > TARGETS[_INJECTION]:
        yield (
            f"Whoever can write into the log can hide a fault: injected text hides {_rate(metrics, _INJECTION)} of the "
            f"true alarms; the target is {TARGETS[_INJECTION]:.2f}. Don't let it be the only one that looks where "
            "somebody gains from its silence."
        )
    if _SEARCHED not in metrics:
        yield "An attack that is searched against the model was not tried; it finds more than fixed texts do."
    elif metrics.get(f"{_SEARCHED}/high", 1.0) > TARGETS[_SEARCHED]:
        yield f"An attack that is searched against the model hides {_rate(metrics, _SEARCHED)} of the true alarms."


def _of_test(metrics: Values, facts: CardFacts, setting: Setting) -> Iterator[str]:
    if setting.side != "test":
        yield "The figures are of validation templates, on which thresholds were chosen: a new log will look worse."
    positives = metrics.get("template/positives", 0.0)
    if positives < FEW:
        yield f"Only {positives:.0f} abnormal templates decide the figures of templates; below {FEW} they say little."
    levels = ("template", next((level for level in SESSIONS if f"{level}/{_F1}" in metrics), ""))
    for level, items in zip(levels, ("templates", "sessions"), strict=True):
        width = metrics.get(f"{level}/{_F1}/high", 0.0) - metrics.get(f"{level}/{_F1}/low", 0.0)
        if width > WIDE:
            yield f"The interval of F1 of {items} is {width:.2f} wide: models that differ by less can't be told apart."
    if levels[1] == "":
        yield "No session was tested."
    elif setting.scope == "held-out lines":
        yield "Sessions were reduced to lines of held-out templates; whole sessions, with known templates, are easier."
    if error := metrics.get("mixed/irreducible_line_error", 0.0):
        yield f"Some templates have lines of both kinds: no verdict on a template gets {error:.2%} of the lines right."
    yield f"One training run with seed {facts.seed}: what another seed would give is in no interval."


def _of_labels(facts: CardFacts, setting: Setting) -> Iterator[str]:
    if not setting.known and facts.labels.get("origin") != "sessions":
        yield "Nobody stated what is true of each line: it is tested by labels that were made as those it learned from."
    if facts.labels.get("origin") == "sessions":
        yield (
            "Labels of templates were estimated from labels of whole sessions (of test sessions where no other holds a "
            "template): figures of templates are figures against estimates."
        )
    if facts.agreement.get("fleiss_kappa") is None:
        yield "No two reviewers decided on the same templates independently, so how sure the labels are is unknown."


def _of_reasons(metrics: Values) -> Iterator[str]:
    if "agreement/rate" not in metrics:
        yield "It was measured without analyses: nothing is known of its reasons, and none should be shown as such."
        return
    lost = -metrics.get(f"reasoned_minus_direct/template/{_F1}", 0.0)
    if lost > 0:
        yield f"Its analyses cost F1: without one it has {lost:.3f} more on the same templates."
    yield (
        "An analysis is text that makes the verdict plausible; that its quotes stand in the log does not prove that "
        "they were the cause."
    )
    if _UNSUPPORTED not in metrics:
        yield "How often it claims what neither log nor rulebook bears out was not measured."
    elif metrics.get(f"{_UNSUPPORTED}/high", 1.0) > TARGETS[_UNSUPPORTED]:
        yield (
            f"It makes things up: {_rate(metrics, _UNSUPPORTED)} of the claims in its analyses are borne out by "
            f"neither log nor rulebook, and the interval does not stay below the target of {TARGETS[_UNSUPPORTED]:.2f}."
        )


def _of_scores(metrics: Values, facts: CardFacts) -> Iterator[str]:
    error = metrics.get("template/calibration/ece", metrics.get(f"{DIRECT}/calibration/ece"))
    if error is not None and error > MISCALIBRATED:
        yield f"Its score is no probability: the expected calibration error is {error:.2f}. Rank by it, no more."
    rule = str(facts.model.get("threshold", {}).get("rule", ""))
    if rule.startswith("default"):
        yield "Too few abnormal validation templates to choose a threshold by: it stands where it does by default."


def _of_scope(metrics: Values, facts: CardFacts) -> Iterator[str]:
    sets = {row["dataset"] for row in facts.templates if row["split"] == "train"}
    what = "one data set" if len(sets) == 1 else f"{len(sets)} data sets"
    if _FOREIGN in metrics:
        rate = _rate(metrics, _FOREIGN)
        yield f"It learned from {what}; of benign logs of other kinds of systems {rate} raise an alarm."
    else:
        yield f"It learned from {what}; logs of other systems are untried."


def _rate(metrics: Values, name: str) -> str:
    low, high = metrics.get(f"{name}/low"), metrics.get(f"{name}/high")
    return f"{metrics[name]:.3f}" + ("" if low is None or high is None else f" [{low:.2f}, {high:.2f}]")
