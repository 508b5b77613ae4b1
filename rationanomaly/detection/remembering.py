"""A detector that keeps its verdicts, for one log after the other: the model is asked about what is new alone."""

from __future__ import annotations

from collections.abc import Iterable

from rationanomaly.detection.detector import Chosen, Detector
from rationanomaly.detection.model_detector import listed
from rationanomaly.detection.verdict import Verdict
from rationanomaly.model.folder import ModelFolder
from rationanomaly.model.scoring import Scorer
from rationanomaly.params import VerdictKind

_Asked = tuple[VerdictKind | None, int | None, Chosen]


class RememberingDetector(Detector):
    """As `Detector`, and it asks the model about each template once for each way of asking."""

    def __init__(self, folder: ModelFolder, scorer: Scorer) -> None:
        super().__init__(folder, scorer)
        self._known: dict[_Asked, dict[str, Verdict]] = {}

    @property
    def remembered(self) -> int:
        """Verdicts that are kept."""
        return sum(map(len, self._known.values()))

    def judge(
        self,
        templates: Iterable[str],
        verdict: VerdictKind | None = None,
        analyses: int | None = None,
        precedents: Chosen = "carried",
    ) -> list[Verdict]:
        """See `Detector.judge`."""
        templates = listed(templates)
        known = self._known.setdefault((verdict, analyses, precedents), {})
        new = [text for text in dict.fromkeys(templates) if text not in known]
        if new:
            known |= {one.template: one for one in super().judge(new, verdict, analyses, precedents)}
        return [known[text] for text in templates]
