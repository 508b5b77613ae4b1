"""Reference pages of the documentation, written when the site is built: from docstrings, params and commands.

`mkdocs build` loads this file (``hooks`` in mkdocs.yml) and calls `on_files`; nothing it writes lies in the checkout.
"""

from __future__ import annotations

import inspect
import re
import types
from collections.abc import Iterator, Mapping
from dataclasses import is_dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin

import typer.main
import yaml
from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from pydantic import BaseModel

ROOT = Path(__file__).resolve().parent.parent
DEFAULTS = ROOT / "rationanomaly" / "defaults.yaml"

_TITLES = {
    str: "text",
    Path: "path",
    float: "number",
    int: "whole number",
    bool: "true or false",
    type(None): "null",
    Any: "any",
}


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the written pages to those of the folder."""
    for name, text in pages().items():
        files.append(File.generated(config, name, content=text))
    return files


def pages() -> Mapping[str, str]:
    """Every written page by its path below ``docs/``, as Markdown."""
    return {
        "reference/api.md": api_page(),
        "reference/cli.md": cli_page(),
        "reference/params.md": params_page(),
        "reference/records.md": records_page(),
    }


# ---------------------------------------------------------------- Python


def api_page() -> str:
    """What ``import rationanomaly`` offers, in the order of its ``__all__``; mkdocstrings fills it in."""
    import rationanomaly

    names = [name for name in rationanomaly.__all__ if not name.startswith("_")]
    return "\n".join(
        [
            "# Python",
            "",
            "```python",
            "import rationanomaly as ra",
            "```",
            "",
            "Importing is quick: torch and MLflow are loaded when a detector is opened or a step runs.",
            "",
            *(f"::: rationanomaly.{name}\n" for name in names),
        ]
    )


# ---------------------------------------------------------------- command line


def cli_page() -> str:
    """Every command with its help, arguments and options."""
    from rationanomaly.cli.app import app

    group = typer.main.get_command(app)
    lines = [
        "# Command line",
        "",
        "Exit codes are in the README. `rationanomaly --verbose VERB` says what is being done.",
        "",
    ]
    for name, command in commands(group):
        lines += [f"## rationanomaly {name}", "", _paragraphs(command.help or ""), ""]
        if command.deprecated:
            lines += ["Deprecated.", ""]
        rows = [row for parameter in command.params if (row := _parameter_row(parameter))]
        if rows:
            lines += ["| argument or option | default | what |", "| --- | --- | --- |", *rows, ""]
    return "\n".join(lines)


def commands(group: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Each command that runs something, by its words behind ``rationanomaly``; hidden ones are left out."""
    for name, command in group.commands.items():
        if command.hidden:
            continue
        if hasattr(command, "commands"):
            yield from commands(command, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}", command


def _paragraphs(text: str) -> str:
    """Help text as Markdown; typer's marks for rich (`\\b`) go."""
    return inspect.cleandoc(text.replace("\b", ""))


def _parameter_row(parameter: Any) -> str | None:
    if parameter.name == "help" or getattr(parameter, "hidden", False):
        return None
    is_option = parameter.param_type_name == "option"
    names = ", ".join(parameter.opts) if is_option else (parameter.metavar or str(parameter.name)).upper()
    default = getattr(parameter, "show_default", None)
    if not isinstance(default, str):
        default = parameter.default
    shown = (
        "" if default is None or callable(default) or default is False else f"`{getattr(default, 'value', default)}`"
    )
    return (
        f"| `{names}` | {'required' if parameter.required else shown} | {_cell(getattr(parameter, 'help', '') or '')} |"
    )


# ---------------------------------------------------------------- params


def params_page() -> str:
    """Every key of the params in DAG order with its default, its type and what it means."""
    from rationanomaly.params import Params

    text = DEFAULTS.read_text(encoding="utf-8")
    defaults, comments = yaml.safe_load(text), trailing_comments(text)
    lines = [
        "# Params",
        "",
        "`params.yaml` holds all of them. `rationanomaly params PROFILE --output params.yaml` writes it from a",
        "profile of `profiles/`, which names only what differs; `--set key=value` changes one value, here and with",
        "every step.",
        "",
    ]
    for name, field in Params.model_fields.items():
        key = field.alias or name
        section = cast(type[BaseModel], field.annotation)
        lines += [f"## {key}", "", summary(section) or comments.get(key, ""), ""]
        lines += ["| key | default | type | what |", "| --- | --- | --- | --- |"]
        lines += [_key_row(*row, comments) for row in _keys(section, defaults[key], key)]
        lines.append("")
    return "\n".join(lines)


def _keys(section: type[BaseModel], values: Mapping[str, Any], prefix: str) -> Iterator[tuple[str, Any, str, str]]:
    """Key, default, type and description of each value of a section and the sections in it."""
    described = attributes(section)
    for name, field in section.model_fields.items():
        key, value = f"{prefix}.{field.alias or name}", values[field.alias or name]
        kind = field.annotation
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield from _keys(kind, value, key)
        else:
            limits = ", ".join(limit for one in field.metadata for limit in _limits(one))
            yield key, value, f"{type_name(kind)}{', ' if limits else ''}{limits}", described.get(name, "")


def _limits(constraint: Any) -> Iterator[str]:
    """The bounds that a field's annotation sets, as text."""
    for name, sign in (("gt", ">"), ("ge", "≥"), ("lt", "<"), ("le", "≤")):
        if (bound := getattr(constraint, name, None)) is not None:
            yield f"{sign} {bound}"


def _key_row(key: str, value: Any, kind: str, description: str, comments: Mapping[str, str]) -> str:
    text = yaml.safe_dump(value, default_flow_style=True, width=10_000, allow_unicode=True)
    shown = text.removesuffix("\n...\n").strip()
    return f"| `{key}` | `{_cell(shown)}` | {_cell(kind)} | {_cell(joined(description, comments.get(key, '')))} |"


def joined(description: str, comment: str) -> str:
    """What the docstring and the comment say; where they say the same, the one that says more."""
    first, second = (set(re.findall(r"\w+", text.lower())) for text in (description, comment))
    if len(first & second) >= min(len(first), len(second)) / 2:
        return max(description, comment, key=len)
    return f"{description.rstrip('.')}. {comment}"


def attributes(section: type[BaseModel]) -> Mapping[str, str]:
    """What the docstring of a section says of each field, from its block ``Attributes:``."""
    _, _, block = inspect.cleandoc(section.__doc__ or "").partition("Attributes:\n")
    found: dict[str, str] = {}
    name = ""
    for line in block.splitlines():
        if start := re.match(r" {4}(\w+): (.*)", line):
            name, found[start[1]] = start[1], start[2]
        elif name and line.startswith(" " * 8):
            found[name] += f" {line.strip()}"
    return found


def summary(section: type[BaseModel]) -> str:
    """The docstring of a section before its block of attributes."""
    return inspect.cleandoc(section.__doc__ or "").partition("Attributes:\n")[0].strip()


def type_name(kind: Any) -> str:
    """A type of the params in words: ``true or false``, ``builtin, openai, local``, ``number or null``."""
    if kind in _TITLES:
        return _TITLES[kind]
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return type_name(arguments[0])
    if origin is Literal:
        return ", ".join(f"`{argument}`" for argument in arguments)
    if origin in (Union, types.UnionType):
        return " or ".join(type_name(argument) for argument in arguments)
    if origin is list:
        return f"list of {type_name(arguments[0])}"
    if origin is dict:
        return f"names with {type_name(arguments[1])}"
    return str(getattr(kind, "__name__", kind))


def trailing_comments(text: str) -> Mapping[str, str]:
    """The comment behind each key of a YAML file of nested sections, and its continuation on lines of their own."""
    found: dict[str, str] = {}
    path: list[tuple[int, str]] = []
    key, column = "", -1
    for line in text.splitlines():
        if start := re.match(r"( *)([\w.-]+):(?= |$)", line):
            indent = len(start[1])
            path = [*((depth, name) for depth, name in path if depth < indent), (indent, start[2])]
            key = ".".join(name for _, name in path)
            comment = re.search(r" #\s(.*)$", line)
            column = comment.start() + 1 if comment else -1
            if comment:
                found[key] = comment[1].strip()
        elif column >= 0 and re.match(rf" {{{column}}}#\s", line):
            found[key] += f" {line.strip().removeprefix('#').strip()}"
        else:
            column = -1
    return found


# ---------------------------------------------------------------- files


def records_page() -> str:
    """Every table and row that steps write, with its columns."""
    from rationanomaly import records

    source = inspect.getsource(records)
    lines = ["# Files", "", inspect.cleandoc(records.__doc__ or ""), ""]
    for name, schema in vars(records).items():
        if not name.endswith("_SCHEMA"):
            continue
        file = getattr(records, name.removesuffix("_SCHEMA"))
        said = re.search(rf"((?:^#: .*\n)*)^{name} = pl.Schema\(\n((?: .*\n)*)", source, re.MULTILINE)
        above, body = said.groups() if said else ("", "")
        comments = dict(re.findall(r'^ +"(\w+)": .*?# (.*)$', body, re.MULTILINE))
        lines += [f"## {file}", "", above.replace("#:", "").strip(), ""]
        lines += ["| column | type | what |", "| --- | --- | --- |"]
        lines += [
            f"| `{name}` | {_cell(str(kind))} | {_cell(comments.get(name, ''))} |" for name, kind in schema.items()
        ]
        lines.append("")
    rows = [name for name, row in vars(records).items() if is_dataclass(row)]
    return "\n".join([*lines, *(f"::: rationanomaly.records.{name}\n" for name in rows)])


def _cell(text: str) -> str:
    """A text as the cell of a table: one line, no bar that would end it, outside of code no tag."""
    line = " ".join(text.split()).replace("|", "\\|")
    return "".join(part if part.startswith("`") else part.replace("<", "&lt;") for part in re.split(r"(`[^`]*`)", line))
