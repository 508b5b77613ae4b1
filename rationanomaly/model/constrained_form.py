"""A verdict in form and in time: an analysis, the stem of its conclusion, a label, and what follows from that label.

A completion is ``<think>ANALYSIS So the log is LABEL.</think><answer>LABEL</answer>``. Only the analysis and the first
LABEL are the model's to choose: no tag and no end can come inside the analysis, quotes are literal
(`constrained_quotes`), the analysis of a log without words starts with saying so, one that has used up its tokens is
led to its conclusion (budget forcing, Muennighoff et al. 2025), behind the stem only the two label words remain, and
all behind the label is written as the label says. So conclusion and answer can't disagree, and a log that speaks of
answers can't give one. With a threshold the label is no choice either, but what the detector would answer.

The same automaton serves the detector, which stops at the stem; GRPO's sampling, which goes to the end; and GRPO's
loss, which needs to know at each token what could have come (`choices`).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

from rationanomaly.errors import TrainingError
from rationanomaly.model.constrained_quotes import Quoting, Vocabulary
from rationanomaly.model.label_tokens import first_difference
from rationanomaly.records import LABELS
from rationanomaly.text.evidence import NO_EVIDENCE, has_other_letters
from rationanomaly.text.prompt import ANSWER, CONCLUSION, END_ANSWER, END_THINK, THINK, Shown

if TYPE_CHECKING:
    from torch import Tensor
    from transformers import PreTrainedTokenizerBase

#: An analysis has room for so many tokens at least.
_LEAST_ROOM = 8


class Choice(NamedTuple):
    """What could come at one place of a completion.

    Attributes:
        allowed: the tokens of which one must come; None: any but the banned ones.
        may_open: whether a quote may begin, where anything may come.
    """

    allowed: Sequence[int] | None
    may_open: bool = True

    @property
    def forced(self) -> bool:
        """Whether only one token could come, so that nobody chose it."""
        return self.allowed is not None and len(self.allowed) == 1


@dataclass(frozen=True)
class Grammar:
    """The form in the tokens of one tokenizer.

    Attributes:
        prefix: of every completion.
        stem: of the conclusion, with the space before it.
        labels: label → the token behind the stem that tells it.
        tails: label → what follows that token, the end of text included.
        banned: tokens that can't come inside an analysis.
        vocabulary: the tokens' texts.
        literal: whether quotes must be spans of the log.
        room: tokens that an analysis may have.
        wordless: what the analysis of a log without words starts with, where quotes must be literal.
        threshold: P(abnormal) of the two labels from which on the label is abnormal; None: it is sampled.
    """

    prefix: tuple[int, ...]
    stem: tuple[int, ...]
    labels: Mapping[str, int]
    tails: Mapping[str, tuple[int, ...]]
    banned: tuple[int, ...]
    vocabulary: Vocabulary
    literal: bool
    room: int
    wordless: tuple[int, ...] = ()
    threshold: float | None = None

    @classmethod
    def of(cls, tokenizer: PreTrainedTokenizerBase, max_completion: int, literal: bool) -> Grammar:
        """The form for a tokenizer.

        Args:
            tokenizer: of the model.
            max_completion: tokens of a whole completion.
            literal: hold quotes to the log.

        Raises:
            TrainingError: the tokenizer writes both labels alike, or there is no room for an analysis.
        """
        ends = {label: f"{END_THINK}{ANSWER}{label}{END_ANSWER}" for label in LABELS}
        # In one go, as in training: a tokenizer may join the full stop with the tag.
        written = [_encode(tokenizer, f" {CONCLUSION} {label}.{ends[label]}") for label in LABELS]
        shared = first_difference(*written)
        if not shared:
            problem = "the tokenizer splits the answer words so that normal and abnormal can't be told apart"
            raise TrainingError(problem, hint="Use a base whose tokenizer knows bytes or letters")
        end = int(tokenizer.eos_token_id)
        by_label: Mapping[str, list[int]] = dict(zip(LABELS, written, strict=True))
        tails = {label: (*ids[shared + 1 :], end) for label, ids in by_label.items()}
        prefix = tuple(_encode(tokenizer, THINK))
        room = max_completion - len(prefix) - shared - 1 - max(map(len, tails.values()))
        if room < _LEAST_ROOM:
            problem = f"model.max_completion ({max_completion}) leaves an analysis {max(room, 0)} tokens"
            hint = f"Set model.max_completion to {max_completion + _LEAST_ROOM - room} or more"
            raise TrainingError(problem, hint=hint)
        opening = _encode(tokenizer, THINK + NO_EVIDENCE)
        wordless = tuple(opening[len(prefix) :]) if tuple(opening[: len(prefix)]) == prefix else ()
        vocabulary = Vocabulary.of(tokenizer)
        tags = {token for token, text in enumerate(vocabulary.texts) if "<" in text}
        # Outside a quote a token that only closes one would open one that is not held to the log.
        closing = set(vocabulary.closing) - set(vocabulary.opening)
        banned = tags.union(tokenizer.all_special_ids, {*vocabulary.mixed, *closing} if literal else ())
        labels = {label: ids[shared] for label, ids in by_label.items()}
        stem = tuple(written[0][:shared])
        return cls(prefix, stem, labels, tails, tuple(sorted(banned)), vocabulary, literal, room, wordless)

    def choices(self, log: Shown, completion: Sequence[int]) -> Iterator[Choice]:
        """What could have come at each place of a completion about ``log``."""
        state = State(self, log)
        for token in completion:
            yield Choice((token,)) if state.answers else state.choice()
            state.add(token)


class State:
    """Where one completion stands."""

    def __init__(self, grammar: Grammar, log: Shown) -> None:
        self._grammar = grammar
        self._quoting = Quoting(log.text, grammar.vocabulary, grammar.literal)
        self._phase: Literal["prefix", "analysis", "stem", "label", "tail", "end"] = "prefix"
        #: What has to come next, the first token first; empty where the model chooses.
        self._due = list(grammar.prefix)
        self._written = 0
        #: The end of what stands outside quotes, no longer than a conclusion's stem.
        self._unquoted = ""
        wordless = not self._quoting.has_words and not has_other_letters(log.text)
        if grammar.literal and wordless and len(grammar.wordless) < grammar.room:
            self._due += grammar.wordless
            self._written += len(grammar.wordless)

    @property
    def concluded(self) -> bool:
        """Whether the stem of the conclusion is written: what comes next is the verdict."""
        return self._phase in ("label", "tail", "end")

    @property
    def answers(self) -> bool:
        """Whether the label comes next, and is what its probability says."""
        return self._phase == "label" and self._grammar.threshold is not None

    def choice(self) -> Choice:
        """What may come next."""
        if self._due:
            return Choice(self._due[:1])
        match self._phase:
            case "label":
                return Choice(tuple(self._grammar.labels.values()))
            case "end":
                return Choice(self._grammar.tails[LABELS[0]][-1:])
        return Choice(self._quoting.allowed(), self._quoting.may_open())

    def add(self, token: int) -> None:
        """Take notice of the token that was chosen."""
        if self._due:
            self._due.pop(0)
            if not self._due:
                self._phase = _BEHIND[self._phase]
        elif self._phase == "label":
            label = next((name for name, one in self._grammar.labels.items() if one == token), LABELS[0])
            self._due, self._phase = list(self._grammar.tails[label]), "tail"
        elif self._phase == "analysis":
            self._analyse(token)

    def _analyse(self, token: int) -> None:
        self._written += 1
        self._quoting.add(token)
        # By its text: a tokenizer can spell the stem in several ways, and an analysis has one conclusion.
        texts = self._grammar.vocabulary.texts
        text = texts[token] if token < len(texts) else ""
        behind = "" if self._quoting.inside else text.rpartition('"')[2]
        self._unquoted = (self._unquoted + behind)[-len(CONCLUSION) :] if behind else ""
        if self._unquoted == CONCLUSION:
            self._phase = "label"
        elif self._written >= self._grammar.room:
            self._due, self._phase = list(self._grammar.stem), "stem"


_BEHIND: Mapping[str, Literal["analysis", "label", "end"]] = {"prefix": "analysis", "stem": "label", "tail": "end"}


class FormConstraint:
    """A logits processor for one batch of logs; see the module.

    Args:
        grammar: of the tokenizer.
        logs: one for each row of the batch, in order.
        width: number of prompt tokens in each row, padding included.
    """

    def __init__(self, grammar: Grammar, logs: Sequence[Shown], width: int) -> None:
        import torch

        self._grammar = grammar
        self._banned, self._opening = (
            torch.tensor(tokens, dtype=torch.int64) for tokens in (grammar.banned, grammar.vocabulary.opening)
        )
        self._states = [State(grammar, log) for log in logs]
        self._seen = width

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        """Rule out what may not come next; ``input_ids`` (rows, tokens), ``scores`` (rows, vocabulary)."""
        import torch

        self._catch_up(input_ids)
        choices = [state.choice() for state in self._states]
        free = [row for row, choice in enumerate(choices) if choice.allowed is None]
        closed = [row for row in free if not choices[row].may_open]
        limited = [
            (row, token)
            for row, choice in enumerate(choices)
            if choice.allowed is not None
            for token in ([self._answer(scores[row])] if self._states[row].answers else choice.allowed)
        ]
        # A few operations in all, however many rows: each is a call to a GPU.
        for chosen, ruled_out in ((free, self._banned), (closed, self._opening)):
            if chosen:
                places = torch.tensor(chosen, device=scores.device)[:, None]
                scores[places, ruled_out.to(scores.device)] = -float("inf")
        if limited:
            rows, tokens = torch.tensor(limited, device=scores.device).T
            kept = scores[rows, tokens]
            scores[rows] = -float("inf")
            scores[rows, tokens] = kept
        return scores

    def _answer(self, scores: Tensor) -> int:
        """The label's token of one row, by its scores before any temperature."""
        labels, threshold = self._grammar.labels, self._grammar.threshold
        probability = (scores[labels["abnormal"]] - scores[labels["normal"]]).double().sigmoid()
        return labels["abnormal" if threshold is not None and probability >= threshold else "normal"]

    def concluded(self, input_ids: Tensor) -> list[bool]:
        """Of each row, whether the stem of its conclusion is written."""
        self._catch_up(input_ids)
        return [state.concluded for state in self._states]

    def _catch_up(self, input_ids: Tensor) -> None:
        for tokens in input_ids[:, self._seen :].T.tolist():
            for state, token in zip(self._states, tokens, strict=True):
                state.add(token)
        self._seen = input_ids.shape[1]


def _encode(tokenizer: PreTrainedTokenizerBase, text: str) -> list[int]:
    ids: list[int] = tokenizer(text, add_special_tokens=False)["input_ids"]
    return ids
