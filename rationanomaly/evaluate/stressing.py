"""The final model under stress: its direct verdicts on altered templates, and what its analyses claim."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from rationanomaly import records
from rationanomaly.detection.model_detector import ModelDetector
from rationanomaly.detection.verdict import Verdict
from rationanomaly.evaluate.held_out import HeldOut
from rationanomaly.evaluate.predictions import SystemAnswers
from rationanomaly.evaluate.report_files import STRESS
from rationanomaly.params import StressParams
from rationanomaly.steps import Metrics
from rationanomaly.stress.judging import Tested
from rationanomaly.stress.run import StressSettings, stress


@dataclass(frozen=True)
class _Direct:
    """A model by its direct verdict."""

    detector: ModelDetector

    def judge(self, texts: Sequence[str], /) -> Sequence[Verdict]:
        return self.detector.judge(texts, "direct")


def stress_final(
    model: Path, final: SystemAnswers, held_out: HeldOut, settings: StressParams, seed: int, threads: int, folder: Path
) -> Metrics:
    """Try the final model, and write the examples; nothing where params ask for nothing.

    Args:
        model: the final model's folder.
        final: its verdicts on the tested templates.
        held_out: what is tested, and the templates that an attacker may know.
        settings: how much is tried.
        seed: of the probes.
        threads: of torch.
        folder: of the step.
    """
    if not settings.rows:
        return {}
    detector = ModelDetector.open(model, threads)
    groups = held_out.tested["group"].to_list()
    tested = [
        Tested(
            found.template,
            found.truth,
            group,
            found.answer,
            found.rationale,
            tuple((int(span["start"]), int(span["end"])) for span in found.evidence),
            found.dataset,
        )
        for found, group in zip(final.predictions, groups, strict=True)
    ]
    known = held_out.fitted_on.filter(pl.col("label") == "normal")["template"].to_list()
    wanted = StressSettings(settings.rows, settings.searched_alarms, settings.searched_queries)
    result = stress(_Direct(detector), tested, wanted, seed, prompt=detector.card.prompt, normals=known)
    records.write_rows(folder / STRESS, result.examples)
    return result.metrics
