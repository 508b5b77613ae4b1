"""What the systems say of the tested templates, and of those that sessions need."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from rationanomaly.evaluate.metrics import Judged
from rationanomaly.evaluate.sessions import ScoredAnswer
from rationanomaly.params import PromptParams

#: Texts that the models wrote with nothing ruled out.
FREE_TEXTS = "free_texts.jsonl"
#: Of a row of the tested templates, what its predictions repeat.
TEMPLATE_FIELDS = ("template_id", "template", "dataset", "split", "truth", "label", "mixed")


@dataclass(frozen=True)
class Prediction:
    """What one system says of one tested template; a line of predictions.jsonl.

    Attributes:
        model: one of `systems.SYSTEMS`, or `systems.CHAMPION`.
        truth: what the answer is held against; ``label`` is the corrected label.
        answer: normal, abnormal or invalid.
        score: probability of abnormal, behind the model's own analysis where it wrote one.
        direct_score: the same without an analysis; None for rules and classifiers. ``direct_answer`` comes from it.
        stated: what the generated text says; None where none was asked for.
        consistent: whether the text's conclusion, its answer tag and ``answer`` agree; None where none was asked for.
        rationale: the generated analysis with its conclusion; None where there is none.
        evidence: quotes that were found, with offsets into the template.
        grounded: whether the rationale's quotes hold (`evidence.check_evidence`).
        wordless: the template holds no words to quote.
        similar: of the final model's, the most similar templates that were learnt from: ``template``, ``label`` and
            ``similarity``.
        teacher_rationale: of the final model's, what the rulebook's teacher writes of the template, told no label.
    """

    model: str
    template_id: str
    template: str
    dataset: str
    split: str
    truth: str
    label: str
    mixed: bool
    answer: str
    score: float
    direct_score: float | None = None
    direct_answer: str | None = None
    stated: str | None = None
    consistent: bool | None = None
    rationale: str | None = None
    evidence: list[dict[str, Any]] = field(default_factory=list)
    grounded: bool = False
    wordless: bool = False
    similar: list[dict[str, Any]] = field(default_factory=list)
    teacher_rationale: str | None = None


@dataclass(frozen=True)
class SystemAnswers:
    """What one system says.

    Attributes:
        predictions: on the tested templates.
        by_id: verdicts by template id, on all that sessions need; all of one kind, so that a session's maximum never
            mixes reasoned and direct scores.
        session_threshold: chosen on validation sessions; None where these are too few.
        reasoned: rows of ``predictions`` that were given an analysis, in order.
        free: by row of ``predictions``, the text that the model writes with nothing ruled out.
        prompt: how the model sees a log; None for rules and classifiers.
        direct_scores: of a model, by template id, on all that sessions need.
    """

    name: str
    predictions: list[Prediction]
    by_id: Mapping[str, ScoredAnswer]
    session_threshold: float | None = None
    reasoned: Sequence[int] = ()
    free: Mapping[int, str] = field(default_factory=dict)
    prompt: PromptParams | None = None
    direct_scores: Mapping[str, float] = field(default_factory=dict)

    @property
    def rows(self) -> Sequence[int]:
        """The rows that the system is measured on: those with an analysis, or all of a system that writes none."""
        return self.reasoned or range(len(self.predictions))

    def judged(self, groups: Sequence[int], rows: Sequence[int] | None = None, column: str = "truth") -> Judged:
        """The predictions (those of ``rows``) as the metrics want them, against ``truth`` or ``label``."""
        chosen = self.rows if rows is None else rows
        mine = [self.predictions[row] for row in chosen]
        return Judged(
            [getattr(p, column) for p in mine],
            [p.answer for p in mine],
            [p.score for p in mine],
            [groups[row] for row in chosen],
        )

    def judged_directly(self, groups: Sequence[int], rows: Sequence[int] | None = None) -> Judged:
        """The direct verdicts of a model, of all rows or of these."""
        chosen = range(len(self.predictions)) if rows is None else rows
        mine = [self.predictions[row] for row in chosen]
        return Judged(
            [p.truth for p in mine],
            [p.direct_answer or p.answer for p in mine],
            [p.score if p.direct_score is None else p.direct_score for p in mine],
            [groups[row] for row in chosen],
        )


@dataclass(frozen=True)
class SessionAnswers:
    """What a model of whole sessions says of the tested ones.

    Attributes:
        name: one of `systems.SESSION_SYSTEMS`, `systems.CHAMPION_SESSIONS`, or of `session_models.choice.CANDIDATES`.
        answers: normal or abnormal, in the order of the tested sessions.
        scores: larger for more suspicious; of no unit.
        threshold: from which score on a session is abnormal.
        rule: how that was chosen, in words.
    """

    name: str
    answers: list[str]
    scores: list[float]
    threshold: float
    rule: str


def rows_of(systems: Sequence[SystemAnswers]) -> Iterator[dict[str, Any]]:
    """All predictions of all systems as JSON objects."""
    for system in systems:
        for prediction in system.predictions:
            yield asdict(prediction)


def free_rows_of(systems: Sequence[SystemAnswers]) -> Iterator[dict[str, Any]]:
    """The freely generated texts as JSON objects."""
    for system in systems:
        for row, text in system.free.items():
            found = system.predictions[row]
            yield {"model": system.name, "template_id": found.template_id, "answer": found.answer, "text": text}
