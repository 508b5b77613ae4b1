"""The published OpenAPI document of Kubeflow Pipelines, to hold what is sent and answered against."""

from __future__ import annotations

import json
import re
from functools import cache
from pathlib import Path
from typing import Any

from tests.conftest import ROOT
from tests.crd_schema import problems

SWAGGER = ROOT.parent / "shared" / "specs" / "kfp_api_v2beta1.swagger.json"


class PublishedApi:
    """The paths, parameters and bodies that are published.

    Args:
        document: of OpenAPI 2.
    """

    def __init__(self, document: dict[str, Any]) -> None:
        self._definitions = document["definitions"]
        self._operations = [
            (re.compile(re.sub(r"\{[^}]+\}", "[^/:]+", path)), verb, operation)
            for path, verbs in document["paths"].items()
            for verb, operation in verbs.items()
        ]

    @classmethod
    def read(cls, path: Path = SWAGGER) -> PublishedApi:
        """The document that lies there."""
        return cls(json.loads(path.read_bytes()))

    def faults_of_question(self, verb: str, path: str, query: dict[str, list[str]], body: Any) -> list[str]:
        """What of a question is not as published."""
        operation = self._operation(verb, path)
        if operation is None:
            return [f"{verb} {path} is not published"]
        known = {one["name"]: one for one in operation.get("parameters", [])}
        found = [f"{verb} {path}: parameter {name} is unknown" for name in query if name not in known]
        sent = next((one for one in known.values() if one["in"] == "body"), None)
        if body is not None and sent is not None:
            found += problems(body, self._resolved(json.dumps(sent["schema"])), f"{verb} {path}")
        return found

    def faults_of_answer(self, verb: str, path: str, body: Any) -> list[str]:
        """What of an answer is not as published."""
        operation = self._operation(verb, path)
        if operation is None:
            return []
        schema = operation["responses"]["200"]["schema"]
        return problems(body, self._resolved(json.dumps(schema)), f"answer to {verb} {path}")

    def _operation(self, verb: str, path: str) -> dict[str, Any] | None:
        matching = [one for pattern, name, one in self._operations if name == verb.lower() and pattern.fullmatch(path)]
        return matching[0] if matching else None

    @cache  # noqa: B019 - lives as long as the tests
    def _resolved(self, text: str) -> dict[str, Any]:
        found: dict[str, Any] = self._resolve(json.loads(text))
        return found

    def _resolve(self, schema: Any) -> Any:
        if isinstance(schema, list):
            return [self._resolve(item) for item in schema]
        if not isinstance(schema, dict):
            return schema
        if "$ref" in schema:
            return self._resolve(self._definitions[schema["$ref"].rpartition("/")[2]])
        schema = {name: self._resolve(value) for name, value in schema.items()}
        free = schema.get("type") == "object" and not schema.keys() & {"properties", "additionalProperties"}
        return schema | ({"x-kubernetes-preserve-unknown-fields": True} if free else {})
