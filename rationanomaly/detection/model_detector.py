"""A model folder, loaded: the model's own verdicts on templates, as evaluation and registration want them."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Self, get_args

import numpy as np
import numpy.typing as npt

from rationanomaly.detection.verdict import HIDDEN_ALARM, Verdict
from rationanomaly.device import runtime
from rationanomaly.errors import ParamsError
from rationanomaly.model.card import Card, Threshold
from rationanomaly.model.folder import ModelFolder
from rationanomaly.model.scoring import Scorer, mean_score
from rationanomaly.model.views import ScoredViews, score_views
from rationanomaly.params import VerdictKind
from rationanomaly.records import Label
from rationanomaly.text.evidence import as_logged, check_evidence
from rationanomaly.text.prompt import Shown, conclude, parse_response, show, split_conclusion, write_response

_log = logging.getLogger(__name__)
_SEED = 0
#: Characters of a template in a warning.
_EXAMPLE = 40


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
        card: says from which score on a template is abnormal, by kind of verdict.
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
        return cls(verified, verified.scorer(verified.load(merged=True).to(runtime.device())))

    def use_memory(self, gigabytes: float) -> None:
        """Judge in batches of so much memory: larger ones are sooner done, and change the last bits of scores."""
        self._scorer.scoring_bytes = int(gigabytes * 2**30)

    @property
    def base_files(self) -> Path:
        """The folder with the files of its base."""
        return self._folder.base_files

    def direct_scores(self, templates: Iterable[str]) -> npt.NDArray[np.float64]:
        """P(abnormal) of each template's direct verdict, shape (len(templates),): the highest of its views' (`views`).

        Equal texts are judged once.
        """
        templates = listed(templates)
        distinct = list(dict.fromkeys(templates))
        by_text = {text: scored.score for text, scored in zip(distinct, self._score(distinct), strict=True)}
        return np.array([by_text[text] for text in templates], dtype=np.float64)

    def free_texts(self, templates: Iterable[str]) -> list[str]:
        """A completion for each template without any constraint: what the model writes by itself, for evaluation."""
        return self._scorer.free_texts([show(text, self.card.prompt) for text in listed(templates)])

    def judge(
        self, templates: Iterable[str], verdict: VerdictKind | None = None, analyses: int | None = None
    ) -> list[Verdict]:
        """One verdict for each template, in order; equal texts are judged once.

        An analysis is written of the template as it is, or of its view with the highest direct score where that is an
        alarm and the template is none, or where it is longer than a prompt shows.

        Args:
            templates: any texts.
            verdict: ``reasoned``: out of the model's own analysis; ``direct``: without one, far faster; None: as the
                model folder's card says.
            analyses: of each template, over which the score is averaged; None: as the card says.

        Raises:
            ParamsError: ``templates`` is one text, an unknown kind of verdict, or fewer than one analysis.
        """
        templates = listed(templates)
        kind = verdict or self.card.detect.verdict
        count = self.card.detect.analyses if analyses is None else analyses
        if kind not in get_args(VerdictKind):
            raise ParamsError(f"verdict={kind!r} is unknown", hint="Give `reasoned` or `direct`")
        if count < 1:
            raise ParamsError(f"analyses={count} is none", hint="Give 1 or more, or verdict=`direct`")
        distinct = list(dict.fromkeys(templates))
        found = self._score(distinct)
        analysed = self._analyse([scored.log for scored in found], count) if kind == "reasoned" else None
        by_text = {
            template: replace(
                self._without_analysis(template, scored.score)
                if analysed is None
                else self._reasoned(template, scored.log, scored.score, analysed[place]),
                suspicions=scored.suspicions,
                unseen=scored.unseen,
            )
            for place, (template, scored) in enumerate(zip(distinct, found, strict=True))
        }
        return [by_text[template] for template in templates]

    def _score(self, templates: Sequence[str]) -> list[DirectScore]:
        scored = score_views(self._scorer, templates, self.card.prompt, clauses=self.card.detect.clauses)
        return [DirectScore.of(one, self.card.direct_threshold.value) for one in scored]

    def _analyse(self, logs: Sequence[Shown], count: int) -> list[list[tuple[float, str]]]:
        """Of each log its analyses that came to an end, each with the score behind it."""
        settings = self.card.detect
        found = self._scorer.scored_analyses(logs, count, settings.temperature, settings.attempts)
        endless = [log.text for log, analyses in zip(logs, found, strict=True) if not analyses]
        if endless:
            example = endless[0] if len(endless[0]) <= _EXAMPLE else f"{endless[0][:_EXAMPLE]}..."
            _log.warning(
                "%s: %d of %d templates are `invalid`, such as %r: no analysis came to an end within %d tokens; "
                "train it longer, or judge with --verdict direct",
                self._folder.path, len(endless), len(logs), example, self.card.max_completion,
            )  # fmt: skip
        return found

    def _without_analysis(self, template: str, score: float) -> Verdict:
        answer = _answer(score, self.card.direct_threshold)
        return Verdict(template, answer, score, score, None, None, None, (), grounded=False)

    def _reasoned(self, template: str, log: Shown, direct: float, analyses: Sequence[tuple[float, str]]) -> Verdict:
        """The verdict of the analyses' mean, shown with the one that argues for it most."""
        if not analyses:
            return Verdict(template, "invalid", direct, direct, "invalid", False, "", (), grounded=False)
        score = mean_score(analyses)
        answer = _answer(score, self.card.threshold)
        # Of several, one always lies on the mean's side of the threshold.
        _, analysis = (max if answer == "abnormal" else min)(analyses, key=lambda one: one[0])
        rationale = conclude(as_logged(analysis, log), answer)
        response = parse_response(write_response(rationale, answer))
        _, concluded = split_conclusion(response.rationale)
        checked = check_evidence(response.rationale, log)
        return Verdict(
            template,
            answer if response.problem is None else "invalid",
            score,
            direct,
            response.stated,
            response.stated == concluded == answer,
            response.rationale,
            checked.spans,
            checked.grounded,
        )


@dataclass(frozen=True)
class DirectScore:
    """What the direct verdict says of a template.

    Attributes:
        log: the view that an analysis is written of.
        score: the highest of all views.
        suspicions: by what the template looks like an attack on the model (`views`), sorted.
        unseen: characters of it that stand in no view, but for blanks.
    """

    log: Shown
    score: float
    suspicions: tuple[str, ...]
    unseen: int

    @classmethod
    def of(cls, scored: ScoredViews, alarm: float) -> DirectScore:
        """The most abnormal view; the template itself where it is called the same, so that all of it is argued about.

        Args:
            scored: the views of the template.
            alarm: the score from which on a template is abnormal.
        """
        views, score = scored.views, scored.score
        if max(scored.whole) < alarm <= score:
            suspicions = tuple(sorted({*views.suspicions, HIDDEN_ALARM}))
            return cls(scored.most_abnormal, score, suspicions, views.unseen)
        return cls(views.whole[int(np.argmax(scored.whole))], score, views.suspicions, views.unseen)


def _answer(score: float, threshold: Threshold) -> Label:
    return "abnormal" if score >= threshold.value else "normal"
