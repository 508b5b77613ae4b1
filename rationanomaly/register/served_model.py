"""The registered model as MLflow serves it; MLflow runs this file ("models from code"), nothing is pickled.

mlflow models serve -m models:/rationanomaly@candidate --env-manager local
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import pandas as pd

from rationanomaly.decisions.precedents import read_precedents
from rationanomaly.detection.detector import Detector


class ServedDetector(mlflow.pyfunc.PythonModel):
    """Takes a frame with a ``template`` column, returns one verdict per row, in order."""

    def load_context(self, context: Any) -> None:
        """Open the model folder that lies with the version."""
        folder = Path(context.artifacts["model"])
        self.detector, self.precedents = Detector.open(folder), read_precedents(folder)

    def predict(
        self,
        context: Any,  # noqa: ARG002 - MLflow calls it so
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,
    ) -> pd.DataFrame:
        """Judge the templates; ``params={"rationales": False}`` gives answer and score only, which is faster."""
        rationales = bool((params or {}).get("rationales", True))
        templates = [str(text) for text in model_input["template"]]
        verdicts = self.detector.judge(templates, rationales, self.precedents)
        return pd.DataFrame(
            {
                "template": [v.template for v in verdicts],
                "answer": [v.answer for v in verdicts],
                "score": [float(v.score) for v in verdicts],
                "rationale": [v.rationale or "" for v in verdicts],
                "source": [v.source for v in verdicts],
            }
        )


mlflow.models.set_model(ServedDetector())
