"""The library's structure: imports point one way, and the entrance hall stays small."""

from __future__ import annotations

from pathlib import Path

import pytest

import rationanomaly
from benchmarks.house import LEVELS, MOST_AT_THE_TOP, at_the_top, cycles, draw, upward
from rationanomaly.runs.code_identity import Code


@pytest.fixture(scope="module")
def code() -> Code:
    return Code(Path(rationanomaly.__file__).parent)


def test_every_room_has_its_level(code: Code) -> None:
    assert set(draw(code)) == frozenset().union(*LEVELS)


def test_there_is_no_cycle(code: Code) -> None:
    assert cycles(draw(code)) == []


def test_no_import_points_upward_nor_from_step_to_step(code: Code) -> None:
    assert upward(draw(code)) == []


def test_few_modules_stand_at_the_top(code: Code) -> None:
    assert len(at_the_top(code)) <= MOST_AT_THE_TOP


def test_what_would_be_wrong_is_seen(tmp_path: Path) -> None:
    root = tmp_path / "rationanomaly"
    files = {
        "errors.py": "def f():\n    from rationanomaly.text import shown",
        "text/shown.py": "if TYPE_CHECKING:\n    from rationanomaly.errors import E",
        "sft/step.py": "import rationanomaly.grpo.step",
        "grpo/step.py": "",
    }
    for name, source in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(source)
        (root / name).with_name("__init__.py").touch()
    graph = draw(Code(root))
    assert cycles(graph) == [frozenset({"errors", "text"})]
    assert upward(graph) == [("errors", "text"), ("sft", "grpo")]
