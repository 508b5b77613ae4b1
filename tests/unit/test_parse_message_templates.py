"""Templates that programs name with their messages."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest

from rationanomaly.params import Params
from rationanomaly.parse.mining import Miner
from rationanomaly.parse.reading import LogReader
from rationanomaly.parse.step import run
from rationanomaly.records import LINES, TEMPLATES
from rationanomaly.steps import Outputs

Pair = tuple[str, str | None]


def named(params: Params, *pairs: Pair, miner: Miner | None = None) -> list[tuple[str, list[str]]]:
    """Template and parameters of messages with their own templates."""
    records = pl.DataFrame(list(pairs), schema=["message", "message_template"], orient="row")
    miner = miner or Miner.new(params.parse)
    found = miner.name(miner.take(records))
    return list(zip(found["template"], found["parameters"].to_list(), strict=True))


@pytest.mark.parametrize(
    ("message", "written", "template", "values"),
    [
        ("user eve logged in", "user {name} logged in", "user <*> logged in", ["eve"]),
        ("user bob smith logged in", "user {name} logged in", "user <*> logged in", ["bob smith"]),
        ("took 5 ms", "took {Elapsed:0.00} ms", "took <*> ms", ["5"]),
        ("read /a b/c of disk sda", "read %s of disk %-8s", "read <*> of disk <*>", ["/a b/c", "sda"]),
        ("wrote x at 5%", "wrote %(name)s at %d%%", "wrote <*> at <*>%", ["x", "5%"]),
        ("order {7} from web,shop", "order {{{id}}} from ${place}", "order {<*>} from <*>", ["{7}", "web,shop"]),
        ("peer 10.0.0.1:80 is gone", "peer {}:{} is gone", "peer <*>:<*> is gone", ["10.0.0.1:80"]),
        ("queue  of   mail has 3", "queue  of {q} has {n}", "queue of <*> has <*>", ["mail", "3"]),
        ("user {name} logged in", "user {name} logged in", "user <*> logged in", ["{name}"]),
    ],
)
def test_a_message_has_the_template_that_its_program_names(
    params: Params, message: str, written: str, template: str, values: list[str]
) -> None:
    assert named(params, (message, written)) == [(template, values)]


@pytest.mark.parametrize(
    ("message", "written"),
    [
        ("disk sda is full", "user {name} logged in"),
        ("disk sda is full", "{message}"),
        ("disk sda is full", "{a} {b} {c} {d}"),
        ("disk sda is full", "disk sda is full"),
        ("disk sda is full", "disk {" + "x" * 2000 + "} is full" + " y" * 1000),
        ("disk sda is full", ""),
        ("disk sda is full", None),
        ("a (b", "a (%s) [x"),
    ],
)
def test_a_template_that_does_not_fit_or_says_nothing_is_not_taken(
    params: Params, message: str, written: str | None
) -> None:
    assert named(params, (message, written)) == named(params, (message, None))


def test_a_state_among_the_values_tells_templates_apart(params: Params) -> None:
    written = "backup of {db} {result}"
    found = named(
        params,
        ("backup of a failed.", written),
        ("backup of b succeeded.", written),
        ("backup of c (failed)", written),
        ("backup of d 5", written),
        ("backup of e was not found there", written),
    )
    assert [template for template, _ in found] == [
        "backup of <*> failed.",
        "backup of <*> succeeded.",
        "backup of <*> (failed)",
        "backup of <*> <*>",
        "backup of e was not found there",
    ]


def test_what_the_user_named_comes_first(params: Params, tmp_path: Path) -> None:
    file = tmp_path / "named.json"
    file.write_text(json.dumps({"version": 1, "templates": [{"name": "login", "template": "user <*> logged <*>"}]}))
    settings = params.parse.model_copy(update={"named_templates": file})
    miner = Miner.new(settings)
    assert named(params, ("user eve logged in", "user {name} logged in"), miner=miner) == [
        ("user <*> logged <*>", ["eve", "in"])
    ]


def test_a_miner_that_was_saved_knows_them(params: Params, tmp_path: Path) -> None:
    miner = Miner.new(params.parse)
    pair = ("user bob smith logged in", "user {name} logged in")
    first = named(params, pair, miner=miner)
    miner.save(tmp_path / "miner.json")
    again = Miner.load(tmp_path / "miner.json")
    records = pl.DataFrame([pair], schema=["message", "message_template"], orient="row")
    found = again.name(again.masked(records))
    assert [(found["template"][0], found["parameters"].to_list()[0])] == first


def test_as_many_are_kept_as_may_be_mined(params: Params) -> None:
    settings = params.parse.model_copy(update={"max_templates": 3})
    miner = Miner.new(settings)
    words = [f"{first}{second}pple" for first in "abcdefgh" for second in "klmno"]
    found = named(
        params, *((f"saw {word} grow 5 {word}", f"saw {word} grow {{n}} {word}") for word in words), miner=miner
    )
    templates = [template for template, _ in found]
    assert templates[:3] == [f"saw {word} grow <*> {word}" for word in words[:3]]
    assert len(set(templates)) < 10, "the others were mined, and few templates may be"


def test_a_log_of_the_collector(params: Params, tmp_path: Path) -> None:
    log = tmp_path / "otlp.jsonl"
    values = [("user bob smith logged in", "user {name} logged in"), ("user eve logged in", "user {name} logged in")]
    records = [
        {
            "timeUnixNano": "1770120000000000000",
            "body": {"stringValue": message},
            "attributes": [{"key": "log.record.template", "value": {"stringValue": written}}],
        }
        for message, written in values
    ]
    log.write_text(json.dumps({"resourceLogs": [{"scopeLogs": [{"logRecords": records}]}]}) + "\n")
    output = tmp_path / "out"
    output.mkdir()
    auto = params.model_copy(update={"data": params.data.model_copy(update={"format": "auto"})})
    run(auto, {"logs": log}, Outputs(output, tmp_path / "state"))
    assert pl.read_parquet(output / TEMPLATES)["template"].to_list() == ["user <*> logged in"]
    assert pl.read_parquet(output / LINES)["parameters"].to_list() == [["bob smith"], ["eve"]]


def test_behind_the_prefix_of_a_container(params: Params, tmp_path: Path) -> None:
    log = tmp_path / "a.log"
    users = ("bob smith", "eve", "kim")
    lines = [{"msg": f"user {user} logged in", "log.record.template": "user {name} logged in"} for user in users]
    prefix = "2026-03-01T10:00:00.123456789Z stdout F "
    log.write_text("".join(f"{prefix}{json.dumps(line)}\n" for line in lines))
    miner = Miner.new(params.parse)
    reader = LogReader(log, "auto", params.parse)
    found = pl.concat([miner.name(miner.take(batch)) for batch in reader])
    assert reader.format.name == "cri+json"
    assert found["template"].unique().to_list() == ["user <*> logged in"]
