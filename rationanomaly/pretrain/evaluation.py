"""What an adapter makes of held-out messages: loss, verdicts against the labels, the texts that it writes itself."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from sklearn.metrics import average_precision_score, f1_score

from rationanomaly.model.scoring import Scorer
from rationanomaly.params import PromptParams
from rationanomaly.pretrain.rows import Encoder, LabelTokens, Row
from rationanomaly.rulebook.written_text import WrittenText
from rationanomaly.text.prompt import Mode, show

if TYPE_CHECKING:
    from peft import PeftModel
    from torch import Tensor
    from transformers import PreTrainedTokenizerBase

#: Rows of a batch in which the loss is measured.
_ROWS = 25
#: Tokens of a text that the model writes by itself.
_LONGEST = 110


@dataclass(frozen=True)
class Evaluation:
    """Held-out rows, as many of either mode.

    Attributes:
        rows: by mode.
        labels: the tokens of the labels by mode.
    """

    rows: dict[Mode, list[Row]]
    labels: dict[Mode, LabelTokens]

    def measure(self, model: PeftModel, pad_id: int) -> dict[str, float]:
        """Loss, average precision and F1 at .5 by mode; at the stem behind the rulebook's own analysis."""
        import torch

        from rationanomaly.pretrain.training import pad, predict, weighted_loss

        found: dict[str, float] = {}
        model.eval()
        with torch.no_grad():
            for mode, rows in self.rows.items():
                losses, scores, ordered = [], [], sorted(rows, key=lambda row: row.tokens)
                for start in range(0, len(ordered), _ROWS):
                    part = ordered[start : start + _ROWS]
                    batch = pad(part, pad_id, 1.0)
                    logits = predict(model, batch)
                    losses.append(float(weighted_loss(logits, batch)) * len(part))
                    scores += _scores(logits[batch.verdicts], self.labels[mode])
                truth = [row.message.label == "abnormal" for row in ordered]
                name = "direct" if mode is Mode.DIRECT else "stem"
                found[f"{name}_loss"] = sum(losses) / max(1, len(ordered))
                found |= _quality(name, truth, scores)
        return found


def choose(encoder: Encoder, rows: Sequence[Row]) -> Evaluation:
    """Sort rows by mode."""
    by_mode = {mode: [row for row in rows if row.mode is mode] for mode in (Mode.DIRECT, Mode.REASON)}
    return Evaluation({mode: found for mode, found in by_mode.items() if found}, encoder.labels)


def _scores(logits: Tensor, labels: LabelTokens) -> list[float]:
    margins = logits[:, labels.abnormal] - logits[:, labels.normal]
    return [float(value) for value in margins.sigmoid()]


def _quality(name: str, truth: Sequence[bool], scores: Sequence[float]) -> dict[str, float]:
    if len(set(truth)) < 2:
        return {}
    answers = np.array(scores) >= 0.5
    return {
        f"{name}_ap": float(average_precision_score(truth, scores)),
        f"{name}_f1": float(f1_score(truth, answers, zero_division=0.0)),
    }


def written(
    model: PeftModel, tokenizer: PreTrainedTokenizerBase, rows: Sequence[Row], settings: PromptParams
) -> tuple[dict[str, float], list[dict[str, str]]]:
    """What the model writes by itself, greedily and without constraints, for reasoned rows.

    Returns:
        shares (parsed; quotes grounded; conclusion, tag and label agree) with F1 of the stated labels; the texts.
    """
    scorer = Scorer(model, tokenizer, settings, _LONGEST, literal_quotes=False)
    texts = scorer.free_texts([show(row.message.log, settings) for row in rows], "writing rationales")
    entries = [
        {"log": row.message.text, "label": row.message.label, "text": text}
        for row, text in zip(rows, texts, strict=True)
    ]
    return _shares(rows, texts, settings), entries


def _shares(rows: Sequence[Row], texts: Sequence[str], settings: PromptParams) -> dict[str, float]:
    read = [WrittenText.read(text, show(row.message.log, settings)) for row, text in zip(rows, texts, strict=True)]
    truth = [row.message.label == "abnormal" for row in rows]
    stated = [text.stated == "abnormal" for text in read]
    shares = {
        "parsed": [text.parses for text in read],
        "grounded": [text.grounded for text in read],
        "consistent": [text.label is not None for text in read],
    }
    found = {f"written_{name}": sum(values) / max(1, len(values)) for name, values in shares.items()}
    return {**found, "written_f1": float(f1_score(truth, stated, zero_division=0.0))}
