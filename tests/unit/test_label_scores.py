"""Scores: of which two tokens, behind which text, and how finely they differ."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM

from rationanomaly.base.tokenizer import train_tokenizer
from rationanomaly.errors import TrainingError
from rationanomaly.model.chat_template import render
from rationanomaly.model.few_shot import FewShotExamples
from rationanomaly.model.scoring import Scorer, _HeadInputs
from rationanomaly.params import PromptParams
from rationanomaly.records import LABELS, LabelledText
from rationanomaly.text.prompt import CONCLUSION, THINK, Mode, conclude, show, write_response, write_verdict

SETTINGS = PromptParams(style="compact", normalise=True, max_words=48, max_characters=2000, few_shot_examples=0)
LOGS = [
    f"{part} {state}" for part in ("disk", "fan", "node", "link", "cable") for state in ("failed", "is ready", "up")
]
SAID = [write_response(conclude("It is up.", label), label) for label in LABELS]
LONG = "disk failed " + "γδεζ" * 175
TOKENIZER = train_tokenizer([*LOGS, *SAID, *map(write_verdict, LABELS)] * 20, 400)


def model() -> Any:
    torch.manual_seed(0)
    shape = {"hidden_size": 32, "intermediate_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2}
    made = LlamaForCausalLM(LlamaConfig(**shape, vocab_size=len(TOKENIZER), bos_token_id=0, eos_token_id=0))
    return made.to(torch.bfloat16).eval()


def scores(made: Any) -> np.ndarray:
    scorer = Scorer(made, TOKENIZER, SETTINGS, 64, literal_quotes=True)
    return np.asarray(scorer.direct_scores([show(log, SETTINGS) for log in LOGS]))


def test_what_rounding_made_equal_differs() -> None:
    torch.manual_seed(0)
    head = torch.nn.Linear(32, 10, bias=False, dtype=torch.bfloat16)
    states = (8 * torch.randn(500, 1, 32)).to(torch.bfloat16)
    with torch.no_grad():
        head.weight *= 8
        inputs = _HeadInputs(SimpleNamespace(get_output_embeddings=lambda: head, parameters=head.parameters))
        with inputs:
            logits = head(states)[:, -1]
            found = inputs.difference(logits, 3, 4)
    expected = states[:, 0].double() @ (head.weight[3] - head.weight[4].double())
    torch.testing.assert_close(found, expected)
    rounded = logits[:, 3] - logits[:, 4]
    assert len(rounded.unique()) < 450
    assert len(found.unique()) > 490


def test_a_model_that_scales_its_logits_behind_the_head_keeps_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    made = model()
    forward = made.forward

    def scaled(*arguments: Any, **options: Any) -> Any:
        found = forward(*arguments, **options)
        found.logits = found.logits * 64
        return found

    monkeypatch.setattr(made, "forward", scaled)
    found = scores(made)
    monkeypatch.setattr("rationanomaly.device.sharding.is_sharded", lambda _: True)
    assert (found == scores(made)).all()


def test_the_score_of_a_reasoned_verdict_is_read_at_the_stem_behind_the_analysis() -> None:
    made = model().float()
    scorer = Scorer(made, TOKENIZER, SETTINGS, 64, literal_quotes=True)
    logs = [show(log, SETTINGS) for log in LOGS[:3]]
    analyses = ["It is up.", "The disk failed.", "The fan failed. It is ready."]
    labels = {label: TOKENIZER(f" {label}", add_special_tokens=False)["input_ids"][-1] for label in LABELS}
    expected = []
    for log, analysis in zip(logs, analyses, strict=True):
        text = render(TOKENIZER, log, Mode.REASON, SETTINGS)
        ids = [
            *TOKENIZER(text)["input_ids"],
            *TOKENIZER(f"{THINK}{analysis} {CONCLUSION}", add_special_tokens=False)["input_ids"],
        ]
        with torch.no_grad():
            logits = made(input_ids=torch.tensor([ids])).logits[0, -1]
        expected.append(torch.softmax(logits[[labels["normal"], labels["abnormal"]]], 0)[1].item())
    found = scorer.reasoned_scores(logs, analyses)
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    # Of the same log another analysis gives another score.
    assert len({round(score, 6) for score in scorer.reasoned_scores([logs[0]] * 3, analyses)}) == 3


@pytest.mark.parametrize(
    ("written", "analysis"),
    [
        (f'{THINK}It says "disk failed". It stops. {CONCLUSION}', 'It says "disk failed". It stops.'),
        ('It is up. It says "disk failed. giving up" and so the', "It is up."),
        ('It is up. It says "disk failed.', "It is up."),
        ('It is up. It says "disk failed. giv', "It is up."),
        ('It says "disk failed. giving up" and so the', None),
        (f"It runs! {CONCLUSION}", "It runs!"),
        ("It runs on 3.5 volts and", None),
        ("", None),
    ],
)
def test_an_analysis_stops_behind_its_last_whole_sentence(
    monkeypatch: pytest.MonkeyPatch, written: str, analysis: str | None
) -> None:
    scorer = Scorer(model(), TOKENIZER, SETTINGS, 64, literal_quotes=True)
    monkeypatch.setattr(scorer, "_generate", lambda *_: [written])
    assert scorer.analyses([show(LOGS[0], SETTINGS)]) == [analysis]


def test_a_prompt_leaves_room_for_a_completion_in_the_context(monkeypatch: pytest.MonkeyPatch) -> None:
    made = model()
    made.config.max_position_embeddings = 128
    few_shot = FewShotExamples([LabelledText("fan failed", "abnormal")], 1)
    scorer = Scorer(made, TOKENIZER, SETTINGS, 64, literal_quotes=True, few_shot=few_shot)
    logs = [show(log, SETTINGS) for log in (LOGS[0], LONG)]
    (short, short_ids), (cut, cut_ids) = (scorer._prompt(log, Mode.REASON) for log in logs)
    assert (short.text, len(short.few_shot), len(short_ids) <= 64) == (LOGS[0], 1, True)
    longer = render(TOKENIZER, logs[1].beginning(len(cut.text) + 1), Mode.REASON, SETTINGS)
    assert (cut.few_shot, len(cut_ids) <= 64, len(TOKENIZER(longer)["input_ids"]) > 64) == ((), True, True)
    assert (cut.text, cut.original_span(0, len(cut.text))) == (LONG[: len(cut.text)], (0, len(cut.text)))
    widths: list[int] = []
    forward = made.forward

    def seen(**given: Any) -> Any:
        widths.append(given["input_ids"].shape[1])
        return forward(**given)

    def unwritten(input_ids: torch.Tensor, **_: Any) -> torch.Tensor:
        widths.append(input_ids.shape[1])
        return input_ids

    monkeypatch.setattr(made, "forward", seen)
    monkeypatch.setattr(made, "generate", unwritten)
    scorer.direct_scores(logs)
    scorer.reasoned_scores(logs, ["It is up."] * 2)
    scorer.analyses(logs)
    assert len(widths) >= 3
    assert max(widths) <= 128


def test_a_context_without_room_for_any_log_is_refused() -> None:
    made = model()
    made.config.max_position_embeddings = 64
    with pytest.raises(TrainingError, match="context of 64 tokens"):
        scores(made)


def test_a_model_without_a_context_of_its_own_is_shown_all() -> None:
    without: Any = SimpleNamespace(config=SimpleNamespace())
    scorer = Scorer(without, TOKENIZER, SETTINGS, 64, literal_quotes=True)
    shown, ids = scorer._prompt(show(LONG, SETTINGS), Mode.REASON)
    assert (shown.text, len(ids) > 512) == (LONG, True)


def test_no_hook_is_left() -> None:
    made = model()
    scores(made)
    assert not made.lm_head._forward_pre_hooks
