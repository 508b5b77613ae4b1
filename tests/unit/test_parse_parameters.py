"""Types and numbers of parameters."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rationanomaly.parse.masking import Masker
from rationanomaly.parse.parameters import NUMERIC, TYPES, number_of, parameter_types, type_of, values_in
from tests.growth import assert_linear

VALUES = {
    "uuid": ["550e8400-e29b-41d4-a716-446655440000"],
    "url": ["http://a.example/x?y=1", "hdfs://10.0.0.7:9000/tmp/a.log:7+8", "https://[::1]:80/z"],
    "email": ["ann@mail.example.org", "a.b+c@d.io"],
    "mac": ["00:1a:2b:3c:4d:5e", "00-1A-2B-3C-4D-5E", "001a.2b3c.4d5e"],
    "ipv6": ["::1", "2001:db8::7", "fe80::1%eth0", "[2001:db8::7]:80", "2001:db8:0:1:2:3:4:5", "::ffff:10.0.0.7"],
    "ip": ["10.0.0.7", "10.0.0.7:8080"],
    "date": ["2031-04-01", "2031-04-01T12:30:59.5Z", "2031/4/1:12:30:59", "01/Apr/2031", "Apr", "Tue"],
    "time": ["12:30:59", "00:17", "12:30:59,123"],
    "duration": ["12ms", "1.5s", "1h2m3s", "5µs"],
    "size": ["44kB", "1.5GiB", "10K", "3B"],
    "percent": ["12.5%", "0%"],
    "number": ["0", "-5", "+7", "1.25", "1e-05", "1,234,567", "00012"],
    "version": ["v1.2.3-rc1", "1.18.0", "2.1-SNAPSHOT"],
    "hex": ["0x3fA0", "deadbeef01", "9f4ef63", "a1b2c3d4e5f6a7b8"],
    "path": ["/var/log/x.log", "/v2/a/items?all=1", "/search?q=a"],
    "windows_path": [r"C:\Windows\x.dll", r"\\nas1\share\y", r"HKLM\Software\Z"],
    "base64": ["dGhpcyBpcyBhIHRlc3Q=", "QUJDREVGR0hJSktMTQ=="],
    "hash": ["sha256:9f86d081884c7d659a2feaa0", "aB3dE5fG7hI9jK1l"],
    "fingerprint": ["43:51:43:a1:b5:fc:8b:b7", "43:51:43:a1:b5:fc:8b:b7:0a:3a"],
    "identifier": ["12-13", "1445144423722_0020_m_000002_0", "1:2:3:4"],
    "text": ["", "started", "user=ann", "node7", "a,b"],
}


@pytest.mark.parametrize("kind", VALUES)
def test_values_have_types(kind: str) -> None:
    assert type_of(pl.Series(VALUES[kind])).to_list() == [kind] * len(VALUES[kind])


def test_each_type_is_tested() -> None:
    assert set(VALUES) == {*TYPES, "text"}


def test_own_masks_come_first() -> None:
    values = pl.Series(["AB-12", "12", "x AB-12", None])
    assert type_of(values, {"ticket": "AB-[0-9]+", "number": "1."}).to_list() == ["ticket", "number", "text", None]


@pytest.mark.parametrize(
    ("value", "number"),
    [
        ("12", 12.0),
        ("-7.5", -7.5),
        ("1,234.5", 1234.5),
        ("1e3", 1000.0),
        ("12.5%", 12.5),
        ("250ns", 250e-9),
        ("5µs", 5e-6),
        ("1.5ms", 0.0015),
        ("90s", 90.0),
        ("2min", 120.0),
        ("1h2m3.5s", 3723.5),
        ("2d", 172_800.0),
        ("-12ms", -0.012),
        ("3B", 3.0),
        ("44kB", 44_000.0),
        ("2KiB", 2048.0),
        ("1.5GiB", 1.5 * 1024**3),
        ("10M", 10e6),
        ("10.0.0.7", None),
        ("12:30:59", None),
        ("0x10", None),
        ("1.18.0", None),
        ("12-13", None),
        ("started", None),
        (None, None),
    ],
)
def test_numbers_have_base_units(value: str | None, number: float | None) -> None:
    assert number_of(pl.Series([value], dtype=pl.String)).to_list() == [pytest.approx(number) if number else number]


@pytest.mark.parametrize(
    ("word", "words", "values"),
    [
        ("<*>", ["12ms", "a"], ["12ms", "a"]),
        ("time=<*>,", ["time=12ms,", "time=0,"], ["12ms", "0"]),
        ("<*>:<*>", ["a:1"], ["a:1"]),
        ("(<*>)", [None, "(::1)"], [None, "::1"]),
    ],
)
def test_a_value_is_what_stands_at_the_wildcard(word: str, words: list[str | None], values: list[str | None]) -> None:
    assert values_in(word, pl.Series(words)).to_list() == values


@pytest.mark.parametrize(
    ("template", "examples", "types"),
    [
        ("fan <*> at <*>", [["7", "12ms"], ["8", "1.5s"]], ["number", "duration"]),
        ("load=<*>, <*>", [["load=0.5,", "10.0.0.7"]], ["number", "ip"]),
        ("user <*>", [["ann"], ["bob"]], ["text"]),
        ("job <*>", [["17"], ["backup"]], ["mixed"]),
        # All have one type in common, though some look like another.
        ("at <*>", [["12345678"], ["deadbeef"]], ["hex"]),
        ("task <*>", [["17"], ["17-18"]], ["identifier"]),
        # Words that are missing tell nothing.
        ("a <*> b <*>", [["1", None], ["2", "3"]], ["number", "number"]),
        ("a <*>", [], ["text"]),
        ("plain", [[]], []),
    ],
)
def test_a_parameter_has_the_type_of_its_examples(
    template: str, examples: list[list[str | None]], types: list[str]
) -> None:
    assert parameter_types([template, "x <*>"], [examples, [["::1"]]]) == [types, ["ipv6"]]


MASKED = {
    name: [value for value in values if not value.startswith(("-", "+")) and value not in ("Apr", "Tue")]
    for name, values in VALUES.items()
    if name not in ("text",)
}


@pytest.mark.parametrize("kind", MASKED)
def test_a_mask_takes_out_the_whole_of_what_has_its_type(kind: str) -> None:
    texts = pl.Series([f"got {value}, (and {value})" for value in MASKED[kind]])
    assert Masker({}, 256).mask(texts).to_list() == ["got <*>, (and <*>)"] * len(MASKED[kind])


@settings(deadline=None)
@given(st.lists(st.text(st.sampled_from("012.,:-+%eEkKMiBmsh µ"), max_size=9), max_size=9))
def test_numbers_are_of_numeric_types_and_all_numeric_types_are_numbers(values: list[str]) -> None:
    series = pl.Series(values, dtype=pl.String)
    numeric = type_of(series).is_in(NUMERIC)
    assert number_of(series).is_not_null().to_list() == numeric.to_list()


@pytest.mark.parametrize("piece", ["1", "1h", "aB3=", "::", "a@b.", "C:\\a", "http://", "1,111", "/a?b=", "ab:"])
def test_hostile_values_take_linear_time(piece: str) -> None:
    assert_linear(lambda size: number_of(pl.Series([piece * 2000 * size] * 20)), 1)
