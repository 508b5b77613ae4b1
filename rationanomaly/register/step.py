"""Register the trained model in MLflow, reload what was registered and compare its logits.

rationanomaly register --input grpo=outputs/grpo --input evaluate=outputs/evaluate --output outputs/register
"""

from __future__ import annotations

import importlib.util
import json
import logging
import math
from pathlib import Path
from tempfile import TemporaryDirectory

from rationanomaly import artifacts
from rationanomaly.detection.model_detector import ModelDetector
from rationanomaly.errors import GateError, InfrastructureError
from rationanomaly.params import Params
from rationanomaly.records import DETECTOR, METRICS, PREDICTIONS, REGISTERED, read_objects
from rationanomaly.runs import model_registry, tracking
from rationanomaly.steps import Inputs, Metrics, Outputs

logger = logging.getLogger(__name__)

_PROBES = 64
_SERVED = "rationanomaly.register.served_model"
_REFIT = "Refit on all labels. The metrics are those of the evaluated model {}, which did not know the test labels."
#: Metrics of the final model that a version carries as tags; promotion policies read them.
_TAGGED = ("template/", "direct/", "session/", "session_tuned/", "session_model/", "difference/",
           "reasoned_minus_direct/", "agreement/", "argues/", "support/", "grounding/", "format/", "free/",
           "stress/injection/flips", "stress/injection/to_abnormal", "stress/searched/flips", "stress/unsupported/rate",
           "stress/foreign/", "stress/sensitivity/changed", "stress/repetition/")  # fmt: skip
#: Of the many comparisons, what a policy can reasonably ask for: these metrics, against these systems. Tags are written
#: one by one.
_TAGGED_DIFFERENCES = ("abnormal/f1", "abnormal/ap", "macro/f1", "/rate", "agreement/alarms")
_TAGGED_RIVALS = ("keyword", "teacher_rule", "labeller", "sft")
_LEVELS = ("template", "session", "session_tuned", "session_model", "by_dataset")
_NOT_TAGGED = ("/bootstrap/", "/validation/", "session_model_distinct", "session_tuned_distinct")


def run(params: Params, inputs: Inputs, outputs: Outputs) -> Metrics:
    """Register the model of `grpo` with the metrics of `evaluate`; see `steps.Run`.

    A model that was fitted again on all labels carries the metrics of the evaluated one and says so: the tag
    ``refit_of`` and the version's description.

    Raises:
        GateError: the reloaded version does not give the logits of the folder, and is deleted again; or there is
            nothing to compare them by.
    """
    name = params.register_.name
    folder = inputs["grpo"]
    probes = _probes(inputs["evaluate"] / PREDICTIONS)
    if not probes:
        hint = "Evaluate on a test split with templates; without one nothing is registered"
        raise GateError("there is no template to compare the registered model by", file=inputs["evaluate"], hint=hint)

    # ---- the version: made once for one model folder, however often the step runs
    client = model_registry.connect()
    digest = artifacts.read(folder, "grpo").digest
    tags = _tags(folder, inputs["evaluate"], digest)
    version = model_registry.find_version(client, name, digest)
    is_new = version is None
    if version is None:
        version = model_registry.add_version(name, folder, tracking.current_run(client, params), tags, _served())
    for key, value in tags.items():
        client.set_model_version_tag(name, version, key, value)
    if "refit_of" in tags:
        client.update_model_version(name, version, _REFIT.format(tags["refit_of"][:12]))

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
    client.set_registered_model_alias(name, params.register_.alias, version)

    # ---- what was done
    document = {"name": name, "version": version, "alias": params.register_.alias, "model": digest}
    artifacts.write_json(outputs.folder / REGISTERED, document)
    logger.info("registered %s version %s as @%s", name, version, params.register_.alias)
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


def _tags(folder: Path, evaluate: Path, digest: str) -> dict[str, str]:
    metrics = json.loads((evaluate / METRICS).read_bytes())
    detector = json.loads((folder / DETECTOR).read_bytes())
    sources = artifacts.read(evaluate, "evaluate").sources
    tags = {
        tracking.OUTPUT: digest,
        **({"refit_of": detector["refit_of"]} if detector["refit_of"] else {}),
        "base.sha256": str(detector["base"]["sha256"]),
        **{f"data.{name}.sha256": value for name, value in sources.items()},
        **{key: f"{value:.4f}" for key, value in metrics.items() if is_tagged(key)},
    }
    if "template/abnormal/f1" in metrics:
        tags["f1"] = f"{metrics['template/abnormal/f1']:.4f}"
    if commit := tracking.git_commit():
        tags["git_commit"] = commit
    return tags


def is_tagged(metric: str) -> bool:
    """Whether a version carries this metric of `evaluate` as a tag, so that a policy can ask for it."""
    if not metric.startswith(_TAGGED) or any(part in metric for part in _NOT_TAGGED):
        return False
    kind, rival, *_ = [*metric.split("/"), ""]
    if kind == "difference" and rival not in (*_TAGGED_RIVALS, *_LEVELS) and "/rate" not in metric:
        return False
    compares = kind in ("difference", "reasoned_minus_direct")
    return not compares or any(name in metric for name in _TAGGED_DIFFERENCES)


def _largest_difference(folder: Path, reloaded: Path, probes: list[str]) -> float:
    """Largest difference between the two models' logits of the probes' scores; NaN without a probe or with a NaN."""
    scores = [ModelDetector.open(place).direct_scores(probes) for place in (folder, reloaded)]
    differences = [abs(_logit(a) - _logit(b)) for a, b in zip(*scores, strict=True)]
    # `max` would drop a NaN that stands behind a number; nothing compared is no proof either.
    return max(differences) if differences and not any(map(math.isnan, differences)) else math.nan


def _logit(probability: float) -> float:
    clipped = min(max(float(probability), 1e-7), 1 - 1e-7)
    return math.log(clipped / (1 - clipped))
