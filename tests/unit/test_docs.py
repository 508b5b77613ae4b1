"""What README.md and docs/ name exists: pages, links, commands, params, files; and the site is built."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import typer.main
import yaml

import rationanomaly
from pipelines.__main__ import app as pipelines_app
from rationanomaly.cli.app import app
from tests.conftest import ROOT
from tests.modules import module_at

PAGES = sorted((ROOT / "docs").glob("**/*.md"))
ENTRIES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "SUPPORT.md")]
DOCUMENTS = [*ENTRIES, *PAGES, ROOT / "mlflow" / "README.md", ROOT / "docker" / "README.md"]
#: Shells and what stands in for something in an example.
_ENDS = {"|", ">", "#", "&&", ";"}


def names(paths: list[Path]) -> list[str]:
    return [str(path.relative_to(ROOT)) for path in paths]


each_document = pytest.mark.parametrize("path", DOCUMENTS, ids=names(DOCUMENTS))


def hooks() -> ModuleType:
    return module_at(ROOT / "docs" / "hooks.py")


@cache
def written_pages() -> dict[str, str]:
    pytest.importorskip("mkdocs")
    return dict(hooks().pages())


def nav_files(nav: Any) -> Iterator[str]:
    if isinstance(nav, str):
        yield nav
    else:
        for part in nav.values() if isinstance(nav, dict) else nav:
            yield from nav_files(part)


def test_the_navigation_names_every_page_once_and_nothing_else() -> None:
    nav = yaml.safe_load((ROOT / "mkdocs.yml").read_text())["nav"]
    pages = [str(path.relative_to(ROOT / "docs")) for path in PAGES]
    assert sorted(nav_files(nav)) == sorted([*pages, *written_pages()])


@each_document
def test_every_relative_link_leads_to_a_file(path: Path) -> None:
    text = re.sub(r"^```.*?^```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE)
    links = [link.partition("#")[0] for link in re.findall(r"\]\(([^)\s]+)", text)]
    local = {link for link in links if link and not re.match(r"[a-z]+:", link)}
    there = {str(Path("docs") / name) for name in written_pages()}
    missing = {link for link in local if not (path.parent / link).exists()}
    assert {link for link in missing if str((path.parent / link).relative_to(ROOT)) not in there} == set()


@each_document
def test_every_file_that_is_named_exists(path: Path) -> None:
    """`parse/drain.py` may leave out the name of the library; `components/STEP/component.py` stands for all."""
    named = set(re.findall(r"`((?:[\w.-]+/)+[\w.-]+\.(?:py|yaml|yml|md|csv|html))`", path.read_text(encoding="utf-8")))
    fixed = {name for name in named if not re.search(r"[A-Z]{4}/|VERSION|outputs/|data/simulated/", name)}
    places = (ROOT, ROOT / "rationanomaly", ROOT / "rationanomaly" / "distill")
    assert {name for name in fixed if not any((place / name).exists() for place in places)} == set()


@cache
def commands() -> dict[str, set[str]]:
    """The options of each command by its words behind `rationanomaly`, hidden ones left out."""
    found = hooks().commands(typer.main.get_command(app))
    return {
        name: {
            option for parameter in command.params for option in parameter.opts if not getattr(parameter, "hidden", 0)
        }
        for name, command in found
    }


@cache
def pipeline_commands() -> dict[str, Any]:
    """The commands behind `python -m pipelines`, by name."""
    return dict(hooks().commands(typer.main.get_command(pipelines_app)))


def command_lines(text: str, program: str = "rationanomaly") -> Iterator[list[str]]:
    """The words behind each `rationanomaly`, or another program, in code: blocks, continued lines joined, and spans."""
    fenced = re.findall(r"^```(\w*)\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    blocks = [block for language, block in fenced if language in {"", "bash"}]
    blocks += re.findall(r"(?:^ {4}.*\n)+", text, re.MULTILINE)
    lines = [line for block in blocks for line in block.replace("\\\n", " ").splitlines()]
    prose = re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)
    for line in [*lines, *re.findall(r"`([^`]+)`", prose)]:
        for behind in re.split(rf"(?<![\w./:]){program} ", line)[1:]:
            words = shlex.split(behind.replace("'", ""), comments=True)
            end = next((at for at, word in enumerate(words) if word in _ENDS), len(words))
            yield words[:end]


@each_document
def test_every_command_that_is_named_exists_with_its_options(path: Path) -> None:
    known = commands()
    groups = {name.split()[0] for name in known if " " in name}
    for words in command_lines(path.read_text(encoding="utf-8")):
        said = [word for word in words if word not in {"--debug", "--verbose", "…"}]
        if not said or said[0].isupper() or said == ["ledger"]:
            continue
        name = " ".join(said[: 2 if said[0] in groups else 1])
        assert name in known, f"rationanomaly {' '.join(words)}"
        options = {word.partition("=")[0] for word in said if word.startswith("--")}
        assert options <= known[name] | {"--help"}, f"rationanomaly {' '.join(words)}"


@each_document
def test_every_command_of_the_pipelines_that_is_named_exists_with_its_options(path: Path) -> None:
    known = pipeline_commands()
    for words in command_lines(path.read_text(encoding="utf-8"), "python -m pipelines"):
        said = f"python -m pipelines {' '.join(words)}"
        assert words[0] in known, said
        options = {option for parameter in known[words[0]].params for option in parameter.opts}
        assert {word.partition("=")[0] for word in words if word.startswith("--")} <= options | {"--help"}, said


@each_document
def test_every_param_that_is_named_exists(path: Path) -> None:
    pytest.importorskip("mkdocs")
    keys = set(re.findall(r"^\| `([\w.]+)` \|", written_pages()["reference/params.md"], re.MULTILINE))
    sections = {".".join(key.split(".")[:depth]) for key in keys for depth in range(1, key.count(".") + 1)}
    tops = "|".join(sorted(section for section in sections if "." not in section))
    text = path.read_text(encoding="utf-8")
    named = set(re.findall(rf"(?:`|--set )((?:{tops})(?:\.[a-z_]+)+)(?=[`=: ])", text))
    tables = ("parse.json_fields", "distill.endpoint.headers", "cluster.steps", "cluster.default")
    wrong = {name for name in named - keys - sections if not name.startswith(tables)}
    assert {name for name in wrong if not re.search(r"\.(py|yaml|jsonl|json|parquet|md)$", name)} == set()


def test_every_param_has_a_description_in_the_reference() -> None:
    rows = re.findall(r"^\| `([\w.]+)` \| `.*` \| .* \|(.*)\|$", written_pages()["reference/params.md"], re.MULTILINE)
    assert len(rows) > 150
    assert [key for key, what in rows if not what.strip()] == []


def test_every_command_and_public_name_is_in_the_reference() -> None:
    assert re.findall(r"^## rationanomaly (.+)$", written_pages()["reference/cli.md"], re.MULTILINE) == list(commands())
    public = {name for name in rationanomaly.__all__ if not name.startswith("_")}
    assert set(re.findall(r"^::: rationanomaly\.(\w+)$", written_pages()["reference/api.md"], re.MULTILINE)) == public


def test_a_comment_that_continues_below_belongs_to_its_key() -> None:
    text = "a:   # one\n  b: 1  # two\n        # three\n  c: '# no comment'\nd: 2\n"
    assert hooks().trailing_comments(text) == {"a": "one", "a.b": "two three"}


def test_the_citation_names_this_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert citation["version"] == rationanomaly.__version__
    assert citation["cff-version"] == "1.2.0"


def test_the_site_is_built_and_loads_nothing_from_elsewhere(tmp_path: Path) -> None:
    pytest.importorskip("mkdocs")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(tmp_path / "site")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    for name in ("index.html", "your-own-log.html", *(page.replace(".md", ".html") for page in written_pages())):
        page = (tmp_path / "site" / name).read_text(encoding="utf-8")
        assert re.findall(r"""<(?:script|link|img|iframe)\b[^>]*(?:src|href)=["']?(?:https?:)?//""", page) == []
