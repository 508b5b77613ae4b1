"""Register the trained model in MLflow, reload what was registered and compare its logits.

    rationanomaly register --params params.yaml --input grpo=outputs/laptop/grpo \\
        --input evaluate=outputs/laptop/evaluate --output outputs/laptop/register
"""

from __future__ import annotations

import importlib.util
import json
import logging
import math
import os
from pathlib import Path
from tempfile import TemporaryDirectory

from rationanomaly import artifacts
from rationanomaly.detection.model_detector import ModelDetector
from rationanomaly.errors import GateError, InfrastructureError
from rationanomaly.params import Params
from rationanomaly.records import DETECTOR, METRICS, MODEL_CARD, PREDICTIONS, REGISTERED, read_objects
from rationanomaly.register.tags import CHAMPION_MODEL, F1_TAG, is_of_evaluation, is_tagged
from rationanomaly.register.version_card import describe, write_version_card
from rationanomaly.runs import model_registry, registry_errors, tracking
from rationanomaly.steps import Inputs, Metrics, Outputs

logger = logging.getLogger(__name__)

#: DVC sets it to the name of the experiment that `dvc exp run` makes.
EXPERIMENT = "DVC_EXP_NAME"
_PROBES = 64
_REFIT_OF = "refit_of"
_SERVED = "rationanomaly.register.served_model"
#: What `evaluate` wrote of the model in service, where params named one.
_CHAMPION_ORIGIN = "champion.json"


def run(params: Params, inputs: Inputs, outputs: Outputs) -> Metrics:
    """Register the model of `grpo` with the metrics of `evaluate`; see `steps.Run`.

    A model that was fitted again on all labels carries the metrics of the evaluated one and says so: the tag
    ``refit_of``, the version's description and its model card.

    Raises:
        ArtifactError: `evaluate` wrote no model card.
        GateError: the reloaded version does not give the logits of the folder, and is deleted again; or there is
            nothing to compare them by.
        InfrastructureError: the registry refuses the user, is too slow, or is none.
    """
    with registry_errors.named(tracking.tracking_uri(), f"EDIT on the model {params.register_.name}"):
        return _register(params, inputs, outputs)


def _register(params: Params, inputs: Inputs, outputs: Outputs) -> Metrics:
    name = params.register_.name
    folder = inputs["grpo"]
    probes = _probes(inputs["evaluate"] / PREDICTIONS)
    if not probes:
        hint = "Evaluate on a test split with templates; without one nothing is registered"
        raise GateError("there is no template to compare the registered model by", file=inputs["evaluate"], hint=hint)

    # ---- the version: made once for one model folder, however often the step runs
    client = model_registry.connect()
    digest = artifacts.read(folder, "grpo").digest
    metrics: Metrics = json.loads((inputs["evaluate"] / METRICS).read_bytes())
    tags = _tags(folder, inputs["evaluate"], digest, metrics)
    write_version_card(inputs["evaluate"], outputs.folder / MODEL_CARD, tags.get(_REFIT_OF))
    version = model_registry.find_version(client, name, digest)
    is_new = version is None
    if version is None:
        version = model_registry.add_version(name, folder, tracking.current_run(client, params), tags, _served())
    model_registry.set_tags(client, name, version, tags, outdated=is_of_evaluation)
    client.update_model_version(name, version, describe(metrics, tags.get(_REFIT_OF)))

    # ---- the proof: what the registry gives back must judge as the folder does
    with TemporaryDirectory(prefix="rationanomaly-") as temporary:
        reloaded = model_registry.fetch_folder(f"models:/{name}/{version}", Path(temporary))
        difference = _largest_difference(folder, reloaded, probes)
    if not difference <= params.register_.tolerance:
        if is_new:
            client.delete_model_version(name, version)
        raise GateError(
            f"the registered model's logits differ by {difference:.3g} from those of the folder "
            f"(tolerance {params.register_.tolerance:.3g})",
            file=folder,
            hint="The version was not kept; check the artifact store",
        )
    model_registry.add_file(client, name, version, outputs.folder / MODEL_CARD)
    # An experiment of DVC is one try of many: no service that follows the alias may get it unasked.
    alias = "" if os.environ.get(EXPERIMENT) else params.register_.alias
    if alias:
        client.set_registered_model_alias(name, alias, version)

    # ---- what was done
    document = {"name": name, "version": version, "alias": alias, "model": digest}
    artifacts.write_json(outputs.folder / REGISTERED, document)
    logger.info("registered %s version %s %s", name, version, f"as @{alias}" if alias else "without an alias")
    return {"register/version": float(version), "register/logit_difference": difference}


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
    detector = json.loads((folder / DETECTOR).read_bytes())
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
    if "template/abnormal/f1" in metrics:
        tags[F1_TAG] = f"{metrics['template/abnormal/f1']:.4f}"
    if commit := tracking.git_commit():
        tags["git_commit"] = commit
    if (evaluate / _CHAMPION_ORIGIN).is_file():
        tags[CHAMPION_MODEL] = str(json.loads((evaluate / _CHAMPION_ORIGIN).read_bytes())["model"])
    return tags


def _largest_difference(folder: Path, reloaded: Path, probes: list[str]) -> float:
    """Largest difference between the two models' logits of the probes' scores; NaN without a probe or with a NaN."""
    scores = [ModelDetector.open(place).direct_scores(probes) for place in (folder, reloaded)]
    differences = [abs(_logit(a) - _logit(b)) for a, b in zip(*scores, strict=True)]
    # `max` would drop a NaN that stands behind a number; nothing compared is no proof either.
    return max(differences) if differences and not any(map(math.isnan, differences)) else math.nan


def _logit(probability: float) -> float:
    clipped = min(max(float(probability), 1e-7), 1 - 1e-7)
    return math.log(clipped / (1 - clipped))
