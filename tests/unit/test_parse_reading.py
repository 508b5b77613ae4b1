"""Reading a log: joined records, rejects, clocks, redaction, live lines."""

from __future__ import annotations

import io
import sys
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as settings_of
from hypothesis import strategies as st

from rationanomaly.errors import InputError, ParamsError
from rationanomaly.params import Params, ParseParams
from rationanomaly.parse import source
from rationanomaly.parse.formats import Format
from rationanomaly.parse.joining import Joiner
from rationanomaly.parse.lines import Counts
from rationanomaly.parse.live import read_log
from rationanomaly.parse.reading import LogReader
from rationanomaly.parse.redaction import Redactor


@pytest.fixture
def settings(params: Params) -> ParseParams:
    return params.parse


def stamped(second: int, message: str) -> str:
    return f"2031-03-03 00:00:{second:02d},000 ERROR {message}"


def read(path: Path, text: str, settings: ParseParams, form: str = "auto") -> tuple[pl.DataFrame, Counts, list[str]]:
    path.write_text(text, encoding="utf-8")
    rejects: list[str] = []
    reader = LogReader(path, form, settings, rejects=lambda frame: rejects.extend(frame["raw"]))
    records = pl.concat(list(reader))
    return records, reader.counts, rejects


TRACE = f"""{stamped(1, "request failed")}
Traceback (most recent call last):
  File "shop.py", line 7, in cart
ValueError: no cart
{stamped(2, "request done")}
"""


@pytest.mark.parametrize("chunk", [7, 64, 10_000])
def test_a_stack_trace_is_joined_to_its_record(
    chunk: int, settings: ParseParams, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(source, "CHUNK", chunk)
    records, counts, rejects = read(tmp_path / "x.log", TRACE, settings, "application")
    assert records["message"].to_list() == [
        'request failed Traceback (most recent call last): File "shop.py", line 7, in cart ValueError: no cart',
        "request done",
    ]
    assert records["line"].to_list() == [1, 5]
    assert (counts.records, counts.joined_lines, rejects) == (2, 3, [])


def test_without_joining_such_lines_are_rejected(settings: ParseParams, tmp_path: Path) -> None:
    own = settings.model_copy(update={"multiline": False, "max_rejected_share": 1.0})
    _, counts, rejects = read(tmp_path / "x.log", TRACE, own)
    assert counts.rejects == len(rejects) == 3


def test_pieces_of_a_container_line_are_put_together(settings: ParseParams, tmp_path: Path) -> None:
    text = "".join(
        f"2031-03-03T00:00:0{second}.1Z stdout {tag} {message}\n"
        for second, tag, message in [(1, "P", "one lo"), (2, "P", "ng li"), (3, "F", "ne"), (4, "F", "next")]
    )
    records, counts, _ = read(tmp_path / "x.log", text, settings)
    assert records["message"].to_list() == ["one long line", "next"]
    assert counts.joined_lines == 2


def test_a_line_that_fits_nothing_is_rejected_and_counted(settings: ParseParams, tmp_path: Path) -> None:
    text = "\n".join(["what is this", *(stamped(second, "fine") for second in range(40))])
    _, counts, rejects = read(tmp_path / "x.log", text, settings)
    assert rejects == ["what is this"]
    assert (counts.lines, counts.records, counts.rejects) == (41, 40, 1)


def test_too_many_rejects_are_an_error(settings: ParseParams, tmp_path: Path) -> None:
    text = "\n".join(["what is this", *(stamped(second, "fine") for second in range(9))])
    with pytest.raises(InputError, match=r"1 of 10 lines do not fit the format application \(10%, allowed 5%\)"):
        read(tmp_path / "x.log", text, settings)


def test_an_explicit_format_that_fits_no_line_is_an_error(settings: ParseParams, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"x\.log:1: no line fits the format bgl\. Name the format"):
        read(tmp_path / "x.log", stamped(1, "fine"), settings, "bgl")


def test_a_log_of_empty_lines_is_an_error(settings: ParseParams, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="holds no line"):
        list(LogReader(_written(tmp_path / "x.log", "\n\n\n"), "auto", settings))


@pytest.mark.parametrize(
    ("text", "form"),
    [
        ("junk\n" * 50, "auto"),
        ("junk\n" * 50, "bgl"),
        (f"junk\n{stamped(1, 'fine')}", "application"),
        ("junk", "klingon"),
        ("\n\n", "auto"),
        ("", "auto"),
        (None, "auto"),
    ],
)
def test_a_hint_is_for_a_command_without_params_too(
    settings: ParseParams, tmp_path: Path, text: str | None, form: str
) -> None:
    log = tmp_path / "x.log" if text is None else _written(tmp_path / "x.log", text)
    with pytest.raises((InputError, ParamsError)) as caught:
        list(read_log(log, form, settings))
    assert "data.logs" not in str(caught.value)
    assert ("data.format" in str(caught.value)) == ("--format" in str(caught.value))


def _written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def test_clock_jumps_are_counted(settings: ParseParams, tmp_path: Path) -> None:
    text = "\n".join(stamped(second, "tick") for second in (5, 6, 2, 3, 1))
    assert read(tmp_path / "x.log", text, settings)[1].clock_jumps == 2


def test_a_syslog_continues_into_the_next_year(settings: ParseParams, tmp_path: Path) -> None:
    days = ["Dec 30", "Dec 31", "Jan  1", "Jul  1", "Jan  2"]
    text = "\n".join(f"{day} 10:00:00 gate cron: tick" for day in days)
    records, counts, _ = read(tmp_path / "x.log", text, settings)
    assert records["time"].dt.year().to_list() == [2000, 2000, 2001, 2001, 2001]
    assert counts.clock_jumps == 1


def test_line_numbers_continue_over_the_files_of_a_glob(settings: ParseParams, tmp_path: Path) -> None:
    _written(tmp_path / "a.log", stamped(1, "one") + "\n")
    _written(tmp_path / "b.log", stamped(2, "two") + "\n")
    reader = LogReader(tmp_path / "*.log", "auto", settings)
    assert pl.concat(list(reader)).select("line", "message").rows() == [(1, "one"), (2, "two")]


LINES = st.sampled_from([stamped(1, "a"), stamped(2, "b"), "  more", "junk", "", "Caused by: x", "Traceback (most"])


@settings_of(max_examples=40, deadline=None)
@given(st.lists(LINES, min_size=1, max_size=25), st.integers(1, 200))
def test_every_line_is_a_record_or_counted_and_batches_do_not_matter(
    params: Params, tmp_path_factory: pytest.TempPathFactory, texts: list[str], chunk: int
) -> None:
    own = params.parse.model_copy(update={"max_rejected_share": 1.0})
    path = tmp_path_factory.mktemp("log") / "x.log"
    text = "\n".join([stamped(0, "first"), *texts])
    whole, counts, _ = read(path, text, own, "application")
    assert counts.lines == counts.records + counts.empty_lines + counts.joined_lines + counts.rejects
    assert counts.records == whole.height
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(source, "CHUNK", chunk)
        parts, again, _ = read(path, text, own, "application")
    assert parts.equals(whole)
    assert again == counts


@pytest.mark.parametrize("limit", [100, 10**6])
def test_of_an_endless_record_a_beginning_is_kept_whatever_the_batches(limit: int) -> None:
    raw = ["x", *["  y"] * 30_000]
    lines = pl.DataFrame({"line": range(1, 30_002), "raw": raw}, schema_overrides={"line": pl.Int64})
    read = Format("x", "x", lambda lines: lines.select(message=pl.col("raw").str.extract("^(x)$")))
    lines = lines.hstack(read.read(lines))
    found = []
    for size in (1000, 30_001):
        joiner, records, joined = Joiner(hold=True, limit=limit), list[str](), 0
        for batch in lines.iter_slices(size):
            part = joiner.join(batch)
            records.extend(part.records["message"])
            joined += part.joined
            assert joiner.held == 1
        last = joiner.finish()
        assert last is not None
        found.append(([*records, *last.records["message"]], joined + last.joined))
    assert found[0] == found[1]
    assert found[0] == ([" ".join(["x", *["y"] * 9999])[:limit]], 30_000)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("mail from ada@mail.example.org bounced", "mail from [email] bounced"),
        ("Authorization: Bearer abcdef123456", "Authorization: [secret] [token]"),
        ('{"password":"hunter2","user":"ada"}', '{"password":"[secret]","user":"ada"}'),
        ("DB_PASSWORD=hunter2 started", "DB_PASSWORD=[secret] started"),
        ("fetch https://ada:hunter2@host/x", "fetch https://ada:[secret]@host/x"),
        ("jwt eyJhbGciOi.eyJzdWIiOi.SflKxwRJ used", "jwt [token] used"),
        ("key AKIAABCDEFGHIJKLMNOP used", "key [key] used"),
        ("the token was refused", "the token was refused"),
    ],
)
def test_redaction(text: str, expected: str) -> None:
    redactor = Redactor(["email", "token", "key"], {})
    once = redactor.redact(pl.DataFrame({"raw": [text]}))
    assert once["raw"].item() == expected
    assert redactor.redact(once).equals(once)


def test_redaction_comes_before_everything_else(settings: ParseParams, tmp_path: Path) -> None:
    own = settings.model_copy(
        update={"redact": ["email"], "redact_patterns": {"badge": "B[0-9]{4}"}, "max_rejected_share": 1.0}
    )
    text = "nobody@example.org\n" + stamped(1, "ada@example.org with B1234")
    records, _, rejects = read(tmp_path / "x.log", text, own)
    assert records["message"].to_list() == ["[email] with [badge]"]
    assert rejects == ["[email]"]


@pytest.mark.parametrize(("names", "own"), [(["face"], {}), ([], {"x": "("})])
def test_a_redaction_that_can_not_work_is_refused(names: list[str], own: dict[str, str]) -> None:
    with pytest.raises(ParamsError, match=r"parse\.redact"):
        Redactor(names, own)


def test_live_lines_come_with_template_and_session(settings: ParseParams, monkeypatch: pytest.MonkeyPatch) -> None:
    text = "\n".join([stamped(1, "disk 1234 lost"), stamped(2, "disk 5678 lost"), "  at once"]) + "\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
    found = pl.concat(list(read_log(Path("-"), "auto", settings)))
    assert found.select("line", "message", "template", "session").rows() == [
        (1, "disk 1234 lost", "disk <*> lost", "window 1"),
        (2, "disk 5678 lost at once", "disk <*> lost at once", "window 1"),
    ]
