"""Submit a TrainJob, follow it to its end, start it again where its nodes were taken away, leave nothing behind.

A `TrainJobRun` behaves like the process that runs torchrun on one machine: `poll`, `terminate`, `returncode`. A start
after a preemption is a new TrainJob with the same command, whose ranks continue from the newest checkpoint there.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rationanomaly.errors import INTERRUPTED, InfrastructureError, TrainingError, one_line
from rationanomaly.launch.trainjob.cluster import Cluster, Pod
from rationanomaly.launch.trainjob.manifest import Manifest
from rationanomaly.params import StepResources

logger = logging.getLogger(__name__)

#: Labels by which the jobs of one training are found.
STEP, KEY = "rationanomaly/step", "rationanomaly/key"
ASK_SECONDS = 2.0
#: Silence of the API server for so many questions in a row is a failure.
PATIENCE = 15
#: For pods to go after their TrainJob was deleted: their grace period and some more.
GONE_SECONDS = 240.0
_SHOWN_LOG = 300
_CONTINUE = "run the same command to continue from the last checkpoint"

Make = Callable[[str, dict[str, str]], Manifest]


class TrainJobRun:
    """One training as TrainJobs, one after the other.

    Attributes:
        returncode: 0 when it is complete, something else when it was ended, None before.
        waiting: not all of its pods run: they queue, or are started again. Such time does not count as training.
    """

    def __init__(self, cluster: Cluster, step: str, key: str, resources: StepResources, make: Make) -> None:
        """Nothing happens yet.

        Args:
            cluster: where it runs.
            step: name of the step.
            key: of the training; equal keys, the same training.
            resources: how long it may take and how often it is started again.
            make: the manifest for a name and labels.
        """
        self._cluster, self._resources, self._make = cluster, resources, make
        self._labels = {STEP: step, KEY: key[:40]}
        self._prefix = f"rationanomaly-{step}-{key[:8]}"
        self._name, self._starts, self._silences = "", 0, 0
        self._asked, self._trained = 0.0, 0.0
        self._ending = False
        self.returncode: int | None = None
        self.waiting = True

    def submit(self) -> None:
        """Create the next TrainJob."""
        self._starts += 1
        self._name = f"{self._prefix}-{self._starts}"
        self.waiting = True
        self._cluster.create(self._make(self._name, self._labels))
        logger.info("TrainJob %s/%s submitted", self._cluster.namespace, self._name)

    def clear(self) -> None:
        """Delete every TrainJob of this training, also those of a start that was killed, and wait for their pods."""
        selector = ",".join(f"{name}={value}" for name, value in self._labels.items())
        names = self._cluster.names(selector)
        for name in names:
            self._cluster.delete(name)
        deadline = time.monotonic() + GONE_SECONDS
        for name in names:
            while self._cluster.read(name) is not None or self._cluster.pods(name):
                if time.monotonic() > deadline:
                    problem = f"the TrainJob {name} or its pods were deleted and are still there"
                    raise InfrastructureError(problem, hint=f"See `kubectl describe trainjob {name}`")
                time.sleep(ASK_SECONDS)

    def poll(self) -> int | None:
        """Ask how it stands, at most every `ASK_SECONDS`; start it again if its nodes were taken away.

        Raises:
            TrainingError: it failed for good or took too long.
            InfrastructureError: the API server is silent or refuses.
        """
        now = time.monotonic()
        if self.returncode is not None or now - self._asked < ASK_SECONDS:
            return self.returncode
        self._trained += 0.0 if self.waiting else now - self._asked
        self._asked = now
        try:
            job = self._cluster.read(self._name)
            pods = self._cluster.pods(self._name)
        except InfrastructureError:
            self._silences += 1
            if self._silences >= PATIENCE:
                raise
            return None
        self._silences = 0
        self._update(job, pods)
        return self.returncode

    def terminate(self) -> None:
        """Let its pods get SIGTERM, on which the ranks write a checkpoint and end."""
        self._ending = True
        self._cluster.delete(self._name)

    def _update(self, job: Manifest | None, pods: list[Pod]) -> None:
        phases = {pod.phase for pod in pods}
        self.waiting = "Running" not in phases or "Pending" in phases
        conditions = {} if job is None else _conditions(job)
        if self._ending:
            self.returncode = INTERRUPTED if job is None and not pods else None
        elif "Complete" in conditions:
            self.returncode = 0
        elif job is None:
            self._again("it was deleted by somebody else", disrupted=True)
        elif "Failed" in conditions:
            reason, message = conditions["Failed"]
            if reason == "DeadlineExceeded":
                raise self._too_long()
            self._again(*self._cause(pods, f"{reason}: {message}"))
        elif any(pod.disruption is not None or pod.exit_code for pod in pods):
            # A JobSet restarts such a container six times, alone, before it fails; the ranks must start together.
            self._again(*self._cause(pods, "a pod failed"))
        elif self._trained > self._resources.timeout:
            raise self._too_long()

    def _too_long(self) -> TrainingError:
        problem = f"the TrainJob {self._name} took longer than {self._resources.timeout} s"
        hint = f"Raise the step's timeout in cluster.steps; {_CONTINUE}"
        return TrainingError(problem, hint=hint, retry_helps=True)

    def _cause(self, pods: list[Pod], otherwise: str) -> tuple[str, bool]:
        """Why it failed, and whether that was the cluster's doing."""
        for pod in pods:
            if pod.disruption is not None:
                return f"pod {pod.name} was taken away ({_clean(pod.disruption)})", True
        for pod in pods:
            if pod.exit_code:
                said = _clean(self._cluster.log(pod.name))
                why = f" ({pod.reason})" if pod.reason not in (None, "Error") else ""
                log = f"; its log ends: {said}" if said else ""
                return f"pod {pod.name} ended with exit code {pod.exit_code}{why}{log}", pod.exit_code == INTERRUPTED
        return _clean(otherwise), False

    def _again(self, cause: str, disrupted: bool) -> None:
        """Start once more after a disruption; what fails by itself would fail again."""
        if not disrupted or self._starts > self._resources.retries:
            times = f" (start {self._starts})" if self._starts > 1 else ""
            hint = f"See `kubectl describe trainjob {self._name}`; {_CONTINUE}"
            problem = f"the TrainJob {self._name} failed{times}: {cause}"
            raise TrainingError(problem, hint=hint, retry_helps=True)
        logger.warning("TrainJob %s: %s; it is started again from the newest checkpoint", self._name, cause)
        self.clear()
        self.submit()


@contextmanager
def submitted(run: TrainJobRun) -> Iterator[TrainJobRun]:
    """Submit inside the block; whatever happens in it, no TrainJob is left behind."""
    try:
        run.clear()
        run.submit()
        yield run
    except BaseException:
        try:
            run.clear()
        except InfrastructureError as error:  # What has happened before is what the person has to hear of.
            logger.warning("the TrainJob may be left behind: %s", error)
        raise
    run.clear()


def _conditions(job: Manifest) -> dict[str, tuple[str, str]]:
    """Conditions of a TrainJob that are true: type → reason and message."""
    found = job.get("status", {}).get("conditions", [])
    return {c["type"]: (c["reason"], c["message"]) for c in found if c["status"] == "True"}


def _clean(text: str) -> str:
    """The end of a text on one line, without characters that a terminal would obey."""
    return one_line(" | ".join(part.strip() for part in text.splitlines()[-3:] if part.strip()))[-_SHOWN_LOG:]
