"""A server's cache, without the server: which tasks of a compiled pipeline would run, and which come from earlier runs.

The fingerprint is computed as KFP's Go code does (backend/src/v2/cacheutils/cache.go and driver/cache.go, Apache-2.0):
`automatic` as up to 2.17, `own` as later versions do for a task with a key of its own. KFP's own examples hold for
both (`tests/pipeline/test_caching.py`).
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

import yaml

Document = dict[str, Any]
#: The specification and what is said of its pods.
Package = tuple[Document, Document]


def read_package(path: Path) -> Package:
    """What a compiled pipeline says."""
    spec, platform = yaml.load_all(path.read_text(), Loader=yaml.CSafeLoader)
    return spec, platform


def automatic(
    inputs: Mapping[str, list[str]], params: Mapping[str, Any], artifacts: Mapping[str, Document],
    outputs: Mapping[str, str], image: str, command: list[str], claims: list[str] | None = None,
) -> str:  # fmt: skip
    """Fingerprint of what a task is given.

    Args:
        inputs: artifact → names, which are ids.
        params: values.
        artifacts: made ones: name, type and metadata. outputs: made params: types.
        image, command: of the container. claims: volume claims.
    """
    key = {
        "inputArtifactNames": {name: {"artifactNames": ids} for name, ids in inputs.items()},
        "inputParameterValues": params,
        "outputArtifactsSpec": artifacts,
        "outputParametersSpec": outputs,
        "containerSpec": {"image": image, "cmdArgs": command, "pvcNames": sorted(set(claims or ()))},
    }
    return hashlib.sha256(_go_json(_without_empty(key)).encode()).hexdigest()


def own(component: str, key: str) -> str:
    """Fingerprint of a task with a key of its own."""
    return hashlib.sha256(f"{component}\0{key}".encode()).hexdigest()


@dataclass
class CacheServer:
    """Remembers what it has run.

    Attributes:
        keys: whether it heeds a task's own key: later than 2.17.
        claims: whether it counts volume claims: from 2.15 on.
    """

    keys: bool
    claims: bool = True
    _known: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    _ids: Iterator[int] = field(default_factory=count)

    def run(self, package: Package) -> list[str]:
        """Names of the tasks that do run, once for each iteration; all others come from the cache."""
        spec, platform = package
        return _Run(self, spec, platform["platforms"]["kubernetes"]["deploymentSpec"]["executors"]).ran()

    def outputs(self, fingerprint: str | None, names: list[str], ran: list[str], task: str) -> dict[str, list[str]]:
        """Artifact → its ids: those of an earlier run, or new ones."""
        if fingerprint in self._known:
            return self._known[fingerprint]
        ran.append(task)
        made = {name: [str(next(self._ids))] for name in names}
        if fingerprint is not None:
            self._known[fingerprint] = made
        return made


class _Run:
    def __init__(self, server: CacheServer, spec: Document, pods: Document) -> None:
        self._server, self._spec, self._pods = server, spec, pods
        self._ran: list[str] = []

    def ran(self) -> list[str]:
        self._dag(self._spec["root"], {}, {})
        return self._ran

    def _dag(self, component: Document, params: Document, artifacts: Document) -> dict[str, list[str]]:
        """Run what a DAG holds; its output artifacts."""
        tasks: Document = component["dag"]["tasks"]
        made: dict[str, dict[str, list[str]]] = {}
        while len(made) < len(tasks):
            ready = [
                name for name in tasks if name not in made and set(tasks[name].get("dependentTasks", ())) <= {*made}
            ]
            for name in ready:
                made[name] = self._task(name, tasks[name], params, artifacts, made)
        selectors = component["dag"].get("outputs", {}).get("artifacts", {})
        return {
            name: [
                one
                for part in row["artifactSelectors"]
                for one in made[part["producerSubtask"]][part["outputArtifactKey"]]
            ]
            for name, row in selectors.items()
        }

    def _task(
        self, name: str, task: Document, params: Document, artifacts: Document, made: Mapping[str, Document]
    ) -> dict[str, list[str]]:
        component = self._spec["components"][task["componentRef"]["name"]]
        given = task.get("inputs", {})
        inputs = {key: _artifact(source, artifacts, made) for key, source in given.get("artifacts", {}).items()}
        iterator = task.get("parameterIterator")
        if iterator is None:
            values = {key: _param(source, params) for key, source in given.get("parameters", {}).items()}
            if "dag" in component:
                return self._dag(component, values, inputs)
            return self._container(name, task, component, values, inputs)
        found: dict[str, list[str]] = {}
        for item in json.loads(iterator["items"]["raw"]):
            values = {key: _param(source, params) for key, source in given.get("parameters", {}).items()}
            text = item if isinstance(item, str | int) else json.dumps(item)
            for key, ids in self._dag(component, values | {iterator["itemInput"]: text}, inputs).items():
                found.setdefault(key, []).extend(ids)
        return found

    def _container(
        self, name: str, task: Document, component: Document, params: Document, inputs: Mapping[str, list[str]]
    ) -> dict[str, list[str]]:
        caching = task.get("cachingOptions", {})
        made = component.get("outputDefinitions", {}).get("artifacts", {})
        container = self._spec["deploymentSpec"]["executors"][component["executorLabel"]]["container"]
        if not caching.get("enableCache"):
            print_ = None
        elif self._server.keys and caching.get("cacheKey"):
            print_ = own(task["componentRef"]["name"], caching["cacheKey"])
        else:
            kinds = component.get("outputDefinitions", {}).get("parameters", {})
            mounts = self._pods[component["executorLabel"]].get("pvcMount", ())
            claims = [mount["pvcNameParameter"]["runtimeValue"]["constant"] for mount in mounts]
            print_ = automatic(
                inputs, params, {key: {"name": key, "type": row["artifactType"]} for key, row in made.items()},
                {key: row["parameterType"] for key, row in kinds.items()},
                container["image"], [*container.get("command", ()), *container.get("args", ())],
                claims if self._server.claims else None,
            )  # fmt: skip
        return self._server.outputs(print_, list(made), self._ran, name)


def _artifact(source: Document, artifacts: Document, made: Mapping[str, Document]) -> list[str]:
    if "componentInputArtifact" in source:
        found: list[str] = artifacts[source["componentInputArtifact"]]
        return found
    row = source["taskOutputArtifact"]
    ids: list[str] = made[row["producerTask"]][row["outputArtifactKey"]]
    return ids


def _param(source: Document, params: Document) -> Any:
    if "runtimeValue" in source:
        return source["runtimeValue"]["constant"]
    if "taskFinalStatus" in source:
        return {}
    value = params[source["componentInputParameter"]]
    selector = source.get("parameterExpressionSelector")
    if selector is None:
        return value
    (name,) = re.fullmatch(r'parseJson\(string_value\)\["(\w+)"\]', selector).groups()  # type: ignore[union-attr]
    return json.loads(value)[name]


def _without_empty(value: Any) -> Any:
    """As protojson leaves out what is empty; ``false``, 0 and null of a param stay."""
    if not isinstance(value, dict):
        return value
    kept = {key: _without_empty(row) if key != "inputParameterValues" else row for key, row in value.items()}
    return {key: row for key, row in kept.items() if row not in ("", [], {})}


def _go_json(value: Any) -> str:
    """As encoding/json writes it: keys sorted, whole numbers without a point, and safe for HTML."""
    text = json.dumps(_whole(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return text


def _whole(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _whole(row) for key, row in value.items()}
    if isinstance(value, list):
        return [_whole(row) for row in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value
