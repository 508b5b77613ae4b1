"""THE table of preflight checks, and how they are run: all at once, none longer than the deadline.

To add one: a function of a `Setting` that yields findings, an entry here, a planted fault in its test.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from rationanomaly.errors import RationAnomalyError
from rationanomaly.preflight.base_model import check_hub
from rationanomaly.preflight.environment import check_secrets
from rationanomaly.preflight.findings import CheckResult, Finding, Report, Severity
from rationanomaly.preflight.gpus import check_driver, check_gpus
from rationanomaly.preflight.memory import check_memory
from rationanomaly.preflight.setting import Setting
from rationanomaly.preflight.storage import check_claim, check_data
from rationanomaly.preflight.teacher_access import check_teacher
from rationanomaly.preflight.tracking_access import check_tracking
from rationanomaly.preflight.versions import check_versions

#: Seconds after which what has not answered is a finding.
DEADLINE = 6.0


@dataclass(frozen=True)
class Check:
    """One thing that can be wrong.

    Attributes:
        name: in the table.
        run: yields what is wrong.
        silent: what to do where it does not come to its end in time.
        on_gpus: asked again in a pod with GPUs.
        asks: something outside this process, whose silence is an error; a check that only computes is slow, no more.
    """

    name: str
    run: Callable[[Setting], Iterable[Finding]]
    silent: str
    on_gpus: bool = False
    asks: bool = True


CHECKS: tuple[Check, ...] = (
    Check("data", check_data, "A file system hangs, or holds very many files: name them more closely in data.logs"),
    Check("claim", check_claim, "The volume hangs: look at its server, or at the events of the claim"),
    Check("secrets", check_secrets, "This machine is busy: try again", asks=False),
    Check("mlflow", check_tracking, "The server is overloaded, or no MLflow: look at its log"),
    Check("hub", check_hub, "The hub or a proxy before it hangs: check HF_ENDPOINT, or name a folder in model.name"),
    Check("gpus", check_gpus, "The driver hangs: look at the node's `dmesg` and restart it", on_gpus=True),
    Check("driver", check_driver, "The driver hangs: look at the node's `dmesg` and restart it", on_gpus=True),
    Check("teacher", check_teacher, "The endpoint hangs, or the log is slow to read: check distill.endpoint.url"),
    Check("memory", check_memory, "The hub hangs, which knows the shape of the base", on_gpus=True),
    Check(
        "versions",
        check_versions,
        "This machine is busy: what it would have found is not known",
        on_gpus=True,
        asks=False,
    ),
)


@dataclass
class _Outcome:
    """What a check has come to so far."""

    findings: list[Finding] = field(default_factory=list)
    seconds: float | None = None


def run_checks(setting: Setting, checks: Sequence[Check] | None = None, seconds: float = DEADLINE) -> Report:
    """Run the checks beside each other; one that hangs is a finding and is left behind.

    Args:
        setting: where, and for what.
        checks: by default those that belong to this pod.
        seconds: for all of them together.
    """
    if checks is None:
        checks = [one for one in CHECKS if setting.gpus is None or one.on_gpus]
    start = time.monotonic()
    outcomes = [_Outcome() for _ in checks]
    threads = [
        # A daemon: a server that never answers must not keep the process.
        threading.Thread(target=_run, args=(check, setting, outcome), name=f"preflight {check.name}", daemon=True)
        for check, outcome in zip(checks, outcomes, strict=True)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(max(0.0, start + seconds - time.monotonic()))
    results = [_result(check, outcome, seconds) for check, outcome in zip(checks, outcomes, strict=True)]
    return Report(tuple(results), time.monotonic() - start)


def _run(check: Check, setting: Setting, outcome: _Outcome) -> None:
    start = time.monotonic()
    try:
        for finding in check.run(setting):
            outcome.findings.append(finding)
    except RationAnomalyError as error:
        outcome.findings.append(Finding.of(error, check.silent))
    except Exception as error:
        # A check that fails says so: it must take neither the others nor the report with it.
        problem = f"the check itself failed: {type(error).__name__}: {error}"
        outcome.findings.append(Finding(problem, "Report it; --debug shows where"))
    outcome.seconds = time.monotonic() - start


def _result(check: Check, outcome: _Outcome, seconds: float) -> CheckResult:
    if outcome.seconds is not None:
        return CheckResult(check.name, tuple(outcome.findings), outcome.seconds)
    severity: Severity = "error" if check.asks else "warning"
    late = Finding(f"has not come to its end within {seconds:g} s", check.silent, severity)
    return CheckResult(check.name, (*outcome.findings, late), seconds)
