"""`rationanomaly preview`: the first lines as a person sees them."""

from __future__ import annotations

import bz2
import gzip
import io
import logging
import lzma
from collections.abc import Callable
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner

from rationanomaly.cli.app import app
from rationanomaly.errors import InputError
from rationanomaly.params import Params
from rationanomaly.parse.cutting import find_format
from rationanomaly.parse.preview import preview, show_preview
from rationanomaly.parse.reading import LogReader

ROOT = Path(__file__).resolve().parents[2]


def shown(path: Path, form: str, params: Params) -> str:
    text = io.StringIO()
    show_preview(preview(path, form, params.parse), Console(file=text, width=160))
    return text.getvalue()


def test_a_preview_shows_format_templates_and_what_does_not_fit(params: Params, tmp_path: Path) -> None:
    path = tmp_path / "messages"
    rows = [f"Mar  3 22:14:15 gate cron[1]: job [red]{1000 + number}[/red] done" for number in range(30)]
    path.write_text("\n".join(["what is this", *rows]), encoding="utf-8")
    text = shown(path, "auto", params)
    assert "syslog (detected; confidence: syslog 97%)" in text
    assert "job [red]<*>[/red] done" in text
    assert "1 of 1, most frequent first" in text
    assert "1  what is this" in text


def test_a_preview_of_what_fits_nothing_says_what_to_do(params: Params, tmp_path: Path) -> None:
    path = tmp_path / "tale.txt"
    path.write_text("once upon a time\nthere was a log\n", encoding="utf-8")
    text = shown(path, "auto", params)
    assert "none fits" in text
    assert "data.format=NAME" in text


def test_a_preview_of_an_endless_file_reads_its_beginning(params: Params, tmp_path: Path) -> None:
    path = tmp_path / "long.log"
    path.write_text("Mar  3 22:14:15 gate cron[1]: done\n" * 5000, encoding="utf-8")
    seen = preview(path, "syslog", params.parse)
    assert (seen.lines, seen.records, seen.detected) == (1000, 1000, False)


def test_a_preview_of_no_file_is_an_error(params: Params, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        preview(tmp_path / "x.log", "auto", params.parse)


@pytest.mark.parametrize(
    "text",
    [
        "2031-03-03 00:00:02,154 ERROR no cart\njava.io.IOException: no\n" + "\tat a.B.c(B.java:0)\n" * 9,
        "2031-03-03 00:00:02,154 INFO one\nand more of it\n" * 4,
        "2031-03-03T00:00:02.154Z stdout F 2031-03-03 00:00:02,154 INFO [main] org.shop.Cart: one\n" * 4,
        "Mar  3 22:14:15 gate cron[1]: done\n" * 4,
        "once upon a time\nthere was a log\n",
    ],
)
def test_a_preview_and_parse_agree(text: str, params: Params, tmp_path: Path) -> None:
    path = tmp_path / "x.log"
    path.write_text(text, encoding="utf-8")
    seen, reader = preview(path, "auto", params.parse), LogReader(path, "auto", params.parse)
    if seen.format is None:
        with pytest.raises(InputError, match="fits no known log format"):
            list(reader)
        return
    records = sum(batch.height for batch in reader)
    assert (seen.format, seen.records, seen.rejects) == (reader.format.name, records, reader.counts.rejects)


LINES = "Mar  3 22:14:15 gate cron[1]: job 1234 done\n" * 3
PARAMS = ["--params", str(ROOT / "params.yaml")]


def test_the_command_shows_a_preview_and_writes_nothing(tmp_path: Path) -> None:
    log = tmp_path / "messages"
    log.write_text(LINES, encoding="utf-8")
    done = CliRunner().invoke(app, ["preview", str(log), *PARAMS])
    assert done.exit_code == 0
    assert "job <*> done" in done.stdout
    assert "detected" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["messages"]


def test_without_a_log_the_command_shows_that_of_the_params_in_their_format(tmp_path: Path) -> None:
    log = tmp_path / "messages"
    log.write_text(LINES, encoding="utf-8")
    named = ["--set", f"data.logs={log}", "--set", "data.format=syslog"]
    assert "syslog (named" in CliRunner().invoke(app, ["preview", *PARAMS, *named]).stdout
    assert "plain (named" in CliRunner().invoke(app, ["preview", "--format", "plain", *PARAMS, *named]).stdout


def test_the_old_spelling_warns_and_shows_the_same(tmp_path: Path) -> None:
    log = tmp_path / "messages"
    log.write_text(LINES, encoding="utf-8")
    old = ["--set", "data.format=auto", "--input", f"logs={log}"]
    done = CliRunner().invoke(app, ["parse", "--preview", *PARAMS, *old])
    assert done.exit_code == 0
    assert done.stdout == CliRunner().invoke(app, ["preview", str(log), *PARAMS]).stdout
    assert "use `rationanomaly preview LOGFILE`" in " ".join(done.stderr.split())
    assert [path.name for path in tmp_path.iterdir()] == ["messages"]


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress])
def test_a_compressed_log_without_a_whole_line_breaks_off(
    pack: Callable[[bytes], bytes], params: Params, tmp_path: Path
) -> None:
    path = tmp_path / "broken.log"
    path.write_bytes(pack(b"job 17 done\n" * 800)[:20])
    for read in (preview, lambda *arguments: find_format(arguments[0], "auto", arguments[2])):
        with pytest.raises(InputError, match=r"broken\.log: breaks off before its first line\. Fetch it again"):
            read(path, "plain", params.parse)


def test_of_a_compressed_log_that_breaks_off_later_the_beginning_is_shown(
    params: Params, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "broken.log"
    path.write_bytes(gzip.compress("".join(f"job {n * n} done\n" for n in range(800)).encode())[:-500])
    with caplog.at_level(logging.WARNING):
        assert 0 < preview(path, "plain", params.parse).lines < 800
    assert "broken.log: breaks off; what it holds is shown" in caplog.text
