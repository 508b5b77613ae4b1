"""What the checks are told: the params, and where they run."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from rationanomaly.params import Params, StepResources
from rationanomaly.preflight.devices import Devices, read_devices
from rationanomaly.runs import code_identity

#: Steps that train.
TRAINED = ("sft", "grpo")


@dataclass(frozen=True)
class Setting:
    """Where a preflight runs and what it looks for.

    Attributes:
        params: of the run.
        state: folder of what survives a crash; in a pod, the mounted claim.
        environment: variables.
        pod: it runs in a pod, with the resources that `cluster` names; else on this machine.
        gpus: that this pod was given; None: it is no pod with GPUs.
        compiled: code identity of the pipeline; empty: nothing was compiled.
        tracking_uri: of MLflow.
        devices: the GPUs that are seen here.
        outputs: folder of the steps' outputs, where some are known.
        seconds: for one answer of a server.
    """

    params: Params
    state: Path
    environment: Mapping[str, str]
    pod: bool
    tracking_uri: str
    gpus: int | None = None
    compiled: str = ""
    devices: Devices = field(default_factory=read_devices)
    outputs: Path | None = None
    seconds: float = 3.0

    def resources(self, step: str) -> StepResources:
        """What the pod of a step gets."""
        cluster = self.params.cluster
        return cluster.steps.get(step, cluster.default)

    def in_secret(self, name: str) -> str:
        """Where a person sets an environment variable for the run: what a hint says."""
        if not self.pod:
            return f"set {name} in the environment"
        cluster = self.params.cluster
        named = "" if name in cluster.secret_keys else " and name it in cluster.secret_keys"
        return f"put {name} into the Kubernetes secret {cluster.secret}{named}"


def most_gpus(params: Params) -> int:
    """GPUs of the step that asks for most of them; 0: no step does."""
    return max((one.gpus for one in (params.cluster.default, *params.cluster.steps.values())), default=0)


def compiled_code() -> str:
    """The identity of the code as it is here, which a compiled pipeline carries."""
    return json.dumps({"code": code_identity.whole()})
