"""What `evaluate` measured, and of which model: read strictly, for versions carry it and promotions go by it."""

from __future__ import annotations

from pathlib import Path

from rationanomaly.errors import ArtifactError
from rationanomaly.records import JUDGED_MODELS, METRICS
from rationanomaly.register.tags import is_possible, is_tagged
from rationanomaly.regular_files import read_object
from rationanomaly.steps import Metrics

_AGAIN = "Run `rationanomaly evaluate` again with this version"


def read_metrics(evaluate: Path) -> Metrics:
    """The metrics in an output folder of `evaluate`.

    Raises:
        ArtifactError: there are none; one stands twice, is no finite number, or has a value that it can't have.
    """
    path = evaluate / METRICS
    metrics: Metrics = {}
    for name, value in read_object(path, "can't be read", _AGAIN).items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise ArtifactError(f"says that {name} is {value!r:.40}, which is no number", file=path, hint=_AGAIN)
        if is_tagged(name) and not is_possible(name, value):
            raise ArtifactError(f"says that {name} is {value:.6g}, which it can't be", file=path, hint=_AGAIN)
        metrics[name] = float(value)
    return metrics


def check_judged(evaluate: Path, folder: Path, digest: str, refit_of: str | None) -> None:
    """Check that `evaluate` judged the very model that is to be registered, or the one that it is a refit of.

    Args:
        evaluate: output folder of `evaluate`.
        folder: of the model, for the message.
        digest: of the folder's manifest.
        refit_of: of the evaluated model's, where this one was fitted again on all labels.

    Raises:
        ArtifactError: it judged another model, or does not say which.
    """
    path = evaluate / JUDGED_MODELS
    if not path.is_file():
        raise ArtifactError("does not say which models it judged", file=evaluate, hint=_AGAIN)
    judged = read_object(path, "can't be read", _AGAIN).get("grpo")
    if judged != (refit_of or digest):
        found = f"{judged:.12}" if isinstance(judged, str) else "none"
        problem = f"was judged by no evaluation that is given: {evaluate} is about the model {found}, not {digest:.12}"
        if refit_of:
            problem += f", a refit of {refit_of:.12}"
        raise ArtifactError(problem, file=folder, hint="Evaluate this model, or name the evaluation of it")
