"""The words of the code: the field's and Python's own, and one word for one thing."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.conftest import ROOT

#: In no name, nor as a part of one: `has_told`, `BeatReader`.
COINED = frozenset({
    "mend", "mends", "mended", "surroundings", "begun", "look", "ended", "beat", "beats", "heeded", "told", "chance",
    "twin", "twins", "figure", "figures",
})  # fmt: skip
#: Old names of params: no name of ours, but a part of one may be such a word.
OLD_PARAMS = frozenset({"most", "rest", "meaning", "neighbours", "longest_wait"})
#: Names of other libraries.
FOREIGN = frozenset({"Figure", "FigureCanvasAgg"})

#: What no text says, with what to say.
PHRASES = {
    r"\bmend(?:s|ed|ing)?\b": "fix, hint",
    r"\bSurroundings(?:Error)?\b": "InfrastructureError, TemplateContext",
    r"\boftener\b|\berrs\b": "is wrong more often",
    r"\bever after\b": "keeps",
    r"\b(?:go|goes|going|gone) on\b|\bwent on (?:with|from)\b": "continues",
    r"\bheeded\b": "handled",
    r"\btwins\b": "near-duplicates",
}
#: Old names and phrases stand where history is told; data and sentences of the product's own are no prose of ours.
ALLOWED = (
    "CHANGELOG.md",
    "docs/experiments.md",
    "docs/rationales.md",
    "rationanomaly/rulebook/",
    "rationanomaly/simulate/catalogue/",
    "rationanomaly/distill/prompts/",
    "tests/unit/test_words.py",
)
FOLDERS = ("rationanomaly", "tests", "benchmarks", "components", "pipelines", "docs", "profiles", "mlflow", "docker")
TEXTS = (".py", ".yaml", ".yml", ".html", ".md", ".cfg", ".toml", ".css", ".js", ".csv", ".sh")


@cache
def files() -> tuple[Path, ...]:
    """Paths below the root of all source files."""
    top = [path for path in ROOT.iterdir() if path.is_file()]
    below = [path for folder in FOLDERS for path in (ROOT / folder).rglob("*")]
    kept = (path for path in (*top, *below) if path.suffix in TEXTS or path.name in ("Makefile", "Dockerfile"))
    return tuple(sorted(path.relative_to(ROOT) for path in kept if ".min." not in path.name))


def sources() -> list[Path]:
    return [path for path in files() if path.suffix == ".py"]


def is_allowed(path: Path) -> bool:
    return path.as_posix().startswith(ALLOWED)


@cache
def tree(path: Path) -> ast.Module:
    return ast.parse((ROOT / path).read_text(encoding="utf-8"))


def names(node: ast.AST) -> Iterator[str]:
    """The names that a node defines or uses; f-strings are parsed, so those in their braces are found too."""
    match node:
        case ast.Name(id=name) | ast.Attribute(attr=name) | ast.alias(asname=str() as name):
            yield name
        case ast.alias(name=name):
            yield from name.split(".")
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            yield name
        case ast.arg(arg=name) | ast.keyword(arg=str() as name) | ast.ExceptHandler(name=str() as name):
            yield name
        case ast.MatchAs(name=str() as name) | ast.MatchStar(name=str() as name):
            yield name
        case ast.Global(names=several) | ast.Nonlocal(names=several):
            yield from several


@cache
def parts(name: str) -> frozenset[str]:
    """`HeartbeatReader` and `heartbeat_reader` are heartbeat and reader."""
    return frozenset(part.lower() for part in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name))


@cache
def is_coined(name: str) -> bool:
    return name not in FOREIGN and (bool(parts(name) & COINED) or name.lower() in OLD_PARAMS)


@cache
def prose(path: Path) -> str:
    """The text of a file, with the words of its names apart."""
    return (ROOT / path).read_text(encoding="utf-8").replace("_", " ")


def keys(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, under in value.items():
            yield str(key)
            yield from keys(under)
    elif isinstance(value, list):
        for under in value:
            yield from keys(under)


@pytest.mark.parametrize("name", ["has_told", "BeatReader", "Ended", "figures", "_twins", "rest", "longest_wait"])
def test_a_coined_name_is_found(name: str) -> None:
    assert is_coined(name)


@pytest.mark.parametrize("name", ["Heartbeat", "Figure", "most_common", "rest_client", "extended", "looked_up"])
def test_a_name_of_the_field_is_none(name: str) -> None:
    assert not is_coined(name)


def test_no_name_is_coined() -> None:
    found = {
        f"{path}:{getattr(node, 'lineno', 1)}: {name}"
        for path in sources()
        for node in ast.walk(tree(path))
        for name in names(node)
        if is_coined(name)
    }
    assert sorted(found) == []


def test_no_module_has_a_coined_name() -> None:
    assert [str(path) for path in files() if any(is_coined(part) for part in path.with_suffix("").parts)] == []


def test_no_param_has_a_coined_name() -> None:
    documents = [path for path in files() if path.suffix in (".yaml", ".yml") and not is_allowed(path)]
    assert documents
    found = [
        f"{path}: {key}"
        for path in documents
        for document in yaml.safe_load_all((ROOT / path).read_text(encoding="utf-8"))
        for key in keys(document)
        if is_coined(key)
    ]
    assert found == []


@pytest.mark.parametrize("phrase", PHRASES)
def test_no_text_has_an_old_phrase(phrase: str) -> None:
    found = [
        f"{path}:{number}: {line.strip()}"
        for path in files()
        if not is_allowed(path) and re.search(phrase, prose(path))
        for number, line in enumerate(prose(path).splitlines(), 1)
        if re.search(phrase, line)
    ]
    assert found == [], f"say {PHRASES[phrase]!r}"


# ---------------------------------------------------------------- one word, one thing


def defined(path: Path) -> Iterator[str]:
    """Names of functions, classes, arguments and variables that a file makes."""
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.arg) or (
            isinstance(node, ast.Name | ast.Attribute) and isinstance(node.ctx, ast.Store)
        ):
            yield from names(node)


#: Part of a name → folders and files of the library that may define one.
OWNERS = {
    "judge": ("evaluate/", "detection/", "stress/", "session_models/"),
    "reference": ("baselines/", "evaluate/", "rewards/overlap.py"),
}


@pytest.mark.parametrize("word", OWNERS)
def test_one_word_one_thing(word: str) -> None:
    found = [
        f"{path}: {name}"
        for path in sources()
        if path.parts[0] == "rationanomaly" and not "/".join(path.parts[1:]).startswith(OWNERS[word])
        for name in defined(path)
        if word in parts(name) and not {"kl", "reference"} <= parts(name)
    ]
    assert found == []


def test_only_the_detector_has_a_verdict() -> None:
    classes = [
        (path, node.name)
        for path in sources()
        for node in ast.walk(tree(path))
        if isinstance(node, ast.ClassDef) and "verdict" in parts(node.name)
    ]
    assert [path.parts[:2] for path, _ in classes] == [("rationanomaly", "detection")] * len(classes)
    assert classes
