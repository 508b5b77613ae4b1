"""Preset `checked`: what it adds to the paper's reward, term by term, and that no probe pays."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.probe_scenes import HAND_WRITTEN, LABELS, scenes
from benchmarks.probe_trials import PROBES
from benchmarks.reward_probes import Trial
from rationanomaly.params import Params, RewardParams
from rationanomaly.rewards import Composition, RewardBreakdown
from rationanomaly.rewards.terms import BATCH_TERMS, CHECKED, TERMS
from rationanomaly.rulebook.domains import DOMAINS
from rationanomaly.text.prompt import Shown, conclude, show, write_response

LOG = "kernel: uncorrectable ECC error on DIMM <*> of memory controller <*>, page offlined"
#: What an operator would want to read of it; none of its sentences is the rulebook's.
SOUND = (
    'The log reports an "uncorrectable ecc error" and a "memory controller". Bits were lost in the main memory, so a '
    "program on this node may fail. Somebody should replace the broken part."
)
HARMLESS = (
    'The log reports an "uncorrectable ecc error" and a "memory controller". This is routine, expected and harmless. '
    "Nothing needs doing."
)
OTHER_LOG = "sshd[<*>]: session opened for user <*> by uid <*>"
THIRD_LOG = "eth0: link is down, no carrier on the port"
THREE = (LOG, OTHER_LOG, THIRD_LOG)
CONSTANT = "A part of the system reports something. Somebody should look at the part that is named in the line."


@pytest.fixture(scope="module")
def reward(params: Params) -> RewardParams:
    return params.grpo.reward


@pytest.fixture(scope="module")
def checked(reward: RewardParams) -> Composition:
    assert reward.preset == "checked"
    return Composition.from_params(reward)


@pytest.fixture(scope="module")
def shown(params: Params) -> Shown:
    return show(LOG, params.prompt)


def answer(analysis: str, label: str = "abnormal") -> str:
    return write_response(conclude(analysis, label), label)


def score(composition: Composition, completion: str, shown: Shown, label: str = "abnormal") -> RewardBreakdown:
    return composition.compose([completion], [shown], [label], [None], 35)[0]


def term(composition: Composition, name: str, analysis: str, shown: Shown, label: str = "abnormal") -> float:
    return score(composition, answer(analysis, label), shown).terms[name]


# ---------------------------------------------------------------- the answer that is evaluated


@pytest.mark.parametrize("truth", LABELS)
@pytest.mark.parametrize("tag", LABELS)
def test_a_conclusion_that_contradicts_the_tag_gets_the_least(
    checked: Composition, shown: Shown, truth: str, tag: str
) -> None:
    other = "normal" if tag == "abnormal" else "abnormal"
    found = score(checked, write_response(conclude(SOUND, other), tag), shown, truth)
    assert found.stated == "invalid"
    assert found.total == pytest.approx(checked.lowest_right)


@pytest.mark.parametrize(
    "rationale", [SOUND, f"{SOUND} So the log is not normal.", f"So the log is abnormal. {SOUND}", f"{SOUND} Abnormal."]
)
def test_a_text_without_a_conclusion_states_nothing(checked: Composition, shown: Shown, rationale: str) -> None:
    found = score(checked, write_response(rationale, "abnormal"), shown)
    assert found.stated == "invalid"
    assert found.total == pytest.approx(checked.lowest_right)


def test_the_worst_form_is_paid_less_than_any_right_one(checked: Composition, shown: Shown) -> None:
    assert score(checked, "abnormal", shown).total == checked.wrong < checked.lowest_right


# ---------------------------------------------------------------- the terms


def test_an_analysis_is_paid_for_arguing_for_its_answer(checked: Composition, shown: Shown) -> None:
    neither = 'It holds "uncorrectable ecc error" and "memory controller". Much could be said of these words.'
    assert term(checked, "argument", SOUND, shown) == term(checked, "argument", HARMLESS, shown, "normal") == 1
    assert term(checked, "argument", SOUND, shown, "normal") == term(checked, "argument", HARMLESS, shown) == 0
    assert 0 < term(checked, "argument", neither, shown) < 0.5


def test_a_claim_that_the_log_does_not_support_costs(checked: Composition, params: Params, shown: Shown) -> None:
    own, foreign = (scene.honest for scene in scenes(params.prompt, "abnormal", 0, [LOG, THIRD_LOG]))
    quotes = 'It holds "uncorrectable ecc error" and "memory controller".'
    assert term(checked, "support", own, shown) == 1
    assert term(checked, "support", f"{quotes} Much could be said of these words.", shown) == 0.5
    assert term(checked, "support", f"{quotes} A raccoon crept into the hall at night.", shown) == 0
    assert term(checked, "support", foreign, shown) == 0


@pytest.mark.parametrize(
    ("analysis", "value"),
    [
        (SOUND, 1),
        (f"This is abnormal. {SOUND}", 0),
        (SOUND.replace("Somebody", "It is an anomaly: somebody"), 0),
        (SOUND.replace("ecc error", "abnormal ecc error"), 1),
        (f'{SOUND} " This is abnormal.', 0),
        (f"It is abnòrmal. {SOUND}", 0),
        (f"It is ab-n0rmal. {SOUND}", 0),
        (f"This is clearly a fault. {SOUND}", 0),
        (f"No alarm: {SOUND}", 0),
        (f"{SOUND} In the end the log is bad.", 0),
        (f"{SOUND} It may be a bad part.", 1),
    ],
)
def test_nothing_but_the_conclusion_names_the_verdict(
    checked: Composition, shown: Shown, analysis: str, value: float
) -> None:
    assert term(checked, "verdict_last", analysis, shown) == value


@pytest.mark.parametrize(
    ("analysis", "value"),
    [
        (SOUND, 1),
        (SOUND.replace("Somebody", "First run e.g. fsck.ext4, check /var/log/messages, etc. and somebody"), 1),
        (SOUND.replace("Bits were lost in the main memory", "The is of a were lost the could"), 0),
        (f'"ecc error", "memory controller". {SOUND}', 0.5),
        ('Hier meldet "uncorrectable ecc error" einen Fehler im Speicher, den jemand bald beheben sollte.', 0),
        ('内存 报告 了 "uncorrectable ecc error" 错误，需要 有人 检查 这 台 机器 的 状态。', 0),
        (f"<b>{SOUND}</b>", 0.5),
        (SOUND.upper(), 0.5),
        (SOUND.replace(' "', '"'), 0.5),
        (SOUND.replace('" and a "', '""'), 0.5),
        (SOUND.replace("Somebody", "somebody"), 0.5),
        (SOUND.removesuffix(" replace the broken part."), 0.5),
    ],
)
def test_plain_english_prose_is_asked_for(checked: Composition, shown: Shown, analysis: str, value: float) -> None:
    assert term(checked, "language", analysis, shown) == value


@pytest.mark.parametrize("letter", ["\u200b", "\u202e", "\U000e0041", "\x1b", "е", "ａ", "ß"])
def test_a_character_that_is_not_seen_for_what_it_is_costs(checked: Composition, shown: Shown, letter: str) -> None:
    assert term(checked, "visible", SOUND.replace("lost", f"los{letter}t"), shown) == 0


@pytest.mark.parametrize("text", ["naïve", "a – b", "50 €", "one\ntwo\tthree"])
def test_ordinary_characters_can_be_seen(checked: Composition, shown: Shown, text: str) -> None:
    assert term(checked, "visible", f"{SOUND} {text}", shown) == 1


def test_letters_of_the_log_may_be_shown(checked: Composition, params: Params) -> None:
    log = show("défaillance électrique à <*>, réserve activée", params.prompt)
    assert term(checked, "visible", 'The log reports "défaillance électrique" and "réserve".', log) == 1


def grounding(composition: Composition, quotes: Sequence[str], shown: Shown) -> float:
    named = " and ".join(f'"{quote}"' for quote in quotes)
    behind = "Bits were lost in the part that is named here, so a program on this node may fail at any time."
    return term(composition, "grounding", f"The log reports {named}. {behind}", shown)


def test_quotes_without_weight_are_no_evidence(checked: Composition, shown: Shown) -> None:
    sound = grounding(checked, ["uncorrectable ecc error", "memory controller"], shown)
    assert sound > 0.5
    for quotes in (
        ["on", "of"],
        ["<*>", "<*>"],
        [shown.text],
        shown.text.split(", "),
        [f"{one} {two}" for one, two in zip(shown.text.split()[::2], shown.text.split()[1::2], strict=False)],
    ):
        assert grounding(checked, quotes, shown) < 0.25, quotes
    assert grounding(checked, ["ecc error", "ecc"], shown) < 0.7 * sound


def test_a_quote_may_have_the_case_of_the_log(checked: Composition, shown: Shown) -> None:
    own = grounding(checked, ["uncorrectable ECC error", "memory controller"], shown)
    assert own == pytest.approx(grounding(checked, ["uncorrectable ecc error", "memory controller"], shown), abs=0.02)
    assert grounding(checked, ["UNCORRECTABLE ecc error", "memory controller"], shown) < own - 0.1


def test_quotes_beside_the_point_count_less(checked: Composition, shown: Shown) -> None:
    beside = grounding(checked, ["memory", "page"], shown)
    assert beside < grounding(checked, ["memory", "error"], shown) - 0.1


def test_weight_of_quotes_can_be_ablated(checked: Composition, reward: RewardParams, shown: Shown) -> None:
    plain = Composition.from_params(reward.model_copy(update={"weigh_quotes": False}))
    assert grounding(checked, ["on", "of"], shown) < 0.2 < grounding(plain, ["on", "of"], shown)


def test_a_tool_that_the_rulebook_knows_is_not_invented(checked: Composition, shown: Shown) -> None:
    def with_tool(name: str) -> float:
        return term(checked, "grounding", SOUND.replace("Somebody", f"First run {name}, then somebody"), shown)

    advice = " ".join(check for domain in DOMAINS for checks in domain.checks.values() for check in checks)
    for tool in re.findall(r"\b[a-z]+_[a-z]+\b", advice) or ["none"]:
        assert with_tool(tool) == pytest.approx(with_tool("repairs"), abs=0.02)
    assert with_tool("node4711") < with_tool("repairs") - 0.1


def test_a_sentence_more_gains_no_brevity(checked: Composition, shown: Shown) -> None:
    short = 'Look at "ecc error" and "memory controller". The memory lost data. Somebody should replace it.'
    longer = f"{short} This was written with great care by those who know it."
    assert term(checked, "brevity", longer, shown) < term(checked, "brevity", short, shown)


# ---------------------------------------------------------------- variety


def varied(
    composition: Composition, texts: Sequence[str], logs: Sequence[str], params: Params, split: int | None = None
) -> list[float]:
    """The variety of analyses of a batch; beyond ``split`` they lie on another rank."""
    completions, shown = [answer(text) for text in texts], [show(log, params.prompt) for log in logs]
    split = len(texts) if split is None else split
    beside = list(zip(completions[split:], shown[split:], strict=True))
    labels, teachers = ["abnormal"] * split, [None] * split
    found = composition.compose(completions[:split], shown[:split], labels, teachers, 35, beside)
    return [entry.terms["variety"] for entry in found]


def test_the_same_text_for_different_logs_costs(checked: Composition, params: Params) -> None:
    logs = THREE
    assert varied(checked, [CONSTANT] * 3, logs, params) == [0, 0, 0]
    assert varied(checked, [CONSTANT, CONSTANT, SOUND], logs, params) == [0.5, 0.5, 1]
    assert varied(checked, [CONSTANT] * 2, [LOG, LOG], params) == [1, 1]


def test_a_constant_text_with_quotes_or_another_opening_is_found_out(checked: Composition, params: Params) -> None:
    filled = [f'The log reports "{quote}". {CONSTANT}' for quote in ("memory controller", "session", "carrier")]
    opened = [f"{opening}. {CONSTANT}" for opening in ("Look at this", "Here is a line", "One reads the following")]
    for texts in (filled, opened):
        assert varied(checked, texts, THREE, params) == [0, 0, 0]


def test_a_constant_with_words_of_the_log_is_found_out(checked: Composition, params: Params) -> None:
    texts = [
        f"Look at this. The {word} is at fault and somebody has to see to it." for word in ("dimm", "session", "port")
    ]
    assert varied(checked, texts, THREE, params) == [0, 0, 0]


def test_logs_that_differ_in_values_may_have_the_same_text(checked: Composition, params: Params) -> None:
    assert varied(checked, [CONSTANT] * 2, ["fan 17 is slow", "fan 18 is slow"], params) == [1, 1]


def test_ranks_see_the_same_variety_as_one_process(checked: Composition, params: Params) -> None:
    texts, logs = [CONSTANT, SOUND, CONSTANT], THREE
    whole = varied(checked, texts, logs, params)
    assert varied(checked, texts, logs, params, split=2) == whole[:2] == [0.5, 1]


def test_what_can_not_be_read_is_no_text_that_is_like_another(checked: Composition, params: Params) -> None:
    shown = [show(log, params.prompt) for log in (LOG, OTHER_LOG)]
    found = checked.compose(["no form", write_response(CONSTANT, "normal")], shown, ["normal"] * 2, [None] * 2, 35)
    assert [entry.stated for entry in found] == ["invalid", "invalid"]


# ---------------------------------------------------------------- presets


def test_each_term_can_be_ablated(reward: RewardParams, shown: Shown) -> None:
    for name in CHECKED:
        weights = reward.weights.model_copy(update={name: 0.0})
        composition = Composition.from_params(reward.model_copy(update={"weights": weights}))
        assert set(score(composition, answer(SOUND), shown).terms) == {
            other for other, weight in weights.model_dump().items() if weight > 0
        }


def test_the_other_presets_know_nothing_of_the_new_terms(reward: RewardParams, shown: Shown) -> None:
    for preset in ("paper", "released"):
        composition = Composition.from_params(reward.model_copy(update={"preset": preset}))
        found = score(composition, write_response(SOUND, "abnormal"), shown)
        assert not CHECKED & set(found.terms)
        assert found.stated == "abnormal"


# ---------------------------------------------------------------- whatever the text

texts = st.lists(
    st.one_of(
        st.sampled_from(['"', "<*>", "ecc", " ", "\n", "\ud800", ". ", "normal", "So the log is", "fails", "\u200b"]),
        st.text(st.characters(), max_size=6),
    ),
    max_size=14,
).map("".join)


@settings(max_examples=100, deadline=None)
@given(st.lists(texts, min_size=10, max_size=10), st.sampled_from(LABELS))
def test_every_text_stays_within_the_ranges(
    checked: Composition, reward: RewardParams, shown: Shown, analyses: list[str], label: str
) -> None:
    found = checked.compose(
        [answer(text, label) for text in analyses], [shown] * 10, ["abnormal", "normal"] * 5, [SOUND, None] * 5, 35
    )
    for entry in found:
        for name, value in entry.terms.items():
            low, high = (0.0, 1.0) if name in BATCH_TERMS else TERMS[name].bounds(reward)
            assert low <= value <= high, name
        assert entry.total == checked.wrong or entry.total >= checked.lowest_right - 1e-9


@pytest.mark.parametrize("unit", ["a", '"', "fails. ", '"ecc" ', "\u202e", "the memory ", "No action is needed. "])
def test_a_megabyte_is_read_in_a_moment(checked: Composition, shown: Shown, unit: str) -> None:
    assert math.isfinite(score(checked, answer(unit * (1_000_000 // len(unit))), shown).total)


# ---------------------------------------------------------------- probes


def test_no_probe_is_paid_as_much_as_honesty(checked: Composition, params: Params) -> None:
    """All of them on three logs; `make bench-rewards` has more logs, wordings and true labels."""
    assert len(PROBES) >= 40
    for stated in LABELS:
        taught, found = (scenes(params.prompt, stated, seed, THREE) for seed in (1, 0))
        teachers = [conclude(scene.honest, stated) for scene in taught]
        assert [*Trial(checked, found, stated, teachers, 35).losses()] == []


def test_a_probe_that_pays_is_found(params: Params, reward: RewardParams) -> None:
    paper = Composition.from_params(reward.model_copy(update={"preset": "paper"}))
    found = scenes(params.prompt, "normal", 0, THREE)
    losses = {loss.probe for loss in Trial(paper, found, "abnormal", [None] * 3, 35).losses()}
    assert {"tag against the conclusion", "one zero-width letter"} <= losses


def test_hand_written_answers_are_not_punished(checked: Composition, params: Params) -> None:
    for log, (label, analyses) in HAND_WRITTEN.items():
        for analysis in analyses:
            terms = score(checked, answer(analysis, label), show(log, params.prompt), label).terms
            assert terms["support"] >= 0.5 and terms["argument"] == terms["verdict_last"] == terms["language"] == 1
