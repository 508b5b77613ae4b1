"""Params documents: composed of files and settings, checked, written out again."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from rationanomaly.errors import ParamsError
from rationanomaly.params.files import EXPLAINED, line_of, read
from rationanomaly.params.kinds import mistaken
from rationanomaly.params.log_files import forget_files
from rationanomaly.params.section import Section, rename_keys, sections_below
from rationanomaly.params.sections import Params
from rationanomaly.params.yaml_text import MAX_DEPTH, YamlTextError, load

#: The packaged default values, complete and commented. They lie at the top of the library, for there they are no part
#: of a step's code (`runs.code_identity`): a value that changes makes only those steps run again that read it.
DEFAULTS = Path(__file__).parents[1] / "defaults.yaml"
#: What stands for them after ``extends:`` and ``--params``, wherever the package is installed.
DEFAULTS_NAME = "defaults"
#: Files that extend one another.
_MAX_FILES = 20
#: Characters of a value or a setting that an error shows.
_SHOWN = 120


def load_params(path: Path | str, settings: Iterable[str] = ()) -> Params:
    """Read a params file or profile, apply ``key=value`` settings, check everything.

    Args:
        path: a complete file, a profile with ``extends``, or ``defaults``, the packaged default values.
        settings: changes such as ``grpo.beta=0.01``; the value is read as YAML.

    Raises:
        ParamsError: no such file, not YAML, an unknown key, a missing key or a value of the wrong type; the
            message names the file and, where the key stands in it, its line, or the setting that it comes from.
    """
    path = Path(path)
    document = compose(path)
    given = [_apply(document, setting) for setting in settings]
    return check(document, path, given)


def read_document(text: str) -> Params:
    """Typed params from the text of a full document, as `dump` or `dump_line` writes it.

    Raises:
        ParamsError: it is not YAML, or none that params files take; see `load_params`.
    """
    try:
        document = load(text)
    except YamlTextError as error:
        raise ParamsError(f"the params document {error.problem}", line=error.line, hint=error.hint) from error
    if not isinstance(document, dict):
        raise ParamsError("the params document holds no sections", hint="Compose it with `rationanomaly params`")
    return check(document, Path("params document"))


def compose(path: Path) -> dict[str, Any]:
    """The full document of a params file: its own values over those of what it extends, under today's names."""
    document: dict[str, Any] = {}
    for file, own in _chain(path):
        # Before the merge: an earlier name in a profile has to replace the value below, which has today's name.
        document = _merge(document, current_names(own, file))
        forget_files(own, document)
    document.pop("extends", None)
    return document


def lineage(path: Path) -> list[Path]:
    """The files that make a document: what everything starts from first, ``path`` itself last.

    Raises:
        ParamsError: one is missing, is not YAML, or extends itself.
    """
    return [file for file, _ in _chain(path)]


def _chain(path: Path) -> list[tuple[Path, dict[str, Any]]]:
    """The files of `lineage`, each with what it says."""
    file = DEFAULTS if str(path) == DEFAULTS_NAME else path
    chain = [(file, read(file))]
    while (parent := chain[-1][1].get("extends")) is not None:
        below = DEFAULTS if parent == DEFAULTS_NAME else file.parent / str(parent)
        line = line_of(file, ["extends"])
        if not below.is_file():
            hint = "Name `defaults`, or a file as seen from the folder of this one"
            raise ParamsError(f"extends `{_shown(parent)}`, and there is no such file", file=file, line=line, hint=hint)
        if any(below.samefile(seen) for seen, _ in chain):
            raise ParamsError(f"extends itself through `{parent}`", file=file, line=line, hint="Break the circle")
        if len(chain) == _MAX_FILES:
            problem = f"extends more than {_MAX_FILES - 1} files, one through the other"
            raise ParamsError(problem, file=file, line=line, hint="Put them together")
        file = below
        chain.append((file, read(file)))
    return chain[::-1]


def current_names(document: Mapping[str, Any], path: Path | None = None) -> dict[str, Any]:
    """``document``, or any part of one, with the keys that were renamed under today's names.

    Args:
        document: sections as in a params file; none has to be there or complete.
        path: where it was read, for the warning; None: from the command line.

    Raises:
        ParamsError: it has a key under both its names.
    """
    return _with_current_names(Params, document, path, ())


def current_key(key: Iterable[str]) -> tuple[str, ...]:
    """The parts of a key, from the top section on, under today's names; warns of nothing."""
    section: type[Section] | None = Params
    named = list[str]()
    for part in key:
        named.append(part if section is None else section.renamed.get(part, part))
        section = None if section is None else sections_below(section).get(named[-1])
    return tuple(named)


@dataclass(frozen=True)
class Setting:
    """A ``key=value`` that was laid over a document.

    Attributes:
        key: as it was given.
        text: the whole of it.
        path: parts of the key, under today's names.
        added: the path up to the first part that the document did not have; what lies below comes from the setting.
    """

    key: str
    text: str
    path: list[str]
    added: list[str]


def check(document: Mapping[str, Any], path: Path, settings: Sequence[Setting] = ()) -> Params:
    """Turn a full document into typed params.

    Args:
        document: the sections.
        path: where they were read, for the error.
        settings: what was laid over them, in this order; an error that comes from one names it and no file.
    """
    confused = [
        ErrorDetails(type="kind", loc=one.place, msg=one.problem, input=one.value) for one in mistaken(Params, document)
    ]
    if confused:
        raise _refusal(confused, path, settings)
    try:
        return Params.model_validate(document)
    except ValidationError as error:
        raise _refusal(error.errors(), path, settings) from error


def _refusal(errors: Sequence[ErrorDetails], path: Path, settings: Sequence[Setting]) -> ParamsError:
    """The error about the first of what is wrong in a document."""
    first = errors[0]
    location = [str(part) for part in first["loc"]]
    source = next((one for one in reversed(settings) if location[: len(one.added)] == one.added), None)
    problem, hint = _explain(first, location) if source is None else _explain_setting(first, location, source)
    problem += f" ({len(errors) - 1} more of this kind)" if len(errors) > 1 else ""
    if source is not None:
        return ParamsError(problem, hint=hint)
    return ParamsError(problem, file=path, line=line_of(path, location), hint=hint)


def _explain(found: ErrorDetails, location: list[str]) -> tuple[str, str]:
    """What is wrong with the value at ``location``, and what to do about it."""
    key = _shown(".".join(location))
    if found["type"] == "extra_forbidden":
        return f"unknown key `{key}`", f"Remove it or correct its spelling; {EXPLAINED} every key"
    if found["type"] == "missing":
        return f"`{key}` is missing", "Add it, or start the file with `extends: defaults`"
    if found["type"] == "secret":  # What was found may hold a password.
        return f"`{key}` {found['msg']}", f"{EXPLAINED} what it means"
    if isinstance(found["input"], Mapping) and found["type"] == "value_error":
        # Of values that don't go together, the message names those that count.
        return f"`{key}`: {_must_be(found).removeprefix('Value error, ')}", f"{EXPLAINED} what it means"
    return f"`{key}`: {_must_be(found)}, found {_shown(repr(found['input']))}", f"{EXPLAINED} what it means"


def _explain_setting(found: ErrorDetails, location: list[str], setting: Setting) -> tuple[str, str]:
    """The same for what comes from a setting, of which nothing is shown that could be a password."""
    problem, hint = _explain(found, location)
    if found["type"] == "missing":
        hint = "Set the missing key as well"
    elif found["type"] != "extra_forbidden" and location == setting.path:
        secret = found["type"] == "secret"
        return f"`--set {_shown(setting.key if secret else setting.text)}`: {_must_be(found)}", hint
    return f"`--set {_shown(setting.key)}`: {problem}", hint


def _shown(value: object) -> str:
    """A value as text, cut where it is long."""
    text = str(value)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"


def _must_be(found: ErrorDetails) -> str:
    return found["msg"].replace("Input should be", "must be")


def dump(params: Params) -> str:
    """A full params document as YAML, in DAG order."""
    return yaml.safe_dump(params.model_dump(mode="json", by_alias=True), sort_keys=False, allow_unicode=True)


def dump_line(params: Params) -> str:
    """A full params document as one line of JSON (which is YAML): KFP breaks parameters with line breaks."""
    return json.dumps(params.model_dump(mode="json", by_alias=True), ensure_ascii=False)


def _merge(below: dict[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(below)
    for key, value in above.items():
        old = merged.get(key)
        merged[key] = _merge(old, value) if isinstance(old, dict) and isinstance(value, dict) else value
    return merged


def _apply(document: dict[str, Any], setting: str) -> Setting:
    path, value = read_setting(setting)
    place, added = document, path
    for depth, parent in enumerate(path[:-1], start=1):
        if parent not in place and added is path:
            added = path[:depth]
        place = place.setdefault(parent, {})
        if not isinstance(place, dict):
            raise ParamsError(
                f"`--set {_shown(setting)}`: `{_shown(parent)}` is a value, not a section",
                hint=f"{EXPLAINED} every key",
            )
    place[path[-1]] = value
    if path == ["data", "logs"]:
        place["files"] = None
    return Setting(setting.partition("=")[0].strip(), setting, path, added)


def read_setting(setting: str) -> tuple[list[str], Any]:
    """The parts of the key (under today's names) and the value of ``key=value``.

    Raises:
        ParamsError: it has no key, or its value is not YAML.
    """
    key, equals, text = setting.partition("=")
    if not equals or not key.strip():
        raise ParamsError(f"`--set {_shown(setting)}` is not key=value", hint="Write it like --set grpo.beta=0.01")
    try:
        value = load(text, hint="Quote it")
    except YamlTextError as error:
        raise ParamsError(f"the value of `--set {_shown(setting)}` {error.problem}", hint=error.hint) from error
    parts = key.strip().split(".")
    if len(parts) > MAX_DEPTH:
        raise ParamsError(f"the key of `--set {_shown(setting)}` is nested too deeply", hint=f"{EXPLAINED} every key")
    node: Any = value
    for part in reversed(parts):
        node = {part: node}
    node, path = current_names(node), list[str]()
    for _ in parts:
        ((part, node),) = node.items()
        path.append(part)
    return path, node


def _with_current_names(
    section: type[Section], document: Mapping[str, Any], path: Path | None, place: tuple[str, ...]
) -> dict[str, Any]:
    """Rename in ``document``, which stands at ``place``, and in every section below."""
    named = rename_keys(section, document, path, place)
    for key, below in sections_below(section).items():
        if isinstance(value := named.get(key), dict):
            named[key] = _with_current_names(below, value, path, (*place, key))
    return named
