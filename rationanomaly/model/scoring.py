"""What a causal language model says of logs: analyses, what it concludes from each, and a verdict without any.

The reasoned verdict is read behind the model's own analysis: the probability of the two label words at the stem of the
conclusion, in a pass over the finished text. The direct verdict is that of a prompt that asks for no analysis.
"""

from __future__ import annotations

import hashlib
import sys
from bisect import bisect_right
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from rationanomaly import progress
from rationanomaly.device import ranks, sharding
from rationanomaly.errors import TrainingError
from rationanomaly.model.attempts import Attempts
from rationanomaly.model.batch_size import SCORING_BYTES, rows_at_once
from rationanomaly.model.chat_template import render
from rationanomaly.model.constrained_form import FormConstraint, Grammar
from rationanomaly.model.few_shot import FewShotExamples
from rationanomaly.model.label_tokens import first_difference
from rationanomaly.model.merging import merged
from rationanomaly.params import PromptParams
from rationanomaly.records import LABELS, Label
from rationanomaly.text.checks import sentence_ends
from rationanomaly.text.prompt import CONCLUSION, THINK, Mode, Shown, write_verdict

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import LogitsProcessor, PreTrainedModel, PreTrainedTokenizerBase

Floats = npt.NDArray[np.float64]


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


def label_tokens(tokenizer: PreTrainedTokenizerBase, write: Callable[[Label], str] = write_verdict) -> LabelTokens:
    """Find the first tokens in which the two verdicts differ.

    Args:
        tokenizer: of the model.
        write: the verdict of a label; direct ones if left out.

    Raises:
        TrainingError: the tokenizer writes both verdicts alike, or one as the beginning of the other.
    """
    normal, abnormal = (tokenizer(write(label), add_special_tokens=False)["input_ids"] for label in LABELS)
    shared = first_difference(normal, abnormal)
    if shared is None or tokenizer.unk_token_id in (normal[shared], abnormal[shared]):
        problem = "the tokenizer splits the answer words so that normal and abnormal can't be told apart"
        raise TrainingError(problem, hint="Use a base whose tokenizer knows bytes or letters")
    return LabelTokens(tuple(normal[:shared]), normal[shared], abnormal[shared])


class Scorer:
    """A language model with its tokenizer, asked about logs in batches of similar length.

    A prompt that leaves the base's context no room for a completion is made shorter: without its few-shot examples, and
    where that is not enough, with the beginning of the log alone.

    Attributes:
        attempts_together: whether all further attempts at an analysis are written in one batch, though the first may
            do: sooner for one log on a CPU, where a token of four rows takes little longer than of one. The same text
            is taken.
        scoring_bytes: memory of a batch (`batch_size`).
        is_shared: whether the ranks of a training, all of which ask the same, share the batches: each computes some,
            and gets the others' results. The batches stay as they are, and so do the scores. Weights that are sharded
            need every rank in every pass, so there each computes all.
    """

    attempts_together = False
    scoring_bytes = SCORING_BYTES
    is_shared = False

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

    @cached_property
    def grammar(self) -> Grammar:
        """The form of a completion in the model's tokens."""
        return Grammar.of(self._tokenizer, self._max_completion, self._literal_quotes)

    def direct_scores(self, logs: Sequence[Shown]) -> Floats:
        """P(abnormal) at the label of the direct verdict, of the two labels only, shape (len(logs),).

        Raises:
            TrainingError: the weights hold something that is not a number, or the context has no room for a log.
        """
        prompts = [[*self._encode(log, Mode.DIRECT), *self._labels.prefix] for log in logs]
        return self._label_scores(prompts, self._labels.normal, self._labels.abnormal)

    def reasoned_scores(self, logs: Sequence[Shown], analyses: Sequence[str]) -> Floats:
        """P(abnormal) at the stem of the conclusion behind each analysis, of the two labels only, shape (len(logs),).

        Args:
            logs: what was analysed.
            analyses: one for each log, as `analyses` gives them.

        Raises:
            TrainingError: the weights hold something that is not a number.
        """
        texts = [f"{THINK}{analysis} {CONCLUSION}" for analysis in analyses]
        prompts = [[*self._encode(log, Mode.REASON), *self._ids(text)] for log, text in zip(logs, texts, strict=True)]
        return self._label_scores(prompts, self.grammar.labels["normal"], self.grammar.labels["abnormal"])

    def analyses(
        self, logs: Sequence[Shown], index: int = 0, temperature: float = 1.0, task: str = "writing analyses"
    ) -> list[str | None]:
        """An analysis of each log without its conclusion; None for one that has no whole sentence.

        Args:
            logs: to be analysed.
            index: 0: the likeliest tokens; from 1 on: sampled, seeded by the log and this number, whatever stands
                beside it in the batch.
            temperature: of the sampling.
            task: name of the progress.
        """
        return self._analyses(logs, [index] * len(logs), temperature, task)

    def scored_analyses(
        self, logs: Sequence[Shown], count: int, temperature: float, attempts: int = 1
    ) -> list[list[tuple[float, str]]]:
        """Of each log its analyses that came to an end, each with the score behind it.

        Args:
            logs: to be analysed.
            count: analyses of each; a reasoned verdict is their `mean_score`.
            temperature: of all but the first that is written.
            attempts: how many may be written for each, of which one is taken (`Attempts`).
        """
        found: list[list[tuple[float, str]]] = [[] for _ in logs]
        for number in range(count):
            texts = self._borne_out_analyses(logs, number, count, temperature, attempts)
            valid = [place for place, text in enumerate(texts) if text is not None]
            written = [text for text in texts if text is not None]
            scores = self.reasoned_scores([logs[place] for place in valid], written)
            for place, score, text in zip(valid, scores, written, strict=True):
                found[place].append((float(score), text))
        return found

    def _borne_out_analyses(
        self, logs: Sequence[Shown], number: int, count: int, temperature: float, attempts: int
    ) -> list[str | None]:
        """Analysis ``number`` of ``count`` of each log; one written anew is seeded by a number of its own."""
        found = Attempts(logs)
        for attempt in range(1 if self.attempts_together else attempts):
            places = found.open_places()
            task = "writing analyses anew" if attempt else "writing analyses"
            shown = [logs[place] for place in places]
            found.add(places, self.analyses(shown, number + attempt * count, temperature, task))
        if self.attempts_together:
            indices = [number + attempt * count for attempt in range(1, attempts)]
            self._add_together(found, logs, indices, temperature)
        return found.analyses()

    def _add_together(self, found: Attempts, logs: Sequence[Shown], indices: Sequence[int], temperature: float) -> None:
        """Write in one batch what would have been written in turn, and take of it what would have been taken."""
        asked = [(index, place) for index in indices for place in found.open_places()]
        shown = [logs[place] for _, place in asked]
        texts = self._analyses(shown, [index for index, _ in asked], temperature, "writing analyses anew")
        for (_, place), text in zip(asked, texts, strict=True):
            if place in found.open_places():
                found.add([place], [text])

    def _analyses(
        self, logs: Sequence[Shown], indices: Sequence[int], temperature: float, task: str
    ) -> list[str | None]:
        """See `analyses`; with an index for each log, of which none or all are 0."""

        def form(places: Sequence[int], batch: Sequence[Shown], width: int) -> tuple[LogitsProcessor, ...]:
            constraint = FormConstraint(self.grammar, batch, width)
            if not any(indices):
                return (constraint,)
            return constraint, _SeededNoise(batch, [indices[place] for place in places], temperature)

        texts = self._generate(logs, form, self.grammar.room + len(self.grammar.prefix), task)
        return [_whole_sentences(text.removeprefix(THINK)) for text in texts]

    def free_texts(self, logs: Sequence[Shown], task: str = "writing freely") -> list[str]:
        """A completion of the reasoning prompt for each log without any constraint: what the model does by itself."""
        return self._generate(logs, None, self._max_completion, task)

    def _label_scores(self, prompts: Sequence[Sequence[int]], normal: int, abnormal: int) -> Floats:
        import torch

        found, own = np.zeros(len(prompts)), list[int]()
        head = _HeadInputs(self._model)
        with self._evaluating(), head:
            for places in self._own_batches(prompts, self._rows(prompts)):
                ids, mask = self._padded([prompts[place] for place in places])
                logits = self._model(input_ids=ids, attention_mask=mask, logits_to_keep=1, use_cache=False).logits
                odds = head.difference(logits[:, -1], abnormal, normal)
                found[places] = torch.sigmoid(odds).cpu().numpy()
                own += places
        for others, scores in self._of_others(own, found[own]):
            found[others] = scores
        if not np.isfinite(found).all():
            hint = "Lower the learning rate of the step that trained it"
            raise TrainingError("the model gives scores that are not numbers", hint=hint)
        return found

    def _generate(
        self,
        logs: Sequence[Shown],
        form: Callable[[Sequence[int], Sequence[Shown], int], tuple[LogitsProcessor, ...]] | None,
        limit: int,
        task: str,
    ) -> list[str]:
        """The likeliest tokens under ``form``, up to the stem of the conclusion; without a form up to the end."""
        fitted = [self._prompt(log, Mode.REASON) for log in logs]
        shown, prompts = [log for log, _ in fitted], [ids for _, ids in fitted]
        of_places = None
        if form is not None:

            def of_places(places: Sequence[int], width: int) -> tuple[LogitsProcessor, ...]:
                return form(places, [shown[place] for place in places], width)

        return self._written(prompts, limit, task, of_places)

    def _written(
        self,
        prompts: Sequence[Sequence[int]],
        limit: int,
        task: str,
        form: Callable[[Sequence[int], int], tuple[LogitsProcessor, ...]] | None = None,
    ) -> list[str]:
        """The likeliest tokens behind each prompt.

        Args:
            prompts: tokens of each.
            limit: tokens that are written, at most.
            task: what the progress is called.
            form: of a batch, by its places among the prompts and its width; the first constraint knows where its form
                ends.
        """
        found, own = [""] * len(prompts), list[int]()
        share = ranks.count() if self._shares() else 1
        with self._evaluating():
            for places in self._own_batches(prompts, self._rows(prompts, limit)):
                ids, mask = self._padded([prompts[place] for place in places])
                processors = form(places, ids.shape[1]) if form else ()
                generated = self._model.generate(
                    input_ids=ids,
                    attention_mask=mask,
                    do_sample=False,
                    max_new_tokens=limit,
                    pad_token_id=self._tokenizer.pad_token_id,
                    eos_token_id=self._tokenizer.eos_token_id,
                    logits_processor=list(processors),
                    stopping_criteria=[_Concluded(processors[0])] if processors else None,
                )
                texts = self._tokenizer.batch_decode(generated[:, ids.shape[1] :], skip_special_tokens=True)
                for place, text in zip(places, texts, strict=True):
                    found[place] = text
                own += places
                progress.report(task, min(len(own) * share, len(prompts)), len(prompts), unit="templates")
        for others, texts in self._of_others(own, [found[place] for place in own]):
            for place, text in zip(others, texts, strict=True):
                found[place] = text
        return found

    def _shares(self) -> bool:
        return self.is_shared and ranks.count() > 1 and not sharding.is_sharded(self._model)

    def _own_batches(self, prompts: Sequence[Sequence[int]], size: int) -> Iterator[list[int]]:
        """The batches that this rank computes: every n-th of n ranks, so that each gets long ones and short ones."""
        batches = by_length(prompts, size)
        return islice(batches, ranks.rank(), None, ranks.count()) if self._shares() else batches

    def _of_others(self, places: list[int], results: Any) -> list[tuple[list[int], Any]]:
        """Places and results of the other ranks, each of which comes here."""
        return ranks.of_others((places, results)) if self._shares() else []

    def _rows(self, prompts: Sequence[Sequence[int]], completion: int = 0) -> int:
        """Rows of a batch: as many as fit when the longest prompts meet in one."""
        tokens = max(map(len, prompts), default=1) + completion
        return rows_at_once(self._model, tokens, generating=completion > 0, memory=self.scoring_bytes)

    def _encode(self, log: Shown, mode: Mode) -> list[int]:
        return self._prompt(log, mode)[1]

    def _prompt(self, log: Shown, mode: Mode) -> tuple[Shown, list[int]]:
        """The log as its prompt shows it, and the prompt's tokens; see the class for one that is too long."""

        def encoded(shown: Shown) -> list[int]:
            ids: list[int] = self._tokenizer(render(self._tokenizer, shown, mode, self._settings))["input_ids"]
            return ids

        for shown in (self._few_shot.beside(log), log):
            ids = encoded(shown)
            if len(ids) <= self._room:
                return shown, ids
        lengths = range(len(log.text))
        found = bisect_right(lengths, self._room, key=lambda length: len(encoded(log.beginning(length))))
        if not found:
            problem = f"the base's context of {self._room + self._max_completion} tokens has no room for a log"
            raise TrainingError(problem, hint="Lower model.max_completion, or take a base with a longer context")
        shown = log.beginning(found - 1)
        return shown, encoded(shown)

    @cached_property
    def _room(self) -> int:
        """Tokens that a prompt may have."""
        context = getattr(self._model.config, "max_position_embeddings", None)
        return sys.maxsize if context is None else int(context) - self._max_completion

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer(text, add_special_tokens=False)["input_ids"]
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


def mean_score(analyses: Sequence[tuple[float, str]]) -> float:
    """The score of a reasoned verdict, of one or more of `Scorer.scored_analyses`."""
    return sum(score for score, _ in analyses) / len(analyses)


class _Concluded:
    """A stopping criterion: a row is done when the stem of its conclusion is written."""

    def __init__(self, form: FormConstraint) -> None:
        self._form = form

    def __call__(self, input_ids: Tensor, _scores: object, **_: object) -> Tensor:
        import torch

        return torch.tensor(self._form.concluded(input_ids), device=input_ids.device)


class _SeededNoise:
    """A logits processor that makes the likeliest token a sample (Gumbel-max), each row from a seed of its own."""

    def __init__(self, logs: Sequence[Shown], indices: Sequence[int], temperature: float) -> None:
        import torch

        self._temperature = temperature
        self._draws = []
        for log, index in zip(logs, indices, strict=True):
            digest = hashlib.sha256(f"{index}|{log.text}".encode()).digest()
            self._draws.append(torch.Generator().manual_seed(int.from_bytes(digest[:8], "big") >> 1))

    def __call__(self, _input_ids: Tensor, scores: Tensor) -> Tensor:
        import torch

        noise = [torch.rand(scores.shape[1], generator=draw) for draw in self._draws]
        gumbel = -(-torch.stack(noise).clamp_min(1e-20).log()).log()
        return scores.float() / self._temperature + gumbel.to(scores.device)


class _HeadInputs:
    """The states that a model's head was last given, to tell two of its logits apart more finely than it rounds them.

    Logits of 16 in bfloat16 are an eighth apart: of the scores of a thousand logs a few dozen different ones are left.
    """

    def __init__(self, model: PreTrainedModel) -> None:
        self._head = model.get_output_embeddings()
        self._is_sharded = sharding.is_sharded(model)
        self._states: Tensor | None = None
        self._hook: Any = None

    def __enter__(self) -> None:
        def keep(_head: Any, inputs: tuple[Tensor, ...]) -> None:
            self._states = inputs[0]

        self._hook = self._head.register_forward_pre_hook(keep)

    def __exit__(self, *exception: Any) -> None:
        self._hook.remove()

    def difference(self, logits: Tensor, token: int, other: int) -> Tensor:
        """The logit of a token minus that of another, double, shape (rows,).

        Args:
            logits: of the last place, as the model gave them, shape (rows, vocabulary).
            token, other: of the vocabulary.
        """
        import torch

        found = logits[:, [token, other]].double()
        if self._states is not None and not self._is_sharded and logits.dtype != torch.float32:
            rows = self._head.weight[[token, other]].double()
            exact = self._states[:, -1].double() @ rows.T
            # A model that scales or caps its logits behind the head keeps its own.
            if torch.allclose(exact, found, rtol=2 * torch.finfo(logits.dtype).eps, atol=1e-2):
                found = exact
        return found[:, 0] - found[:, 1]


def _whole_sentences(text: str) -> str | None:
    """The text up to its last whole sentence, without the stem of a conclusion; None where there is none."""
    analysis = text.strip().removesuffix(CONCLUSION).rstrip()
    ends = sentence_ends(analysis)
    return analysis[: ends[-1]] if ends else None


class _Evaluating:
    """Evaluation mode without gradients inside, the adapter merged where that pays; as it was afterwards."""

    def __init__(self, model: PreTrainedModel) -> None:
        import torch

        # Weights that ZeRO-3 gathers in inference mode could not be trained on afterwards.
        no_grad = torch.no_grad() if sharding.is_sharded(model) else torch.inference_mode()
        self._model, self._was_training, self._no_grad = model, model.training, no_grad
        self._merged = merged(model)

    def __enter__(self) -> None:
        self._model.eval()
        self._merged.__enter__()
        self._no_grad.__enter__()

    def __exit__(self, *exception: Any) -> None:
        self._no_grad.__exit__(*exception)
        self._merged.__exit__(*exception)
        self._model.train(self._was_training)


def by_length(prompts: Sequence[Sequence[int]], size: int) -> Iterator[list[int]]:
    """Positions of the prompts in batches of similar length, longest first."""
    order = sorted(range(len(prompts)), key=lambda place: (-len(prompts[place]), place))
    for start in range(0, len(order), size):
        yield order[start : start + size]
