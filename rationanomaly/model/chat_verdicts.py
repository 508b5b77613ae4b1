"""A base that can chat, asked about logs by prompts alone: what it knows before any training.

The score is the probability of the label "abnormal" of the two labels, at the place where the answer tells it. A
strategy that explains lets the model write first: what it says by itself is its answer, and a text from which no label
can be read is invalid.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rationanomaly.errors import ArtifactError, TrainingError
from rationanomaly.model.chat_template import render_messages
from rationanomaly.model.folder import ModelFolder
from rationanomaly.model.scoring import Scorer, label_tokens
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
        texts: Sequence[str | None] = [None] * len(logs)
        if strategy.explains:
            texts = [text.strip() for text in self._written(prompts, WRITTEN_TOKENS, "answering prompts")]
        behind = [
            prompt if text is None else [*prompt, *self._ids(text)] for prompt, text in zip(prompts, texts, strict=True)
        ]
        labels = label_tokens(self._tokenizer, lambda label: strategy.stem + strategy.labels[label])
        scores = self._label_scores([[*ids, *labels.prefix] for ids in behind], labels.normal, labels.abnormal)
        return [_verdict(float(score), text) for score, text in zip(scores, texts, strict=True)]

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


def _verdict(score: float, text: str | None) -> ChatAnswer:
    by_score: Answer = "abnormal" if score >= 0.5 else "normal"
    return ChatAnswer(by_score if text is None else parse_answer(text), score, text)
