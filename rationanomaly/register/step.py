"""Register the trained model in MLflow, reload what was registered and compare its logits.

    rationanomaly register --params params.yaml --input grpo=outputs/laptop/grpo \\
        --input evaluate=outputs/laptop/evaluate --output outputs/laptop/register
"""

from __future__ import annotations

import importlib.util
import logging
import math
import os
from collections.abc import Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from rationanomaly import artifacts
from rationanomaly.detection.model_detector import ModelDetector
from rationanomaly.errors import GateError, InfrastructureError
from rationanomaly.model.card import read_card
from rationanomaly.params import Params
from rationanomaly.records import DETECTOR, MODEL_CARD, PREDICTIONS, REGISTERED, read_objects
from rationanomaly.register.evaluated import check_judged, read_metrics
from rationanomaly.register.tags import CHAMPION_MODEL, F1_TAG, HEADLINE, is_of_evaluation, is_tagged
from rationanomaly.register.version_card import describe, write_version_card
from rationanomaly.regular_files import read_object
from rationanomaly.runs import model_registry, registry_errors, tracking
from rationanomaly.steps import Inputs, Metrics, Outputs

logger = logging.getLogger(__name__)

#: DVC sets it to the name of the experiment that `dvc exp run` makes.
EXPERIMENT = "DVC_EXP_NAME"
_PROBES = 64
_REFIT_OF = "refit_of"
#: Of the tag of the proof while a version that was proven before is registered again.
_UNPROVEN = "no"
_SERVED = "rationanomaly.register.served_model"
#: What `evaluate` wrote of the model in service, where params named one.
_CHAMPION_ORIGIN = "champion.json"
_ANEW = "Run the step that wrote it again"


def run(params: Params, inputs: Inputs, outputs: Outputs) -> Metrics:
    """Register the model of `grpo` with the metrics of `evaluate`; see `steps.Run`.

    Whatever can be refused is refused before there is a version. One that was made is deleted again if anything goes
    wrong behind that; the tag `runs.model_registry.PROVEN` comes last, and without it no version is promoted.

    A model that was fitted again on all labels carries the metrics of the evaluated one and says so: the tag
    ``refit_of``, the version's description and its model card.

    Raises:
        ArtifactError: `evaluate` wrote no model card, judged another model, or says what can't be; or the model folder
            is none that can be loaded.
        GateError: the reloaded version does not give the logits of the folder; or there is nothing to compare them by.
        InfrastructureError: the registry refuses the user, is too slow, or is none.
    """
    with registry_errors.named(tracking.tracking_uri(), f"EDIT on the model {params.register_.name}"):
        return _register(params, inputs, outputs)


def _register(params: Params, inputs: Inputs, outputs: Outputs) -> Metrics:
    name = params.register_.name
    folder, evaluate = inputs["grpo"], inputs["evaluate"]
    probes = _probes(evaluate / PREDICTIONS)
    if not probes:
        hint = "Evaluate on a test split with templates; without one nothing is registered"
        raise GateError("there is no template to compare the registered model by", file=evaluate, hint=hint)

    # ---- what is registered: the model that was measured, and one that can be loaded
    digest = artifacts.read(folder, "grpo").digest
    metrics = read_metrics(evaluate)
    check_judged(evaluate, folder, digest, read_card(folder).refit_of)
    tags = _tags(folder, evaluate, digest, metrics)
    write_version_card(evaluate, outputs.folder / MODEL_CARD, tags.get(_REFIT_OF))
    expected = _scores(folder, probes)

    # ---- the version: made once for one model folder, however often the step runs
    client = model_registry.connect()
    version = model_registry.find_version(client, name, digest)
    is_new = version is None
    if version is None:
        version = model_registry.add_version(name, folder, tracking.current_run(client, params), tags, _served())
    else:
        client.set_model_version_tag(name, version, model_registry.PROVEN, _UNPROVEN)
    try:
        model_registry.set_tags(client, name, version, tags, outdated=is_of_evaluation)
        client.update_model_version(name, version, describe(metrics, tags.get(_REFIT_OF)))
        difference = _prove(f"models:/{name}/{version}", expected, probes, params.register_.tolerance)
        model_registry.add_file(client, name, version, outputs.folder / MODEL_CARD)

        # ---- what was done
        # An experiment of DVC is one try of many: no service that follows the alias may get it unasked.
        alias = "" if os.environ.get(EXPERIMENT) else params.register_.alias
        document = {"name": name, "version": version, "alias": alias, "model": digest}
        artifacts.write_json(outputs.folder / REGISTERED, document)
        client.set_model_version_tag(name, version, model_registry.PROVEN, digest)
        if alias:
            client.set_registered_model_alias(name, alias, version)
    except BaseException:
        if is_new:
            model_registry.take_back(client, name, version)
        raise
    logger.info("registered %s version %s %s", name, version, f"as @{alias}" if alias else "without an alias")
    return {"register/version": float(version), "register/logit_difference": difference}


def _prove(address: str, expected: Sequence[float], probes: list[str], tolerance: float) -> float:
    """Hold what the registry gives back against the folder: by how much the logits differ at most."""
    with TemporaryDirectory(prefix="rationanomaly-") as temporary:
        reloaded = model_registry.fetch_folder(address, Path(temporary))
        difference = _largest_difference(expected, _scores(reloaded, probes))
    if not difference <= tolerance:
        raise GateError(
            f"the registered model's logits differ by {difference:.3g} from those of the folder "
            f"(tolerance {tolerance:.3g})",
            file=address,
            hint="A new version was not kept, an older one can't be promoted any more; check the artifact store",
        )
    return difference


def _served() -> Path:
    """The file of `_SERVED`; MLflow runs it, so it is not imported here."""
    spec = importlib.util.find_spec(_SERVED)
    if spec is None or spec.origin is None:
        raise InfrastructureError(f"{_SERVED} is not where it was installed", hint="Install rationanomaly again")
    return Path(spec.origin)


def _probes(predictions: Path) -> list[str]:
    """The first distinct templates that `evaluate` judged."""
    templates = dict.fromkeys(str(row["template"]) for _, row in read_objects(predictions))
    return list(templates)[:_PROBES]


def _tags(folder: Path, evaluate: Path, digest: str, metrics: Metrics) -> dict[str, str]:
    detector = read_object(folder / DETECTOR, "is not the card of a model folder", _ANEW)
    sources = artifacts.read(evaluate, "evaluate").sources
    base = detector["base"]
    tags = {
        tracking.OUTPUT: digest,
        **({_REFIT_OF: detector["refit_of"]} if detector["refit_of"] else {}),
        "base.name": str(base["name"] or "from scratch"),
        "base.revision": str(base["revision"] or "none, as it is of no hub"),
        "base.sha256": str(base["sha256"]),
        **({"base.log_adapter": str(base["log_adapter"])} if base.get("log_adapter") else {}),
        **{f"data.{name}.sha256": value for name, value in sources.items()},
        **{key: f"{value:.4f}" for key, value in metrics.items() if is_tagged(key)},
    }
    if HEADLINE in metrics:
        tags[F1_TAG] = f"{metrics[HEADLINE]:.4f}"
    if commit := tracking.git_commit():
        tags["git_commit"] = commit
    if (evaluate / _CHAMPION_ORIGIN).is_file():
        champion = read_object(evaluate / _CHAMPION_ORIGIN, "does not say which the champion was", _ANEW)
        tags[CHAMPION_MODEL] = str(champion["model"])
    return tags


def _scores(folder: Path, probes: list[str]) -> list[float]:
    return list(map(float, ModelDetector.open(folder).direct_scores(probes)))


def _largest_difference(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """Largest difference between two models' logits of the probes' scores; NaN without a probe or with a NaN."""
    differences = [abs(_logit(a) - _logit(b)) for a, b in zip(ours, theirs, strict=True)]
    # `max` would drop a NaN that stands behind a number; nothing compared is no proof either.
    return max(differences) if differences and not any(map(math.isnan, differences)) else math.nan


def _logit(probability: float) -> float:
    clipped = min(max(float(probability), 1e-7), 1 - 1e-7)
    return math.log(clipped / (1 - clipped))
