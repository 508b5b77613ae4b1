"""The table of an experiment: names of data sets, which come out of tables of strangers, stay in their cells."""

from __future__ import annotations

from pipelines.comparison import table


def test_a_title_can_neither_leave_its_cell_nor_act() -> None:
    half = {"mean": 0.5, "by_seed": [0.5], "low": None, "high": None}
    row = {"title": "a|b\n# c <i> `d` [e](f)\u202e", "figures": {"f1": half}, "differences": {}, "problem": None}
    stopped = {"title": "t", "figures": {}, "differences": {}, "problem": "bad\n# y"}
    lines = table({"seeds": [0], "variants": [row, stopped]}).splitlines()
    assert lines[2] == r"| a¦b\u000a# c \<i> \`d\` \[e](f)\u202e | .500 |"
    assert not any(line.startswith("#") for line in lines)
