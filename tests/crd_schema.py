"""Checks a custom resource as a Kubernetes API server does: against the structural schema, unknown fields refused."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

_TYPES: dict[str, type | tuple[type, ...]] = {
    "object": dict, "array": list, "string": str, "integer": int, "number": (int, float), "boolean": bool,
}  # fmt: skip


def schema_of(path: Path, version: str) -> dict[str, Any]:
    """The schema of one served version of a CustomResourceDefinition."""
    document = yaml.safe_load(path.read_text(encoding="utf-8"))
    found = next(v for v in document["spec"]["versions"] if v["name"] == version and v["served"])
    schema: dict[str, Any] = found["schema"]["openAPIV3Schema"]
    # An API server knows metadata itself.
    schema["properties"]["metadata"] = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return schema


def problems(value: Any, schema: dict[str, Any], place: str = "") -> list[str]:
    """What is wrong with ``value``, one line each; CEL rules are not evaluated."""
    if schema.get("x-kubernetes-int-or-string"):
        kinds: Any = (int, str)
    else:
        kinds = _TYPES[schema["type"]] if "type" in schema else object
    if not isinstance(value, kinds) or (isinstance(value, bool) and kinds in (int, (int, float))):
        return [f"{place}: {value!r} is no {schema.get('type', 'integer or string')}"]
    found = [f"{place}: {value!r} is none of {schema['enum']}"] if value not in schema.get("enum", [value]) else []
    if isinstance(value, str) and not re.search(str(schema.get("pattern", "")), value):
        found.append(f"{place}: {value!r} does not match {schema['pattern']}")
    if isinstance(value, int) and value < schema.get("minimum", value):
        found.append(f"{place}: {value} is below {schema['minimum']}")
    if isinstance(value, str | list) and not (
        schema.get("minLength", schema.get("minItems", 0)) <= len(value)
        <= schema.get("maxLength", schema.get("maxItems", len(value)))
    ):  # fmt: skip
        found.append(f"{place}: {len(value)} is no allowed length")
    if isinstance(value, list):
        found += _items(value, schema, place)
    if isinstance(value, dict):
        found += _fields(value, schema, place)
    return found


def _items(value: list[Any], schema: dict[str, Any], place: str) -> list[str]:
    found = [
        text for number, item in enumerate(value) for text in problems(item, schema["items"], f"{place}[{number}]")
    ]
    if names := schema.get("x-kubernetes-list-map-keys"):
        keys = [tuple(item.get(name) for name in names) for item in value]
        found += [f"{place}: {key} stands there twice" for key in {key for key in keys if keys.count(key) > 1}]
    return found


def _fields(value: dict[str, Any], schema: dict[str, Any], place: str) -> list[str]:
    found = [f"{place}.{name} is missing" for name in schema.get("required", []) if name not in value]
    known, free = schema.get("properties", {}), schema.get("additionalProperties")
    for name, item in value.items():
        if name in known:
            found += problems(item, known[name], f"{place}.{name}")
        elif isinstance(free, dict):
            found += problems(item, free, f"{place}.{name}")
        elif not schema.get("x-kubernetes-preserve-unknown-fields"):
            found.append(f"{place}.{name} is unknown")
    return found
