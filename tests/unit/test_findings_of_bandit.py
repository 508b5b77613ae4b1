"""Bandit's rules (ruff's S) hold everywhere but in tests; where one is set aside, a comment says why."""

from __future__ import annotations

import re
import tomllib

from tests.conftest import ROOT

CODE = ("rationanomaly", "pipelines", "components", "benchmarks", "docker", "docs", "supply_chain")
_SET_ASIDE = re.compile(r"#\s*(?:ruff:\s*)?noqa(?::\s*([A-Z0-9, ]+?))?(?:\s+-?\s*(\S.*))?$", re.MULTILINE)


def test_every_finding_that_is_set_aside_has_its_reason() -> None:
    bare = [
        f"{path.relative_to(ROOT)}: {found[0]}"
        for folder in CODE
        for path in sorted((ROOT / folder).rglob("*.py"))
        for found in _SET_ASIDE.finditer(path.read_text(encoding="utf-8"))
        if (not found[1] or re.search(r"\bS\d", found[1])) and not found[2]
    ]
    assert bare == []


def test_the_rules_are_on_and_no_folder_but_the_tests_is_without_them() -> None:
    lint = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["ruff"]["lint"]
    assert "S" in lint["select"]
    without = {folder for folder, rules in lint["per-file-ignores"].items() if "S" in rules}
    assert without == {"tests/**"}
