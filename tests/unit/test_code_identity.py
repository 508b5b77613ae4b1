"""What code a step's output depends on: no more than its `run` can reach, and no less."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import yaml

from rationanomaly.runs import code_identity
from rationanomaly.runs.code_identity import Code
from rationanomaly.steps import STEPS

PACKAGE = Path(code_identity.__file__).parents[1]
CHECKOUT = Path(__file__).parents[2]
NAMES = [step.name for step in STEPS]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("copy") / PACKAGE.name
    shutil.copytree(PACKAGE, target, ignore=shutil.ignore_patterns("__pycache__"))
    return target


@contextmanager
def edited(path: Path) -> Iterator[None]:
    before = path.read_bytes()
    path.write_bytes(before + b"\n")
    try:
        yield
    finally:
        path.write_bytes(before)


def digests(root: Path) -> dict[str, str]:
    code = Code(root)
    return {name: code.digest(name) for name in NAMES}


@pytest.fixture(scope="module")
def before(copy: Path) -> dict[str, str]:
    return digests(copy)


@pytest.mark.parametrize(
    ("edit", "steps"),
    [
        ("training/loop.py", {"sft", "grpo"}),
        ("rewards/terms.py", {"grpo"}),
        ("distill/prompts/1.md", {"distill"}),
        ("parse/formats/syslog.py", {"parse"}),
        ("parse/merging.py", {"parse"}),
        ("evaluate/report_page.html", {"evaluate"}),
        ("launch/rank_process.py", {"sft", "grpo"}),
        ("register/served_model.py", {"register"}),
        ("review/app.py", set()),
        ("cli/app.py", set()),
        ("simulate/values.py", set()),
        ("__init__.py", set()),
        ("records.py", set(NAMES)),
    ],
)
def test_a_change_makes_the_steps_that_reach_it_another_code(
    copy: Path, before: dict[str, str], edit: str, steps: set[str]
) -> None:
    with edited(copy / edit):
        after = digests(copy)
    found = {name for name in NAMES if before[name] != after[name]}
    assert found >= steps
    if edit.split("/")[0] not in ("parse", "launch"):
        assert found == steps


def test_every_import_counts_but_those_for_type_checkers(tmp_path: Path) -> None:
    root = tmp_path / "rationanomaly"
    files = {
        "__init__.py": "from rationanomaly.parse import far",
        "parse/__init__.py": "",
        "parse/step.py": "from rationanomaly import top\nimport rationanomaly.text.shown\ndef run():\n"
        "    from rationanomaly.text.late import f\n    start(['-m', 'rationanomaly.text.program'])\n"
        "if TYPE_CHECKING:\n    from rationanomaly.text.typed import T\n"
        "else:\n    from rationanomaly.text import other\n"
        "if not TYPE_CHECKING:\n    from rationanomaly.text import real\n",
        "parse/fan_out.py": "",
        "parse/far.py": "",
        "top.py": "from rationanomaly.plugins import load",
        "text/__init__.py": "",
        "plugins/__init__.py": "from importlib import import_module\nload = lambda n: import_module(f'{__name__}.{n}')",
        "plugins/one.py": "",
        "plugins/words/list.txt": "a",
        **{f"text/{name}.py": "" for name in ("shown", "late", "program", "typed", "other", "real", "unreached")},
    }
    for name, source in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(source)
    found = {path.as_posix() for path in Code(root).closure("parse")}
    left_out = {"__init__.py", "parse/far.py", "text/typed.py", "text/unreached.py"}
    assert found == files.keys() - left_out


def test_what_python_loads_is_in_the_closure() -> None:
    """The closure of a step against what an import of it really brings."""
    import subprocess
    import sys

    steps = ("grpo",)
    code = (
        "import importlib, sys, json; importlib.import_module(f'rationanomaly.{sys.argv[1]}.step');"
        "print(json.dumps([m for m in sys.modules if m.startswith('rationanomaly.')]))"
    )
    for step in steps:
        done = subprocess.run([sys.executable, "-c", code, step], capture_output=True, text=True, check=True)
        loaded = set(yaml.safe_load(done.stdout))
        paths = {path.with_suffix("").as_posix().removesuffix("/__init__") for path in code_identity.closure(step)}
        assert {name.removeprefix("rationanomaly.").replace(".", "/") for name in loaded} <= paths


def test_dvc_watches_all_that_a_step_reaches_and_no_folder_more() -> None:
    """For each module: a change makes DVC name every step whose closure has it, and none whose folders lack it."""
    stages = yaml.safe_load((CHECKOUT / "dvc.yaml").read_text(encoding="utf-8"))["stages"]
    for name in NAMES:
        listed = {dep for dep in stages[name]["deps"] if dep.startswith(f"{PACKAGE.name}/")}
        reached = {f"{PACKAGE.name}/{path.parts[0]}" for path in code_identity.closure(name)}
        assert listed == reached, f"stage {name} in dvc.yaml"
