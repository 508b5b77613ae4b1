"""Named templates: matched first, never generalised, shared as a file."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from rationanomaly.errors import InputError, ParamsError
from rationanomaly.params import Params
from rationanomaly.parse.mining import Miner
from rationanomaly.parse.named_templates import (
    NamedTemplate,
    NamedTemplates,
    merge_named,
    read_named,
    write_named,
)
from rationanomaly.records import template_id

DISK = NamedTemplate(name="disk", template="disk <*> failed on node<*>:")
LOGIN = NamedTemplate(name="login", template="login of <*>", pattern=r"^login of (\S+)(?: via proxy)?$")
PORT = NamedTemplate(name="port", template="port 8080 closed")


def write(path: Path, *templates: NamedTemplate) -> Path:
    write_named(path, templates)
    return path


def mined(params: Params, path: Path | None, messages: list[str]) -> tuple[Miner, pl.DataFrame]:
    miner = Miner.new(params.parse.model_copy(update={"named_templates": path}))
    return miner, miner.name(miner.take(pl.DataFrame({"message": messages})))


@pytest.mark.parametrize(
    ("message", "template", "parameters"),
    [
        ("disk 7 failed on node7:", DISK.template, ["7", "node7:"]),
        ("disk 7 is fine", "disk <*> is fine", ["7"]),
        ("login of ada", "login of <*>", ["ada"]),
        ("login of ada via proxy", "login of <*>", ["ada"]),
        ("port 8080 closed", PORT.template, []),
        ("port 80 closed", "port <*> closed", ["80"]),
        ("login of ada via proxy twice", "login of ada via proxy twice", []),
    ],
)
def test_a_message_has_its_named_template(
    message: str, template: str, parameters: list[str], params: Params, tmp_path: Path
) -> None:
    _, named = mined(params, write(tmp_path / "named.json", DISK, LOGIN, PORT), [message])
    assert named.select("template", "template_id", "parameters").row(0) == (template, template_id(template), parameters)


def test_named_templates_are_never_generalised(params: Params, tmp_path: Path) -> None:
    frozen = NamedTemplate(name="ada", template="session opened for ada")
    messages = [f"session opened for {name}" for name in ("ada", "bob", "eve", "joe", "kim", "ada")]
    _, named = mined(params, write(tmp_path / "named.json", frozen), messages)
    assert named["template"].to_list() == [
        "session opened for ada" if name.endswith("ada") else "session opened for <*>" for name in messages
    ]


def test_the_most_specific_text_counts(params: Params, tmp_path: Path) -> None:
    wide = NamedTemplate(name="a", template="disk <*> <*> on <*>")
    _, named = mined(params, write(tmp_path / "named.json", wide, DISK), ["disk 7 failed on node7:", "disk 7 sat on x"])
    assert named["template"].to_list() == [DISK.template, wide.template]


def test_a_wildcard_stands_for_no_state(params: Params, tmp_path: Path) -> None:
    wide = NamedTemplate(name="backup", template="backup of <*> <*>")
    messages = ["backup of a quick", "backup of a failed", "backup of a succeeded."]
    _, named = mined(params, write(tmp_path / "named.json", wide), messages)
    assert named["template"].n_unique() == 3


def test_a_miner_keeps_its_named_templates(params: Params, tmp_path: Path) -> None:
    miner, before = mined(
        params, write(tmp_path / "named.json", DISK, LOGIN), ["login of ada", "disk 1 failed on node1:"]
    )
    miner.save(tmp_path / "miner.json")
    again = Miner.load(tmp_path / "miner.json")
    assert again.name(again.take(before.select("message"))).equals(before)
    assert {one.name for one in again.named.templates} == {"disk", "login"}


def test_a_file_that_is_read_is_what_was_written(tmp_path: Path) -> None:
    assert read_named(write(tmp_path / "named.json", LOGIN, DISK)) == [DISK, LOGIN]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "is not JSON"),
        ("[]", "valid dictionary"),
        ('{"version": 2, "templates": []}', "version"),
        ('{"version": 1, "templates": [{"name": "a"}]}', r"templates.0.template"),
        ('{"version": 1, "templates": [{"name": "", "template": "b"}]}', r"templates.0.name"),
        ('{"version": 1, "templates": [{"name": "a", "template": "b", "colour": "red"}]}', "colour"),
    ],
)
def test_a_file_of_another_form_is_refused(text: str, problem: str, tmp_path: Path) -> None:
    (tmp_path / "named.json").write_text(text, encoding="utf-8")
    with pytest.raises(InputError, match=problem):
        read_named(tmp_path / "named.json")


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        read_named(tmp_path / "named.json")


@pytest.mark.parametrize(
    ("templates", "problem"),
    [
        ([DISK, DISK.model_copy(update={"template": "another"})], "have the name `disk`"),
        ([DISK, DISK.model_copy(update={"name": "another"})], "have the template"),
        ([NamedTemplate(name="a", template="b", pattern="(")], "look-around"),
        ([NamedTemplate(name="a", template="b", pattern=r"(b)\1")], "look-around"),
        ([NamedTemplate(name="a", template="b", pattern="b*")], "nothing at all"),
        ([NamedTemplate(name="a", template="b", pattern="^b (.+)$")], "1 groups, its text 0 wildcards"),
        ([NamedTemplate(name="a", template="b  c")], "single spaces"),
    ],
)
def test_templates_that_can_not_work_are_refused(templates: list[NamedTemplate], problem: str) -> None:
    with pytest.raises(ParamsError, match=problem):
        NamedTemplates(templates)


def test_what_is_there_already_is_taken_once() -> None:
    assert merge_named([DISK], [DISK, LOGIN]) == [DISK, LOGIN]


@pytest.mark.parametrize("change", [{"template": "another"}, {"name": "another"}])
def test_one_name_for_two_templates_is_refused(change: dict[str, str]) -> None:
    with pytest.raises(InputError, match="Rename"):
        merge_named([DISK], [DISK.model_copy(update=change)])


def test_special_characters_of_a_text_are_literal() -> None:
    odd = NamedTemplate(name="odd", template=r"a.b (c) [d] {e} \f $g ^h <*>| +")
    messages = pl.Series([r"a.b (c) [d] {e} \f $g ^h 7| +", r"axb (c) [d] {e} \f $g ^h 7| +"])
    marks = NamedTemplates([odd]).mark(messages, pl.Series([r"a.b (c) [d] {e} \f $g ^h <*>| +", "x"]))
    assert marks[0] != messages[0]
    assert marks[1] == "x"


def test_a_file_is_json_that_people_can_read(tmp_path: Path) -> None:
    path = write(tmp_path / "named.json", DISK)
    assert json.loads(path.read_bytes()) == {"version": 1, "templates": [{"name": "disk", "template": DISK.template}]}
