"""Exceptions of Ruby with a cause: which lines are one record."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
import pytest

from rationanomaly.params import Params, ParseParams
from rationanomaly.parse import formats
from rationanomaly.parse.formats import Format
from rationanomaly.parse.joining import may_be_cut
from tests.joined_records import joined_records

LINE = "2031-03-03 10:00:00,000 INFO shop served"
#: As Ruby 3.4 and those before it write them.
NEW, OLD = "/shop/pay.rb:{}:in 'Shop::Pay#{}': {}", "/shop/pay.rb:{}:in `{}': {}"
WRAPPED = "/shop/pay.rb:9:in 'rescue in Shop::Pay#charge': card refused (Shop::Refused)"
WRAPPED_OLD = "/shop/pay.rb:9:in `rescue in charge': card refused (Shop::Refused)"
FRAMES = ["\tfrom /shop/pay.rb:5:in 'Shop::Pay#charge'", "\tfrom /shop/run.rb:3:in '<main>'"]
FRAMES_OLD = ["\tfrom /shop/pay.rb:5:in `charge'", "\tfrom /shop/run.rb:3:in `<main>'"]
GONE, GONE_OLD = NEW.format(7, "send", "gone (IOError)"), OLD.format(7, "send", "gone (IOError)")
DEEP = ["\tfrom /shop/pay.rb:30:in 'Shop::Pay#note'", "\tfrom /shop/pay.rb:9:in 'rescue in Shop::Pay#charge'", *FRAMES]
SNIPPET = ["", "    1 + nil", "      ^"]


@pytest.fixture(scope="module")
def settings(params: Params) -> ParseParams:
    return params.parse


def starts(texts: Sequence[str], form: Format, size: int) -> list[int]:
    """The first lines of the records, the lines being read in batches of so many."""
    return joined_records(texts, form, size)["line"].to_list()


CASES = {
    "cause": ([LINE, WRAPPED, *FRAMES, GONE, *FRAMES, LINE], [1, 2, 8]),
    "cause, Ruby 3.3": ([LINE, WRAPPED_OLD, *FRAMES_OLD, GONE_OLD, *FRAMES_OLD, LINE], [1, 2, 8]),
    "cause of a cause": ([LINE, WRAPPED, *FRAMES, WRAPPED, *FRAMES, GONE, *FRAMES, LINE], [1, 2, 11]),
    "raised below the rescue": ([LINE, NEW.format(31, "note", "no disk (IOError)"), *DEEP, GONE, *FRAMES], [1, 2]),
    "raised in an ensure": (
        [LINE, WRAPPED.replace("rescue in", "ensure in"), *FRAMES, GONE, *FRAMES, LINE],
        [1, 2, 8],
    ),
    "in a block": ([LINE, WRAPPED.replace("in Shop", "in block in Shop"), *FRAMES, GONE, *FRAMES, LINE], [1, 2, 8]),
    "code in the cause": ([LINE, WRAPPED, *FRAMES, GONE, *SNIPPET, *FRAMES, LINE], [1, 2, 11]),
    "code before the cause": ([LINE, WRAPPED, *SNIPPET, *FRAMES, GONE, *FRAMES, LINE], [1, 2, 11]),
    "cause without frames": ([LINE, WRAPPED, GONE, LINE], [1, 2, 4]),
    # No exception was being handled: what follows is another run's.
    "two runs": ([LINE, GONE, *FRAMES, GONE, *FRAMES, LINE], [1, 2, 5, 8]),
    "two runs with code": ([LINE, GONE, *SNIPPET, *FRAMES, GONE, *SNIPPET, *FRAMES], [1, 2, 8]),
    "two runs with causes": ([*[WRAPPED, *FRAMES, GONE, *FRAMES] * 2, LINE], [1, 7, 13]),
    "a run that wraps behind one that does not": ([GONE, *FRAMES, WRAPPED, *FRAMES, GONE, *FRAMES], [1, 4]),
    "a record between": ([WRAPPED, *FRAMES, LINE, GONE, *FRAMES], [1, 4, 5]),
    "behind a trace of another language": ([LINE, "a.B: x", "\tat a.B.c(B.java:1)", GONE, *FRAMES], [1, 4]),
}
#: Up to 2.7, at a terminal.
NUMBERED = [
    *("Traceback (most recent call last):", "\t1: from /shop/run.rb:3:in `<main>'", GONE_OLD),
    *("\t2: from /shop/run.rb:3:in `<main>'", "\t1: from /shop/pay.rb:5:in `charge'", WRAPPED_OLD),
]
CASES["numbered frames"] = ([LINE, *NUMBERED, LINE], [1, 8])


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("size", [1, 3, 100])
def test_a_cause_belongs_to_what_was_raised_from_it(settings: ParseParams, name: str, size: int) -> None:
    texts, expected = CASES[name]
    assert starts(texts, formats.find("application", settings), size) == expected


@pytest.mark.parametrize("name", [name for name in CASES if "language" not in name])
@pytest.mark.parametrize("size", [1, 100])
def test_in_the_log_of_a_container_as_well(settings: ParseParams, name: str, size: int) -> None:
    texts, expected = CASES[name]
    lines = [f"2031-03-03T10:00:00.5Z stderr F {text}" for text in texts]
    assert starts(lines, formats.find("cri", settings), size) == expected


def test_no_cut_is_made_before_what_may_be_a_cause(settings: ParseParams) -> None:
    form = formats.find("cri", settings)
    lines = [f"2031-03-03T10:00:00.5Z stderr F {text}" for text in [*["x"] * 1500, WRAPPED, *FRAMES, GONE, *FRAMES]]
    raw = pl.DataFrame({"raw": lines})
    assert not may_be_cut(raw.hstack(form.read(raw)), form, at_end=True)[1503]
