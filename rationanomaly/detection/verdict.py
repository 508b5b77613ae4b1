"""What the detector says: of a template, and of a log line."""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

from rationanomaly.decisions.precedents import Citation
from rationanomaly.records import Answer
from rationanomaly.text.evidence import Span

#: The suspicion where a template is an alarm only without some of its words, which speak for it.
HIDDEN_ALARM = "hidden alarm"


@dataclass(frozen=True)
class Verdict:
    """What a model says of one template.

    Attributes:
        template: as it was given.
        answer: abnormal from the threshold of the kind of verdict on, else normal; invalid if no analysis came to an
            end, which is never counted as normal.
        score: P(abnormal) in [0, 1]: behind the model's own analysis, a mean where there are several; of the direct
            verdict where no analysis was asked for or none came to an end.
        direct_score: P(abnormal) of the direct verdict, in [0, 1].
        stated: what the text that is shown concludes and answers; None if no analysis was asked for.
        consistent: whether its conclusion, its answer and ``answer`` agree; None if no analysis was asked for.
        rationale: the analysis with its conclusion; None if none was asked for, empty if none came to an end.
        evidence: quotes of the rationale that stand in the template, with their offsets.
        grounded: whether the rationale is (`evidence.Evidence`).
        suspicions: by what the template looks as if it were written to turn a verdict: `text.canonical.Reason`, or
            `HIDDEN_ALARM`; sorted.
        unseen: characters of the template, but for blanks, that the model was not shown; of a line's verdict also those
            of its message that are no part of the template (``parse.max_words``).
        precedent: the experts' decision that the answer was taken from; None: the answer is the model's own.
    """

    template: str
    answer: Answer
    score: float
    direct_score: float
    stated: Answer | None
    consistent: bool | None
    rationale: str | None
    evidence: tuple[Span, ...]
    grounded: bool
    suspicions: tuple[str, ...] = ()
    unseen: int = 0
    precedent: Citation | None = None

    @property
    def suspicious(self) -> bool:
        """Whether the template looks as if it were written to turn a verdict; says nothing of ``answer``."""
        return bool(self.suspicions)

    @property
    def source(self) -> Literal["model", "precedent"]:
        """Whose answer it is."""
        return "model" if self.precedent is None else "precedent"

    def under(self, precedent: Citation | None) -> Verdict:
        """This verdict with the answer of a precedent; all else stays what the model says."""
        if precedent is None:
            return self
        answer = precedent.precedent.label
        consistent = None if self.consistent is None else self.consistent and self.stated == answer
        return replace(self, answer=answer, consistent=consistent, precedent=precedent)

    def as_row(self) -> dict[str, Any]:
        """One JSON object: a line of `rationanomaly detect --templates`, a row of the served model."""
        return {
            "template": self.template,
            "answer": self.answer,
            "score": round(float(self.score), 6),
            "direct_score": round(float(self.direct_score), 6),
            "stated": self.stated,
            "consistent": self.consistent,
            "rationale": self.rationale,
            "evidence": [asdict(span) for span in self.evidence],
            "suspicious": self.suspicious,
            "suspicions": list(self.suspicions),
            "unseen": self.unseen,
            "source": self.source,
            "precedent": None if self.precedent is None else _cite(self.precedent),
        }


@dataclass(frozen=True)
class LineVerdict:
    """A record of a log and the verdict on its template; the evidence's offsets point into the template.

    Attributes:
        line: number of its first line, from 1 on.
        session: the first session that it belongs to; None if it belongs to none.
        message: without the format's header.
        verdict: shared by all records of the same template.
    """

    line: int
    session: str | None
    message: str
    verdict: Verdict


def _cite(citation: Citation) -> dict[str, Any]:
    return asdict(citation.precedent) | {"similarity": round(citation.similarity, 6)}
