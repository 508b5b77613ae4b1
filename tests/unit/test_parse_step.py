"""Step `parse` as a whole: what it writes, what it refuses, and that equal logs give equal outputs."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rationanomaly import records
from rationanomaly.artifacts import sha256
from rationanomaly.errors import ArtifactError, InputError
from rationanomaly.params import Params
from rationanomaly.parse import source
from rationanomaly.parse.mining import Miner
from rationanomaly.parse.step import run
from rationanomaly.steps import Metrics, Outputs

KINDS = [
    ("-", "power", "INFO", "supply {} of rack r{} is fine"),
    ("PSU", "power", "ERROR", "supply {} of rack r{} lost its input"),
    ("-", "net", "INFO", "link {} went up after {} ms"),
    ("-", "net", "WARN", "link {} went down after {} ms"),
    ("-", "job", "INFO", "job j{} started by user{}"),
]


def simulated(lines: int, seed: int = 0) -> str:
    draw = random.Random(seed)
    rows = []
    for number in range(lines):
        tag, subsystem, severity, message = draw.choice(KINDS)
        time = f"2031-03-03T{number // 3600:02d}:{number // 60 % 60:02d}:{number % 60:02d}.000Z"
        text = message.format(draw.randrange(1000), draw.randrange(10**6))
        rows.append(f"{tag} {time} n{draw.randrange(9)} {subsystem} {severity} {text}\n")
    return "".join(rows)


class Parsed:
    """The output folder of a run."""

    def __init__(self, folder: Path, metrics: Metrics) -> None:
        self.folder, self.metrics = folder, metrics
        self.lines = records.read_table(folder / records.LINES, records.LINES_SCHEMA)
        self.templates = records.read_table(folder / records.TEMPLATES, records.TEMPLATES_SCHEMA)
        self.sessions = records.read_table(folder / records.SESSIONS, records.SESSIONS_SCHEMA)


Parse = Callable[..., Parsed]


@pytest.fixture
def parse(params: Params, tmp_path_factory: pytest.TempPathFactory) -> Parse:
    def parse(log: Path, form: str = "simulated", sessions: dict[str, Any] | None = None, **changes: Any) -> Parsed:
        section = params.parse.model_copy(
            update=changes | {"sessions": params.parse.sessions.model_copy(update=sessions or {})}
        )
        own = params.model_copy(update={"data": params.data.model_copy(update={"format": form}), "parse": section})
        folder = tmp_path_factory.mktemp("parse")
        return Parsed(folder, run(own, {"logs": log}, Outputs(folder, folder / "state")))

    return parse


@pytest.fixture
def log(tmp_path: Path) -> Path:
    path = tmp_path / "cluster.log"
    path.write_text(simulated(1000), encoding="utf-8")
    return path


def test_every_line_has_exactly_one_template(parse: Parse, log: Path) -> None:
    out = parse(log)
    assert out.lines["line"].to_list() == list(range(1, 1001))
    assert out.lines["template_id"].null_count() == 0
    assert set(out.lines["template_id"]) == set(out.templates["template_id"])
    assert out.templates["template_id"].is_unique().all()
    assert out.templates["lines"].sum() == 1000


def test_templates_say_what_is_known_of_them(parse: Parse, log: Path) -> None:
    out = parse(log)
    row = out.templates.row(by_predicate=pl.col("template") == "supply <*> of rack r<*> lost its input", named=True)
    assert row["template_id"] == records.template_id(row["template"])
    assert (row["label"], row["mixed"], row["dataset"]) == ("abnormal", False, "simulated")
    assert row["alert_lines"] == row["lines"]
    mine = out.lines.filter(pl.col("template_id") == row["template_id"])
    assert (row["first_line"], row["last_line"]) == (mine["line"].min(), mine["line"].max())
    assert (row["first_seen"], row["last_seen"]) == (mine["time"].min(), mine["time"].max())
    assert len(set(row["examples"])) == 3
    number, rack = mine["parameters"][0]
    assert row["examples"][0] == f"supply {number} of rack {rack} lost its input"
    assert row["parameters"] == mine["parameters"].unique(maintain_order=True).head(3).to_list()


def test_templates_stand_in_the_order_of_their_first_line(parse: Parse, log: Path) -> None:
    assert parse(log).templates["first_line"].is_sorted()


def test_a_template_with_lines_of_both_kinds_is_mixed(parse: Parse, tmp_path: Path) -> None:
    path = tmp_path / "mixed.log"
    lines = [f"{tag} 2031-03-03T00:00:0{n}.000Z n1 cpu WARN bank parity is odd" for n, tag in enumerate("-X-XX")]
    path.write_text("\n".join(lines), encoding="utf-8")
    out = parse(path)
    assert out.templates.select("label", "mixed", "lines", "alert_lines").rows() == [("abnormal", True, 5, 3)]
    assert out.metrics["mixed_templates"] == 1
    assert parse(path, abnormal_share=0.7).templates["label"].to_list() == ["normal"]


def test_a_log_without_tags_has_no_labels(parse: Parse, tmp_path: Path) -> None:
    path = tmp_path / "messages"
    path.write_text("Mar  3 22:14:15 gate cron: job done\n" * 3, encoding="utf-8")
    out = parse(path, "auto")
    assert out.templates.select("label", "alert_lines", "mixed", "dataset").rows() == [(None, None, False, "syslog")]


def test_sessions_hold_the_templates_of_their_lines(parse: Parse, log: Path) -> None:
    out = parse(log, sessions={"lines": 64, "remainder": "keep"})
    assert out.sessions["lines"].to_list() == [64] * 15 + [40]
    assert out.sessions["template_ids"].explode().to_list() == out.lines["template_id"].to_list()
    assert out.sessions["alert"][0] == out.lines["alert"].head(64).any()


@pytest.mark.parametrize("kind", ["time", "key"])
def test_other_sessions(kind: str, parse: Parse, log: Path) -> None:
    out = parse(log, sessions={"kind": kind})
    assert out.sessions.height == {"time": 4, "key": 9}[kind]
    assert out.sessions["lines"].sum() == 1000


def test_batches_compression_and_repetition_change_no_byte(
    parse: Parse, log: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = parse(log)
    assert sha256(parse(log).folder) == sha256(whole.folder)
    packed = tmp_path / "cluster.log.gz"
    packed.write_bytes(gzip.compress(log.read_bytes()))
    assert sha256(parse(packed).folder) == sha256(whole.folder)
    monkeypatch.setattr(source, "CHUNK", 5000)
    assert sha256(parse(log).folder) == sha256(whole.folder)


def test_a_second_run_continues_from_the_first(parse: Parse, log: Path, tmp_path: Path) -> None:
    whole = parse(log)
    rows = log.read_text(encoding="utf-8").splitlines(keepends=True)
    first, second = tmp_path / "first.log", tmp_path / "second.log"
    first.write_text("".join(rows[:300]), encoding="utf-8")
    second.write_text("".join(rows[300:]), encoding="utf-8")
    before = parse(first)
    after = parse(second, continue_from=before.folder / records.MINER)
    assert (after.folder / records.MINER).read_bytes() == (whole.folder / records.MINER).read_bytes()
    assert set(after.templates["template_id"]) <= set(whole.templates["template_id"])


def test_a_generalised_template_names_what_it_supersedes(parse: Parse, tmp_path: Path) -> None:
    path = tmp_path / "users.log"
    row = "- 2031-03-03T00:00:0{}.000Z n1 auth INFO session opened for {}\n"
    names = ["ada", "bob", "eve", "joe"]
    path.write_text("".join(row.format(n, name) for n, name in enumerate(names[:3])), encoding="utf-8")
    early = parse(path)
    assert early.templates.height == 3
    path.write_text(row.format(9, names[3]), encoding="utf-8")
    late = parse(path, continue_from=early.folder / records.MINER)
    assert late.templates["template"].to_list() == ["session opened for <*>"]
    assert late.templates["supersedes"].to_list() == [early.templates["template_id"].to_list()]


def test_the_miner_state_is_readable_and_reads_new_lines_the_same_way(parse: Parse, log: Path) -> None:
    out = parse(log)
    state = json.loads((out.folder / records.MINER).read_text(encoding="utf-8"))
    assert "supply <*> of rack r<*> lost its input" in json.dumps(state)
    miner = Miner.load(out.folder / records.MINER)
    masks = pl.select(miner.mask(pl.lit("supply 5 of rack r99999 lost its input"))).to_series()
    assert miner.texts(masks).to_list() == ["supply <*> of rack r<*> lost its input"]


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"version": 1}', '{"version": 2}'])
def test_a_damaged_miner_state_is_an_error(content: str, tmp_path: Path) -> None:
    path = tmp_path / "miner.json"
    path.write_text(content, encoding="utf-8")
    with pytest.raises(ArtifactError, match="is not the state of a miner"):
        Miner.load(path)


def test_rejects_are_written_with_their_reason(parse: Parse, log: Path) -> None:
    log.write_text("what is this\n" + log.read_text(encoding="utf-8"), encoding="utf-8")
    out = parse(log)
    rows = [row for _, row in records.read_objects(out.folder / records.REJECTS)]
    assert rows == [{"line": 1, "reason": "fits no record of the format", "text": "what is this"}]
    assert out.metrics["rejects"] == 1


def test_nothing_but_the_named_files_is_left(parse: Parse, log: Path) -> None:
    names = {records.LINES, records.TEMPLATES, records.SESSIONS, records.MINER, records.REJECTS}
    assert {path.name for path in parse(log).folder.iterdir()} == names


def test_a_table_of_templates_takes_the_place_of_a_log(parse: Parse, tmp_path: Path) -> None:
    path = tmp_path / "templates.csv"
    path.write_text('label,dataset,template\nnormal,A,"fan, <*> ok"\nabnormal,,fan lost\nnormal,A,fan lost\n', "utf-8")
    out = parse(path, "templates")
    assert out.templates.select("template", "dataset", "label", "lines").rows() == [
        ("fan, <*> ok", "A", "normal", 0),
        ("fan lost", "table", "abnormal", 0),
    ]
    assert out.lines.height == out.sessions.height == 0
    assert out.metrics == {"templates": 2, "abnormal_templates": 1, "mixed_templates": 0}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", r"t\.csv: is empty"),
        (b"template,dataset\n", r"t\.csv:1: has no column `label`, but template, dataset\. Name a column"),
        (b"text,label\n", r"t\.csv:1: has no column `template`"),
        (b"template,label\n", r"t\.csv:2: holds no templates"),
        (b"template,label\na,normal\nb,odd\n", r"t\.csv:3: unknown label `odd`\. Use normal or abnormal"),
        (b"template,label\na\n", r"t\.csv:2: has not as many fields"),
        (b"template,label\na,normal,b\n", r"t\.csv:2: has not as many fields"),
        (b"template,label\n ,normal\n", r"t\.csv:2: the template is empty"),
        (b"template,label\na,normal\n\xff,normal\n", r"t\.csv:3: is not UTF-8"),
        (b'template,label\n"a,normal\n', r"t\.csv:\d: is not CSV"),
    ],
)
def test_a_bad_table_is_one_clear_error(content: bytes, message: str, parse: Parse, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(content)
    with pytest.raises(InputError, match=message):
        parse(path, "templates")


def test_a_missing_table_is_one_clear_error(parse: Parse, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        parse(tmp_path / "t.csv", "templates")


@pytest.mark.parametrize(
    ("system", "form", "templates"),
    [
        ("BGL", "bgl", 117),
        ("Thunderbird", "thunderbird", 174),
        ("HDFS", "hdfs", 16),
        ("Spark", "application", 35),
        ("OpenSSH", "syslog", 27),
        ("Linux", "syslog", 116),
    ],
)
def test_real_logs_are_read_whole(system: str, form: str, templates: int, parse: Parse, shared_data: Path) -> None:
    out = parse(shared_data / "loghub" / system / f"{system}_2k.log", "auto")
    assert out.templates["dataset"].unique().to_list() == [form]
    assert (out.lines.height, out.metrics["rejects"]) == (2000, 0)
    assert out.templates.height == templates
