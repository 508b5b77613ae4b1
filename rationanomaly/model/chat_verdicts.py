"""A base that can chat, asked about logs by prompts alone: what it knows before any training.

The score is the probability of the label "abnormal" of the two labels, at the place where the answer tells it. A
strategy that explains lets the model write first: what it says by itself is its answer, and a text from which no label
can be read is invalid.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rationanomaly import progress
from rationanomaly.errors import ArtifactError, TrainingError
from rationanomaly.model.chat_template import render_messages
from rationanomaly.model.folder import ModelFolder
from rationanomaly.model.label_tokens import first_difference
from rationanomaly.model.scoring import LabelTokens, Scorer, by_length
from rationanomaly.records import Answer, LabelledText
from rationanomaly.text.chat_prompts import Strategy, parse_answer
from rationanomaly.text.prompt import Shown

#: Tokens of a written answer with its reason, at most: the label comes first, and the reasons asked for are concise.
WRITTEN_TOKENS = 96


@dataclass(frozen=True)
class ChatAnswer:
    """What a prompt has got of the base.

    Attributes:
        answer: from the text where there is one, else from the score.
        score: P(abnormal) of the two labels.
        text: what the model wrote; None where it was only asked for a label.
    """

    answer: Answer
    score: float
    text: str | None = None


def can_chat(folder: ModelFolder) -> bool:
    """Whether a base has a chat template, without which it can't be asked so."""
    return folder.tokenizer.chat_template is not None


class ChatScorer(Scorer):
    """A base with its tokenizer, asked by messages."""

    @classmethod
    def of(cls, folder: ModelFolder) -> ChatScorer:
        """Load the output folder of `base`.

        Raises:
            ArtifactError: the base has no chat template, or what `ModelFolder.load` says.
        """
        if not can_chat(folder):
            hint = "Take a base that was trained to chat, or set evaluate.prompted_rows to 0"
            raise ArtifactError("holds a base without a chat template", file=folder.path, hint=hint)
        from rationanomaly.device import runtime

        model = folder.load(merged=True).to(runtime.device())
        return cls(model, folder.tokenizer, folder.card.prompt, WRITTEN_TOKENS, folder.card.literal_quotes)

    def verdicts(
        self, logs: Sequence[Shown], strategy: Strategy, examples: Sequence[LabelledText] = ()
    ) -> list[ChatAnswer]:
        """One verdict for each log.

        Args:
            logs: as `text.prompt.show` leaves them.
            strategy: how to ask.
            examples: labelled logs, of a strategy that shows some.

        Raises:
            TrainingError: scores that are not numbers, labels that the tokenizer can't tell apart, or a context without
                room for a log.
        """
        prompts = [self._fitted(log, lambda shown: strategy.message(shown, examples)) for log in logs]
        texts = self._written(prompts) if strategy.explains else [None] * len(logs)
        behind = [
            prompt if text is None else [*prompt, *self._ids(text)] for prompt, text in zip(prompts, texts, strict=True)
        ]
        labels = self._labels_of(strategy)
        scores = self._label_scores([[*ids, *labels.prefix] for ids in behind], labels.normal, labels.abnormal)
        return [_verdict(float(score), text) for score, text in zip(scores, texts, strict=True)]

    def _labels_of(self, strategy: Strategy) -> LabelTokens:
        normal, abnormal = (self._ids(strategy.stem + strategy.labels[label]) for label in ("normal", "abnormal"))
        shared = first_difference(normal, abnormal)
        if shared is None:
            problem = "the tokenizer splits the answer words so that normal and abnormal can't be told apart"
            raise TrainingError(problem, hint="Use a base whose tokenizer knows bytes or letters")
        return LabelTokens(tuple(normal[:shared]), normal[shared], abnormal[shared])

    def _fitted(self, log: Shown, message: Callable[[Shown], str]) -> list[int]:
        """The tokens of the prompt, with no more of the log than the context has room for."""

        def encoded(shown: Shown) -> list[int]:
            text = render_messages(self._tokenizer, [{"role": "user", "content": message(shown)}])
            ids: list[int] = self._tokenizer(text)["input_ids"]
            return ids

        ids = encoded(log)
        if len(ids) <= self._room:
            return ids
        lengths = range(len(log.text))
        found = bisect_right(lengths, self._room, key=lambda length: len(encoded(log.beginning(length))))
        if not found:
            hint = "Take a base with a longer context, or set evaluate.prompted_rows to 0"
            raise TrainingError("the base's context has no room for a log and the prompt about it", hint=hint)
        return encoded(log.beginning(found - 1))

    def _written(self, prompts: Sequence[Sequence[int]]) -> list[str]:
        """What the model writes behind each prompt, the likeliest tokens."""
        found = [""] * len(prompts)
        done = 0
        with self._evaluating():
            for places in by_length(prompts, self._rows(prompts, WRITTEN_TOKENS)):
                ids, mask = self._padded([prompts[place] for place in places])
                generated = self._model.generate(
                    input_ids=ids,
                    attention_mask=mask,
                    do_sample=False,
                    max_new_tokens=WRITTEN_TOKENS,
                    pad_token_id=self._tokenizer.pad_token_id,
                    eos_token_id=self._tokenizer.eos_token_id,
                )
                texts = self._tokenizer.batch_decode(generated[:, ids.shape[1] :], skip_special_tokens=True)
                for place, text in zip(places, texts, strict=True):
                    found[place] = text.strip()
                done += len(places)
                progress.report("answering prompts", done, len(prompts), unit="templates")
        return found


def _verdict(score: float, text: str | None) -> ChatAnswer:
    by_score: Answer = "abnormal" if score >= 0.5 else "normal"
    return ChatAnswer(by_score if text is None else parse_answer(text), score, text)
