"""A small log through the real `parse` and `correct`, and the same folders with another test side: for canary tests."""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import polars as pl

from rationanomaly import artifacts
from rationanomaly.decisions.ledger import Decision, write_decision
from rationanomaly.params import Params, load_params
from rationanomaly.parse.mining import Miner
from rationanomaly.records import (
    LABELLED,
    LABELLED_SCHEMA,
    LINES,
    LINES_SCHEMA,
    MINER,
    PRECEDENTS,
    SESSIONS,
    SESSIONS_SCHEMA,
    TEMPLATES,
    TEMPLATES_SCHEMA,
    Label,
    read_objects,
    read_table,
    template_id,
    write_rows,
    write_table,
)
from rationanomaly.text.canonical import WILDCARD
from tests.conftest import ROOT
from tests.micro_model import MICRO, run

#: `{}` is filled with another name each time, so that no example of a template is its text. Each message has words of
#: its own, so that no piece of training templates is ever one of the test side.
FAULTS = (
    "disk of {} failed: smart threshold exceeded", "link to {} lost carrier", "fan tray {} stopped spinning",
    "memory bank {} reports uncorrectable ecc", "node {} unreachable after heartbeat timeout",
    "filesystem volume {} remounted read-only: journal aborted", "kernel panic in {} with fatal exception",
    "power supply {} voltage out of range", "scheduler refused {} as quota exhausted",
    "certificate for {} expired yesterday", "database replica {} is corrupted", "login by {} denied: bad password",
    "raid array {} degraded", "dns lookup of {} failed with servfail", "container {} was killed: oom",
    "switch port {} flapping: spanning tree broken",
)  # fmt: skip
ROUTINE = (
    "job of {} started", "user {} opened a session", "mirror sync with {} finished", "clock of {} adjusted by ntp",
    "lease for {} renewed", "backup set {} written", "configuration from {} loaded", "queue {} drained",
    "index {} rebuilt", "worker {} registered", "snapshot {} taken", "module {} initialised", "route via {} added",
    "printer {} warmed up", "inventory of {} refreshed", "cache {} flushed", "mail for {} delivered",
    "archive {} rotated", "sensor {} calibrated", "token of {} issued", "firmware on {} is current",
    "service {} listening", "package {} upgraded", "cursor {} closed",
)  # fmt: skip
NAMES = ("alder", "birch", "cedar", "hazel", "linden")
#: What `parse` and `correct` write and people read, or that holds labels of all sides: no step that trains opens it.
FOR_PEOPLE = ("correct/agreement.json", "correct/review_queue.jsonl", "correct/corrections.md")
#: The miner of a model folder cuts new lines into all templates that were ever seen; no model reads it.
KNOWS_ALL_TEMPLATES = f"parser/{MINER}"
#: Every word that replaces one of the test side begins so, and none else.
MADE_UP = "zwyx"
_OPPOSITE: Mapping[str, Label] = {"normal": "abnormal", "abnormal": "normal"}
_FIXED = (
    "data.format=simulated", f"data.reasoning={ROOT / 'data' / 'none.jsonl'}", "model.encoder=none", "sft.steps=4",
    "grpo.evaluations=1", "grpo.validation_rows=4",
)  # fmt: skip


def settings(*more: str) -> Params:
    """Micro settings, smaller still."""
    return load_params(ROOT / "profiles" / "bootstrap.yaml", (*MICRO, *_FIXED, *more))


def write_inputs(root: Path) -> None:
    """Write the outputs of `parse` and `correct` for a log of these messages, of which two experts judged a fifth."""
    log, ledger = root / "cluster.log", root / "decisions.jsonl"
    messages = [message.format(name) for name in NAMES for message in (*FAULTS, *ROUTINE)]
    tags = itertools.cycle([*("FAULT" for _ in FAULTS), *("-" for _ in ROUTINE)])
    log.write_text(
        "".join(
            f"{tag} 2031-03-03T10:{second // 60:02d}:{second % 60:02d}.000Z n1 core INFO {message}\n"
            for second, (tag, message) in enumerate(zip(tags, messages, strict=False))
        )
    )
    run("parse", settings(), {"logs": log}, root / "parse")
    faults, routine = (
        [_votes(one, "abnormal") for one in FAULTS[::5]],
        [_votes(one, "normal") for one in ROUTINE[::5]],
    )
    ledger.write_text("".join([*faults, *routine]))
    run("correct", settings(), {"parse": root / "parse", "ledger": ledger}, root / "correct")


def write_other_test_side(source: Path, target: Path, labels: bool = False, texts: bool = False) -> None:
    """Copy the outputs of `parse` and `correct`, but for the test side; ids and sides stay.

    Args:
        labels: what was normal on the test side is abnormal, and the other way round.
        texts: every word of the test side is another, which occurs nowhere else.
    """
    for step in ("parse", "correct"):
        shutil.copytree(source / step, target / step)
        (target / step / artifacts.MANIFEST).unlink()
    for name in FOR_PEOPLE:
        (target / name).unlink()
    labelled = read_table(target / "correct" / LABELLED, LABELLED_SCHEMA)
    side = labelled.filter(pl.col("split") == "test")["template_id"].to_list()
    if labels:
        _flip(target, side)
    if texts:
        _reword(target, side)


def _votes(message: str, label: Label) -> str:
    """Two lines of a ledger that settle the label."""
    template, time = message.format(WILDCARD), "2031-04-01T00:00:00Z"
    return "".join(
        write_decision(Decision(template_id(template), template, reviewer, label, None, "", time, "independent")) + "\n"
        for reviewer in ("ada", "bob")
    )


def _flip(root: Path, side: Sequence[str]) -> None:
    tested = pl.col("template_id").is_in(side)

    def flipped(*names: str) -> Iterator[pl.Expr]:
        for name in names:
            yield pl.when(tested).then(pl.col(name).replace(_OPPOSITE)).otherwise(name).alias(name)

    _rewrite(root / "correct" / LABELLED, LABELLED_SCHEMA, *flipped("label", "original_label"))
    other = pl.when(tested).then(pl.col("lines") - pl.col("alert_lines")).otherwise("alert_lines").alias("alert_lines")
    _rewrite(root / "parse" / TEMPLATES, TEMPLATES_SCHEMA, *flipped("label"), other)
    _rewrite(root / "parse" / LINES, LINES_SCHEMA, pl.col("alert").xor(tested))
    alerts = read_table(root / "parse" / LINES, LINES_SCHEMA)
    alerting = set(alerts.filter("alert")["template_id"])
    any_alert = pl.col("template_ids").list.eval(pl.element().is_in(alerting)).list.any().alias("alert")
    _rewrite(root / "parse" / SESSIONS, SESSIONS_SCHEMA, any_alert)
    path = root / "correct" / PRECEDENTS
    found = [row for _, row in read_objects(path)]
    write_rows(path, [row | {"label": _OPPOSITE[row["label"]]} if row["template_id"] in side else row for row in found])


def _reword(root: Path, side: Sequence[str]) -> None:
    tested = pl.col("template_id").is_in(side)
    words = _Words()
    said = pl.element().map_elements(words.instead_of, return_dtype=pl.String)

    def reworded(name: str, replaced: pl.Expr) -> pl.Expr:
        return pl.when(tested).then(replaced).otherwise(name).alias(name)

    text = reworded("template", pl.col("template").map_elements(words.instead_of, return_dtype=pl.String))
    _rewrite(root / "correct" / LABELLED, LABELLED_SCHEMA, text)
    examples = reworded("examples", pl.col("examples").list.eval(said))
    parameters = reworded("parameters", pl.col("parameters").list.eval(pl.element().list.eval(said)))
    _rewrite(root / "parse" / TEMPLATES, TEMPLATES_SCHEMA, text, examples, parameters)
    _rewrite(root / "parse" / LINES, LINES_SCHEMA, reworded("parameters", pl.col("parameters").list.eval(said)))
    path = root / "correct" / PRECEDENTS
    found = [row for _, row in read_objects(path)]
    texts = {row["template_id"]: words.instead_of(row["template"]) for row in found if row["template_id"] in side}
    write_rows(path, [row | {"template": texts.get(row["template_id"], row["template"])} for row in found])
    miner = Miner.new(settings().parse)
    miner.learn(read_table(root / "parse" / TEMPLATES, TEMPLATES_SCHEMA)["template"])
    miner.save(root / "parse" / MINER)


class _Words:
    """Another word for each, always the same, of letters alone; wildcards stay."""

    def __init__(self) -> None:
        self._known: dict[str, str] = {WILDCARD: WILDCARD}

    def instead_of(self, text: str) -> str:
        return " ".join(self._known.setdefault(word, self._next()) for word in text.split())

    def _next(self) -> str:
        return MADE_UP + "".join("bdgkmnprst"[int(digit)] + "o" for digit in str(len(self._known)))


def _rewrite(path: Path, schema: pl.Schema, *columns: pl.Expr) -> None:
    write_table(path, read_table(path, schema).with_columns(*columns), schema)
