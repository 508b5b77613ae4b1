"""The reward: terms in their ranges, presets as published, nothing to gain by tricks."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rationanomaly.errors import ParamsError
from rationanomaly.params import Params, PromptParams, RewardParams
from rationanomaly.rewards import Composition, RewardBreakdown
from rationanomaly.rewards.overlap import Tokenised
from rationanomaly.rewards.sample import Sample, Source
from rationanomaly.rewards.terms import BATCH_TERMS, TERMS
from rationanomaly.text.prompt import Shown, every_wording, parse_response, show, write_response

LOG = "storaged: lost heartbeat of replica on shelf <*> after <*> ms, failing over to standby"
TEACHER = (
    'The log quotes "lost heartbeat of replica" and "failing over to standby". A replica that sends no heartbeat has '
    "stopped or can't be reached, and the standby has to serve alone. Somebody should look at the shelf."
)
#: Right, sound, in other words and of another length than the teacher's.
HONEST = (
    'Two things stand out: the "heartbeat" went missing, and the daemon is "failing over". Redundancy is gone until '
    "the broken member returns."
)
TARGET = len(TEACHER.split())


@pytest.fixture(scope="module")
def shown(params: Params) -> Shown:
    return show(LOG, params.prompt)


@pytest.fixture(scope="module")
def paper(params: Params) -> Composition:
    return Composition.from_params(params.grpo.reward.model_copy(update={"preset": "paper"}))


@pytest.fixture(scope="module")
def released(params: Params) -> Composition:
    return Composition.from_params(params.grpo.reward.model_copy(update={"preset": "released"}))


def score(
    composition: Composition,
    completion: str,
    shown: Shown,
    label: str = "abnormal",
    teacher_rationale: str | None = TEACHER,
) -> RewardBreakdown:
    return composition.compose([completion], [shown], [label], [teacher_rationale], TARGET)[0]


def changed(params: Params, **changes: Any) -> RewardParams:
    document = params.grpo.reward.model_dump()
    for key, value in changes.items():
        document[key] = {**document[key], **value} if isinstance(value, dict) else value
    return RewardParams.model_validate(document)


# ---------------------------------------------------------------- format


@pytest.mark.parametrize(
    "completion",
    [
        "",
        "abnormal",
        write_response("", "abnormal"),
        write_response(HONEST, "abnormal") * 2,
        write_response(HONEST, "abnormal") + "<answer>normal</answer>",
        f"<think>{HONEST}<answer>abnormal</answer></think>",
        f"<answer>abnormal</answer><think>{HONEST}</think>",
        f"<think><think>{HONEST}</think></think><answer>abnormal</answer>",
    ],
)
def test_wrong_form_gets_one_value_and_no_terms(paper: Composition, shown: Shown, completion: str) -> None:
    found = score(paper, completion, shown)
    assert found == RewardBreakdown(paper.wrong, paper.wrong, {}, "invalid")
    assert found.total < paper.lowest_right


def test_breaking_the_form_never_pays(params: Params) -> None:
    with pytest.raises(ParamsError, match=r"grpo\.reward\.format\.wrong"):
        Composition.from_params(changed(params, format={"wrong": 0.0}))


# ---------------------------------------------------------------- answer


def test_paper_pays_best_for_faults_found_and_costs_dearest_for_faults_missed(paper: Composition, shown: Shown) -> None:
    def cell(label: str, answer: str) -> float:
        return score(paper, write_response(HONEST, answer), shown, label).terms["answer"]

    assert cell("abnormal", "abnormal") > cell("normal", "normal") > 0
    assert cell("abnormal", "normal") < cell("normal", "abnormal") < 0
    assert cell("abnormal", "abnormal.") <= cell("abnormal", "normal")


@pytest.mark.parametrize("suffix", [".", "ity", " normal", "!", "0"])
def test_label_with_suffix_gets_the_least_of_every_term(paper: Composition, shown: Shown, suffix: str) -> None:
    found = score(paper, write_response(HONEST, "abnormal" + suffix), shown)
    assert found.stated == "invalid"
    assert found.total == pytest.approx(paper.lowest_right)


def test_invalid_answer_that_pays_more_than_a_label_is_refused(params: Params) -> None:
    with pytest.raises(ParamsError, match="invalid"):
        Composition.from_params(changed(params, answer={"invalid": -0.5}))


def test_released_cells(released: Composition, shown: Shown) -> None:
    def cell(label: str, answer: str) -> float:
        return score(released, write_response(HONEST, answer), shown, label).terms["answer"]

    assert cell("abnormal", "normal") == pytest.approx(-6.67, abs=0.005)
    assert cell("normal", "abnormal") == pytest.approx(-6.67, abs=0.005)
    assert cell("abnormal", "abnormal.") == -1
    assert cell("abnormal", "abnormal") == cell("normal", "normal") == 1


def test_released_pays_for_verbosity_and_paper_does_not(
    paper: Composition, released: Composition, shown: Shown
) -> None:
    longer = f"{TEACHER} {' '.join(f'and so on to part {word}' for word in ('one', 'two', 'three', 'four'))}"
    short, long = (write_response(text, "abnormal") for text in (TEACHER, longer))
    assert score(released, long, shown).terms["length"] > score(released, short, shown).terms["length"]
    assert score(paper, long, shown).terms["brevity"] < score(paper, short, shown).terms["brevity"]


def test_released_ignores_the_think_terms_of_a_wrong_answer(released: Composition, shown: Shown) -> None:
    wrong = score(released, write_response(TEACHER, "normal"), shown)
    assert wrong.total == pytest.approx(0.1 - 1 / 0.15)


# ---------------------------------------------------------------- grounding


def grounding(composition: Composition, rationale: str, shown: Shown, teacher_rationale: str | None = TEACHER) -> float:
    scored = score(composition, write_response(rationale, "abnormal"), shown, teacher_rationale=teacher_rationale)
    return scored.terms["grounding"]


@pytest.mark.parametrize("teacher_rationale", [TEACHER, None])
def test_unrelated_text_is_not_grounded(paper: Composition, shown: Shown, teacher_rationale: str | None) -> None:
    aunt = (
        "My aunt grows tomatoes behind the house and sells them on the market in the town, and somebody who has been "
        "there says that they are the best of the year."
    )
    assert grounding(paper, aunt, shown, teacher_rationale) < 0.05


@pytest.mark.parametrize(
    "worse",
    [
        HONEST.replace('"heartbeat"', '"disk array"'),
        HONEST + ' It also mentions a "raid controller".',
        HONEST + " The node was n0417.",
        HONEST.replace("the daemon", "the daemon io_worker7"),
    ],
)
def test_inventing_an_entity_costs(paper: Composition, shown: Shown, worse: str) -> None:
    assert grounding(paper, worse, shown) < grounding(paper, HONEST, shown)
    assert (
        score(paper, write_response(worse, "abnormal"), shown).total
        < score(paper, write_response(HONEST, "abnormal"), shown).total
    )


def test_without_a_teacher_rationale_the_teacher_parts_have_no_weight(paper: Composition, shown: Shown) -> None:
    assert grounding(paper, HONEST, shown, None) > grounding(paper, HONEST, shown, TEACHER)


def test_log_without_words_is_grounded_by_saying_so(paper: Composition, params: Params) -> None:
    values = show("<*> <*> 0x00ff", params.prompt)
    said = "The log holds no words, only values. Nothing in it speaks of a fault, so there is no ground for an alarm."
    assert grounding(paper, said, values, None) > 0.5
    assert grounding(paper, 'The word "panic" says that the kernel has stopped for good.', values, None) < 0.05


def test_evidence_among_too_many_words_is_diluted_by_the_square_of_the_length(params: Params, shown: Shown) -> None:
    weights = {"evidence": 1.0, "log_bleu": 0.0, "log_rouge": 0.0, "teacher_bleu": 0.0, "teacher_rouge": 0.0}
    only_evidence = Composition.from_params(changed(params, preset="paper", grounding=weights))
    spun_out = " ".join([HONEST, *(f"{word}{other}" for word in "abcdefghij" for other in "klmnopqrstuvwx")])
    assert grounding(only_evidence, HONEST, shown) == 1
    for factor in (1, 2, 3, 4):
        text = " ".join(spun_out.split()[: factor * TARGET])
        assert len(text.split()) == factor * TARGET
        assert grounding(only_evidence, text, shown) == pytest.approx(min(1, 2 / factor) ** 2)


# ---------------------------------------------------------------- brevity, repetition


def test_brevity_is_highest_at_the_target_and_symmetric(paper: Composition, shown: Shown) -> None:
    def brevity(words: int) -> float:
        return score(paper, write_response("word " * words, "normal"), shown).terms["brevity"]

    assert brevity(TARGET) == 1
    values = [brevity(TARGET + distance) for distance in range(TARGET)]
    assert values == sorted(values, reverse=True)
    assert all(brevity(TARGET - distance) == values[distance] for distance in range(TARGET))


def test_prose_is_not_called_repetitive(paper: Composition, shown: Shown) -> None:
    for rationale in (TEACHER, HONEST):
        assert score(paper, write_response(rationale, "abnormal"), shown).terms["repetition"] == 0


def tricks(shown: Shown) -> dict[str, str]:
    worded = max(every_wording(shown), key=len)
    bare = worded.replace("<think>your analysis</think><answer>abnormal or normal</answer>", "")
    filler = " ".join(f"matter{chr(97 + i // 26)}{chr(97 + i % 26)}" for i in range(9 * TARGET))
    rationales = {
        "copy of the log": shown.text,
        "copy of the log in quotes": f'"{shown.text}"',
        "copy of the log in two quotes": '"storaged: lost heartbeat of replica" "failing over to standby"',
        "copy of the prompt": min(every_wording(shown), key=len),
        "copy of the worded prompt": bare,
        "one token repeated": "heartbeat " * TARGET,
        "one quote repeated": '"heartbeat" ' * TARGET,
        "ten times the length, repeated": f"{TEACHER} " * 10,
        "ten times the length, padded": f"{TEACHER} {filler}",
        "symbols": "? ! ; : " * (TARGET // 4),
        "wildcards quoted": 'It says "<*>" and "<*>", which can only mean that something is broken in there.',
        "one word quoted twice": 'It says "lost" and "lost", which can only mean that something is broken in there.',
        "empty": "",
    }
    completions = {name: write_response(rationale, "abnormal") for name, rationale in rationales.items()}
    return completions | {
        "two answers": write_response(TEACHER, "abnormal") + "<answer>normal</answer>",
        "answer inside think": f"<think>{TEACHER}<answer>abnormal</answer></think>",
        "label with suffix": write_response(TEACHER, "abnormal!"),
    }


@pytest.mark.parametrize("teacher_rationale", [TEACHER, None])
def test_every_trick_scores_below_an_honest_answer_in_another_style(
    paper: Composition, shown: Shown, teacher_rationale: str | None
) -> None:
    honest = score(paper, write_response(HONEST, "abnormal"), shown, teacher_rationale=teacher_rationale).total
    totals = {
        name: score(paper, text, shown, teacher_rationale=teacher_rationale).total
        for name, text in tricks(shown).items()
    }
    assert {name: total for name, total in totals.items() if total >= honest} == {}


def test_tricks_do_not_pay_with_the_worded_prompt_either(paper: Composition) -> None:
    settings = PromptParams(style="worded", normalise=False, max_words=48, max_characters=2000, few_shot_examples=0)
    raw = show(LOG, settings)
    honest = score(paper, write_response(HONEST, "abnormal"), raw).total
    assert max(score(paper, text, raw).total for text in tricks(raw).values()) < honest


# ---------------------------------------------------------------- coherence


class CountingModel:
    """Calls a text as perplexing as it is long, and counts its calls."""

    def __init__(self) -> None:
        self.calls: list[int] = []

    def perplexities(self, texts: Sequence[str]) -> list[float]:
        self.calls.append(len(texts))
        return [math.inf if not text.strip() else float(len(text)) for text in texts]


def test_coherence_asks_its_model_once_for_a_batch(params: Params, shown: Shown) -> None:
    model = CountingModel()
    composition = Composition.from_params(changed(params, preset="paper", weights={"coherence": 1.0}), model)
    completions = [write_response(HONEST, "abnormal"), "no form", write_response(TEACHER, "abnormal")]
    found = composition.compose(completions, [shown] * 3, ["abnormal"] * 3, [None] * 3, TARGET)
    assert model.calls == [2]
    assert 0 < found[2].terms["coherence"] < found[0].terms["coherence"] < 1
    assert found[0].terms["coherence"] == pytest.approx(1 / (1 + len(HONEST) / params.grpo.reward.perplexity_scale))


def test_coherence_without_a_model_is_refused(params: Params) -> None:
    with pytest.raises(ParamsError, match="coherence"):
        Composition.from_params(changed(params, weights={"coherence": 0.1}))


# ---------------------------------------------------------------- whatever the text

pieces = st.sampled_from(
    ["<think>", "</think>", "<answer>", "</answer>", "normal", "abnormal", '"', "<*>", "heartbeat", " ", "\n", "\ud800"]
)
texts = st.one_of(
    st.text(st.characters(), max_size=60),
    st.lists(st.one_of(pieces, st.text(st.characters(), max_size=6)), max_size=14).map("".join),
    st.text(st.characters(), min_size=1, max_size=60).map(lambda text: write_response(text, "abnormal")),
)


def in_range(composition: Composition, params: RewardParams, found: RewardBreakdown) -> bool:
    if not found.terms:
        return found.total == composition.wrong
    for name, value in found.terms.items():
        low, high = TERMS[name].bounds(params)
        if not low <= value <= high:
            return False
    return math.isfinite(found.total) and found.total >= composition.lowest_right - 1e-9


#: Lists of 20: 1,600 strings, and 10,000.
@pytest.mark.parametrize("lists", [80, pytest.param(500, marks=pytest.mark.slow)])
def test_every_text_gets_a_finite_reward_within_the_terms_ranges(
    params: Params, paper: Composition, released: Composition, shown: Shown, lists: int
) -> None:
    @settings(max_examples=lists, deadline=None)
    @given(st.lists(texts, min_size=20, max_size=20), st.sampled_from(["normal", "abnormal"]))
    def check(completions: list[str], label: str) -> None:
        teacher_rationales = [TEACHER, None] * (len(completions) // 2)
        arguments = ([shown] * len(completions), [label] * len(completions), teacher_rationales, TARGET)
        assert all(in_range(paper, params.grpo.reward, found) for found in paper.compose(completions, *arguments))
        assert all(-8 < found.total < 2 for found in released.compose(completions, *arguments))

    check()


@pytest.mark.parametrize("unit", ["a", '"', "<", "heartbeat ", '"heartbeat" ', "1.", "\u202e", "a-\n", "&lt;"])
def test_a_megabyte_is_scored_in_a_moment(paper: Composition, released: Composition, shown: Shown, unit: str) -> None:
    huge = unit * (1_000_000 // len(unit))
    for composition in (paper, released):
        for completion in (huge, write_response(huge, "abnormal")):
            assert math.isfinite(score(composition, completion, shown, teacher_rationale=huge).total)


@settings(max_examples=30, deadline=None)
@given(st.permutations(range(8)), st.lists(texts, min_size=4, max_size=4))
def test_rewards_depend_neither_on_order_nor_on_batch(
    paper: Composition, shown: Shown, order: list[int], more: list[str]
) -> None:
    completions = [write_response(text, "abnormal") for text in (TEACHER, HONEST, LOG, "x")] + more
    labels = ["normal", "abnormal"] * 4
    teacher_rationales = [TEACHER, None, HONEST, TEACHER] * 2
    together = paper.compose(completions, [shown] * 8, labels, teacher_rationales, TARGET)
    shuffled = paper.compose(
        [completions[i] for i in order],
        [shown] * 8,
        [labels[i] for i in order],
        [teacher_rationales[i] for i in order],
        TARGET,
    )
    alone = [score(paper, completions[i], shown, labels[i], teacher_rationales[i]) for i in range(8)]
    assert [together[i].total for i in order] == pytest.approx([found.total for found in shuffled], abs=1e-6)
    assert [found.total for found in together] == pytest.approx([found.total for found in alone], abs=1e-6)


def test_equal_length_is_demanded(paper: Composition, shown: Shown) -> None:
    with pytest.raises(ValueError):
        paper.compose(["a", "b"], [shown], ["normal"], [None], TARGET)


def test_every_weight_has_a_term(params: Params) -> None:
    assert set(params.grpo.reward.weights.model_dump()) == {*TERMS, *BATCH_TERMS, "coherence"}


def test_own_words_are_those_that_are_neither_quoted_nor_copied(shown: Shown) -> None:
    def own(rationale: str) -> float:
        response = parse_response(write_response(rationale, "normal"))
        return Sample("", response, Source(shown, Tokenised.of(TEACHER)), "normal", TARGET).own_share

    assert own("nothing of this stands there") == 1
    assert own('half of it "lost heartbeat of"') == 0.5
    assert own("storaged lost heartbeat of replica") == 0
