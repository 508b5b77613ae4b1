"""Masks: what they catch, what they leave, and that hostile text does not slow them."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rationanomaly.errors import ParamsError
from rationanomaly.parse.drain import WILDCARD
from rationanomaly.parse.masking import Masker, single_spaced
from tests.growth import assert_linear

HOSTILE = {
    "hex": "0123456789abcdef" * 1000,
    "hex words": "deadbeef " * 1777,
    "digits": "7" * 16000,
    "dots": "." * 16000,
    "numbers and dots": "1." * 8000,
    "almost an address": "1.2.3." * 2666,
    "quotes": "\"'" * 8000,
    "brackets": "([{<" * 4000,
    "slashes": "/" * 16000,
    "almost a path": "/a" * 8000,
    "dashes": "a-" * 8000,
    "spaces": "a" + " " * 15998 + "b",
    "months": "Jan Feb Mar " * 1333,
    "underscores": "1_" * 8000,
}


def mask(text: str, own: dict[str, str] | None = None, max_words: int = 10_000) -> str:
    return str(Masker(own or {}, max_words).mask(pl.Series([text])).item())


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("fan 12 at 0x3fA0 is 7.5 V", "fan <*> at <*> is <*> V"),
        ("from 10.0.0.7:8080 to 10.0.0.8", "from <*> to <*>"),
        ("job 550e8400-e29b-41d4-a716-446655440000 ended", "job <*> ended"),
        ("open /var/lib/store/x.db failed", "open <*> failed"),
        ("at 2031-04-01 12:30:59,123", "at <*> <*>"),
        ("since Tue Apr 1 12:30:59 2031", "since <*> <*> <*> <*> <*>"),
        ("Apr 1 was quiet, May I say", "<*> <*> was quiet, May I say"),
        ("core.4711 of node1234", "core.<*> of node<*>"),
        ("ext3 on L2 over ipv6", "ext3 on L2 over ipv6"),
        ("and/or decade", "and/or decade"),
        ("checksum deadbeef01", "checksum <*>"),
    ],
)
def test_values_are_masked_and_names_are_not(text: str, expected: str) -> None:
    assert mask(text) == expected


def test_own_masks_come_first() -> None:
    assert mask("ticket AB-12 and AB-7", {"ticket": r"AB-[0-9]+"}) == "ticket <*> and <*>"


@pytest.mark.parametrize("pattern", [r"(?<=a)b", r"(a)\1", "(", "x*", ".*"])
def test_an_own_mask_that_backtracks_or_matches_nothing_is_refused(pattern: str) -> None:
    with pytest.raises(ParamsError, match="mask `own`"):
        Masker({"own": pattern}, 10)


def test_words_are_parted_by_single_spaces() -> None:
    assert single_spaced(pl.Series(["  a \t b  c "])).item() == "a b c"


def test_words_behind_the_limit_are_left_out() -> None:
    assert mask("one two three four", max_words=2) == "one two"
    assert mask("x" * 100, max_words=2) == "x" * 64


def test_masking_leaves_the_messages_as_they_are() -> None:
    messages = pl.Series(["a  b", "Apr 1", "one two three four"])
    Masker({}, 2).mask(messages)
    assert messages.to_list() == ["a  b", "Apr 1", "one two three four"]


@settings(deadline=None)
@given(st.text(st.sampled_from("ab1230.:-_/ xfFJan\t()[]{}\"'=,<*>é"), max_size=60))
def test_masking_twice_is_masking_once(text: str) -> None:
    once = mask(text)
    assert mask(once) == once


@settings(deadline=None)
@given(st.text(st.sampled_from("ab1230.:-_/ xfF\t"), max_size=60))
def test_a_mask_keeps_the_number_of_words(text: str) -> None:
    words = single_spaced(pl.Series([text])).item().split(" ")
    assert len(mask(text).split(" ")) == len(words)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_takes_linear_time(name: str) -> None:
    masker = Masker({}, 256)
    assert_linear(lambda size: masker.mask(pl.Series([HOSTILE[name] * size] * 50)), 1)


def test_a_masked_log_may_hold_the_wildcard_itself() -> None:
    assert mask(f"literal {WILDCARD} here") == f"literal {WILDCARD} here"
