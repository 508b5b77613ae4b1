"""Sessions as JSON Lines: what they become, and what is refused with file and line."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rationanomaly import records
from rationanomaly.errors import InputError
from rationanomaly.params import Params
from rationanomaly.parse.session_files import SessionTables, read_session_files
from rationanomaly.parse.session_json import clean, read_numbers
from rationanomaly.parse.step import run
from rationanomaly.records import LINES_SCHEMA, SESSIONS_SCHEMA, TEMPLATES_SCHEMA, template_id
from rationanomaly.steps import Metrics, Outputs

NUMBERS = [{"index": 3, "template": "fan <*> stopped"}, {"index": 7, "template": "fan <*>  is  ready "}]


def line(**session: Any) -> str:
    return json.dumps({"id": "s1", "label": 0, "events": ["a"]} | session) + "\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "in").mkdir()
    return tmp_path / "in"


def read(folder: Path, params: Params, files: Mapping[str, str | bytes], **changes: Any) -> SessionTables:
    for name, content in files.items():
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_session_files(folder, params.parse.model_copy(update=changes))


# ---------------------------------------------------------------- what they become


def test_numbers_are_the_templates_of_the_file_beside_them(folder: Path, params: Params) -> None:
    files = {
        "site_train.jsonl": line(id="w1", label=1, events=[7, 3, 7]) + "\n" + line(id="w2", events=[7]),
        "site_test.jsonl": line(id="w3", events=[3, 3]),
        "site_templates.json": json.dumps(NUMBERS),
    }
    found = read(folder, params, files)
    assert (found.lines.schema, found.templates.schema, found.sessions.schema) == (
        LINES_SCHEMA,
        TEMPLATES_SCHEMA,
        SESSIONS_SCHEMA,
    )
    # Files in natural order: the test comes first.
    assert found.sessions.drop("template_ids").rows() == [
        ("w3", 1, 2, 2, False, "test"),
        ("w1", 3, 5, 3, True, "train"),
        ("w2", 6, 6, 1, False, "train"),
    ]
    stopped, ready = template_id("fan <*> stopped"), template_id("fan <*> is ready")
    assert found.sessions["template_ids"].to_list() == [[stopped] * 2, [ready, stopped, ready], [ready]]
    assert found.lines["template_id"].to_list() == [stopped, stopped, ready, stopped, ready, ready]
    assert found.lines["line"].to_list() == [1, 2, 3, 4, 5, 6] and found.lines["alert"].null_count() == 6
    assert found.templates.select("template", "lines", "first_line", "last_line").rows() == [
        ("fan <*> stopped", 3, 1, 4),
        ("fan <*> is ready", 3, 3, 6),
    ]
    assert found.templates["label"].null_count() == 2 and found.templates["examples"].to_list() == [[], []]


@pytest.mark.parametrize("document", [{"3": "x stops", "-1": "y starts"}, [{"index": 3, "template": "x stops"}] * 2])
def test_both_forms_of_the_file_of_numbers(folder: Path, document: Any) -> None:
    (folder / "n.json").write_text(json.dumps(document))
    assert read_numbers(folder / "n.json")[3] == "x stops"


def test_texts_need_no_file(folder: Path, params: Params) -> None:
    events = ["link down", "link  down", " link up\n", "link\x1b[31m down\x00", "half \ud83d"]
    found = read(folder, params, {"a.jsonl": line(events=events)})
    assert found.templates["template"].to_list() == ["link down", "link up", "half \ufffd"]
    assert found.templates["lines"].to_list() == [3, 1, 1]


@pytest.mark.parametrize(
    ("label", "alert"),
    [(0, False), (1, True), ("normal", False), ("Abnormal", True), ("anomaly", True), (True, True), (None, None)],
)
def test_labels(folder: Path, params: Params, label: Any, alert: bool | None) -> None:
    assert read(folder, params, {"a.jsonl": line(label=label)}).sessions["alert"].to_list() == [alert]
    assert read(folder, params, {"a.jsonl": '{"id": 4, "events": ["a"]}'}).sessions["session"].to_list() == ["4"]


@pytest.mark.parametrize(
    ("name", "split"),
    [
        ("a_train.jsonl", "train"),
        ("a-test.jsonl", "test"),
        ("A_VAL.jsonl", "validation"),
        ("valid.jsonl", "validation"),
        ("x_validation.jsonl", "validation"),
        ("train_a.jsonl", None),
        ("contest.jsonl", None),
        ("a.jsonl", None),
    ],
)
def test_the_end_of_a_name_says_the_split_and_a_session_knows_better(
    folder: Path, params: Params, name: str, split: str | None
) -> None:
    assert read(folder, params, {name: line()}).sessions["split"].to_list() == [split]
    own = read(folder, params, {name: line(split="validation")})
    assert own.sessions["split"].to_list() == ["validation"]


def test_a_file_alone_a_mark_and_line_ends(folder: Path, params: Params) -> None:
    (folder / "a.jsonl").write_bytes(b"\xef\xbb\xbf" + line().encode().strip() + b"\r\n\r\n" + line(id="s2").encode())
    assert read_session_files(folder / "a.jsonl", params.parse).sessions["session"].to_list() == ["s1", "s2"]


# ---------------------------------------------------------------- what is refused

DEEP = '{"id": "s", "events": ' + "[" * 100_000 + "]" * 100_000 + "}"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("{", r"a\.jsonl:2: is not JSON"),
        (line(id="s2")[:-9], r"a\.jsonl:2: is not JSON"),
        ("[]", r"a\.jsonl:2: is not a JSON object"),
        ("3", r"a\.jsonl:2: is not a JSON object"),
        (DEEP, r"a\.jsonl:2: is nested too deeply"),
        ('{"id": "s", "label": NaN, "events": ["a"]}', r"a\.jsonl:2: is not JSON: NaN"),
        ('{"id": "s", "events": [1e999]}', r"a\.jsonl:2: has the event Infinity"),
        ('{"id": "s", "events": [' + "9" * 5000 + "]}", r"a\.jsonl:2: is not JSON"),
        (line(id="s1"), r"a\.jsonl:2: names the session `s1` again"),
        (line(id=None), r"a\.jsonl:2: has no `id`"),
        (line(id=" "), r"a\.jsonl:2: has the id"),
        (line(id=["x"]), r"a\.jsonl:2: has the id list"),
        (line(id="a\x1b[31mb"), r"a\.jsonl:2: has an `id` that is longer"),
        (line(id="x" * 2000), r"a\.jsonl:2: has an `id` that is longer"),
        (line(id="s2", label=2), r"a\.jsonl:2: has the unknown label 2"),
        (line(id="s2", label="odd"), r'a\.jsonl:2: has the unknown label "odd"'),
        (line(id="s2", label=[]), r"a\.jsonl:2: has the unknown label list"),
        (line(id="s2", label=0.5), r"a\.jsonl:2: has the unknown label 0\.5"),
        (line(id="s2", split="dev"), r'a\.jsonl:2: has the unknown split "dev"'),
        (line(id="s2", events=[]), r"a\.jsonl:2: has no list of `events`"),
        (line(id="s2", events="abc"), r"a\.jsonl:2: has no list of `events`"),
        (line(id="s2", events={"a": 1}), r"a\.jsonl:2: has no list of `events`"),
        (line(id="s2", events=["a", None]), r"a\.jsonl:2: has the event null"),
        (line(id="s2", events=["a", True]), r"a\.jsonl:2: has the event true"),
        (line(id="s2", events=["a", 1.0]), r"a\.jsonl:2: has the event 1\.0"),
        (line(id="s2", events=["a", ["b"]]), r"a\.jsonl:2: has the event list"),
        (line(id="s2", events=["a", " \n"]), r"a\.jsonl:2: has an event without text"),
        (line(id="s2", events=[3]), r"a\.jsonl:2: has the event 3, and no \*\.json file"),
        (line(id="s2").encode("utf-16"), r"a\.jsonl:2: is not"),
        (b'{"id": "\xff", "events": ["a"]}', r"a\.jsonl:2: is not UTF-8"),
        ("x" * 2**20, r"a\.jsonl:2: has more than 20,000 bytes"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_what_is_no_session_is_named(folder: Path, params: Params, content: str | bytes, problem: str) -> None:
    first = line(id="s1").encode()
    limit = 2**20 if content == DEEP else 20_000
    with pytest.raises(InputError, match=problem) as caught:
        read(folder, params, {"a.jsonl": first + (content if isinstance(content, bytes) else content.encode())},
             max_line_bytes=limit)  # fmt: skip
    assert len(str(caught.value)) < 600 and caught.value.hint


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("{", r"n\.json:1: is not JSON"),
        ("[3]", "is no list of templates"),
        ('"x"', "is no list of templates"),
        ('[{"index": 1}]', "has the entry 1: null"),
        ('[{"index": true, "template": "a"}]', "has the entry true"),
        ('[{"index": 1, "template": " "}]', "has the entry 1"),
        ('{"one": "a"}', 'has the entry "one"'),
        ('[{"index": 1, "template": "a"}, {"index": 1, "template": "b"}]', "says two things of the number 1"),
        ("[" * 100_000, "is nested too deeply"),
        (b"\xff", "is not UTF-8"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_file_of_numbers_that_is_none_is_refused(
    folder: Path, params: Params, content: str | bytes, problem: str
) -> None:
    with pytest.raises(InputError, match=problem):
        read(folder, params, {"a.jsonl": line(events=[1]), "n.json": content})


def test_unknown_numbers_too_many_templates_and_two_files_are_refused(folder: Path, params: Params) -> None:
    files: dict[str, str | bytes] = {"a.jsonl": line(events=[7, 8]), "n.json": json.dumps(NUMBERS)}
    with pytest.raises(InputError, match=r"a\.jsonl:1: has the event 8, which the \*\.json file"):
        read(folder, params, files)
    with pytest.raises(InputError, match=r"a\.jsonl:1: has one more than 2 distinct templates"):
        read(folder, params, {"a.jsonl": line(events=["x", "y", "x", "z"])}, max_templates=2)
    with pytest.raises(InputError, match=r"holds 2 \*\.json files, such as m\.json and n\.json"):
        read(folder, params, files | {"m.json": "{}"})


def test_no_sessions_and_half_a_split_are_refused(folder: Path, params: Params) -> None:
    with pytest.raises(InputError, match="holds no sessions"):
        read(folder, params, {"a.jsonl": "\n\n", "readme.txt": "sessions"})
    with pytest.raises(InputError, match="some sessions have a split, but `s2` has none"):
        read(folder, params, {"a_train.jsonl": line(), "b.jsonl": line(id="s2")})


def test_a_text_that_acts_is_cleaned_in_linear_time() -> None:
    began = time.process_time()
    assert clean("\x1b[" * 300_000) == "[" * 300_000
    assert clean("a" + "\x1b[0;" * 200_000 + "b")[:2] == "ab"[0] + "["
    assert time.process_time() - began < 5


# ---------------------------------------------------------------- the step


def parse(folder: Path, params: Params, output: Path, **changes: Any) -> Metrics:
    output.mkdir()
    sessions = params.parse.sessions.model_copy(update=changes)
    own = params.model_copy(
        update={
            "data": params.data.model_copy(update={"format": "sessions"}),
            "parse": params.parse.model_copy(update={"sessions": sessions}),
        }
    )
    return run(own, {"logs": folder}, Outputs(output, output.parent / "state"))


def test_the_step_writes_what_it_writes_of_a_log(folder: Path, tmp_path: Path, params: Params) -> None:
    usual = [["a", "b"], ["a"], ["b", "a", "c"], ["c", "b"], ["c"], ["a", "c"]]
    training = "".join(line(id=f"n{place}", events=usual[place % 6] * (place // 6 + 1)) for place in range(24))
    training += "".join(line(id=f"x{place}", label=1, events=["a", "X"] * (place + 1)) for place in range(8))
    (folder / "s_train.jsonl").write_text(training)
    (folder / "s_test.jsonl").write_text(line(id="t", events=["a", "Y"], label=1) + line(id="u", events=["a"]))
    metrics = parse(folder, params, tmp_path / "output")
    names = {records.LINES, records.TEMPLATES, records.SESSIONS, records.MINER, records.REJECTS}
    assert {file.name for file in (tmp_path / "output").iterdir()} == names
    found = records.read_table(tmp_path / "output" / records.SESSIONS, SESSIONS_SCHEMA)
    sides = found.group_by("split", "alert").len().sort("split", "alert").rows()
    assert {side: count for side, alert, count in sides if not alert} == {"test": 1, "train": 21, "validation": 3}
    assert {side: count for side, alert, count in sides if alert} == {"test": 1, "train": 7, "validation": 1}
    templates = records.read_table(tmp_path / "output" / records.TEMPLATES, TEMPLATES_SCHEMA)
    labels = dict(templates.select("template", "label").iter_rows())
    assert labels == {"a": "normal", "b": "normal", "c": "normal", "X": "abnormal", "Y": "abnormal"}
    assert (metrics["sessions"], metrics["templates"], metrics["sessions/test_abnormal"]) == (34, 5, 1)


def test_without_a_split_in_the_files_the_params_cut(folder: Path, tmp_path: Path, params: Params) -> None:
    (folder / "a.jsonl").write_text("".join(line(id=place, events=["a"] * (place + 1)) for place in range(10)))
    metrics = parse(folder, params, tmp_path / "output", test_share=0.3, validation_share=0.2)
    assert [metrics[f"sessions/{side}"] for side in ("train", "validation", "test")] == [6, 1, 3]


DATA = Path(__file__).parents[3] / "shared" / "data" / "sessions"


@pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data/sessions is not on this machine")
def test_published_sessions_are_read_whole_and_quickly(params: Params) -> None:
    began = time.process_time()
    found = read_session_files(DATA, params.parse)
    assert time.process_time() - began < 5
    expected = [json.loads(row) for name in ("test", "train") for row in (DATA / f"bgl_{name}.jsonl").open()]
    texts = {row["index"]: row["template"] for row in json.loads((DATA / "bgl_templates.json").read_text())}
    assert found.sessions["session"].to_list() == [row["id"] for row in expected]
    assert found.sessions["alert"].to_list() == [bool(row["label"]) for row in expected]
    assert found.lines.height == sum(len(row["events"]) for row in expected)
    wanted = [template_id(clean(texts[event])) for event in expected[-1]["events"]]
    assert found.sessions["template_ids"][-1].to_list() == wanted
    assert found.sessions.group_by("split").len().sort("split").rows() == [("test", 3937), ("train", 6991)]
    assert (found.lines["line"] == pl.int_range(1, found.lines.height + 1, eager=True)).all()
