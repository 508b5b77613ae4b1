"""A trained model judges templates: answer, score, rationale, evidence.

detector = Detector.open(Path("outputs/grpo"))
for verdict in detector.judge(["link <*> down"]):
    print(verdict.answer, verdict.score, verdict.rationale)
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
import numpy.typing as npt

from rationanomaly import artifacts
from rationanomaly.decisions.precedents import Citation, Precedents
from rationanomaly.device import runtime
from rationanomaly.errors import ArtifactError
from rationanomaly.model.few_shot import read_few_shot
from rationanomaly.model.folder import Card, base_files, load_adapted, load_base, load_tokenizer, read_card
from rationanomaly.model.scoring import Scorer
from rationanomaly.records import Answer
from rationanomaly.text.evidence import Span, check_evidence
from rationanomaly.text.prompt import parse_response, show

_SEED = 0


@dataclass(frozen=True)
class Verdict:
    """What a model says of one template.

    Attributes:
        template: as it was given.
        answer: abnormal from the threshold on, else normal; invalid if the generated text does not parse, which is
            never counted as normal.
        score: P(abnormal) at the direct verdict, in [0, 1].
        stated: what the generated text says; None if none was asked for.
        rationale: its analysis; empty if none was asked for or it does not parse.
        evidence: quotes of the rationale that stand in the template, with their offsets.
        grounded: whether the rationale is (`evidence.Evidence`).
        precedent: the experts' decision that the answer was taken from; None: the answer is the model's own.
    """

    template: str
    answer: Answer
    score: float
    stated: Answer | None
    rationale: str
    evidence: tuple[Span, ...]
    grounded: bool
    precedent: Citation | None = None

    @property
    def source(self) -> Literal["model", "precedent"]:
        """Whose answer it is."""
        return "model" if self.precedent is None else "precedent"

    def under(self, precedent: Citation | None) -> Verdict:
        """This verdict with the answer of a precedent; all else stays what the model says."""
        if precedent is None:
            return self
        return replace(self, answer=precedent.precedent.label, precedent=precedent)


class Detector:
    """A model folder, loaded."""

    def __init__(self, scorer: Scorer, card: Card, folder: Path) -> None:
        self._scorer, self.card, self.folder = scorer, card, folder

    @classmethod
    def open(cls, folder: Path, threads: int = 1) -> Detector:
        """Load the output folder of sft or grpo, or of base for zero-shot verdicts.

        Args:
            folder: checked against its manifest first; nothing is loaded from one that doesn't hold.
            threads: of torch.

        Raises:
            ArtifactError: no manifest or a wrong one, no adapter, an adapter of another base, pickled weights, or a
                base with code of its own.
        """
        step = artifacts.read(folder).step
        card = read_card(folder)
        if step != card.stage:
            raise ArtifactError(
                f"was written by `{step}` but its card says {card.stage}", file=folder, hint="Train it anew"
            )
        runtime.prepare(_SEED, threads)
        model = load_base(base_files(folder, card)) if card.stage == "base" else load_adapted(folder, card)
        scorer = Scorer(
            model.to(runtime.device()),
            load_tokenizer(folder),
            card.prompt,
            card.max_completion,
            card.literal_quotes,
            read_few_shot(folder, card.prompt),
        )
        return cls(scorer, card, folder)

    def scores(self, templates: Sequence[str]) -> npt.NDArray[np.float64]:
        """P(abnormal) of each template, shape (len(templates),), in [0, 1]; equal texts are judged once."""
        distinct = list(dict.fromkeys(templates))
        found = self._scorer.probabilities([show(text, self.card.prompt) for text in distinct])
        by_text = dict(zip(distinct, found, strict=True))
        return np.array([by_text[text] for text in templates], dtype=np.float64)

    def judge(
        self, templates: Sequence[str], rationales: bool = True, precedents: Precedents | None = None
    ) -> list[Verdict]:
        """One verdict for each template, in order; equal texts are judged once.

        Args:
            templates: any texts.
            rationales: generate an analysis for each, which takes most of the time.
            precedents: take the answers of these where they have one; None: the model's own, as evaluation wants.
        """
        distinct = list(dict.fromkeys(templates))
        logs = [show(text, self.card.prompt) for text in distinct]
        scores = self._scorer.probabilities(logs)
        texts: Sequence[str | None] = self._scorer.responses(logs) if rationales else [None] * len(logs)
        by_text = {
            template: self._verdict(template, float(score), text).under(
                precedents.find(template) if precedents else None
            )
            for template, score, text in zip(distinct, scores, texts, strict=True)
        }
        return [by_text[template] for template in templates]

    def _verdict(self, template: str, score: float, text: str | None) -> Verdict:
        answer: Answer = "abnormal" if score >= self.card.threshold.value else "normal"
        if text is None:
            return Verdict(template, answer, score, None, "", (), grounded=False)
        response = parse_response(text)
        if response.problem is not None:
            answer = "invalid"
        checked = check_evidence(response.rationale, show(template, self.card.prompt))
        return Verdict(template, answer, score, response.stated, response.rationale, checked.spans, checked.grounded)
