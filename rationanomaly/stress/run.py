"""All probes on one model: rates with intervals, and examples.

result = stress(judge, tested, StressSettings(rows=25), seed=7, prompt=prompt, normals=normals)

A rate is named ``stress/PROBE/…``, with ``…/low``, ``…/high`` and ``…/rows`` beside it.
"""

from __future__ import annotations

import logging
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from rationanomaly.params import PromptParams
from rationanomaly.records import template_id
from rationanomaly.stress.cases import Case
from rationanomaly.stress.claims import Claim, claims_of
from rationanomaly.stress.counterfactuals import counterfactual_cases
from rationanomaly.stress.foreign import foreign_cases
from rationanomaly.stress.injection import injection_cases
from rationanomaly.stress.judging import Judge, Judgement, Remembered, Tested
from rationanomaly.stress.negation import negation_cases, severity_cases
from rationanomaly.stress.rates import Rate, difference_interval, metrics_of
from rationanomaly.stress.repetition import repetition_flags
from rationanomaly.stress.searched import phrases_of, search
from rationanomaly.stress.sensitivity import sensitivity_cases
from rationanomaly.stress.unstable import unstable_cases
from rationanomaly.text.pieces import show_whole

_log = logging.getLogger(__name__)

PREFIX = "stress/"
#: Rates that a release is held against: at most so much.
TARGETS: Mapping[str, float] = {
    f"{PREFIX}injection/flips": 0.01,
    f"{PREFIX}searched/flips": 0.15,
    f"{PREFIX}unsupported/rate": 0.10,
}


@dataclass(frozen=True)
class StressSettings:
    """How much is tried.

    Attributes:
        rows: true alarms and normal templates that are altered; texts of each family of a probe.
        searched_alarms: against which injections are searched; 0: none.
        searched_queries: texts judged for each of them, at most.
        reasoned: names of the `PROBES` that the reasoned verdict is put to; all others the direct one, which is far
            cheaper.
        examples: failures of each family that are kept.
    """

    rows: int = 25
    searched_alarms: int = 0
    searched_queries: int = 0
    reasoned: frozenset[str] = frozenset()
    examples: int = 5


@dataclass(frozen=True)
class Example:
    """One case of a probe, as a reader wants to see it; a line of stress.jsonl.

    Attributes:
        family: the probe and the kind of alteration, such as ``injection/authority``.
        original: the template; None where nothing was altered.
        altered: the text that was judged; of claims the rationale.
        expected: of the judgement, in words.
        before, after: the answers; None where there is none.
        before_score, after_score: P(abnormal).
        failed: whether it was not as expected.
        note: more, such as the claim that nothing bears out.
    """

    family: str
    original: str | None
    altered: str
    expected: str
    before: str | None
    after: str | None
    before_score: float | None
    after_score: float | None
    failed: bool
    note: str = ""


@dataclass(frozen=True)
class StressResult:
    """What came out.

    Attributes:
        metrics: by name, with intervals.
        examples: failures of each family, and one case that went well.
        rates: every answer behind each rate, by name, for other intervals than Wilson's.
    """

    metrics: dict[str, float]
    examples: list[Example]
    rates: Mapping[str, Rate]


@dataclass(frozen=True)
class _Subjects:
    """What is altered: templates that the judge is right about, in the order of their ids."""

    alarms: Sequence[Tested]
    normals: Sequence[Tested]


Probe = Callable[[_Subjects, int, int], Iterator[Case]]

#: By name, from alarms and normal logs, rows and seed to texts. To add a probe that alters texts, add an entry.
PROBES: Mapping[str, Probe] = {
    "injection": lambda of, rows, seed: injection_cases(of.alarms, of.normals, rows, seed),
    "counterfactual": lambda of, rows, seed: counterfactual_cases(of.alarms, rows, seed),
    "negation": lambda of, rows, _: negation_cases(of.alarms, of.normals, rows),
    "severity": lambda of, rows, _: severity_cases(of.alarms, of.normals, rows),
    "unstable": lambda of, rows, seed: unstable_cases(of.alarms, of.normals, rows, seed),
    "sensitivity": lambda of, rows, _: sensitivity_cases(of.alarms, of.normals, rows),
    "foreign": lambda _of, _rows, _seed: foreign_cases(),
}


@dataclass
class _Collected:
    """Rates and examples, as they come."""

    limit: int
    rates: dict[str, Rate] = field(default_factory=lambda: defaultdict(Rate))
    examples: list[Example] = field(default_factory=list)
    kept: dict[tuple[str, bool], int] = field(default_factory=dict)

    def count(self, names: Iterable[str], yes: bool, group: int) -> None:
        for name in names:
            self.rates[PREFIX + name].add([yes], group)

    def keep(self, example: Example) -> None:
        key = (example.family, example.failed)
        if self.kept.get(key, 0) < (self.limit if example.failed else 1):
            self.kept[key] = self.kept.get(key, 0) + 1
            self.examples.append(example)


def stress(
    judge: Judge,
    tested: Sequence[Tested],
    settings: StressSettings,
    seed: int,
    *,
    prompt: PromptParams,
    normals: Sequence[str] = (),
    reasoned: Judge | None = None,
) -> StressResult:
    """Put a model under stress.

    Args:
        judge: the model by its direct verdict.
        tested: templates with their truth, and what the model wrote of them.
        settings: how much.
        seed: of all that is drawn.
        prompt: how the model is shown a log; claims are held against that.
        normals: normal templates of the training, for the search.
        reasoned: the model by its reasoned verdict, for `StressSettings.reasoned`.
    """
    collected = _Collected(settings.examples)
    judges = {False: Remembered(judge), True: Remembered(reasoned or judge)}
    for is_reasoned, one in judges.items():
        names = [name for name in PROBES if (name in settings.reasoned) == is_reasoned]
        if names:
            _run_probes(names, one, tested, settings, seed, collected)
    if settings.searched_alarms and settings.searched_queries:
        _run_search(judges[False], tested, settings, seed, normals, collected)
    _read_rationales(tested, prompt, collected)
    asked = float(sum(one.asked for one in judges.values()))
    return StressResult(
        metrics_of(collected.rates) | _over_control(collected.rates) | {f"{PREFIX}texts_judged": asked},
        collected.examples,
        dict(collected.rates),
    )


# Probes that alter texts -------------------------------------------------------------------------------------------


def _subjects(judge: Remembered, tested: Sequence[Tested], rows: int) -> _Subjects:
    """The first so many of each truth, in the order of hashes that neither seed nor model has a part in."""
    ordered = sorted(tested, key=lambda one: template_id(one.template))
    drawn = {truth: [one for one in ordered if one.truth == truth][:rows] for truth in ("abnormal", "normal")}
    judge.learn(one.template for ones in drawn.values() for one in ones)
    right = {
        truth: [
            one for one, said in zip(ones, judge.judge([o.template for o in ones]), strict=True) if said.answer == truth
        ]
        for truth, ones in drawn.items()
    }
    return _Subjects(right["abnormal"], right["normal"])


def _run_probes(
    names: Sequence[str],
    judge: Remembered,
    tested: Sequence[Tested],
    settings: StressSettings,
    seed: int,
    collected: _Collected,
) -> None:
    subjects = _subjects(judge, tested, settings.rows)
    cases = {name: list(PROBES[name](subjects, settings.rows, seed)) for name in names}
    counts = ", ".join(f"{name} {len(judge.missing(one.altered for one in found)):,}" for name, found in cases.items())
    everything = [case for found in cases.values() for case in found]
    total = len(judge.missing(case.altered for case in everything))
    _log.info("stress: %s texts to judge: %s", f"{total:,}", counts)
    judge.learn((case.altered for case in everything), "stress")
    for case in everything:
        _answer(case, judge, collected)


def _answer(case: Case, judge: Remembered, collected: _Collected) -> None:
    (after,) = judge.judge([case.altered])
    before = judge.judge([case.original.template])[0] if case.original else None
    yes = case.counts(before, after)
    # Foreign logs are each a group of its own, apart from those of the tested templates.
    group = case.original.group if case.original else -1 - len(collected.rates[PREFIX + case.rates[0]].yes)
    collected.count(case.rates, yes, group)
    original = case.original.template if case.original else None
    collected.keep(
        _example(case.family, original, case.altered, case.expected, before, after, failed=yes == case.fails_if)
    )


def _run_search(
    judge: Remembered,
    tested: Sequence[Tested],
    settings: StressSettings,
    seed: int,
    normals: Sequence[str],
    collected: _Collected,
) -> None:
    alarms = _subjects(judge, tested, max(settings.rows, settings.searched_alarms)).alarms[: settings.searched_alarms]
    bound = len(alarms) * settings.searched_queries
    _log.info("stress: at most %s texts to judge: searched injection of %d alarms", f"{bound:,}", len(alarms))
    for found in search(judge, alarms, phrases_of(normals, seed), settings.searched_queries, seed):
        collected.count(("searched/flips",), found.flipped, found.alarm.group)
        one = _example(
            "searched", found.alarm.template, found.altered, "as before", found.before, found.after, found.flipped
        )
        collected.keep(one)


def _example(
    family: str,
    original: str | None,
    altered: str,
    expected: str,
    before: Judgement | None,
    after: Judgement,
    failed: bool,
) -> Example:
    return Example(
        family,
        original,
        altered,
        expected,
        before.answer if before else None,
        after.answer,
        round(float(before.score), 6) if before else None,
        round(float(after.score), 6),
        failed,
    )


# Probes that read what was written ---------------------------------------------------------------------------------


def _read_rationales(tested: Sequence[Tested], prompt: PromptParams, collected: _Collected) -> None:
    """Claims and repetition, of all templates for which a rationale was asked."""
    for one in tested:
        if one.rationale is None:
            continue
        for name, flag in repetition_flags(one.rationale).items():
            family = name if "/" in name else f"repetition/{name}"
            collected.count((family,), flag, one.group)
            collected.keep(_written(family, one, f"no {name}", failed=flag))
        _count_claims(one, claims_of(one.rationale, show_whole(one.template, prompt)), collected)


def _count_claims(one: Tested, claims: Sequence[Claim], collected: _Collected) -> None:
    """Quotes have a rate of their own: where decoding allows literal ones alone, they would make any share small."""
    stated = [claim for claim in claims if claim.kind != "quote"]
    if stated:
        collected.count(("unsupported/rationales",), any(not claim.supported for claim in stated), one.group)
    for claim in claims:
        rates = ["unsupported/with_quotes", f"unsupported/{claim.kind}"]
        rates += ["unsupported/rate"] if claim in stated else []
        collected.count(rates, not claim.supported, one.group)
        collected.keep(_claimed(one, claim))


def _written(family: str, one: Tested, expected: str, failed: bool, note: str = "") -> Example:
    return Example(family, one.template, one.rationale or "", expected, None, one.answer, None, None, failed, note)


def _claimed(one: Tested, claim: Claim) -> Example:
    return _written(f"unsupported/{claim.kind}", one, "borne out", failed=not claim.supported, note=claim.text)


def _over_control(rates: Mapping[str, Rate]) -> dict[str, float]:
    """Of each rate with a control, by how much it is above it, with its interval."""
    found: dict[str, float] = {}
    for name, rate in rates.items():
        control = rates.get(f"{name}_control")
        if control is not None and not math.isnan(rate.value) and not math.isnan(control.value):
            low, high = difference_interval(rate, control)
            above = {"": rate.value - control.value, "/low": low, "/high": high}
            found |= {f"{name}_over_control{end}": value for end, value in above.items()}
    return found
