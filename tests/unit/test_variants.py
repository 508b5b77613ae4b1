"""The table of experiments: every variant is possible params, changes what it says, and parts where it has to."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import polars as pl
import pytest

from pipelines import comparison
from pipelines.variants import EXPERIMENTS, FULL, Variant, changed, first_changed
from rationanomaly.correct.hold_out import hold_out
from rationanomaly.correct.label_budget import limit_labels
from rationanomaly.correct.split import LEFT_OUT
from rationanomaly.correct.training_labels import choose_training_labels, known_precedents, label_quality
from rationanomaly.errors import InputError
from rationanomaly.params import CorrectParams, Params, SplitParams, load_params
from rationanomaly.records import Precedent
from tests.conftest import ROOT

PROFILES = ("profiles/micro.yaml", "profiles/bgl-spirit.yaml", "profiles/llama2-7b.yaml")
SAYS = {"abnormal": "failed with a fatal error", "normal": "is up"}
DATASETS = ("north", "south one", "west")
SPLIT = SplitParams(train=0.6, validation=0.2, test=0.2, order="stratified", near_duplicate=0.8, anomaly_share=None)
CORRECT = CorrectParams(minimum_kappa=-1, split=SPLIT)


@cache
def base_of(profile: str = PROFILES[1]) -> Params:
    return load_params(ROOT / profile)


def params_of(variant: Variant, profile: str = PROFILES[1]) -> Params:
    return changed(base_of(profile), variant.settings)


def variants(name: str, profile: str = PROFILES[1]) -> dict[str, Variant]:
    found = EXPERIMENTS[name].variants(base_of(profile), DATASETS)
    assert len({one.name for one in found}) == len(found)
    return {one.name: one for one in found}


@pytest.mark.parametrize("profile", PROFILES)
@pytest.mark.parametrize("name", EXPERIMENTS)
def test_every_variant_of_every_experiment_is_possible_and_the_full_method_is_the_first(
    name: str, profile: str
) -> None:
    found = list(variants(name, profile).values())
    base = base_of(profile)
    assert found[0].name == FULL and not found[0].settings
    assert {one.family for one in found} == {name}
    for one in found:
        assert Path(one.name).name == one.name
        # Only a variant of the split may say what the profile says already.
        assert one.settings == () or name == "order" or params_of(one, profile) != base, one.name


@pytest.mark.parametrize(
    ("experiment", "variant", "step"),
    [
        ("ablation", "without-grpo", None),
        ("ablation", "without-training", None),
        ("ablation", "without-sft", "sft"),
        ("ablation", "symmetric-answer", "grpo"),
        ("ablation", "without-think", "grpo"),
        ("ablation", "without-support", "grpo"),
        ("ablation", "paper-reward", "grpo"),
        ("ablation", "without-correction", "correct"),
        ("ablation", "few-shot", "distill"),
        ("weights", "grounding-2", "grpo"),
        ("cross", "unseen-west", "correct"),
        ("cross", "known-south_one", None),
        ("pairs", "north-to-south_one", "correct"),
        ("labels", "25-radar", "correct"),
        ("order", "chronological", "correct"),
        ("teacher", "teacher-0.8", "correct"),
    ],
)
def test_a_variant_parts_from_the_full_method_at_the_step_that_it_changes(
    experiment: str, variant: str, step: str | None
) -> None:
    assert first_changed(base_of(), params_of(variants(experiment)[variant])) == step


def test_the_symmetric_answer_pays_both_hits_and_both_mistakes_alike_and_as_much_in_all() -> None:
    base = base_of().grpo.reward.answer
    cells = params_of(variants("ablation")["symmetric-answer"]).grpo.reward.answer
    assert cells.true_positive == cells.true_negative == (base.true_positive + base.true_negative) / 2
    assert cells.false_positive == cells.false_negative == (base.false_positive + base.false_negative) / 2
    assert cells.invalid <= cells.false_negative


def test_every_think_term_that_counts_has_an_ablation_of_its_own_and_no_other_weight_moves() -> None:
    base = base_of().grpo.reward.weights.model_dump()
    found = variants("ablation")
    for term, weight in base.items():
        name = f"without-{term.replace('_', '-')}"
        assert (name in found) == (term != "answer" and weight > 0)
        if name in found:
            assert params_of(found[name]).grpo.reward.weights.model_dump() == base | {term: 0.0}
    without = params_of(found["without-think"]).grpo.reward.weights.model_dump()
    assert {term for term, weight in without.items() if weight} == {"answer"}


def test_each_data_set_is_left_out_once_and_tested_whole() -> None:
    found = [one for one in variants("cross").values() if one.settings]
    assert [params_of(one).correct.split.hold_out for one in found] == [(name,) for name in DATASETS]
    assert {one.level for one in found} == {"template"}, "one data set is all that is tested"


def test_a_data_set_learnt_alone_is_trained_once_and_read_for_each_other_one() -> None:
    found = list(variants("pairs").values())[1:]
    assert len(found) == 6
    held_out = {one.name: params_of(one).correct.split.hold_out for one in found}
    assert held_out["west-to-north"] == held_out["west-to-south_one"] == ("north", "south one")
    assert len(set(held_out.values())) == len(DATASETS), "equal params share a run"
    levels = {one.name: one.level for one in found}
    assert levels["west-to-south_one"] == "by_dataset/south_one/template"
    templates = hold_out(table().drop("split"), SPLIT.model_copy(update={"hold_out": held_out["west-to-north"]}), 0)
    assert set(kept(templates)["dataset"]) == {"west"}
    assert set(kept(templates, "test")["dataset"]) == {"north", "south one"}


def test_of_two_data_sets_the_one_that_is_tested_is_the_whole_test() -> None:
    found = {one.name: one for one in EXPERIMENTS["pairs"].variants(base_of(), ("a", "b"))}
    assert set(found) == {FULL, "a-to-b", "b-to-a"}
    assert params_of(found["a-to-b"]).correct.split.hold_out == ("b",)
    assert found["a-to-b"].level == "template"


def test_weights_are_varied_one_at_a_time() -> None:
    base = base_of().grpo.reward.weights.model_dump()
    for variant in list(variants("weights").values())[1:]:
        weights = params_of(variant).grpo.reward.weights.model_dump()
        (term,) = (term for term in base if base[term] != weights[term])
        # Where it stands in the plot is what it changes.
        assert variant.series == f"{term.replace('_', ' ')} ({base[term]:g})"
        assert variant.x == (weights[term] / base[term] if base[term] else None)


# ---------------------------------------------------------------- the params of `correct` behind them


def table(rows: int = 200, abnormal: int = 40) -> pl.DataFrame:
    """Templates of three data sets; every fifth is abnormal and says so, and one in ten of its tags is wrong."""
    labels = ["abnormal" if row % (rows // abnormal) == 0 else "normal" for row in range(rows)]
    sides = ["train", "train", "train", "validation", "test"]
    wrong = {row for row in range(rows) if row % 50 == 0}
    return pl.DataFrame(
        {
            "template_id": [f"id{row}" for row in range(rows)],
            "template": [
                f"unit {chr(97 + row % 26)}{chr(97 + row // 26)} {SAYS[label]}" for row, label in enumerate(labels)
            ],
            "dataset": [DATASETS[row % 3] for row in range(rows)],
            "label": labels,
            "original_label": [
                {"abnormal": "normal", "normal": "abnormal"}[label] if row in wrong else label
                for row, label in enumerate(labels)
            ],
            "corrected": [row in wrong for row in range(rows)],
            "group": list(range(rows)),
            "lines": [1] * rows,
            "first_line": list(range(rows)),
            "first_seen": [None] * rows,
            "split": [sides[row // 10 % 5] for row in range(rows)],
        },
        schema_overrides={"first_seen": pl.Datetime()},
    )


def kept(frame: pl.DataFrame, *sides: str) -> pl.DataFrame:
    return frame.filter(pl.col("split").is_in(sides or ("train", "validation")))


@pytest.mark.parametrize("choice", ["random", "radar"])
@pytest.mark.parametrize("count", [1, 5, 10])
def test_a_budget_keeps_so_many_labels_of_each_class_and_leaves_the_test_alone(count: int, choice: str) -> None:
    before = table()
    after, asked = limit_labels(before, SPLIT.model_copy(update={"labels_per_class": count, "label_choice": choice}), 3)
    learnt = kept(after)
    assert learnt["label"].value_counts().sort("label")["count"].to_list() == [count, count]
    assert set(kept(after, "train")["label"]) == {"normal", "abnormal"}
    assert kept(after, "test").equals(kept(before, "test"))
    assert 2 * count <= asked <= len(kept(before))
    assert set(after["split"]) <= {"train", "validation", "test", LEFT_OUT}


def test_the_radar_asks_for_fewer_labels_than_a_random_choice() -> None:
    asked = {}
    for choice in ("random", "radar"):
        settings = SPLIT.model_copy(update={"labels_per_class": 10, "label_choice": choice})
        asked[choice] = [limit_labels(table(), settings, seed)[1] for seed in range(4)]
    assert max(asked["radar"]) < min(asked["random"])


def test_more_labels_than_there_are_keep_what_there_is_and_equal_seeds_choose_alike() -> None:
    many = SPLIT.model_copy(update={"labels_per_class": 1000})
    after, asked = limit_labels(table(), many, 0)
    assert after.equals(table()) and asked == len(kept(table()))
    few = SPLIT.model_copy(update={"labels_per_class": 5})
    chosen = [kept(limit_labels(table(), few, seed)[0])["template_id"].to_list() for seed in (0, 0, 1)]
    assert chosen[0] == chosen[1] != chosen[2]


def test_a_training_set_of_a_given_size_keeps_the_share_of_each_class() -> None:
    after, _ = limit_labels(table(), SPLIT.model_copy(update={"train_templates": 50}), 0)
    training = kept(after, "train")
    assert (len(training), (training["label"] == "abnormal").sum()) == (50, 10)
    assert kept(after, "validation", "test").equals(kept(table(), "validation", "test"))


def test_a_held_out_data_set_is_tested_whole_and_nothing_like_it_is_learnt() -> None:
    templates = table().drop("split").with_columns(group=pl.when(pl.col("group") < 6).then(0).otherwise("group"))
    found = hold_out(templates, SPLIT.model_copy(update={"hold_out": ("west",)}), 0)
    tested, learnt = kept(found, "test"), kept(found)
    assert set(tested["dataset"]) == {"west"} and len(tested) == (templates["dataset"] == "west").sum()
    assert set(learnt["dataset"]) == {"north", "south one"} and 0 not in set(learnt["group"])
    assert len(found) == len(templates) - 4


@pytest.mark.parametrize(
    ("held_out", "problem"),
    [
        (("east",), "no data set `east`"),
        (DATASETS, "no template remains"),
        (("quiet",), "are all normal"),
    ],
)
def test_what_cant_be_held_out_is_said(held_out: tuple[str, ...], problem: str) -> None:
    quiet = (
        table(10, 1)
        .filter(pl.col("label") == "normal")
        .with_columns(dataset=pl.lit("quiet"), group=pl.lit(999, dtype=pl.Int64))
    )
    everything = pl.concat([table(), quiet]) if held_out == ("quiet",) else table()
    with pytest.raises(InputError, match=problem):
        hold_out(everything.drop("split"), SPLIT.model_copy(update={"hold_out": held_out}), 0)


def test_without_correction_the_tags_are_learnt_and_the_corrected_labels_are_tested() -> None:
    settings = CORRECT.model_copy(update={"training_labels": "original"})
    after = choose_training_labels(table(), settings, 0)
    assert kept(after)["label"].to_list() == kept(after)["original_label"].to_list()
    assert not kept(after)["corrected"].any()
    assert kept(after, "test").equals(kept(table(), "test"))
    assert known_precedents([Precedent("id1", "t", "normal", [], "independent", None)], after, settings) == []


def test_a_template_without_a_tag_is_left_out_where_tags_are_learnt() -> None:
    rows = table().with_columns(
        original_label=pl.when(pl.col("template_id") == "id1").then(None).otherwise("original_label")
    )
    after = choose_training_labels(rows, CORRECT.model_copy(update={"training_labels": "original"}), 0)
    assert after.filter(pl.col("template_id") == "id1")["split"].to_list() == [LEFT_OUT]


@pytest.mark.parametrize("share", [0.0, 0.25, 0.5])
def test_a_teacher_with_wrong_labels_has_the_f1_that_was_asked_for(share: float) -> None:
    after = choose_training_labels(table(), CORRECT.model_copy(update={"label_noise": share}), 0)
    assert label_quality(table(), after) == pytest.approx(1 - share, abs=0.03)
    assert kept(after, "test").equals(kept(table(), "test"))


def test_a_precedent_says_no_more_than_the_labels_that_are_learnt() -> None:
    settings = CORRECT.model_copy(update={"split": SPLIT.model_copy(update={"labels_per_class": 5})})
    after, _ = limit_labels(table(), settings.split, 0)
    every = [
        Precedent(identity, "t", label, [], "independent", None)
        for identity, label in zip(table()["template_id"], table()["label"], strict=True)
    ]
    known = {one.template_id for one in known_precedents(every, after, settings)}
    assert known == set(kept(after, "train", "validation", "test")["template_id"])
    assert known_precedents(every, after, CORRECT) == every


# ---------------------------------------------------------------- intervals


def test_an_interval_over_seeds_is_students_and_one_seed_has_that_of_its_groups() -> None:
    low, high = comparison.t_interval([0.5, 0.6, 0.7])
    assert (low, high) == pytest.approx((0.6 - 0.2484, 0.6 + 0.2484), abs=1e-3)
    one = comparison.estimate([(0.5, (0.4, 0.7))])
    assert (one.low, one.high, one.over) == (0.4, 0.7, "groups")
    assert comparison.estimate([(0.5, None)]).over is None


def test_a_table_shows_counts_as_counts_and_names_what_its_intervals_are_over() -> None:
    def estimated(mean: float) -> dict[str, object]:
        return {"mean": mean, "low": None, "high": None}

    found = {
        "f1": estimated(1.0),
        "trained": estimated(403),
        "trained_abnormal": estimated(1),
        "rows": estimated(168),
    }
    row = {"title": "full", "figures": found, "differences": {}, "problem": None}
    text = comparison.table({"variants": [row], "seeds": [0]})
    assert "| full | 1.000 | 403 | 1 | 168 |" in text
    assert "groups of near-duplicates" in text and "Δ" not in text
    assert "Student's t over the seeds" in comparison.table({"variants": [row], "seeds": [0, 1]})
