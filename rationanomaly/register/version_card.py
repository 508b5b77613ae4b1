"""What a registered version says of itself to people: evaluate's model card, and a description of a few lines."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from rationanomaly.artifacts import write_text
from rationanomaly.errors import ArtifactError
from rationanomaly.records import MODEL_CARD

_REFIT = "Refit on all labels. The metrics are those of the evaluated model {}, which did not know the test labels."
#: Level and what it is called; of sessions the first that there is.
_SESSIONS = ("session_model", "session_tuned", "session")
#: What is simpler than a language model: title, and how its difference to the final model is named.
_SIMPLER = {"keyword rule": "keyword", "teacher's rule": "teacher_rule", "labeller": "labeller"}
_INJECTION, _UNSUPPORTED = "stress/injection/flips", "stress/unsupported/rate"


def write_version_card(evaluate: Path, target: Path, refit_of: str | None) -> None:
    """Write the card of `evaluate` as that of one version.

    Args:
        evaluate: its folder.
        target: the file to write.
        refit_of: digest of the evaluated model if the version is a refit of it: the card then says so before anything
            else, for every figure on it is of other weights.

    Raises:
        ArtifactError: the folder has no card.
    """
    try:
        text = (evaluate / MODEL_CARD).read_text(encoding="utf-8")
    except FileNotFoundError as error:
        hint = "Run `rationanomaly evaluate` again with this version"
        raise ArtifactError("has no model card", file=evaluate, hint=hint) from error
    if refit_of:
        head, heading, body = text.partition("\n# ")
        title, _, remaining = body.partition("\n")
        note = f"> **{_REFIT.format(refit_of[:12])}** The weights of this version are others."
        text = f"{head}{heading}{title}\n\n{note}\n{remaining}"
    write_text(target, text)


def describe(metrics: Mapping[str, float], refit_of: str | None) -> str:
    """The description of a version: what it reached, what does better without a language model, and how it fools.

    Args:
        metrics: those of `evaluate`.
        refit_of: as for `write_version_card`.
    """
    said = [_REFIT.format(refit_of[:12])] if refit_of else []
    said += _f1_on(metrics, "template", "templates")
    sessions = next((level for level in _SESSIONS if f"{level}/abnormal/f1" in metrics), None)
    said += _f1_on(metrics, sessions, "sessions") if sessions else []
    said += _simpler(metrics)
    said += _stress(metrics)
    return " ".join([*said, f"More: `{MODEL_CARD}` among its artifacts."])


def _f1_on(metrics: Mapping[str, float], level: str, items: str) -> list[str]:
    key = f"{level}/abnormal/f1"
    if key not in metrics:
        return []
    rows, positives = metrics.get(f"{level}/rows", 0), metrics.get(f"{level}/positives", 0)
    of = f"{rows:,.0f} {items} of which {positives:,.0f} are abnormal"
    return [f"F1 {metrics[key]:.3f}{_interval(metrics, key)} on {of}."]


def _simpler(metrics: Mapping[str, float]) -> list[str]:
    lost = {title: metrics.get(f"difference/{name}/template/abnormal/f1", 0.0) for title, name in _SIMPLER.items()}
    better = [f"{title} by {-value:.3f}" for title, value in lost.items() if value < 0]
    return [f"Simpler and better on the same templates: {', '.join(better)}."] if better else []


def _stress(metrics: Mapping[str, float]) -> list[str]:
    if _INJECTION not in metrics:
        return ["Not put under stress."]
    said = [f"Injected text hides {_share(metrics, _INJECTION)} of true alarms."]
    if _UNSUPPORTED in metrics:
        said.append(f"Of the claims in its analyses {_share(metrics, _UNSUPPORTED)} are unsupported.")
    return said


def _share(metrics: Mapping[str, float], name: str) -> str:
    return f"{metrics[name]:.3f}{_interval(metrics, name)}"


def _interval(metrics: Mapping[str, float], name: str) -> str:
    low, high = metrics.get(f"{name}/low"), metrics.get(f"{name}/high")
    return "" if low is None or high is None else f" [{low:.2f}, {high:.2f}]"
