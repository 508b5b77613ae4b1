"""What each extra brings, by `setup.cfg`, is what the library imports; a missing one is one line with the command."""

from __future__ import annotations

import ast
import configparser
import re
import sys
from collections.abc import Iterator
from importlib.metadata import packages_distributions

import pytest

from benchmarks import install_size
from benchmarks.install_size import closure
from rationanomaly.errors import EXTRAS, InfrastructureError, named_extras
from rationanomaly.runs.model_registry import _REQUIREMENTS
from tests.conftest import ROOT

#: Requirements that only tests compare with; they have no module that the library imports.
COMPARED_WITH = {"rouge-score", "sacrebleu"}
#: Modules that come with what an extra names, and are certain to.
BROUGHT_ALONG = {"botocore": "s3", "sqlalchemy": "pipeline", "starlette": "review", "urllib3": "pipeline"}


def requirements() -> dict[str, set[str]]:
    """Distributions that `setup.cfg` names, by extra; ``core`` has those that every install gets."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    parts = {"core": config["options"]["install_requires"], **config["options.extras_require"]}
    return {
        extra: {plain(found[0]) for line in text.splitlines() if (found := re.match(r"[\w.-]+", line))}
        for extra, text in parts.items()
    }


def plain(name: str) -> str:
    return name.lower().replace("_", "-").replace(".", "-")


def imported() -> Iterator[tuple[str, str]]:
    """Every module of others that the library imports, also inside functions, with the file that does."""
    for path in sorted((ROOT / "rationanomaly").rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom) and node.level == 0:
                names = [str(node.module)]
            else:
                continue
            for name in {name.partition(".")[0] for name in names} - set(sys.stdlib_module_names) - {"rationanomaly"}:
                yield name, path.relative_to(ROOT).as_posix()


@pytest.fixture(scope="module")
def distributions() -> dict[str, set[str]]:
    """Names of the installed packages that have a module, by module."""
    return {module: {plain(name) for name in names} for module, names in packages_distributions().items()}


@pytest.fixture(scope="module")
def core() -> set[str]:
    """Names of all packages that every install gets, with those that they ask for."""
    return {plain(name) for name in closure(install_size.requirements())}


def test_every_import_is_of_the_core_or_of_an_extra_that_names_it(
    distributions: dict[str, set[str]], core: set[str]
) -> None:
    needed = requirements()
    named = {module: extra for extra, modules in EXTRAS.items() for module in modules}
    for module, file in imported():
        found = distributions.get(module, {plain(module)})
        if found & core:
            assert module not in named, f"{module} is of the core"
        else:
            homes = {extra for extra in EXTRAS if found & needed[extra]} | {BROUGHT_ALONG.get(module)}
            assert named.get(module) in homes - {None}, f"{file}: errors.EXTRAS does not say what brings {module}"


def test_every_requirement_of_an_extra_has_a_module_that_names_it(
    distributions: dict[str, set[str]], core: set[str]
) -> None:
    needed = requirements()
    for extra, modules in EXTRAS.items():
        brought = {name for module in modules for name in distributions.get(module, {plain(module)})}
        assert needed[extra] - core - COMPARED_WITH - {"kfp-kubernetes"} <= brought


def test_all_is_every_extra_but_those_of_gpus_and_developers() -> None:
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    named = re.findall(r"[\w-]+", config["options.extras_require"]["all"].partition("[")[2])
    assert set(named) == set(EXTRAS) - {"gpu"}


def test_a_served_model_asks_for_the_core_and_for_frames() -> None:
    assert {plain(name) for name in _REQUIREMENTS} == requirements()["core"] | {"pandas"}


def test_a_missing_extra_is_one_line_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "trl", None)
    with pytest.raises(InfrastructureError) as caught, named_extras():
        import trl  # noqa: F401
    assert str(caught.value) == "the package trl is not installed. Run `pip install 'rationanomaly[training]'`."


def test_a_module_of_no_extra_is_reported_as_it_is() -> None:
    with pytest.raises(ModuleNotFoundError, match="no_such_module"), named_extras():
        import no_such_module  # type: ignore[import-not-found]  # noqa: F401
