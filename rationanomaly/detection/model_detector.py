"""A model folder, loaded: the model's own verdicts on templates, as evaluation and registration want them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Self

import numpy as np
import numpy.typing as npt

from rationanomaly.detection.verdict import Verdict
from rationanomaly.device import runtime
from rationanomaly.errors import ParamsError
from rationanomaly.model.card import Card
from rationanomaly.model.folder import ModelFolder
from rationanomaly.model.scoring import Scorer
from rationanomaly.records import Answer
from rationanomaly.text.evidence import check_evidence
from rationanomaly.text.prompt import parse_response, show

_SEED = 0


def listed(templates: Iterable[str]) -> list[str]:
    """The templates, which may come from a generator.

    Raises:
        ParamsError: it is one text, whose letters would be judged one by one.
    """
    if isinstance(templates, str):
        raise ParamsError("templates are given as one text", hint="Give a list of texts, such as judge([text])")
    return list(templates)


class ModelDetector:
    """Judges templates by the model alone; what experts have decided is for `detector.Detector`.

    Attributes:
        card: says from which score on a template is abnormal.
    """

    def __init__(self, folder: ModelFolder, scorer: Scorer) -> None:
        self._folder, self._scorer = folder, scorer
        self.card: Card = folder.card

    @classmethod
    def open(cls, folder: Path, threads: int = 1) -> Self:
        """Load the output folder of sft or grpo, or of base for zero-shot verdicts.

        Args:
            folder: checked against its manifest first; nothing is loaded from one that doesn't hold.
            threads: of torch.

        Raises:
            ArtifactError: no manifest or a wrong one, no adapter, an adapter of another base, pickled weights, or a
                base with code of its own.
        """
        verified = ModelFolder.open(folder)
        runtime.prepare(_SEED, threads)
        return cls(verified, verified.scorer(verified.load().to(runtime.device())))

    def scores(self, templates: Iterable[str]) -> npt.NDArray[np.float64]:
        """P(abnormal) of each template, shape (len(templates),), in [0, 1]; equal texts are judged once."""
        templates = listed(templates)
        distinct = list(dict.fromkeys(templates))
        found = self._scorer.probabilities([show(text, self.card.prompt) for text in distinct])
        by_text = dict(zip(distinct, found, strict=True))
        return np.array([by_text[text] for text in templates], dtype=np.float64)

    def judge(self, templates: Iterable[str], rationales: bool = True) -> list[Verdict]:
        """One verdict for each template, in order; equal texts are judged once.

        Args:
            templates: any texts.
            rationales: generate an analysis for each, which takes most of the time.
        """
        templates = listed(templates)
        distinct = list(dict.fromkeys(templates))
        logs = [show(text, self.card.prompt) for text in distinct]
        scores = self._scorer.probabilities(logs)
        texts: Sequence[str | None] = self._scorer.responses(logs) if rationales else [None] * len(logs)
        by_text = {
            template: self._verdict(template, float(score), text)
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
