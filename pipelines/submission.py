"""Submit a pipeline once: however often the same is submitted, at the same time or after a timeout, there is one run.

What is the same has the same key: a hash of the compiled pipeline and its experiment. The run carries the key in its
description, where it is looked for before one is started, and after a failure behind which the server may have started
it. Of two that submit at the same time only one can upload the pipeline's version, whose name holds the key: the
server's database gives a name out once. That one starts the run; the other waits for it.

Limit: if the one who uploaded is killed before it starts the run, and two others submit at the same time afterwards,
each may start one for some seconds; the later one is deleted again.
"""

from __future__ import annotations

import hashlib
import json
import secrets
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pipelines.connection import Server
from pipelines.refusals import RefusalError, SilenceError
from rationanomaly.errors import InfrastructureError

#: So long whoever has uploaded a version may take to start its run: an answer takes 30 s at most.
CLAIM_SECONDS = 60.0
#: Between two looks for a run that another starts.
POLL_SECONDS = 1.0
#: Looks for a run after a failure behind which the server may have started it.
ATTEMPTS = 10
#: Until a run that another has started in the same moment is in the server's list.
SETTLE_SECONDS = 2.0
#: A version of this age is nobody's who is still at work; clocks differ by less.
_OLD = timedelta(minutes=10)
_EQUALS, _IS_SUBSTRING = 1, 9


@dataclass(frozen=True)
class Run:
    """A run on the server.

    Attributes:
        identity: its id.
        page: address of its page.
        state: as the server says it, such as ``RUNNING``.
        is_new: whether this submission has started it.
    """

    identity: str
    page: str
    state: str = "PENDING"
    is_new: bool = True


@dataclass(frozen=True)
class Version:
    """A pipeline's version on the server.

    Attributes:
        pipeline, identity: ids.
        is_ours: whether it was uploaded now, and by nobody else.
        is_fresh: whether somebody may have uploaded it just now, to start a run.
    """

    pipeline: str
    identity: str
    is_ours: bool
    is_fresh: bool = False

    @property
    def reference(self) -> dict[str, str]:
        """As a run names it."""
        return {"pipeline_id": self.pipeline, "pipeline_version_id": self.identity}


def submit(server: Server, title: str, package: Path, experiment: str, name: str, again: bool = False) -> Run:
    """Start a run of a compiled pipeline, or find the one that the same submission has started.

    Args:
        server: where.
        title: of the pipeline; its versions stand under it.
        package: the compiled pipeline.
        experiment: groups runs on the server; is made if it is not there.
        name: of the run.
        again: start another run of the same.

    Raises:
        InfrastructureError: the server refuses, is silent, or is something else.
    """
    key = key_of(package, experiment)
    group = find_experiment(server, experiment) or make_experiment(server, experiment)
    if not again and (found := _find_run(server, group, key)):
        return found
    version = upload(server, title, key, package)
    if not again and not version.is_ours and version.is_fresh and (found := _await_run(server, group, key)):
        return found
    # `again` may be meant by several at once; each has its own mark, by which it finds its run after a failure.
    mark = f"{key} again {secrets.token_hex(8)}" if again else key
    run = _start(server, group, version, name, mark)
    return run if again or version.is_ours else _settle(server, group, key, run)


def key_of(package: Path, experiment: str) -> str:
    """Names what is submitted: equal for the same pipeline in the same experiment."""
    return hashlib.sha256(package.read_bytes() + b"\0" + experiment.encode()).hexdigest()[:20]


def upload(server: Server, title: str, key: str, package: Path) -> Version:
    """The version of a pipeline with this key; uploaded where it is not there.

    Raises:
        InfrastructureError: as `Server.ask`.
    """
    pipeline, name = _pipeline(server, title), f"{title}-{key}"
    if found := _find_version(server, pipeline, name):
        return found
    try:
        path = "/pipelines/upload_version"
        made = server.upload("upload the pipeline", path, package, name=name, pipelineid=pipeline)
    except (RefusalError, SilenceError) as error:
        # Another was faster (409; 500 of older servers), or this arrived and its answer did not.
        if found := _find_version(server, pipeline, name):
            return found
        raise error
    return Version(pipeline, _identity(made, "pipeline_version_id"), is_ours=True)


def find_experiment(server: Server, name: str) -> str | None:
    """Id of the experiment of this name."""
    found = server.ask(
        "find the experiment", "GET", "/experiments", filter=equal("display_name", name), **server.scope
    ).get("experiments")
    return _identity(found[0], "experiment_id") if found else None


def equal(field: str, value: str) -> str:
    """A filter of the API: what has this value."""
    return _filter(field, value, _EQUALS)


def _filter(field: str, value: str, operation: int) -> str:
    return json.dumps({"predicates": [{"operation": operation, "key": field, "stringValue": value}]})


def make_experiment(server: Server, name: str) -> str:
    """Make an experiment; its id."""
    try:
        made = server.ask("make the experiment", "POST", "/experiments", {"display_name": name, **server.scope})
    except (RefusalError, SilenceError):
        if found := find_experiment(server, name):  # Another was faster.
            return found
        raise
    return _identity(made, "experiment_id")


def _pipeline(server: Server, title: str) -> str:
    if found := _find_pipeline(server, title):
        return found
    body = {"display_name": title, "name": title, **server.scope}
    try:
        return _identity(server.ask("make the pipeline", "POST", "/pipelines", body), "pipeline_id")
    except (RefusalError, SilenceError):
        if found := _find_pipeline(server, title):  # Another was faster.
            return found
        raise


def _find_pipeline(server: Server, title: str) -> str | None:
    found = server.ask(
        "find the pipeline", "GET", "/pipelines", filter=equal("display_name", title), **server.scope
    ).get("pipelines")
    return _identity(found[0], "pipeline_id") if found else None


def _find_version(server: Server, pipeline: str, name: str) -> Version | None:
    path = f"/pipelines/{pipeline}/versions"
    found = server.ask("find the pipeline's version", "GET", path, filter=equal("display_name", name)).get(
        "pipeline_versions"
    )
    if not found:
        return None
    made = read_time(found[0].get("created_at"))
    fresh = made is None or datetime.now(UTC) - made < _OLD
    return Version(pipeline, _identity(found[0], "pipeline_version_id"), is_ours=False, is_fresh=fresh)


def _find_run(server: Server, experiment: str, key: str) -> Run | None:
    """The newest run with this key."""
    found = _runs(server, experiment, key)
    newest = max(found, key=lambda one: str(one.get("created_at", "")), default=None)
    return _known(server, newest) if newest else None


def _runs(server: Server, experiment: str, mark: str) -> list[dict[str, Any]]:
    query = {"experiment_id": experiment, "filter": _filter("description", mark, _IS_SUBSTRING), "page_size": "100"}
    pages = server.pages("find the run", "/runs", **query)
    return [run for page in pages for run in page.get("runs") or ()]


def _await_run(server: Server, experiment: str, key: str) -> Run | None:
    """The run of whoever has uploaded the version just now; None if it never starts one."""
    end = time.monotonic() + CLAIM_SECONDS
    while time.monotonic() < end:
        if found := _find_run(server, experiment, key):
            return found
        time.sleep(POLL_SECONDS)
    return None


def _start(server: Server, experiment: str, version: Version, name: str, mark: str) -> Run:
    body = {
        "experiment_id": experiment,
        "display_name": name,
        "description": mark,
        "pipeline_version_reference": version.reference,
        "runtime_config": {},
    }
    try:
        made = server.ask("start a run", "POST", "/runs", body, experiment_id=experiment)
    except SilenceError as error:
        found = _find_started(server, experiment, mark)
        if found is None:
            hint = "Run the same command again: it finds the run, should it have been started after all"
            raise SilenceError(f"{error.problem}. No run was found afterwards", hint=hint) from error
        return found
    return Run(_identity(made, "run_id"), server.run_page(made["run_id"]), str(made.get("state") or "PENDING"))


def _find_started(server: Server, experiment: str, mark: str) -> Run | None:
    """The run behind a request whose answer did not come; the server may still be at it."""
    for _ in range(ATTEMPTS):
        try:
            if found := _runs(server, experiment, mark):
                return _known(server, found[0], is_new=True)
        except SilenceError:
            pass
        time.sleep(POLL_SECONDS)
    return None


def _settle(server: Server, experiment: str, key: str, ours: Run) -> Run:
    """Of several runs that were started at the same time the first one stays."""
    time.sleep(SETTLE_SECONDS)
    found = [run for run in _runs(server, experiment, key) if run.get("description") == key]
    first = min(found, key=lambda one: (str(one.get("created_at", "")), str(one["run_id"])), default=None)
    if first is None or first["run_id"] == ours.identity:
        return ours
    server.ask("delete a run that was started twice", "DELETE", f"/runs/{ours.identity}")
    return _known(server, first)


def _known(server: Server, run: dict[str, Any], is_new: bool = False) -> Run:
    identity = _identity(run, "run_id")
    return Run(identity, server.run_page(identity), str(run.get("state") or "PENDING"), is_new)


def _identity(answer: dict[str, Any], name: str) -> str:
    if not (found := answer.get(name)):
        problem = f"what answers is no Kubeflow Pipelines server: it gave no {name.replace('_', ' ')}"
        raise InfrastructureError(problem, hint="Correct --host; on a full Kubeflow it ends in /pipeline")
    return str(found)


def read_time(text: str | None) -> datetime | None:
    """A time of the API; None where there is none, which servers write as the year 1970."""
    if not text or text.startswith("1970-01-01T00:00:00"):
        return None
    try:
        return datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return None
