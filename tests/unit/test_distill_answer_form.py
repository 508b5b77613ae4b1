"""Answers of reasoning models, as servers send them, in the one form that is asked for."""

from __future__ import annotations

import json
from typing import Any

import pytest

from rationanomaly.distill.answer_form import in_asked_form
from rationanomaly.distill.checks import Checker
from rationanomaly.distill.journal import Kept
from rationanomaly.distill.requests import answer_of
from rationanomaly.distill.wire import read_completion
from rationanomaly.text.prompt import write_response
from tests.distilling import ask, settings
from tests.growth import assert_linear

LOG = "pump seven reports low pressure behind the valve"
ANALYSIS = 'It names "low pressure" behind "the valve", so a part may run dry and be damaged. So the log is abnormal.'
ASKED = write_response(ANALYSIS, "abnormal")
OWN = "Okay, they want me to explain a line.\nLet me think about pumps."
VERDICT = "<answer>abnormal</answer>"

#: Of one model or server each: what it writes where it should write `ASKED`.
WRITTEN = {
    "as asked": ASKED,
    "blanks around": f" \n{ASKED}\n\n",
    "byte order mark": f"\ufeff\u200b{ASKED}",
    "prefilled": f"{ANALYSIS}\n</think>\n\n{VERDICT}",
    "own section first": f"<think>\n{OWN}\n</think>\n\n{ASKED}",
    "own section first, prefilled": f"{OWN}\n</think>\n\n{ASKED}",
    "two own sections": f"<think>{OWN}</think><think>{OWN}</think>{ASKED}",
    "own section that repeats the form": f"<think>{OWN} Form: <think>…</think>{VERDICT} is asked.</think>\n{ASKED}",
    "blank section first": f"<think>\n\n</think>\n\n{ASKED}",
    "blank section, then no opening tag": f"<think>\n\n</think>\n\n{ANALYSIS}</think>{VERDICT}",
    "blank section, prefilled": f"\n</think>\n\n{ANALYSIS}</think>{VERDICT}",
    "blank section and the analysis behind": f"<think>\n</think>\n{ANALYSIS}\n{VERDICT}",
    "thinking": f"<thinking>{ANALYSIS}</thinking>{VERDICT}",
    "own in thinking": f"<thinking>{OWN}</thinking>\n{ASKED}",
    "own in thought": f"<thought>\n{OWN}</thought>{ASKED}",
    "own in thoughts": f"<Thoughts>{OWN}</Thoughts>{ASKED}",
    "own in reasoning": f"<reasoning>{OWN}</reasoning>{ASKED}",
    "own in analysis": f"<analysis>{OWN}</analysis>{ASKED}",
    "with a prefix": f"<seed:think>{OWN}</seed:think>{ASKED}",
    "special tokens": f"<|begin_of_thought|>{OWN}<|end_of_thought|>\n<|begin_of_solution|>{ASKED}<|end_of_solution|>",
    "special tokens in capitals": f"<|START_THINKING|>{OWN}<|END_THINKING|><|START_RESPONSE|>{ASKED}<|END_RESPONSE|>",
    "triangles": f"◁think▷{OWN}◁/think▷\n{ASKED}",
    "triangles around the analysis": f"◁think▷{ANALYSIS}◁/think▷{VERDICT}",
    "brackets": f"[THINK]{OWN}[/THINK]{ASKED}",
    "channels": f"<|channel|>analysis<|message|>{OWN}<|end|><|start|>assistant<|channel|>final<|message|>{ASKED}",
    "block of code": f"```\n{ASKED}\n```",
    "block of XML": f"```xml\n<think>{ANALYSIS}</think>\n{VERDICT}\n```\n",
    "block around the answer": f"<think>{ANALYSIS}</think>\n\n```html\n{VERDICT}\n```",
    "backquotes": f"<think>{ANALYSIS}</think> `{VERDICT}`",
    "bold": f"**{ASKED}**",
    "bold in the answer": f"<think>{ANALYSIS}</think><answer> **Abnormal.** </answer>",
    "tags in capitals": f"<THINK>{ANALYSIS}</THINK><ANSWER>ABNORMAL</ANSWER>",
    "answer tag in capitals": f"<think>{ANALYSIS}</think><Answer>Abnormal</Answer>",
    "blanks in tags": f"< think >{ANALYSIS}</ think >< answer >abnormal</ answer >",
    "end of turn": f"{ASKED}<|im_end|>",
    "end of text": f"{ASKED}</s>",
}


@pytest.mark.parametrize("written", WRITTEN.values(), ids=WRITTEN)
def test_what_reasoning_models_write_is_brought_into_the_one_form(written: str) -> None:
    assert in_asked_form(written) == ASKED
    params = settings("prompt.normalise=false")
    assert Checker(params.distill).check(ask(params, LOG), in_asked_form(written)).reason is None
    assert in_asked_form(in_asked_form(written)) == in_asked_form(written)


#: By key of the message: what else a server says beside `content`.
APART: dict[str, dict[str, Any]] = {
    "reasoning_content": {"content": VERDICT, "reasoning_content": ANALYSIS},
    "reasoning": {"content": f"\n\n{VERDICT}", "reasoning": f"{ANALYSIS}\n"},
    "thinking": {"content": VERDICT, "thinking": ANALYSIS},
    "both names": {"content": VERDICT, "reasoning": ANALYSIS, "reasoning_content": None},
    "details": {"content": VERDICT, "reasoning_details": [{"type": "reasoning.text", "text": ANALYSIS}]},
    "with its tags": {"content": VERDICT, "reasoning_content": f"<think>\n{ANALYSIS}\n</think>"},
    "blank section left": {"content": f"<think>\n</think>\n{VERDICT}", "reasoning_content": ANALYSIS},
    "not needed": {"content": ASKED, "reasoning_content": OWN},
    "not needed, prefilled": {"content": f"{ANALYSIS}</think>{VERDICT}", "reasoning_content": OWN},
    "prose behind it": {"content": f"{ANALYSIS}\n\n{VERDICT}", "reasoning_content": OWN},
    "all of it there": {"content": None, "reasoning_content": ASKED},
    "all of it there, prefilled": {"content": "", "reasoning_content": f"{ANALYSIS}</think>{VERDICT}"},
    "parts": {"content": [{"type": "text", "text": ASKED[:40]}, {"type": "text", "text": ASKED[40:]}]},
    "output parts": {"content": [{"type": "output_text", "text": ASKED}]},
    "thinking part": {"content": [{"type": "thinking", "thinking": ANALYSIS}, {"type": "text", "text": VERDICT}]},
    "thinking part with parts": {
        "content": [
            {"type": "thinking", "thinking": [{"type": "text", "text": ANALYSIS}]},
            {"type": "text", "text": VERDICT},
        ]
    },
    "reasoning part": {"content": [{"type": "reasoning", "text": OWN}, {"type": "text", "text": ASKED}]},
}


def body(message: dict[str, Any], finish: str = "stop") -> bytes:
    return json.dumps({"choices": [{"message": {"role": "assistant"} | message, "finish_reason": finish}]}).encode()


@pytest.mark.parametrize("message", APART.values(), ids=APART)
def test_what_a_server_says_apart_is_used_or_left_out(message: dict[str, Any]) -> None:
    answer = read_completion(body(message), str).answer
    assert answer == Kept(ASKED, "stop")


@pytest.mark.parametrize(
    "written",
    [
        ANALYSIS,
        VERDICT,
        f"{ANALYSIS} {VERDICT}",
        f"<think>{ANALYSIS}</think>",
        f"<think>{ANALYSIS}</think>abnormal",
        f"<think></think>{VERDICT}",
        f"Certainly! {ASKED}",
        f"{ASKED} Anything else?",
        f"<think>{OWN}</think>{ANALYSIS}{VERDICT}",
        ASKED + ASKED,
        f"<think>The log says </think><answer>normal</answer>. {ANALYSIS}</think>{VERDICT}",
        f"<think>The log says </think>. {ANALYSIS}</think>{VERDICT}",
        f"{VERDICT}<think>{ANALYSIS}</think>",
    ],
)
def test_what_is_ambiguous_stays_and_is_refused(written: str) -> None:
    params = settings("prompt.normalise=false")
    assert in_asked_form(written) == written
    assert Checker(params.distill).check(ask(params, LOG), in_asked_form(written)).reason == "grammar"


@pytest.mark.parametrize(
    "message",
    [
        {"content": None},
        {"content": "", "reasoning_content": OWN},
        {"content": []},
        {"content": 7, "reasoning": 7},
        {"content": [7, {"type": "image"}, {"text": 7}], "reasoning_details": [7, {"text": 7}]},
        {"reasoning_content": {"text": OWN}},
    ],
)
def test_without_an_answer_it_is_empty_or_no_answer(message: dict[str, Any]) -> None:
    answer = answer_of(read_completion(body(message), str).answer)
    assert answer is not None
    assert (answer.text, answer.reason) == ("", "empty") or VERDICT not in answer.text


def test_thinking_that_used_up_the_tokens_is_truncated() -> None:
    answer = answer_of(read_completion(body({"content": None, "reasoning_content": OWN}, "length"), str).answer)
    assert answer is not None and answer.reason == "truncated"


def test_an_answer_that_an_earlier_version_journalled_is_read_alike() -> None:
    answer = answer_of(Kept(f"<think>{OWN}</think>\n{ASKED}", "stop"))
    assert answer is not None and (answer.text, answer.reason) == (ASKED, None)


def test_neither_label_stays_for_the_checks() -> None:
    assert in_asked_form(f"{ANALYSIS}</think><answer>I can't say</answer>").endswith("<answer>I can't say</answer>")


@pytest.mark.parametrize(
    "piece", ["<", "<think>", "</think>", "\n", "`", "<|a", "<aaaaaaaaaa:", "[THINK", "< think", "~*_ "]
)
def test_a_long_answer_takes_little_time(piece: str) -> None:
    def read(length: int) -> None:
        text = piece * (length // len(piece))
        assert in_asked_form(f"{text}{VERDICT}", text)

    assert_linear(read, 100_000)
