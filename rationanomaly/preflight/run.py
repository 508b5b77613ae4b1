"""Preflight as a person or a pod starts it: the setting out of the environment, the table, an error if one is due."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from rationanomaly.errors import InfrastructureError
from rationanomaly.params import Params
from rationanomaly.preflight.checks import run_checks
from rationanomaly.preflight.findings import Report, table
from rationanomaly.preflight.setting import Setting
from rationanomaly.runs.tracking import tracking_uri
from rationanomaly.text.secrets import strike

#: Kubernetes sets it in each pod.
_IN_POD = "KUBERNETES_SERVICE_HOST"


def here(
    params: Params, state: Path, *, compiled: str = "", gpus: int | None = None, outputs: Path | None = None,
    pod: bool | None = None,
) -> Setting:  # fmt: skip
    """The setting of this process.

    Args:
        params: of the run.
        state: folder of what survives a crash.
        compiled: what `setting.compiled_code` gave when the pipeline was compiled; empty: nothing was.
        gpus: of this pod, where it is for the GPUs' checks alone.
        outputs: folder of the steps' outputs.
        pod: whether this is a pod; None: Kubernetes says so.
    """
    is_pod = bool(os.environ.get(_IN_POD)) if pod is None else pod
    try:
        uri = tracking_uri()
    except InfrastructureError:
        uri = "none"
    return Setting(params, state, dict(os.environ), is_pod, uri, gpus, compiled, outputs=outputs)


def preflight(setting: Setting, show: Callable[[str], object]) -> Report:
    """Run the checks that belong here and show what they say.

    Raises:
        InfrastructureError: at least one found an error.
    """
    report = run_checks(setting)
    show(strike(table(report)))
    if report.failed:
        count = report.count("error")
        problem = f"preflight found {count} error{'s' if count > 1 else ''}: {', '.join(report.failed)}"
        raise InfrastructureError(problem, hint="The table above says for each what to do; nothing has been spent")
    return report
