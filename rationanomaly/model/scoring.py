"""What a causal language model says of logs: the probability of abnormal, and a rationale with a verdict."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rationanomaly import progress
from rationanomaly.device import sharding
from rationanomaly.errors import TrainingError
from rationanomaly.model.batch_size import rows_at_once
from rationanomaly.model.chat_template import render
from rationanomaly.model.constrained_answer import AnswerInTime, TagsInOrder
from rationanomaly.model.constrained_quotes import LiteralQuotes, Vocabulary
from rationanomaly.model.few_shot import FewShotExamples
from rationanomaly.params import PromptParams
from rationanomaly.text.prompt import END_ANSWER, Mode, Shown, write_verdict

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

Floats = npt.NDArray[np.float64]
#: What rules out tokens while a completion is generated.
Constraint = LiteralQuotes | TagsInOrder | AnswerInTime


@dataclass(frozen=True)
class LabelTokens:
    """Where a direct verdict tells its label.

    Attributes:
        prefix: tokens that every direct verdict starts with.
        normal: the token behind the prefix that tells normal.
        abnormal: the token behind the prefix that tells abnormal.
    """

    prefix: tuple[int, ...]
    normal: int
    abnormal: int


def label_tokens(tokenizer: PreTrainedTokenizerBase) -> LabelTokens:
    """Find the first tokens in which the two verdicts differ.

    Raises:
        TrainingError: the tokenizer writes both verdicts alike, or one as the beginning of the other.
    """
    normal, abnormal = (
        tokenizer(write_verdict(label), add_special_tokens=False)["input_ids"] for label in ("normal", "abnormal")
    )
    shared = 0
    while shared < min(len(normal), len(abnormal)) and normal[shared] == abnormal[shared]:
        shared += 1
    ends = {normal[shared] if shared < len(normal) else None, abnormal[shared] if shared < len(abnormal) else None}
    if None in ends or tokenizer.unk_token_id in ends - {None}:
        problem = "the tokenizer splits the answer words so that normal and abnormal can't be told apart"
        raise TrainingError(problem, hint="Use a base whose tokenizer knows bytes or letters")
    return LabelTokens(tuple(normal[:shared]), normal[shared], abnormal[shared])


class Scorer:
    """A language model with its tokenizer, asked about logs in batches of similar length."""

    def __init__(
        self,
        model: PreTrainedModel,
        tokenizer: PreTrainedTokenizerBase,
        settings: PromptParams,
        max_completion: int,
        literal_quotes: bool,
        few_shot: FewShotExamples | None = None,
    ) -> None:
        self._model, self._tokenizer, self._settings = model, tokenizer, settings
        self._max_completion, self._literal_quotes = max_completion, literal_quotes
        self._few_shot = few_shot or FewShotExamples()
        self._labels = label_tokens(tokenizer)
        self._vocabulary: Vocabulary | None = None
        # A verdict that is closed is complete, whether the model has learnt to stop or not.
        closing = tokenizer(END_ANSWER, add_special_tokens=False)["input_ids"]
        self._ends = [tokenizer.eos_token_id, *(closing if len(closing) == 1 else ())]

    def probabilities(self, logs: Sequence[Shown]) -> Floats:
        """P(abnormal) at the label of the direct verdict, of the two labels only, shape (len(logs),).

        Raises:
            TrainingError: the weights hold something that is not a number.
        """
        import torch

        found = np.zeros(len(logs))
        prompts = [[*self._encode(log, Mode.DIRECT), *self._labels.prefix] for log in logs]
        with self._evaluating():
            for places in _by_length(prompts, self._rows(prompts)):
                ids, mask = self._padded([prompts[place] for place in places])
                logits = self._model(input_ids=ids, attention_mask=mask, logits_to_keep=1, use_cache=False).logits
                last = logits[:, -1].double()
                margins = last[:, self._labels.abnormal] - last[:, self._labels.normal]
                found[places] = torch.sigmoid(margins).cpu().numpy()
        if not np.isfinite(found).all():
            hint = "Lower the learning rate of the step that trained it"
            raise TrainingError("the model gives scores that are not numbers", hint=hint)
        return found

    def responses(self, logs: Sequence[Shown], task: str = "writing rationales") -> list[str]:
        """A completion of the reasoning prompt for each log, generated greedily."""
        found = [""] * len(logs)
        prompts = [self._encode(log, Mode.REASON) for log in logs]
        done = 0
        with self._evaluating():
            for places in _by_length(prompts, self._rows(prompts, self._max_completion)):
                ids, mask = self._padded([prompts[place] for place in places])
                constraints = self._constraints([logs[place] for place in places], ids.shape[1])
                generated = self._model.generate(
                    input_ids=ids,
                    attention_mask=mask,
                    do_sample=False,
                    max_new_tokens=self._max_completion,
                    pad_token_id=self._tokenizer.pad_token_id,
                    eos_token_id=self._ends,
                    logits_processor=constraints,
                )
                texts = self._tokenizer.batch_decode(generated[:, ids.shape[1] :], skip_special_tokens=True)
                for place, text in zip(places, texts, strict=True):
                    found[place] = text
                done += len(places)
                progress.report(task, done, len(logs), unit="templates")
        return found

    def _constraints(self, logs: Sequence[Shown], width: int) -> list[Constraint]:
        in_time = AnswerInTime(self._tokenizer, width, self._max_completion)
        constraints: list[Constraint] = [TagsInOrder(self._tokenizer, width), in_time]
        if self._literal_quotes:
            if self._vocabulary is None:
                self._vocabulary = Vocabulary.of(self._tokenizer)
            constraints.insert(0, LiteralQuotes(self._vocabulary, logs, width))
        return constraints

    def _rows(self, prompts: Sequence[Sequence[int]], completion: int = 0) -> int:
        """Rows of a batch: as many as fit when the longest prompts meet in one."""
        tokens = max(map(len, prompts), default=1) + completion
        return rows_at_once(self._model, tokens, generating=completion > 0)

    def _encode(self, log: Shown, mode: Mode) -> list[int]:
        text = render(self._tokenizer, self._few_shot.beside(log), mode, self._settings)
        ids: list[int] = self._tokenizer(text)["input_ids"]
        return ids

    def _padded(self, rows: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
        import torch

        width = max(map(len, rows))
        ids = torch.full((len(rows), width), self._tokenizer.pad_token_id)
        mask = torch.zeros_like(ids)
        for place, row in enumerate(rows):
            ids[place, width - len(row) :] = torch.tensor(row)
            mask[place, width - len(row) :] = 1
        device = self._model.device
        return ids.to(device), mask.to(device)

    def _evaluating(self) -> _Evaluating:
        return _Evaluating(self._model)


class _Evaluating:
    """Evaluation mode without gradients inside, the former mode afterwards."""

    def __init__(self, model: PreTrainedModel) -> None:
        import torch

        # Weights that ZeRO-3 gathers in inference mode could not be trained on afterwards.
        no_grad = torch.no_grad() if sharding.is_sharded(model) else torch.inference_mode()
        self._model, self._was_training, self._no_grad = model, model.training, no_grad

    def __enter__(self) -> None:
        self._model.eval()
        self._no_grad.__enter__()

    def __exit__(self, *exception: object) -> None:
        self._no_grad.__exit__(*exception)
        self._model.train(self._was_training)


def _by_length(prompts: Sequence[Sequence[int]], size: int) -> Iterator[list[int]]:
    """Positions of the prompts in batches of similar length, longest first."""
    order = sorted(range(len(prompts)), key=lambda place: (-len(prompts[place]), place))
    for start in range(0, len(order), size):
        yield order[start : start + size]
