"""MLflow answers, knows us, and lets us write into the experiment of the run."""

from __future__ import annotations

import base64
import re
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

from rationanomaly.preflight.asking import Reply, SilenceError, ask
from rationanomaly.preflight.findings import Finding, warning
from rationanomaly.preflight.setting import Setting
from rationanomaly.text.secrets import strike

USER, PASSWORD, TOKEN = "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN"
#: That a preflight could write.
TAG = "rationanomaly.preflight"


def check_tracking(setting: Setting) -> Iterator[Finding]:
    """The experiment `run.name` is there, or can be made, and takes a tag."""
    uri = setting.tracking_uri
    if not uri.startswith(("http://", "https://")):
        yield from _check_file(setting, uri)
        return
    try:
        yield from _check_server(setting, uri.rstrip("/"))
    except SilenceError as silence:
        key = "cluster.tracking_uri" if setting.pod else "MLFLOW_TRACKING_URI"
        yield Finding(f"the MLflow server {silence}", f"Check {key} ({_shown(uri)}), and that the server runs")


def _check_file(setting: Setting, uri: str) -> Iterator[Finding]:
    if setting.pod:
        problem = f"MLflow's store {_shown(uri)} is a file in the pod, which vanishes with it"
        yield Finding(problem, "Set cluster.tracking_uri to a server: http://mlflow.mlflow:5000")
    elif uri.startswith("sqlite:///") and not Path(uri.removeprefix("sqlite:///")).parent.is_dir():
        yield Finding(f"the folder of {_shown(uri)} is not there", "Make it, or correct MLFLOW_TRACKING_URI")


def _check_server(setting: Setting, uri: str) -> Iterator[Finding]:
    name = setting.params.run.name
    found = _call(setting, "GET", f"{uri}/api/2.0/mlflow/experiments/get-by-name?experiment_name={_quoted(name)}")
    code = (found.document or {}).get("error_code")
    experiment = (found.document or {}).get("experiment")
    if found.status == 404 and code == "RESOURCE_DOES_NOT_EXIST":
        found = _call(setting, "POST", f"{uri}/api/2.0/mlflow/experiments/create", {"name": name})
        experiment = found.document if found.status == 200 else None
        action = f"make the experiment {name!r}"
    else:
        action = f"read the experiment {name!r}"
    if found.status != 200:
        yield _refusal(setting, found, action)
        return
    if not isinstance(experiment, dict) or not experiment.get("experiment_id"):
        yield Finding("what answers is no MLflow server", f"Correct the address: {_shown(uri)}")
        return
    if experiment.get("lifecycle_stage") == "deleted":
        yield Finding(
            f"the experiment {name!r} is deleted", "Restore it: `mlflow experiments restore`, or set run.name"
        )
        return
    tag = {"experiment_id": experiment["experiment_id"], "key": TAG, "value": "written"}
    written = _call(setting, "POST", f"{uri}/api/2.0/mlflow/experiments/set-experiment-tag", tag)
    if written.status != 200:
        yield _refusal(setting, written, f"write into the experiment {name!r}")
    yield from _check_version(setting, uri)


def _refusal(setting: Setting, reply: Reply, action: str) -> Finding:
    said = strike(str((reply.document or {}).get("message") or reply.text))
    problem = f"the MLflow server refuses to {action}: {reply.status} {said}"[:300]
    if reply.status == 401:
        if not setting.environment.get(USER) and not setting.environment.get(TOKEN):
            return Finding(problem, f"It wants to know who we are: {setting.in_secret(USER)}, and {PASSWORD} beside it")
        return Finding(problem, f"It does not know this user with this password: correct {USER} and {PASSWORD}")
    if reply.status == 403 and "host" in said.lower():
        return Finding(problem, "Start the server with --allowed-hosts that name it as the pods do")
    if reply.status == 403:
        return Finding(problem, f"The user is known and may not: grant EDIT on the experiment to the user of {USER}")
    if reply.status == 404:
        return Finding(problem, "Correct the address: it has no MLflow API below it")
    return Finding(problem, "See the server's log; its database or its disk may be at fault")


def _check_version(setting: Setting, uri: str) -> Iterator[Finding]:
    answer = _call(setting, "GET", f"{uri}/version")
    try:
        ours = metadata.version("mlflow")
    except metadata.PackageNotFoundError:
        return
    theirs = answer.text if answer.status == 200 and re.fullmatch(r"\d+\.[\w.]{1,20}", answer.text) else ""
    if theirs and theirs.partition(".")[0] != ours.partition(".")[0]:
        hint = "Run both with the same major version: image.tracking of mlflow/ has the one that was tried"
        yield warning(f"the MLflow server is version {theirs}, and the client of the steps {ours}", hint)


def _call(setting: Setting, method: str, address: str, document: dict[str, Any] | None = None) -> Reply:
    named = setting.environment
    headers = dict[str, str]()
    if named.get(TOKEN):
        headers["Authorization"] = f"Bearer {named[TOKEN].strip()}"
    elif named.get(USER):
        pair = f"{named[USER]}:{named.get(PASSWORD, '')}".encode()
        headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
    insecure = named.get("MLFLOW_TRACKING_INSECURE_TLS", "").lower() in ("1", "true")
    verify: bool | str = not insecure and (named.get("MLFLOW_TRACKING_SERVER_CERT_PATH") or True)
    return ask(method, address, setting.seconds, headers, document, verify)


def _quoted(name: str) -> str:
    from urllib.parse import quote

    return quote(name, safe="")


def _shown(uri: str) -> str:
    """An address without the user and the password that may stand in it."""
    scheme, mark, behind = uri.partition("://")
    host, slash, path = behind.partition("/")
    return f"{scheme}{mark}{host.rpartition('@')[2]}{slash}{path}"
