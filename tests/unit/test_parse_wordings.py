"""Masks that changed: what was learnt by the old ones keeps its wordings, and new wordings name the old ones."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest

from rationanomaly import records
from rationanomaly.decisions.labels import assign
from rationanomaly.decisions.ledger import Decision, Entry, Ledger
from rationanomaly.errors import ArtifactError
from rationanomaly.params import Params, ParseParams
from rationanomaly.parse.drain import Drain
from rationanomaly.parse.masking import Masker
from rationanomaly.parse.mining import Miner
from rationanomaly.parse.step import run
from rationanomaly.parse.summary import TemplateSummary
from rationanomaly.parse.wordings import former_wordings
from rationanomaly.records import template_id
from rationanomaly.steps import Outputs

MESSAGES = [
    "connected to 2001:db8::7",
    "connected to 2001:db8::a1",
    "request took 12ms",
    "request took 15ms",
    "checksum of 4711 is deadbeef01",
]


def mined(messages: Sequence[str], version: int = 2) -> tuple[Miner, pl.DataFrame]:
    miner = Miner(Masker({}, 256, version), Drain(depth=4, similarity=0.6, max_children=100, max_choices=3))
    return miner, miner.name(miner.take(pl.DataFrame({"message": messages})))


def write_version_1(path: Path, messages: Sequence[str]) -> list[str]:
    """A miner state as it was before masks had versions; returns the templates of the messages."""
    miner, named = mined(messages, version=1)
    miner.save(path)
    state = json.loads(path.read_bytes())
    assert state.pop("mask_version") == 1
    path.write_text(json.dumps(state | {"version": 1}), encoding="utf-8")
    return named["template"].to_list()


@pytest.mark.parametrize(
    ("template", "messages", "former"),
    [
        # Of one example, of each, and what mining made of them.
        ("took <*>", ["took 12ms"], ["took <*>ms"]),
        ("took <*>", ["took 12ms", "took 1.5s"], ["took <*>ms", "took <*>s"]),
        ("took <*> for <*>", ["took 12ms for 7", "took 3s for 8"], ["took <*>ms for <*>", "took <*>s for <*>"]),
        ("from <*> took <*>", ["from ::1 took 5"], ["from ::<*> took <*>"]),
        # What mining generalised stays general.
        ("user <*> took <*>", ["user ann took 12ms"], ["user <*> took <*>ms"]),
        # The same by both.
        ("fan <*> is fine", ["fan 7 is fine"], []),
        ("user <*>", ["user ann12ms"], []),
    ],
)
def test_former_wordings(template: str, messages: list[str], former: list[str]) -> None:
    assert former_wordings({template: messages}, Masker({}, 256)) == ({template: former} if former else {})


def test_words_that_mining_had_generalised_are_a_former_wording_too() -> None:
    examples = {"from <*> took <*> ok": ["from fe80::1 took 12ms ok", "from ::1 took 3ms ok"]}
    (former,) = former_wordings(examples, Masker({}, 256)).values()
    assert former[-1] == "from <*> took <*>ms ok"


def test_the_masks_of_the_user_have_not_changed() -> None:
    masker = Masker({"duration": "[0-9]+ms"}, 256)
    assert former_wordings({"took <*>": ["took 12ms"]}, masker) == {}


def test_by_the_masks_of_version_1_there_is_nothing_older() -> None:
    assert former_wordings({"took <*>ms": ["took 12ms"]}, Masker({}, 256, version=1)) == {}


def summary(messages: Sequence[str]) -> pl.DataFrame:
    miner, named = mined(messages)
    lines = named.with_columns(alert=None, line=pl.int_range(1, pl.len() + 1), time=None)
    adding = TemplateSummary()
    adding.add(lines.cast({"alert": pl.Boolean, "time": pl.Datetime("us", "UTC")}))
    return adding.table(miner.superseded(), "site", 0.5, masker=miner.masker)


@pytest.mark.parametrize("message", ["connected to 2001:db8::7", "request took 12ms", "see http://a.example/x?y=1"])
def test_a_decision_on_the_old_wording_holds_for_the_new_one(message: str) -> None:
    old = mined([message], version=1)[1]["template"].item()
    table = summary([message, "something else"])
    new = table["template"][0]
    assert new != old
    decision = Decision(template_id(old), old, "ada", "abnormal", None, "", None, "independent")
    assigned, problems = assign(Ledger((Entry("ledger", 1, decision),), ()), table)
    assert [len(mine) for mine in assigned] == [1, 0]
    assert not problems


def test_what_mining_generalised_comes_behind_what_masks_changed() -> None:
    names = ["ada", "bob", "eve", "joe"]
    table = summary([f"session of {name} took {place}ms" for place, name in enumerate(names)])
    assert table["template"].to_list() == ["session of <*> took <*>"]
    olds = ["session of <*> took <*>ms", *(f"session of {name} took <*>" for name in names[:3])]
    assert table["supersedes"].to_list() == [[template_id(old) for old in olds]]


def test_a_template_names_the_types_of_its_parameters() -> None:
    table = summary(["request 7 took 12ms", "request 8 took 1s", "fine"])
    assert table["parameter_types"].to_list() == [["number", "duration"], []]


def test_a_state_of_version_1_keeps_its_wordings(tmp_path: Path) -> None:
    path = tmp_path / "miner.json"
    templates = write_version_1(path, MESSAGES)
    assert "request took <*>ms" in templates
    miner = Miner.load(path)
    named = miner.name(miner.take(pl.DataFrame({"message": MESSAGES})))
    assert named["template"].to_list() == templates


def test_a_continued_state_keeps_its_masks_for_good(tmp_path: Path) -> None:
    first, second = tmp_path / "first.json", tmp_path / "second.json"
    templates = write_version_1(first, MESSAGES)
    Miner.load(first).save(second)
    miner = Miner.load(second)
    assert miner.masker.version == 1
    assert miner.name(miner.take(pl.DataFrame({"message": MESSAGES})))["template"].to_list() == templates


def test_a_state_of_unknown_masks_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "miner.json"
    mined(MESSAGES)[0].save(path)
    state = json.loads(path.read_bytes())
    path.write_text(json.dumps(state | {"mask_version": 3}), encoding="utf-8")
    with pytest.raises(ArtifactError):
        Miner.load(path)


def test_what_continues_masks_as_what_came_before(tmp_path: Path, params: Params) -> None:
    state = tmp_path / "miner.json"
    earlier = Miner(Masker({"ticket": "AB-[0-9]+"}, 9, version=1), Drain(4, 0.6, 100))
    earlier.save(state)
    masker = Miner.new(params.parse.model_copy(update={"continue_from": state})).masker
    assert (masker.own, masker.max_words, masker.version) == ({"ticket": "AB-[0-9]+"}, 9, 1)
    assert Miner.new(params.parse).masker.version == 2


def parsed(params: Params, log: Path, folder: Path, **changes: object) -> pl.DataFrame:
    section: ParseParams = params.parse.model_copy(update=changes)
    own = params.model_copy(update={"parse": section, "data": params.data.model_copy(update={"format": "plain"})})
    folder.mkdir()
    run(own, {"logs": log}, Outputs(folder, folder / "state"))
    return records.read_table(folder / records.TEMPLATES, records.TEMPLATES_SCHEMA)


def test_parse_continues_from_a_state_of_version_1(params: Params, tmp_path: Path) -> None:
    log, state = tmp_path / "a.log", tmp_path / "miner.json"
    log.write_text("".join(f"{message}\n" for message in MESSAGES), encoding="utf-8")
    templates = write_version_1(state, MESSAGES)
    table = parsed(params, log, tmp_path / "out", continue_from=state)
    assert table["template"].to_list() == list(dict.fromkeys(templates))


def test_parse_names_the_old_wordings(params: Params, tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    log.write_text("".join(f"{message}\n" for message in MESSAGES), encoding="utf-8")
    table = parsed(params, log, tmp_path / "out", masks={"checksum": "is [0-9a-f]+"})
    former = dict(table.select("template", "supersedes").iter_rows())
    assert former["request took <*>"] == [template_id("request took <*>ms")]
    assert table.filter(template="checksum of <*> <*>")["parameter_types"].to_list() == [["number", "text"]]


def test_addresses_of_ipv6_make_one_template(params: Params, tmp_path: Path) -> None:
    draw, log = random.Random(0), tmp_path / "a.log"
    groups = [[f"{draw.randrange(16**4):x}" for _ in range(draw.randrange(1, 6))] for _ in range(1000)]
    log.write_text("".join(f"lost 2001:db8:{':'.join(some)}::1 again\n" for some in groups), encoding="utf-8")
    table = parsed(params, log, tmp_path / "out")
    assert table["template"].to_list() == ["lost <*> again"]
    assert table["parameter_types"].to_list() == [["ipv6"]]
