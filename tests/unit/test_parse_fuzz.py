"""Logs put together at random: several formats, cut lines, traces, streams, encodings. Nothing is lost or merged.

Each line holds a word of its own, so that what became of every line can be asked.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from rationanomaly.params import load_params
from rationanomaly.parse import source
from rationanomaly.parse.lines import Counts
from rationanomaly.parse.mining import Miner
from rationanomaly.parse.reading import LogReader
from rationanomaly.rulebook.states import state_in

SETTINGS = load_params(Path(__file__).parents[2] / "params.yaml").parse
TIME = "2024-05-01T10:00:00"

#: How each format writes a message, given the number of its line.
WRITERS: dict[str, Callable[[int, str], str]] = {
    "application": lambda n, text: f"2024-05-01 10:00:{n % 60:02d},000 INFO [main] org.example.Pool - {text}",
    "cri": lambda n, text: f"{TIME}.{n % 1000:03d}Z {'stdout' if n % 3 else 'stderr'} F {text}",
    "syslog": lambda n, text: f"May  1 10:00:{n % 60:02d} web1 app[7]: {text}",
    "rsyslog": lambda n, text: f"{TIME}.{n % 1000:03d}Z web1 app[7]: {text}",
    "json": lambda n, text: f'{{"time":"{TIME}.{n % 1000:03d}Z","level":"info","msg":"{text}"}}',
    "klog": lambda n, text: f"I0501 10:00:00.{n % 1000:06d}       1 server.go:12] {text}",
    "logfmt": lambda n, text: f'ts={TIME}.{n % 1000:03d}Z level=info msg="{text}"',
    "hdfs": lambda n, text: f"081109 2036{n % 60:02d} 148 INFO dfs.DataNode$PacketResponder: {text}",
}
STATES = ("failed.", "succeeded.", "state=up", "state=down")
#: What comes between the records: cut lines, traces, statements, noise, nothing.
BETWEEN = (
    "",
    "java.io.IOException: {word}",
    "\tat a.B.c(B.java:{word})",
    "SELECT {word}",
    "  {word}",
    "panic: {word}",
    "{word} \x00\x1b[31mred",
    "goroutine 1 [running]: {word}",
    "}} {word}",
)
ENCODINGS = ("utf-8", "utf-8-sig", "utf-16", "utf-32")

ITEMS = st.lists(
    st.one_of(st.sampled_from(STATES), st.sampled_from(BETWEEN).map(lambda text: ("between", text))),
    min_size=1,
    max_size=25,
)


def word(number: int) -> str:
    """A word that stands in one line of a log only, without a digit that a mask could take."""
    letters = "abcdefghij"
    return "q" + "".join(letters[int(digit)] for digit in str(number)) + "z"


def written(form: str, items: list[str | tuple[str, str]], others: bool) -> tuple[list[str], dict[int, str]]:
    """The lines of a log, and the state of those that hold one (by line, from 1)."""
    lines, states = [WRITERS[form](0, f"job {word(0)} began")], {}
    for number, item in enumerate(items, start=1):
        if isinstance(item, tuple):
            lines.append(item[1].format(word=word(number)))
            continue
        other = list(WRITERS)[number % len(WRITERS)] if others and number % 5 == 4 else form
        lines.append(WRITERS[other](number, f"job {word(number)} of the night {item}"))
        if other == form:
            states[number + 1] = item
    return lines, states


@settings(deadline=None, max_examples=60, suppress_health_check=list(HealthCheck))
@given(
    form=st.sampled_from(sorted(WRITERS)),
    items=ITEMS,
    others=st.booleans(),
    encoding=st.sampled_from(ENCODINGS),
    end=st.sampled_from(("\n", "\r\n")),
    cut=st.integers(0, 12),
    chunk=st.sampled_from((7, 64, 8192)),
)
def test_every_line_is_accounted_for_and_no_state_is_merged(
    form: str,
    items: list[str | tuple[str, str]],
    others: bool,
    encoding: str,
    end: str,
    cut: int,
    chunk: int,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lines, states = written(form, items, others)
    text = end.join(lines)
    text = text[: len(text) - min(cut, len(lines[-1]) - 1)]
    log = tmp_path / "some.log"
    log.write_bytes(text.encode(encoding))
    monkeypatch.setattr(source, "CHUNK", chunk)
    counts, rejected = Counts(), list[pl.DataFrame]()
    loose = SETTINGS.model_copy(update={"max_rejected_share": 1.0})
    miner = Miner.new(loose)
    reader = LogReader(log, form, loose, counts, rejected.append)
    records = pl.concat([miner.take(batch).with_columns(pl.col("mask").cast(pl.String)) for batch in reader])

    assert counts.lines == len(text.removesuffix(end).split(end))
    assert counts.lines == counts.records + counts.joined_lines + counts.empty_lines + counts.rejects
    assert counts.records == records.height
    numbers = records["line"].to_list() + [line for frame in rejected for line in frame["line"].to_list()]
    assert len(set(numbers)) == len(numbers)
    assert records["line"].is_sorted()

    kept = [*records["message"].to_list(), *(raw for frame in rejected for raw in frame["raw"].to_list())]
    found = Counter(re.findall(r"q[a-j]+z", " ".join(kept)))
    given_words = set(re.findall(r"q[a-j]+z", text))
    assert set(found) == given_words
    assert set(found.values()) <= {1}

    masks = pl.Enum(records["mask"].unique(maintain_order=True))
    named = miner.name(records.with_columns(pl.col("mask").cast(masks)))
    last = len(text.removesuffix(end).split(end))
    for line, template in named.select("line", "template").iter_rows():
        if line in states and line != last:
            assert state_in(states[line]) in {state_in(one) for one in template.split(" ")}
