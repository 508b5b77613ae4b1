"""What SFT learns from: gold rows, pool rows, rationales; and the thresholds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rationanomaly.baselines.blend import fit_blend
from rationanomaly.errors import TrainingError
from rationanomaly.grpo.prompts import build_tasks
from rationanomaly.model.card import Threshold
from rationanomaly.params import Params, load_params
from rationanomaly.records import Triplet
from rationanomaly.rulebook.argument import read_argument
from rationanomaly.sft.pool import Pool, build_pool, draw
from rationanomaly.sft.rows import build_rows
from rationanomaly.sft.threshold import ANALYSED, calibration, choose_thresholds
from rationanomaly.text.evidence import check_evidence
from rationanomaly.text.prompt import Mode, Shown, conclude, parse_response, split_conclusion
from rationanomaly.training.gold import Gold, drop_words, learnt_sides, read_gold, splice
from rationanomaly.training.validation import Validation
from tests.conftest import ROOT

TEXTS = tuple(
    f"{part} {state}" for part in ("disk", "fan", "node", "link") for state in ("failed badly", "is ready now")
)
LABELS = tuple("abnormal" if "failed" in text else "normal" for text in TEXTS)
GOLD = Gold(TEXTS, LABELS, tuple(range(len(TEXTS))))
HELD_OUT = "cable failed badly"


def _micro(params: Params, **changes: object) -> Params:
    pool = params.sft.pool.model_copy(update={"size": 200})
    return params.model_copy(
        update={
            "sft": params.sft.model_copy(update={"steps": 20, "batch": 8, "additions": 0.0, "pool": pool, **changes})
        }
    )


def _triplet(text: str, label: str) -> Triplet:
    rationale = f'The log names "{text.split()[0]}" beside "{text.split()[1]}", so it counts.'
    return Triplet(text, text, rationale, label, "test", "1")  # type: ignore[arg-type]


#: Half of them with words that the rulebook knows as faults.
POOL = Pool(
    ("cable failed", "cable is ready", "fan stopped early", "link up"), np.array([0.9, 0.1, 0.5, 0.3]), np.array([0])
)
DRAWS = load_params(ROOT / "params.yaml").sft.pool
TRIPLETS = [_triplet(text, label) for text, label in zip(TEXTS, LABELS, strict=True)]


def _shown(text: str) -> Shown:
    return Shown(text, tuple(range(len(text))), len(text))


def test_every_batch_holds_one_kind_of_row_and_the_last_is_of_verdicts(params: Params) -> None:
    settings = _micro(params, rationale_share=0.25).sft
    rows = build_rows(GOLD, TRIPLETS, None, params.prompt, settings, seed=0)
    kinds = [
        {row.mode for row in rows[start : start + settings.batch]} for start in range(0, len(rows), settings.batch)
    ]
    assert len(rows) == settings.steps * settings.batch
    assert Counter(map(frozenset, kinds)) == {frozenset({Mode.DIRECT}): 15, frozenset({Mode.REASON}): 5}
    assert kinds[-1] == {Mode.DIRECT}


def test_quotes_stay_literal_though_words_are_dropped(params: Params) -> None:
    rows = build_rows(
        GOLD, TRIPLETS, None, params.prompt, _micro(params, rationale_share=1.0, word_drop=0.5).sft, seed=0
    )
    assert len({row.text for row in rows}) > len(TEXTS)
    assert all(check_evidence(parse_response(row.completion).rationale, _shown(row.text)).grounded for row in rows)


def test_a_hundred_near_duplicates_are_shown_as_often_as_ten_templates(params: Params) -> None:
    dumps = [_triplet(f"dump {'x' * number} value", "normal") for number in range(1, 101)]
    gold = Gold(
        (*TEXTS, *(row.template for row in dumps)), (*LABELS, *["normal"] * 100), (*range(len(TEXTS)), *[99] * 100)
    )
    rows = build_rows(gold, [*TRIPLETS, *dumps], None, params.prompt, _micro(params, rationale_share=1.0).sft, seed=0)
    normal = [row.text for row in rows if row.completion.endswith("<answer>normal</answer>")]
    # Four groups of one and one of a hundred: 10 of 14 by the square root, 100 of 104 one by one, 1 of 5 by group.
    assert 0.6 < np.mean([text.startswith("dump") for text in normal]) < 0.85


def test_equal_seeds_give_equal_rows_and_others_do_not(params: Params) -> None:
    def make(seed: int) -> list[object]:
        return [*build_rows(GOLD, TRIPLETS, None, params.prompt, _micro(params).sft, seed)]

    assert make(1) == make(1) != make(2)


def test_whoever_wrote_a_rationale_it_ends_with_the_one_conclusion(params: Params) -> None:
    settings = _micro(params, rationale_share=1.0).sft
    other = [replace(row, rationale=conclude(row.rationale, "normal")) for row in TRIPLETS]
    for triplets in (TRIPLETS, other):
        for row in build_rows(GOLD, triplets, POOL, params.prompt, settings, seed=0):
            answer = parse_response(row.completion)
            analysis, concluded = split_conclusion(answer.rationale)
            assert concluded == answer.stated
            assert analysis
            assert split_conclusion(analysis) == (analysis, None)


def test_a_share_of_the_rationales_is_written_on_texts_of_the_pool(params: Params) -> None:
    def weak(share: float, triplets: list[Triplet], mode: Mode) -> float:
        pool = params.sft.pool.model_copy(update={"rationales": share, "share": 0.25})
        settings = _micro(params, rationale_share=0.5).sft.model_copy(update={"pool": pool})
        rows = [row for row in build_rows(GOLD, triplets, POOL, params.prompt, settings, seed=0) if row.mode is mode]
        assert all((row.text in POOL.texts) >= row.weak for row in rows)
        return sum(row.weak for row in rows) / len(rows) if rows else 0.0

    assert [weak(share, TRIPLETS, Mode.REASON) for share in (0.0, 0.25, 1.0)] == [0.0, 0.25, 1.0]
    assert weak(1.0, TRIPLETS, Mode.DIRECT) == 0.25
    # Without a single accepted rationale the rulebook's are all there are.
    assert [weak(share, [], Mode.REASON) for share in (0.0, 0.25)] == [0.0, 1.0]


def test_a_pool_text_is_learnt_with_the_labellers_probability_whatever_its_label(params: Params) -> None:
    pool = params.sft.pool.model_copy(update={"rationales": 1.0, "share": 1.0})
    settings = _micro(params, rationale_share=0.5).sft.model_copy(update={"pool": pool})
    probabilities = dict(zip(POOL.texts, POOL.probabilities, strict=True))
    rows = build_rows(GOLD, TRIPLETS, POOL, params.prompt, settings, seed=0)
    assert {row.mode for row in rows} == set(Mode)
    for row in rows:
        learnt = row.doubt if row.completion.endswith("<answer>normal</answer>") else 1 - row.doubt
        assert learnt == pytest.approx(probabilities[row.text])
        assert row.mode is Mode.REASON or row.doubt <= 0.5


def test_what_an_analysis_of_a_pool_text_argues_for_is_drawn_with_that_probability(params: Params) -> None:
    pool = params.sft.pool.model_copy(update={"rationales": 1.0, "suspicious_share": 0.0})
    settings = _micro(params, rationale_share=1.0, steps=100).sft.model_copy(update={"pool": pool})
    argued: dict[str, list[bool]] = {text: [] for text in POOL.texts}
    for row in build_rows(GOLD, TRIPLETS, POOL, params.prompt, settings, seed=0):
        rationale = parse_response(row.completion).rationale
        side = read_argument(split_conclusion(rationale)[0]).side
        assert side == split_conclusion(rationale)[1]
        argued[row.text].append(side == "abnormal")
        assert check_evidence(rationale, _shown(row.text)).grounded
    for text, probability in zip(POOL.texts, POOL.probabilities, strict=True):
        assert np.mean(argued[text]) == pytest.approx(probability, abs=0.02)


def test_gold_labels_are_certain(params: Params) -> None:
    rows = build_rows(GOLD, TRIPLETS, POOL, params.prompt, _micro(params, rationale_share=0.5).sft, seed=0)
    assert {row.doubt for row in rows if not row.weak} == {0.0}


def test_templates_without_a_rationale_still_teach_their_verdict(params: Params) -> None:
    rows = build_rows(GOLD, [], None, params.prompt, _micro(params, word_drop=0.0).sft, seed=0)
    assert {row.text for row in rows} == set(TEXTS)
    assert {row.mode for row in rows} == {Mode.DIRECT}


def test_nothing_held_out_enters_the_pool(params: Params) -> None:
    settings = _micro(params).sft.pool
    unlabelled = [HELD_OUT, "switch is ready"]
    teacher = fit_blend(TEXTS, LABELS)
    pool = build_pool(TEXTS, GOLD.abnormal, unlabelled, teacher, frozenset({HELD_OUT}), settings, seed=0)
    assert "switch is ready" in pool.texts
    assert HELD_OUT not in pool.texts
    assert len(set(pool.texts)) == len(pool.texts)


def test_suspicious_texts_are_drawn_with_their_share(params: Params) -> None:
    settings = params.sft.pool.model_copy(update={"suspicious_share": 0.6})
    drawn = draw(POOL, 4000, settings, np.random.default_rng(0))
    assert np.mean([one.text == "cable failed" for one in drawn]) == pytest.approx(0.6 + 0.4 / 4, abs=0.03)


@given(
    probabilities=st.lists(st.floats(0, 1), min_size=1, max_size=9), count=st.integers(0, 200), seed=st.integers(0, 99)
)
def test_the_labels_of_a_text_are_its_probability_rounded(probabilities: list[float], count: int, seed: int) -> None:
    texts = tuple(f"text {number}" for number in range(len(probabilities)))
    pool = Pool(texts, np.array(probabilities), np.array([0]))
    drawn = draw(pool, count, DRAWS, np.random.default_rng(seed))
    assert len(drawn) == count
    for text, probability in zip(texts, probabilities, strict=True):
        labels = [one.drawn for one in drawn if one.text == text]
        assert abs(labels.count("abnormal") - probability * len(labels)) < 1 + 1e-9


@given(
    words=st.lists(st.text(min_size=1), min_size=1, max_size=9),
    other=st.lists(st.text(min_size=1), min_size=1, max_size=9),
    seed=st.integers(0, 99),
)
def test_pieces_come_from_their_sources(words: list[str], other: list[str], seed: int) -> None:
    rng = np.random.default_rng(seed)
    assert drop_words(words, 1.0, rng) == words[0]
    assert drop_words(words, 0.0, rng) == " ".join(words)
    spliced = splice(words, other, rng)
    assert spliced.startswith(words[0])
    assert spliced.endswith(other[-1])


@pytest.mark.parametrize("labels", [[], ["normal", "normal"], ["abnormal"]])
def test_a_training_split_without_two_classes_is_refused(params: Params, labels: list[str]) -> None:
    count = len(labels)
    columns = {"split": ["train"] * count, "label": labels, "template": ["a b"] * count, "group": list(range(count))}
    schema = {"split": pl.String, "label": pl.String, "template": pl.String, "group": pl.Int64}
    with pytest.raises(TrainingError, match="nothing to tell apart in the training split"):
        read_gold(pl.DataFrame(columns, schema=schema), params.prompt)


def _split(*sides: str) -> pl.DataFrame:
    labels = ["normal", "abnormal"] * len(sides)
    rows = [side for side in sides for _ in range(2)]
    texts = [f"{side} {label}" for side, label in zip(rows, labels, strict=True)]
    return pl.DataFrame({"split": rows, "label": labels, "template": texts, "group": list(range(len(rows)))})


def test_validation_templates_train_only_where_a_test_side_is_left_to_measure(params: Params) -> None:
    wanted = params.sft.model_copy(update={"learn_validation": True})
    whole, untested = _split("train", "validation", "test"), _split("train", "validation")
    assert learnt_sides(whole, wanted) == ("train", "validation")
    assert learnt_sides(untested, wanted) == learnt_sides(whole, params.sft) == ("train",)
    texts = read_gold(whole, params.prompt, learnt_sides(whole, wanted)).texts
    assert texts == ("train normal", "train abnormal", "validation normal", "validation abnormal")


def test_labels_that_were_learnt_measure_nothing(params: Params) -> None:
    whole, scores = _split("train", "validation", "test"), np.array([0.1, 0.9])
    assert Validation.of(whole, params.prompt).metrics(scores)["f1"] == 1.0
    assert Validation.of(whole, params.prompt, learnt=True).metrics(scores) == {}


def test_grpo_asks_about_templates_without_a_rationale_too(params: Params) -> None:
    settings = params.grpo.model_copy(update={"word_drop": 0.0})
    tasks = build_tasks(GOLD, {TEXTS[0]: TRIPLETS[0].rationale}, settings, seed=0)
    assert {task.text for task in tasks} == set(TEXTS)
    assert {task.text for task in tasks if task.teacher_rationale} == {TEXTS[0]}


def test_a_teacher_rationale_whose_quotes_were_dropped_is_not_shown_to_the_reward(params: Params) -> None:
    settings = params.grpo.model_copy(update={"word_drop": 0.6})
    teacher_rationales = {text: row.rationale for text, row in zip(TEXTS, TRIPLETS, strict=True)}
    tasks = build_tasks(GOLD, teacher_rationales, settings, seed=0)
    assert any(task.teacher_rationale is None for task in tasks)
    assert all(check_evidence(task.teacher_rationale, task.shown).grounded for task in tasks if task.teacher_rationale)


def _direct(
    params: Params,
    scores: list[float],
    abnormal: list[bool],
    minimum: int = 1,
    rule: Mapping[str, str | float] | None = None,
) -> Threshold:
    """The threshold that `sft` chooses on these scores."""
    validation = Validation(tuple(Shown(f"template {place}", (), 0) for place in range(len(scores))), tuple(abnormal))
    threshold = params.sft.threshold.model_copy(update=dict(rule or {}))
    settings = params.sft.model_copy(update={"threshold_positives": minimum, "threshold": threshold})
    none = Validation((), ())
    found = choose_thresholds(_Analyst(), validation, np.array(scores), none, params.detect, settings)  # type: ignore[arg-type]
    assert found[0] == found[1], "without analyses one threshold is both"
    return found[1]


def test_few_positives_leave_the_threshold_at_one_half(params: Params) -> None:
    threshold = _direct(params, [0.1, 0.2, 0.9], [False, False, True], minimum=2)
    assert threshold == Threshold(0.5, "default: 1 positives in validation, 2 needed")


def test_a_threshold_is_put_between_the_classes(params: Params) -> None:
    threshold = _direct(params, [0.1, 0.2, 0.3, 0.35], [False, False, True, True], minimum=2)
    assert threshold.value == pytest.approx(0.25)
    assert threshold.rule == "best F1 on validation with 2 positives"


def test_equal_scores_are_never_cut_apart(params: Params) -> None:
    assert _direct(params, [0.4, 0.4, 0.4], [True, True, False]).value == pytest.approx(0.2), "above no score there is"


def test_equally_good_thresholds_of_templates_give_the_fewest_alarms(params: Params) -> None:
    # At .75 one of two is found: F1 2·1/(1+2); at .3 both with two false alarms: 2·2/(4+2).
    assert _direct(params, [0.9, 0.6, 0.5, 0.4], [True, False, False, True]).value == pytest.approx(0.75)


@pytest.mark.parametrize(
    ("rule", "threshold", "text"),
    [
        ({"rule": "max_f1"}, 0.65, "best F1"),  # 2 of 3 without an alarm: F1 .8; all three with three: .67
        ({"rule": "recall_floor", "recall": 0.9}, 0.15, "highest threshold with a recall of at least 0.9"),
        ({"rule": "recall_floor", "recall": 0.3}, 0.85, "highest threshold with a recall of at least 0.3"),
        ({"rule": "cost", "miss": 4.0}, 0.15, "lowest cost at 4 per miss and 1 per false alarm"),  # 3 against 4
        ({"rule": "cost", "miss": 2.0}, 0.65, "lowest cost at 2 per miss and 1 per false alarm"),  # 3 against 2
    ],
)
def test_templates_threshold_follows_the_rule_of_params(
    params: Params, rule: dict[str, str | float], threshold: float, text: str
) -> None:
    scores, abnormal = [0.9, 0.8, 0.5, 0.4, 0.3, 0.2, 0.1], [True, True, False, False, False, True, False]
    found = _direct(params, scores, abnormal, rule=rule)
    assert found.value == pytest.approx(threshold)
    assert found.rule == f"{text} on validation with 3 positives"


def _validation(abnormal: int, normal: int, learnt: bool = False) -> Validation:
    """The abnormal ones first, each template with a text of its own."""
    logs = tuple(Shown(f"template {place}", (), 0) for place in range(abnormal + normal))
    return Validation(logs, (True,) * abnormal + (False,) * normal, learnt)


@pytest.mark.parametrize("validation", [_validation(59, 100), _validation(70, 0), _validation(70, 100, learnt=True)])
def test_nothing_is_analysed_where_no_threshold_is_chosen(validation: Validation) -> None:
    assert calibration(validation, 60).logs == ()


def test_of_very_many_validation_templates_a_sample_with_their_share_is_analysed() -> None:
    few = _validation(60, ANALYSED - 60)
    assert calibration(few, 60) == few
    many = calibration(_validation(1000, 4000), 60)
    assert (len(many.logs), sum(many.abnormal)) == (ANALYSED, ANALYSED // 5)
    assert len({log.text for log in many.logs}) == ANALYSED
    rare = calibration(_validation(200, 9800), 60)
    assert (len(rare.logs), sum(rare.abnormal)) == (6000, 120), "as many as hold twice the positives"


class _Analyst:
    """Stands for a scorer: scores behind two analyses of each of four logs; of the last none comes to an end."""

    def scored_analyses(
        self, logs: Sequence[Shown], count: int, temperature: float, attempts: int
    ) -> list[list[tuple[float, str]]]:
        assert (len(logs), count, temperature) == (4, 2, 0.7)
        return [[(0.2, ""), (0.4, "")], [(0.25, "")], [(0.1, ""), (0.2, "")], []]


def test_each_kind_of_verdict_has_a_threshold_by_scores_of_its_own(params: Params) -> None:
    validation, detect = _validation(2, 2), params.detect.model_copy(update={"analyses": 2, "temperature": 0.7})
    direct_scores = np.array([0.9, 0.8, 0.7, 0.6])

    def chosen(minimum: int) -> tuple[Threshold, Threshold]:
        analysed = calibration(validation, minimum)
        settings = params.sft.model_copy(update={"threshold_positives": minimum})
        return choose_thresholds(_Analyst(), validation, direct_scores, analysed, detect, settings)  # type: ignore[arg-type]

    reasoned, direct = chosen(2)
    assert reasoned.value == pytest.approx((0.25 + 0.15) / 2), "between means over the analyses"
    assert direct.value == pytest.approx(0.75)
    assert chosen(3) == (Threshold(0.5, "default: 2 positives in validation, 3 needed"),) * 2
