"""THE table of experiments: for each the variants of the method that it compares, and what each of them changes.

A variant is a list of settings over a profile. Which steps it makes anew follows from the params that they depend on:
those before are shared (`experiment`). Some variants are only another reading of the full method's run, such as SFT
without GRPO, and cost nothing. To add an experiment: a function here and its entry in `EXPERIMENTS`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import reduce
from pathlib import Path
from typing import Any, Literal

from rationanomaly.evaluate.levels import BY_DATASET, plain
from rationanomaly.evaluate.systems import FINAL
from rationanomaly.params import Params
from rationanomaly.params.loading import check, read_setting
from rationanomaly.steps import STEPS, Step

FULL = "full"
#: Of the rationale, by the paper; those that preset `checked` adds are think terms as well. `answer` is none.
_ANSWER = "answer"
LABELS_PER_CLASS = (5, 10, 25, 50)
LABEL_NOISE = (0.1, 0.2, 0.4)
WEIGHT_FACTORS = (0.5, 2.0)
#: Weight that is tried for a term that is off.
_NEW_WEIGHT = 0.5
#: The paper's training set (METHOD: 2,000 templates, 15 % abnormal).
_PAPER_TEMPLATES, _PAPER_SHARE = 2000, 0.15
#: Published reasoning of a large teacher, where it is at hand; profiles/imported.yaml says where it comes from.
IMPORTED_REASONING = Path("../shared/data/cot/anomaly_reasoning.jsonl")

Picture = Literal["bars", "curve", "ceiling", "sensitivity"]


@dataclass(frozen=True)
class Variant:
    """One row of an experiment's table.

    Attributes:
        name: for commands and files.
        title: for people.
        family: the experiment.
        settings: ``KEY=VALUE`` over the profile; none: the full method's own run.
        system: of `evaluate`, whose figures are read.
        level: of the metrics that are read: ``template``, or one data set's.
        x: where it stands on a curve, such as labels per class, or the factor of a weight; None: it is no point of one.
        series: the curve it is a point of, or the term whose weight it changes.
    """

    name: str
    title: str
    family: str
    settings: tuple[str, ...] = ()
    system: str = FINAL
    level: str = "template"
    x: float | None = None
    series: str = ""


@dataclass(frozen=True)
class Experiment:
    """What is compared with what.

    Attributes:
        name: for commands and files.
        title: for people.
        variants: by the params of the profile and the data sets in its logs; the first one is the full method.
        compared: whether all variants are tested on the same templates, so that differences can be paired.
        picture: how it is drawn.
        by_dataset: whether its variants depend on the data sets in the logs.
    """

    name: str
    title: str
    variants: Callable[[Params, Sequence[str]], list[Variant]]
    compared: bool = True
    picture: Picture = "bars"
    by_dataset: bool = False


def ablation(params: Params, _datasets: Sequence[str] = ()) -> list[Variant]:
    """The method without each of its parts."""
    reward, weights = params.grpo.reward, _weights(params)
    cells = reward.answer
    right = (cells.true_positive + cells.true_negative) / 2
    wrong = (cells.false_positive + cells.false_negative) / 2
    terms = [name for name, weight in weights.items() if name != _ANSWER and weight > 0]
    examples = params.prompt.few_shot_examples
    rows: list[tuple[str, str, Sequence[str], str]] = [
        (FULL, "full method", (), FINAL),
        ("without-grpo", "without GRPO", (), "sft"),
        # One step that moves nothing leaves an adapter that changes nothing: GRPO starts from the base.
        ("without-sft", "without SFT", ("sft.steps=1", "sft.learning_rate=1.0e-12", "sft.pool.size=0",
                                        "sft.evaluations=0", "sft.best_by=null"), FINAL),
        ("without-training", "without SFT and GRPO", (), "base"),
        ("symmetric-answer", "symmetric answer reward",
         [f"grpo.reward.answer.{cell}={value}" for cell, value in
          {"true_positive": right, "true_negative": right, "false_positive": wrong, "false_negative": wrong,
           "invalid": min(wrong, cells.invalid)}.items()], FINAL),
        ("without-think", "without any think term", [_weight(term, 0.0) for term in terms], FINAL),
        *((f"without-{_dashed(term)}", f"without {term.replace('_', ' ')}", (_weight(term, 0.0),), FINAL)
          for term in terms),
        ("without-correction", "without the experts' corrections", ("correct.training_labels=original",), FINAL),
        ("without-few-shot", "without few-shot examples", ("prompt.few_shot_examples=0",), FINAL) if examples else
        ("few-shot", "with 3 few-shot examples (the profile has none)", ("prompt.few_shot_examples=3",), FINAL),
    ]  # fmt: skip
    if reward.preset != "paper":
        rows.append(("paper-reward", "the paper's reward alone", ("grpo.reward.preset=paper",), FINAL))
    return [Variant(name, title, "ablation", tuple(settings), system) for name, title, settings, system in rows]


def weights(params: Params, _datasets: Sequence[str] = ()) -> list[Variant]:
    """Each weight of the reward halved and doubled by itself; one that is off is switched on."""
    found = [Variant(FULL, "weights as in the profile", "weights")]
    for term, weight in _weights(params).items():
        values = [weight * factor for factor in WEIGHT_FACTORS] if weight else [_NEW_WEIGHT]
        for value in values:
            words, settings = term.replace("_", " "), (_weight(term, value),)
            title, factor = f"{words} {weight:g} → {value:g}", value / weight if weight else None
            name, series = f"{_dashed(term)}-{value:g}", f"{words} ({weight:g})"
            found.append(Variant(name, title, "weights", settings, x=factor, series=series))
    return found


def cross(_params: Params, datasets: Sequence[str] = ()) -> list[Variant]:
    """Leave one out: each data set tested whole by a model that learnt the others, beside one that learnt all."""
    found = [Variant(FULL, "all data sets known", "cross")]
    for name in datasets:
        others = ", ".join(other for other in datasets if other != name)
        known = f"trained on all, tested on {name}'s held-out templates"
        unknown = f"trained on {others}, tested on all of {name}"
        found.append(Variant(f"known-{plain(name)}", known, "cross", level=_of_dataset(name)))
        found.append(Variant(f"unseen-{plain(name)}", unknown, "cross", (_hold_out([name]),)))
    return found


def pairs(_params: Params, datasets: Sequence[str] = ()) -> list[Variant]:
    """Each data set learnt alone and tested on each of the others: one run per data set, read for each other one."""
    found = [Variant(FULL, "all data sets known", "pairs")]
    for learnt in datasets:
        others = [other for other in datasets if other != learnt]
        for tested in others:
            title = f"trained on {learnt} alone, tested on all of {tested}"
            level = _of_dataset(tested) if len(others) > 1 else "template"
            name = f"{plain(learnt)}-to-{plain(tested)}"
            found.append(Variant(name, title, "pairs", (_hold_out(others),), level=level))
    return found


def labels(_params: Params, _datasets: Sequence[str] = ()) -> list[Variant]:
    """How good it gets with few labels, chosen at random or by the radar."""
    found = [Variant(FULL, "all labels", "labels")]
    for choice, title in (("random", "at random"), ("radar", "by the radar")):
        for count in LABELS_PER_CLASS:
            settings = (f"correct.split.labels_per_class={count}", f"correct.split.label_choice={choice}")
            name, text = f"{count}-{choice}", f"{count} labels per class, chosen {title}"
            found.append(Variant(name, text, "labels", settings, x=count, series=title))
    return found


def order(_params: Params, _datasets: Sequence[str] = ()) -> list[Variant]:
    """The ways to split: stratified, in time, and the paper's training set."""
    paper = (
        "correct.split.order=stratified",
        f"correct.split.anomaly_share={_PAPER_SHARE}",
        f"correct.split.train_templates={_PAPER_TEMPLATES}",
    )
    return [
        Variant(FULL, "as in the profile", "order"),
        Variant("stratified", "stratified", "order", ("correct.split.order=stratified",)),
        Variant("chronological", "chronological", "order", ("correct.split.order=time",)),
        Variant("paper-training-set", "at most 2,000 training templates, 15 % of them abnormal", "order", paper),
    ]


def teacher(params: Params, _datasets: Sequence[str] = ()) -> list[Variant]:
    """The student against its teacher: a teacher that is wrong in some labels, and one that writes other texts."""
    found = [Variant(FULL, "teacher without errors", "teacher")]
    for share in LABEL_NOISE:
        title = f"teacher's F1 {1 - share:.2g}: of its alarms a share of {share:.2g} is wrong, and as many are missed"
        found.append(Variant(f"teacher-{1 - share:.2g}", title, "teacher", (f"correct.label_noise={share}",)))
    tags = ("correct.training_labels=original",)
    found.append(Variant("alert-tags", "the log's alert tags as teacher", "teacher", tags))
    if params.distill.teacher != "import" and IMPORTED_REASONING.exists():
        settings = (f"data.reasoning={IMPORTED_REASONING}", "distill.teacher=import",
                    "distill.fallback_teacher=builtin", "distill.max_words=400", "detect.attempts=1")  # fmt: skip
        found.append(Variant("imported", "published reasoning of a large model", "teacher", settings))
    return found


EXPERIMENTS: Mapping[str, Experiment] = {
    one.name: one
    for one in (
        Experiment("ablation", "The method without each of its parts", ablation),
        Experiment("weights", "Weights of the reward, one by one", weights, picture="sensitivity"),
        Experiment("cross", "Across data sets", cross, compared=False, by_dataset=True),
        Experiment("pairs", "From one data set to another", pairs, compared=False, by_dataset=True),
        Experiment("labels", "Labels per class", labels, picture="curve"),
        Experiment("order", "Ways to split", order, compared=False),
        Experiment("teacher", "The student against its teacher", teacher, picture="ceiling"),
    )
}


def changed(params: Params, settings: Sequence[str]) -> Params:
    """As `load_params` with these settings more, without reading the files again.

    Raises:
        ParamsError: a value of the wrong type, or no such key.
    """
    document = params.model_dump(by_alias=True)
    for setting in settings:
        path, value = read_setting(setting)
        reduce(lambda section, part: section[part], path[:-1], document)[path[-1]] = value
    return check(document, Path("variant of an experiment"))


def first_changed(ours: Params, theirs: Params, steps: Sequence[Step] = STEPS) -> str | None:
    """The first step whose output depends on what differs between the two; None if no step's does."""
    one, other = (params.model_dump(mode="json", by_alias=True) for params in (ours, theirs))
    for step in steps:
        keys = [*step.params, *(f"data.{name}" for name in step.sources)]
        if any(_value(one, key) != _value(other, key) for key in keys):
            return step.name
    return None


def _value(document: Mapping[str, Any], path: str) -> Any:
    return reduce(lambda section, part: section[part], path.split("."), document)


def _weights(params: Params) -> dict[str, float]:
    found: dict[str, float] = params.grpo.reward.weights.model_dump()
    return found


def _weight(term: str, value: float) -> str:
    return f"grpo.reward.weights.{term}={value}"


def _hold_out(names: Sequence[str]) -> str:
    return f"correct.split.hold_out={json.dumps(list(names))}"


def _of_dataset(name: str) -> str:
    """The level of a data set's metrics, which there is where several are tested."""
    return f"{BY_DATASET}{plain(name)}/template"


def _dashed(term: str) -> str:
    return term.replace("_", "-")
