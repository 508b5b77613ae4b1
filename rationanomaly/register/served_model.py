"""The registered model as MLflow serves it; MLflow runs this file ("models from code"), nothing is pickled.

mlflow models serve -m models:/rationanomaly@candidate --env-manager local
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import pandas as pd

from rationanomaly.detection.detector import Detector
from rationanomaly.runs.model_registry import FIELDS


class ServedDetector(mlflow.pyfunc.PythonModel):
    """Takes a frame with a ``template`` column, returns one row per template, in order: what `detect` writes."""

    def load_context(self, context: Any) -> None:
        """Open the model folder that lies with the version."""
        self.detector = Detector.open(Path(context.artifacts["model"]))

    def predict(
        self,
        context: Any,  # noqa: ARG002 - MLflow calls it so
        model_input: pd.DataFrame,
        params: dict[str, Any] | None = None,
    ) -> pd.DataFrame:
        """Judge the templates; ``params={"verdict": "direct"}`` goes without an analysis: far faster."""
        asked = {"verdict": None, "analyses": None} | (params or {})
        templates = [str(text) for text in model_input["template"]]
        rows = [verdict.as_row() for verdict in self.detector.judge(templates, asked["verdict"], asked["analyses"])]
        return pd.DataFrame(rows, columns=FIELDS, dtype=object).astype({"score": float, "direct_score": float})


mlflow.models.set_model(ServedDetector())
