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
    "almost compound durations": "1h1h1h1hx " * 1600,
    "decimals and units": "1.1h" * 4000,
    "numbers and signs": "1+" * 8000,
    "percent signs": "1%" * 8000,
    "pairs": "aa:" * 5333,
    "pairs and numbers": "1:aa:" * 3200,
    "groups": "f::" * 5333,
    "addresses": "fe80::1 " * 2000,
    "schemes": "http://" * 2285,
    "at signs": "a@b." * 4000,
    "almost addresses of mail": "a.1@" * 4000,
    "backslashes": "\\" * 16000,
    "files": "C:\\a" * 4000,
    "almost hashes": "a1b" * 5333,
    "hashes and numbers": "a111_" * 3200,
    "almost base64": "aB3+/" * 3200,
    "padding": "ab1=" * 4000,
    "prefixes of hashes": "sha256:" * 2285,
    "queries": "/a?1_" * 3200,
    "wildcards": "<*>a" * 4000,
    "wildcards behind": "<*> " + "a111" * 4000,
    "wildcards and numbers": "1a<*>" * 3200,
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
        # IPv6, with scopes and ports; not what programmers write with colons.
        ("peer 2001:db8:0:1:2:3:4:5 left", "peer <*> left"),
        ("peer 2001:db8::7, fe80::1%eth0; ::1", "peer <*>, <*>; <*>"),
        ("from [2001:db8::7]:8080 (fd00:1::/48)", "from <*> (<*>/<*>)"),
        ("mapped ::ffff:10.0.0.7 and 0:0:0:0:0:0:0:1:2181", "mapped <*> and <*>"),
        ("std::vector a::b dead::beef :: Face::cafe()", "std::vector a::b dead::beef :: Face::cafe()"),
        ("C4::Bar x86::add Http2::fade", "C4::Bar x86::add Http2::fade"),
        ("at 12:30:45 in 01:02", "at <*> in <*>"),
        ("hw 00:1A:2b:3C:4d:5e 00-1a-2b-3c-4d-5e 001a.2b3c.4d5e", "hw <*> <*> <*>"),
        ("key MD5:43:51:43:a1:b5:fc:8b:b7:0a:3a:a9:b1:0f:66:73:a8", "key MD5:<*>"),
        ("get http://a.example:80/x/y?q=1&r=%20#top.", "get <*>."),
        ("url=https://u:p@a.example/,next (ftp://[::1]/f)", "url=<*>,next (<*>)"),
        ("https:// is no url, nor is a://", "https:// is no url, nor is a://"),
        ("GET /v2/a1/items?all=1&x=y and /search?q=a", "GET <*> and <*>"),
        ("really /etc/hosts? yes/no?", "really <*>? yes/no?"),
        ("to=<ann.o+x@mail.example.org>, bob@b.de.", "to=<<*>>, <*>."),
        ("Started getty@tty1.service user@host", "Started getty@tty1.service user@host"),
        (r"open C:\Users\ann\a.log: D:\ \\nas1\share\x", "open <*>: <*> <*>"),
        (r"read HKLM\Software\X, 'C:\\a\\b.c'", "read <*>, '<*>'"),
        (r"a\nb DOMAIN\user", r"a\nb DOMAIN\user"),
        ("took 1.3ms, 12s 1h2m3s 5µs 30sec 250ns 2d", "took <*>, <*> <*> <*> <*> <*> <*>"),
        ("used 44kB of 1.5GiB, 512M 3B 12.5% (100%)", "used <*> of <*>, <*> <*> <*> (<*>)"),
        ("3ware 2nd 64bit 10baseT", "<*>ware <*>nd <*>bit <*>baseT"),
        ("at 2031-04-01T12:30:59.123Z and 20310401T123059Z+", "at <*> and <*>+"),
        ("on 2031/4/1 1/4/2031 @2031/4/1:12:30:59.5 01/Apr/2031:12:30:59", "on <*> <*> @<*> <*>"),
        ("image sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b", "image <*>"),
        ("token aB3dE5fG7hI9jK1l dGhpcyBpcyBhIHRlc3QgbWVzc2FnZQ", "token <*> <*>"),
        ("body dGhpcyBpcyBhIHRlc3Q= QUJDREVGR0hJSktMTQ==", "body <*> <*>"),
        (
            "Base64EncoderOutputStream= 5 ThreadPoolExecutor2 utf8",
            "Base64EncoderOutputStream= <*> ThreadPoolExecutor2 utf8",
        ),
        ("v1.2.3-rc1 v2.0 1.18.0 2.1.0-SNAPSHOT api/v1 IPv4.", "<*> <*> <*> <*> api/v1 IPv4."),
        ("Token{9f4ef63 de9231d} decade facade", "Token{<*> <*>} decade facade"),
        ("attempt_1445144423722_0020_m_000002_0 is up", "attempt_<*> is up"),
        ("application_1445144423722_0020 x86_64 eth0_1", "application_<*> x86_64 eth0_1"),
        ("load 1514038440.25 1.5e-05 7e3 1445144423-12", "load <*> <*> <*> <*>"),
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


def test_the_middle_of_what_is_longer_than_the_limit_is_a_wildcard() -> None:
    assert mask("one two three", max_words=2) == "one two three"
    assert mask("one two three four", max_words=2) == "one <*> four"
    assert mask("one two three four five six", max_words=3) == "one two <*> six"
    assert mask("x" * 50 + "y" * 50, max_words=2) == "x" * 29 + " <*> " + "y" * 29
    assert mask("\u00e9" * 60, max_words=2) == "\u00e9" * 60


@given(st.lists(st.text(st.sampled_from("ab\u00e9<*>"), min_size=1, max_size=40), max_size=12).map(" ".join))
def test_what_is_left_out_is_counted(message: str) -> None:
    masker, messages = Masker({}, 3), pl.Series([message], dtype=pl.String)
    (cut,), (left_out,) = masker.cut(messages), masker.left_out(messages)
    assert len(cut) <= max(3 * 32, 0)
    before, wildcard, behind = cut.partition(" <*> ") if cut != message else (message, "", "")
    assert message.startswith(before)
    assert message.endswith(behind)
    hidden = len(message.replace(" ", "")) - len(before.replace(" ", "")) - len(behind.replace(" ", ""))
    assert left_out == (hidden if wildcard else 0)
    assert masker.cut(pl.Series([cut])).to_list() == [cut]


def test_masking_leaves_the_messages_as_they_are() -> None:
    messages = pl.Series(["a  b", "Apr 1", "one two three four"])
    Masker({}, 2).mask(messages)
    assert messages.to_list() == ["a  b", "Apr 1", "one two three four"]


PIECES = [
    *"ab1230.:-_/ xfFz\\@=%<>[](){}\"'+,?&|~*é\t", "<*>", "::", "Jan ", "Mon Jan 1", "http://", "1.5", "123", "abcdef",
    "deadbeef", "ab:", "fe80", "a1b2c3", "x.com", "@b.com", "C:\\", "ms", "kB", "v1.2", "-rc1", "sha256:", "aB3dE5fG7h",
    "==", "= ", "2031-04-01T10:00:00", "_m_", "e5", "%eth0", "5c50.154c.1813", "aa:bb:cc:dd:ee:ff", "HKLM\\", "/a/b",
    "?x=1",
]  # fmt: skip


@settings(deadline=None, max_examples=150)
@given(st.lists(st.sampled_from(PIECES), max_size=16).map("".join))
def test_masking_twice_is_masking_once(text: str) -> None:
    once = mask(text)
    assert mask(once) == once


@settings(deadline=None, max_examples=150)
@given(st.lists(st.sampled_from(PIECES), max_size=16).map("".join))
def test_a_mask_keeps_the_number_of_words(text: str) -> None:
    words = single_spaced(pl.Series([text])).item().split(" ")
    assert len(mask(text).split(" ")) == len(words)


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_text_takes_linear_time(name: str) -> None:
    masker = Masker({}, 256)
    assert_linear(lambda size: masker.mask(pl.Series([HOSTILE[name] * size] * 50)), 1)


def test_a_masked_log_may_hold_the_wildcard_itself() -> None:
    assert mask(f"literal {WILDCARD} here") == f"literal {WILDCARD} here"


def test_version_1_masks_as_it_did() -> None:
    texts = ["took 12ms at 2001:db8::7", "see http://a/b?c=1", "checksum deadbeef01 of v1.2.3", "1445144423.25"]
    masked = Masker({}, 256, version=1).mask(pl.Series(texts))
    expected = ["took <*>ms at <*>:db8::<*>", "see http:/<*>?c=<*>", "checksum <*> of v1.<*>", "<*>.<*>"]
    assert masked.to_list() == expected


def test_an_unknown_version_is_an_error() -> None:
    with pytest.raises(ValueError, match="version 3"):
        Masker({}, 256, version=3)


@given(st.lists(st.sampled_from(["10.0.0.7", "2001:db8::7", "12ms", "a", "x@b.example", "<*>", "C:\\a"]), max_size=4))
def test_a_message_is_masked_the_same_alone_and_among_others(words: list[str]) -> None:
    text = " ".join(words)
    others = ["", "plain", "see http://a/b", "peer ::1", "<*>a1b2c3d4"]
    together = Masker({}, 256).mask(pl.Series([*others, text, *others]))
    assert together[len(others)] == mask(text)
