"""A name means the same person on the command line, at the desk and in the ledger; and only undoing withdraws."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from rationanomaly.cli.app import app
from rationanomaly.cli.options import read_members
from rationanomaly.decisions.appending import append_decisions, merge_ledgers
from rationanomaly.decisions.exchange import import_csv
from rationanomaly.decisions.ledger import Decision, read_ledger, write_decision
from rationanomaly.decisions.reviewer_name import LONGEST_NAME, file_of, known_name, reviewer_name
from rationanomaly.errors import InputError, ParamsError
from rationanomaly.records import template_id
from rationanomaly.review.access import Access
from rationanomaly.review.desk import Desk, Member
from tests.hostile import KINDS
from tests.template_table import template_table

ADA = (" ada ", "ada", "\tada\n", "ada\u3000")
TEXTS = ["disk <*> failed", "job done"]
NO_NAMES = ("", "   ", "a\u202eb", "a\x1b[2Jb", "a\u200bb", "x" * (LONGEST_NAME + 1))


def open_desk(folder: Path) -> Desk:
    """A desk as after a restart: all that it knows is in the ledger."""
    return Desk(template_table([("site", text, "normal") for text in TEXTS]), folder / "ledger.jsonl")


@pytest.mark.parametrize("typed", ADA)
def test_the_work_of_a_name_with_blanks_is_there_after_a_restart(typed: str, tmp_path: Path) -> None:
    (member,) = read_members([typed], None)
    desk = open_desk(tmp_path)
    desk.decide(member, desk.items[0], "independent", "abnormal")
    for again in ADA:
        desk = open_desk(tmp_path)
        assert desk.progress(Member(again)).done == 1
        assert desk.decision_of(Member(again), desk.items[0], "independent") is not None
    access = Access([], open_desk=True)
    assert access.member(access.enter(typed)) == Member("ada")


def test_letters_are_composed_and_blanks_are_single() -> None:
    assert reviewer_name("Ame\u0301lie   van  Dam") == "Am\u00e9lie van Dam"
    assert known_name(reviewer_name("Ame\u0301lie")) == reviewer_name("Am\u00e9lie")


@pytest.mark.parametrize("typed", [*NO_NAMES, *(kind for kind in KINDS.split(" ") if kind)])
def test_what_is_no_name_is_refused_everywhere(typed: str, tmp_path: Path) -> None:
    if typed.strip() != typed and typed.strip():
        pytest.skip("a blank around a name")
    with pytest.raises(InputError):
        Member(typed)
    with pytest.raises(ParamsError):
        read_members(None, [typed])
    access = Access([], open_desk=True)
    assert access.enter(typed) is None
    row = {"template_id": template_id(TEXTS[0]), "template": TEXTS[0], "reviewer": typed, "decision": "normal",
           "category": None, "comment": "", "time": None, "round": "independent"}  # fmt: skip
    (tmp_path / "ledger.jsonl").write_text(f"{json.dumps(row)}\n")
    ledger = read_ledger(tmp_path / "ledger.jsonl")
    assert not ledger.entries
    assert ledger.problems[0].code == "fields"


def test_a_name_on_the_command_line_is_checked_before_anything_is_read(tmp_path: Path) -> None:
    found = CliRunner().invoke(app, ["review", "--parse", str(tmp_path / "none"), "--reviewer", "a\u202eb"])
    assert isinstance(found.exception, ParamsError)
    (tmp_path / "labels.csv").write_text("template,decision\njob done,normal\n")
    with pytest.raises(InputError, match="names no reviewer"):
        import_csv(tmp_path / "labels.csv", "a\u202eb")


@pytest.mark.parametrize("name", ["é" * LONGEST_NAME, "漢" * LONGEST_NAME, "../../etc", "a/b", "𝔸" * LONGEST_NAME])
def test_each_name_has_a_file_in_a_folder(name: str, tmp_path: Path) -> None:
    path = file_of(tmp_path, reviewer_name(name))
    assert path.parent == tmp_path
    path.write_text("")


def decision(comment: str, vote: str = "unsure", withdrawn: bool = False) -> Decision:
    return Decision(
        template_id(TEXTS[0]), TEXTS[0], "ada", vote, None, comment, None, "independent", None, withdrawn  # type: ignore[arg-type]
    )  # fmt: skip


def test_a_comment_that_says_withdrawn_is_a_comment(tmp_path: Path) -> None:
    desk = open_desk(tmp_path)
    ada, item = Member("ada"), desk.items[0]
    for vote in ("unsure", "abnormal"):
        desk.decide(ada, item, "independent", vote, comment="withdrawn")
        for one in (desk, open_desk(tmp_path)):
            mine = one.decision_of(ada, item, "independent")
            assert mine is not None
            assert (mine.decision, mine.comment) == (vote, "withdrawn")
    assert desk.undo(ada) == (item, "independent")
    for one in (desk, open_desk(tmp_path)):
        assert one.decision_of(ada, item, "independent") is None


def test_what_was_withdrawn_by_older_versions_stays_so_and_all_is_merged_as_it_was(tmp_path: Path) -> None:
    row = json.loads(write_decision(decision("withdrawn", withdrawn=True)))
    del row["withdrawn"]
    (tmp_path / "old.jsonl").write_text(f"{json.dumps(row)}\n")
    assert read_ledger(tmp_path / "old.jsonl").entries[0].decision.withdrawn
    several = [decision("withdrawn"), decision("withdrawn", withdrawn=True), decision("withdrawn", "normal")]
    append_decisions(tmp_path / "new.jsonl", several)
    assert [entry.decision for entry in read_ledger(tmp_path / "new.jsonl").entries] == several
    assert sorted(map(write_decision, merge_ledgers([tmp_path / "new.jsonl"]))) == sorted(map(write_decision, several))
    assert "withdrawn" not in json.loads(write_decision(decision("why", "normal")))


@pytest.mark.parametrize("wrong", [1, "true", None])
def test_a_line_that_withdraws_in_an_odd_way_does_not_count(wrong: object, tmp_path: Path) -> None:
    row = json.loads(write_decision(decision("withdrawn", withdrawn=True))) | {"withdrawn": wrong}
    also = row | {"withdrawn": True, "decision": "normal"}
    (tmp_path / "ledger.jsonl").write_text(f"{json.dumps(row)}\n{json.dumps(also)}\n")
    ledger = read_ledger(tmp_path / "ledger.jsonl")
    assert not ledger.entries
    assert [problem.line for problem in ledger.problems] == [1, 2]
