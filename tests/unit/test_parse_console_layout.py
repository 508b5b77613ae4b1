"""Records whose first line has no text: .NET's console, and headers with the message in the next line."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from rationanomaly.params import Params, ParseParams
from rationanomaly.parse import formats
from rationanomaly.parse.formats import Format
from tests.joined_records import joined_records

TIME = "2031-03-03 10:00:00"


@pytest.fixture(scope="module")
def settings(params: Params) -> ParseParams:
    return params.parse


def messages(texts: Sequence[str], form: Format, size: int = 10**6) -> list[str]:
    """The messages of the records, the lines being read in batches of so many."""
    return joined_records(texts, form, size)["message"].to_list()


LAYOUTS = [
    (["info: Shop.Host[14]", "      Now listening on: http://[::]:5000"], ["Now listening on: http://[::]:5000"]),
    (
        ["info: Shop.Host[14]", "      Application started.", "warn: Shop.Cart[3]", "      Cart 7 is empty"],
        ["Application started.", "Cart 7 is empty"],
    ),
    # A message over lines, and a scope in front of it.
    (["fail: Shop.Pay[0]", "      Card refused", "      by the bank"], ["Card refused by the bank"]),
    (["dbug: Shop.Pay[0]", "      => Request:7", "      Card read"], ["=> Request:7 Card read"]),
    # With a trace.
    (
        [
            "crit: Shop.Db[9]",
            "      Lost",
            "      System.IO.IOException: gone",
            "         at Shop.Db.Read() in /a.cs:line 3",
        ],
        ["Lost System.IO.IOException: gone at Shop.Db.Read() in /a.cs:line 3"],
    ),
    # A time in front.
    ([f"{TIME} info: Shop.Host[0]", "      Hosting started"], ["Hosting started"]),
    # Other programs begin a message with a line break.
    ([f"{TIME},000 INFO shop.Report - ", "  orders  12", "  carts    3"], ["orders  12 carts    3"]),
    ([f"{TIME} UTC [7] LOG:  ", "\tcheckpoint done"], ["checkpoint done"]),
    # Nothing behind: the message stays empty.
    (["info: Shop.Host[14]", "info: Shop.Host[0]", "      Bye"], ["", "Bye"]),
    (["info: Shop.Host[14]", "      ", "      Bye"], ["Bye"]),
    # The text of a first line stands before the others with one blank, as ever.
    ([f"{TIME},000 INFO shop.Report - all", "  orders  12"], ["all orders  12"]),
]


@pytest.mark.parametrize(("texts", "expected"), LAYOUTS)
@pytest.mark.parametrize("size", [100, 1, 2])
def test_a_message_that_begins_in_the_next_line_has_no_blank_before_it(
    settings: ParseParams, texts: list[str], expected: list[str], size: int
) -> None:
    assert messages(texts, formats.find("application", settings), size) == expected


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["info: Shop.Host[14]", "      Now listening"], ["Now listening"]),
        (["info: Shop.Host[14]", "      Now listening", "info: Shop.Host[0]", "      Up"], ["Now listening", "Up"]),
        (["warn: Shop.Cart[3]", "      Cart 7", "      is empty"], ["Cart 7 is empty"]),
    ],
)
@pytest.mark.parametrize("name", ["cri+application", "docker+application"])
def test_in_the_log_of_a_container_as_well(
    settings: ParseParams, texts: list[str], expected: list[str], name: str
) -> None:
    docker = '{{"log":"{}\\n","stream":"stdout","time":"2031-03-03T10:00:00Z"}}'
    line = docker if name.startswith("docker") else "2031-03-03T10:00:00.5Z stdout F {}"
    assert messages([line.format(text) for text in texts], formats.find(name, settings)) == expected
