"""What is asked of a text that a model wrote of a log, by whoever asks: rewards, validations, the evaluation.

Each question is about one text. Which texts a share is of, and what an answer of None counts there, is the asker's.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from rationanomaly.records import Label
from rationanomaly.rulebook.argument import Argument, read_argument
from rationanomaly.rulebook.support import support, supported
from rationanomaly.text.evidence import check_evidence
from rationanomaly.text.prompt import Shown, parse_response, split_conclusion


@dataclass(frozen=True)
class WrittenText:
    """One text, as it was read.

    Attributes:
        shown: the log as the prompt showed it.
        rationale: the analysis, with its conclusion where it has one; empty where the text does not parse.
        stated: the label of the answer tag, or ``invalid`` where the text does not parse; None: it was asked for none.
    """

    shown: Shown
    rationale: str
    stated: str | None = None

    @classmethod
    def read(cls, text: str, shown: Shown) -> WrittenText:
        """Read a whole completion."""
        response = parse_response(text)
        return cls(shown, response.rationale, response.stated)

    @property
    def parses(self) -> bool:
        """Whether it has the form that was asked for."""
        return self.stated not in (None, "invalid")

    @property
    def label(self) -> Label | None:
        """The label that conclusion and answer tag both give; None where they differ, or one of them gives none."""
        concluded = self._split[1]
        return concluded if concluded == self.stated else None

    @property
    def grounded(self) -> bool:
        """Whether its quotes hold (`evidence.check_evidence`)."""
        return check_evidence(self.rationale, self.shown).grounded

    @cached_property
    def borne_out(self) -> float:
        """How far the words of the log bear it out: `support.support`, and nothing where its quotes don't hold."""
        return support(self.argument, self.shown) if self.grounded else 0.0

    @property
    def analysis(self) -> str:
        """The rationale without its conclusion."""
        return self._split[0]

    @cached_property
    def argument(self) -> Argument:
        """What the analysis argues for and claims, as the rulebook reads it."""
        return read_argument(self.analysis)

    @property
    def supported(self) -> bool | None:
        """Whether the log's words support what is claimed; None where nothing is claimed that the rulebook knows."""
        return supported(self.argument, self.shown)

    @cached_property
    def _split(self) -> tuple[str, Label | None]:
        return split_conclusion(self.rationale)
