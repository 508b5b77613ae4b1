"""Submit the training pipeline to a Kubeflow Pipelines server, and follow the run to its end."""

from __future__ import annotations

import contextlib
import io
import os
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kfp import Client
from kfp_server_api import ApiException, V2beta1Run
from urllib3.exceptions import HTTPError, ReadTimeoutError

from pipelines.compiling import compile_training
from rationanomaly.errors import InfrastructureError, PipelineError
from rationanomaly.launch.trainjob.cluster import api_message
from rationanomaly.params import Params
from rationanomaly.progress import report

#: Environment variables: KFP's own for the server's address and its page, ours for a token.
ENDPOINT, PAGE, TOKEN = "KF_PIPELINES_ENDPOINT", "KF_PIPELINES_UI_ENDPOINT", "KF_PIPELINES_TOKEN"
#: Between two looks at a run.
PAUSE_SECONDS = 10.0
#: Silence of the server for so many looks in a row ends the following, not the run.
PATIENCE = 30
#: For a connection, and for an answer.
_TIMEOUT = (30.0, 30.0)
_DONE = ("SUCCEEDED", "SKIPPED")  # a task that KFP's cache knew is skipped
_FINAL = (*_DONE, "FAILED", "CANCELED")


@dataclass(frozen=True)
class Run:
    """A run on the server.

    Attributes:
        identity: its id.
        page: address of its page.
    """

    identity: str
    page: str


class Server:
    """A Kubeflow Pipelines server.

    Args:
        client: KFP's, connected.
        page: address of its pages.
    """

    def __init__(self, client: Client, page: str) -> None:
        self._client, self._page = client, page

    @classmethod
    def connect(cls, host: str | None = None) -> Server:
        """The server at an address; without one that of the environment, of this pod's cluster or of the kubeconfig.

        Raises:
            InfrastructureError: it can't be reached, or refuses.
        """
        address = host or os.environ.get(ENDPOINT)
        with (
            _explained("answer"),
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
        ):
            warnings.simplefilter("ignore", FutureWarning)  # that it needs a server of version 2
            client = _Client(address, existing_token=os.environ.get(TOKEN))
        _limit_waiting(client)
        return cls(client, os.environ.get(PAGE) or address or "/pipeline")

    def submit(
        self, params: Params, experiment: str, name: str, namespace: str | None = None, cached: bool = True
    ) -> Run:
        """Compile the training pipeline and start a run of it.

        Args:
            params: all params.
            experiment: groups runs on the server; is made if it is not there.
            name: of the run.
            namespace: of the user, where several share the server.
            cached: whether the server may take the result of a step with the same inputs from an earlier run.

        Raises:
            InfrastructureError: the server refuses, is silent, or is something else.
        """
        with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
            package = Path(folder) / "pipeline.yaml"
            # KFP's own `enable_caching` forgets the tasks inside an exit handler, which are all of ours.
            compile_training(params, package, cached)
            with _explained("start a run"):
                started = self._client.create_run_from_pipeline_package(
                    str(package), run_name=name, experiment_name=experiment, namespace=namespace
                )
        if not started.run_id:
            problem = "what answers is no Kubeflow Pipelines server: it gave no run id"
            raise InfrastructureError(problem, hint=f"Correct --host; behind a login page, set {TOKEN}")
        return Run(started.run_id, f"{self._page.rstrip('/')}/#/runs/details/{started.run_id}")

    def follow(self, run: Run, tasks: Mapping[str, int]) -> None:
        """Report finished tasks as progress until the run ends.

        Args:
            run: what `submit` gave.
            tasks: name of each task that counts → how often it runs.

        Raises:
            PipelineError: the run failed or was cancelled.
            InfrastructureError: the server refuses, or is silent for too long; the run continues.
            KeyboardInterrupt: says that the run continues.
        """
        try:
            while not self._poll(run, tasks):
                time.sleep(PAUSE_SECONDS)
        except KeyboardInterrupt as error:
            raise KeyboardInterrupt(f"no longer followed; the run continues: {run.page}") from error

    def _poll(self, run: Run, tasks: Mapping[str, int]) -> bool:
        """Ask for the run and report it; whether it has come to a good end."""
        found = self._ask(run)
        states = Counter((task.display_name, task.state) for task in _tasks(found))
        done = sum(min(states[name, state], count) for name, count in tasks.items() for state in _DONE)
        report("pipeline", done, sum(tasks.values()), "tasks")
        if found.state not in _FINAL:
            return False
        if found.state in _DONE:
            return True
        failed = next((name for name in tasks if states[name, "FAILED"]), None)
        step = f"step `{failed.replace('-', '_')}`" if failed else f"the run is {str(found.state).lower()}"
        raise PipelineError(
            f"the pipeline failed: {step}{_reason(found, failed)}", hint=f"{run.page} has the logs of its pods"
        )

    def _ask(self, run: Run) -> V2beta1Run:
        silences = 0
        while True:
            try:
                with _explained("tell of the run"):
                    return self._client.get_run(run.identity)
            except _SilenceError:
                silences += 1
                if silences == PATIENCE:
                    raise
                time.sleep(PAUSE_SECONDS)


class _Client(Client):
    """KFP's client, which asks once whether the server is there: its own asks five times, five seconds apart, and logs
    the frames of each refusal."""

    def get_kfp_healthz(self, sleep_duration: int = 0) -> Any:  # noqa: ARG002 - KFP's signature
        return self._healthz_api.healthz_service_get_healthz(_request_timeout=_TIMEOUT)


def _limit_waiting(client: Client) -> None:
    """KFP's client waits for ever for a server that takes a question and says nothing."""
    http = client._run_api.api_client.rest_client
    request = http.request

    def request_in_time(*arguments: Any, **options: Any) -> Any:
        return request(*arguments, **options | {"_request_timeout": _TIMEOUT})

    http.request = request_in_time


class _SilenceError(InfrastructureError):
    """The server may answer again."""


def _tasks(run: V2beta1Run) -> Sequence[Any]:
    """What the server tells of each task; nothing before the first begins."""
    return (run.run_details.task_details if run.run_details else None) or ()


def _reason(run: V2beta1Run, failed: str | None) -> str:
    """Why the task failed; where it does not say, why the run did."""
    errors = [task.error for task in _tasks(run) if task.display_name == failed]
    said = next((error.message for error in (*errors, run.error) if error and error.message), None)
    return f": {said.rstrip('.')}" if said else ""


@contextlib.contextmanager
def _explained(action: str) -> Iterator[None]:
    """Let what the server refuses, or its silence, be a `InfrastructureError`."""
    try:
        yield
    except ApiException as error:
        problem = f"the Kubeflow Pipelines server refused to {action}: {error.status} {api_message(error)}"
        if error.status and error.status >= 500:
            raise _SilenceError(problem, hint="Try again; see the server's log") from error
        hint = f"Set {TOKEN} in the environment" if error.status in (401, 403) else "Compare it with the server's log"
        raise InfrastructureError(problem, hint=hint) from error
    except (HTTPError, OSError) as error:
        # The reason is that of the last of several tries.
        if isinstance(getattr(error, "reason", error), ReadTimeoutError):
            problem = f"the Kubeflow Pipelines server took the question to {action}, and does not answer"
            raise _SilenceError(problem, hint="Look at its pages before trying again") from error
        problem = f"no Kubeflow Pipelines server can be reached to {action}"
        raise _SilenceError(problem, hint=f"Name it with --host URL or in {ENDPOINT}") from error
