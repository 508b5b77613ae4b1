"""No renderer lets through what acts, hides or can't be seen; and every face that shows text of strangers uses one."""

from __future__ import annotations

import csv
import io
import json
import logging
import re
import sys
import unicodedata
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from rationanomaly import records
from rationanomaly.cli import console
from rationanomaly.cli.summary_table import show_summary
from rationanomaly.correct.why import explain_label
from rationanomaly.decisions.exchange import export_csv
from rationanomaly.detection.log_lines import write_verdicts
from rationanomaly.errors import InputError, is_unsafe
from rationanomaly.evaluate.predictions import Prediction
from rationanomaly.evaluate.summary import ClassMetrics, Summary, SystemSummary
from rationanomaly.evaluate.systems import SYSTEMS, TITLES
from rationanomaly.params import Params
from rationanomaly.parse.preview import preview, show_preview
from rationanomaly.progress import report
from rationanomaly.text.untrusted import InertFormatter, for_csv, for_html, for_terminal, from_csv
from tests.hostile import HOSTILE, KINDS, unsafe_in
from tests.sealed import sealed

PACKAGE = Path(__file__).parents[2] / "rationanomaly"
ANY_TEXT = st.text(st.one_of(st.characters(codec=None), st.sampled_from(KINDS + "\\u'=+-@<>&\"\t\r\n")))


@given(ANY_TEXT)
def test_no_renderer_lets_an_unsafe_character_through(text: str) -> None:
    for shown in (for_terminal(text), str(for_html(text)), str(for_html(text, variable="<*>")), for_csv(text)):
        assert not any(map(is_unsafe, shown)), shown
    assert not unsafe_in(for_terminal(text, lines=True))
    assert for_csv(text).lstrip(" ")[:1] not in ("=", "+", "-", "@")
    assert not any(map(is_unsafe, str(InputError(text, file=text, hint=text))))


@given(st.text(st.one_of(st.characters(codec="utf-8"), st.sampled_from("\\u0419af'=+-@ \t\r\n\u202e\U000e0041"))))
def test_a_cell_of_a_csv_is_read_back_as_it_was(text: str) -> None:
    assert from_csv(for_csv(text)) == text


@given(st.text(st.characters(categories=("L", "N", "P", "S", "M")).filter(lambda c: not is_unsafe(c))))
def test_what_is_safe_is_shown_as_it_is(text: str) -> None:
    assert for_terminal(text) == text


def test_the_set_is_what_unicode_calls_other_with_separators_of_lines_and_what_is_invisible() -> None:
    listed = [*range(0x20), *range(0x7F, 0xA0), 0x061C, *range(0x200B, 0x2010), *range(0x2028, 0x202F), 0x2060,
              *range(0x2066, 0x206A), 0xFEFF, *range(0xD800, 0xE000), *range(0xE0000, 0xE0080)]  # fmt: skip
    assert all(is_unsafe(chr(code)) for code in listed)
    assert not any(map(is_unsafe, "az AZ 09 <*> é ü 漢 ع न ् 🔥 \u00a0\u3000"))
    for code in range(sys.maxunicode + 1):
        if unicodedata.category(chr(code)) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"):
            assert is_unsafe(chr(code))


def test_a_terminal_is_shown_the_escape_of_what_it_would_obey() -> None:
    assert for_terminal("a\x00b\u200bc\u2028d\ud800é") == "a\\u0000b\\u200bc\\u2028d\\ud800é"
    assert for_terminal("a\nb\r\nc\x1b") == "a\\u000ab\\u000d\\u000ac\\u001b"
    assert for_terminal("a\nb\r\nc\x1b", lines=True) == "a\nb\nc\\u001b"


def test_hostile_text_becomes_inert_html() -> None:
    shown = for_html('<script>"<*>\u202e\x1b\n</script>', variable="<*>")
    assert shown == (
        '&lt;script&gt;&#34;<mark class="variable">&lt;*&gt;</mark><span class="invisible">U+202E</span>'
        '<span class="invisible">U+001B</span><span class="invisible">U+000A</span>&lt;/script&gt;'
    )
    assert for_html("a\tb <*>") == "a&#9;b &lt;*&gt;"


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@a", " =1", "＝1", "'=1"])
def test_a_formula_gets_an_apostrophe(text: str) -> None:
    assert for_csv(text) == f"'{text}"
    assert from_csv(for_csv(text)) == text


def test_a_cell_that_begins_with_a_control_is_no_formula() -> None:
    assert for_csv("\t=1") == "\\u0009=1"
    assert for_csv("it's a-b; c") == "it's a-b; c"
    assert for_csv("C:\\users \\u202e") == "C:\\users \\u005cu202e"


# ---------------------------------------------------------------- the faces


@pytest.fixture
def screen(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    """What a terminal gets."""
    file = io.StringIO()
    monkeypatch.setattr(console, "STDERR", Console(file=file, highlight=False, width=500))
    return file


def test_an_error_and_its_frames(screen: io.StringIO) -> None:
    try:
        raise ValueError(HOSTILE)
    except ValueError as error:
        console.show_frames()
        console.show_error(str(error))
    console.show_error(str(InputError(HOSTILE, file=HOSTILE)))
    assert "[red]" in screen.getvalue()
    assert "\\u202e" in screen.getvalue()
    assert not unsafe_in(screen.getvalue())


def test_a_warning_that_names_a_file_is_one_line_of_a_log() -> None:
    screen = io.StringIO()
    handler = logging.StreamHandler(screen)
    handler.setFormatter(InertFormatter("%(levelname)s %(message)s"))
    logger = logging.getLogger("rationanomaly.test_untrusted")
    logger.addHandler(handler)
    try:
        logger.warning("%s breaks off", f"{HOSTILE}\nERROR forged")
        logger.error("lost", exc_info=ValueError(HOSTILE))
    finally:
        logger.removeHandler(handler)
    first, second, *_ = screen.getvalue().splitlines()
    assert first.endswith("\\u000aERROR forged breaks off")
    assert second == "ERROR lost"
    assert not unsafe_in(screen.getvalue())


def test_the_log_of_the_command_line(screen: io.StringIO) -> None:
    root, before = logging.getLogger(), [*logging.getLogger().handlers]
    level, own = root.level, logging.getLogger("rationanomaly").level
    try:
        console.set_up_logging(verbose=False, debug=True)
        logging.getLogger("rationanomaly.test_untrusted").warning("%s", HOSTILE)
    finally:
        root.handlers, root.level = before, level
        logging.getLogger("rationanomaly").setLevel(own)
    assert "\\u202e" in screen.getvalue()
    assert not unsafe_in(screen.getvalue())


@pytest.mark.parametrize("terminal", [False, True])
def test_progress(terminal: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    file = io.StringIO()
    # Without colours and movements, which are rich's own.
    shown = Console(file=file, width=500, force_terminal=terminal, color_system=None, legacy_windows=False)
    monkeypatch.setattr(console, "STDERR", shown)
    with console.progress_bars("step"):
        report(HOSTILE, 1, 1, HOSTILE, metrics={HOSTILE: 1.0})
    assert not any(piece in file.getvalue() for piece in ("\x1b[2J", "\x9b", "\u202e", "\u200b"))
    assert "\\u202e" in file.getvalue()


def test_the_closing_page(tmp_path: Path) -> None:
    nothing = ClassMetrics(None, None, None, None, None)
    systems = tuple(SystemSummary(name, TITLES[name], 1, nothing, nothing, nothing, nothing, {}) for name in SYSTEMS)
    example = Prediction(
        model="grpo", template_id="x", template=HOSTILE, dataset="site", truth="normal", answer="normal", score=0.5,
        stated="normal", rationale=HOSTILE, split="test", label="normal", mixed=False,
    )  # fmt: skip
    registered = {"name": HOSTILE, "version": "1", "alias": "candidate"}
    summary = Summary("test", 1, 1, 0, 0, systems, (HOSTILE,), (example,), tmp_path, tmp_path / HOSTILE, registered)
    shown = Console(width=500, file=io.StringIO())
    show_summary(summary, shown)
    written = shown.file.getvalue()  # type: ignore[attr-defined]
    assert "\\u202e" in written
    assert not unsafe_in(written)


def test_a_preview(params: Params, tmp_path: Path) -> None:
    path = tmp_path / "messages"
    rows = [f"Mar  3 22:14:15 gate cron[1]: {HOSTILE}", f"{HOSTILE} fits nothing"]
    path.write_text("\n".join(rows), encoding="utf-8")
    text = io.StringIO()
    show_preview(preview(path, "syslog", params.parse), Console(file=text, width=2000))
    assert "\\u202e" in text.getvalue()
    assert not unsafe_in(text.getvalue())


@pytest.fixture
def labelled() -> pl.DataFrame:
    row = {
        "template_id": "0" * 16, "template": HOSTILE, "dataset": HOSTILE, "original_label": "normal",
        "label": "abnormal", "corrected": True, "category": "other", "history": [f"panel: {HOSTILE}"], "mixed": False,
        "lines": 1, "first_line": 1, "group": 0, "split": "train",
    }  # fmt: skip
    return pl.DataFrame([row], schema_overrides={"history": pl.List(pl.String)})


def test_why_a_label_is_what_it_is(labelled: pl.DataFrame, tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    records.write_table(tmp_path / "a" / records.LABELLED, labelled, records.LABELLED_SCHEMA)
    correct = sealed(tmp_path / "a", "correct")
    assert not unsafe_in(explain_label(correct, HOSTILE))
    with pytest.raises(InputError) as caught:
        explain_label(correct, f"{HOSTILE} nowhere")
    assert not unsafe_in(str(caught.value))


def test_an_export(labelled: pl.DataFrame) -> None:
    text = export_csv(labelled)
    (row,) = csv.DictReader(io.StringIO(text))
    assert row["template"].startswith("'=cmd")
    assert from_csv(row["template"]) == HOSTILE
    assert not unsafe_in(text)


def test_verdicts_are_escaped_on_standard_output_and_not_in_a_file(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"template": HOSTILE, "score": 1.0}]
    write_verdicts(rows, None)
    shown = capsys.readouterr().out
    assert not unsafe_in(shown)
    assert json.loads(shown) == rows[0]
    write_verdicts(rows, tmp_path / "verdicts.jsonl")
    written = (tmp_path / "verdicts.jsonl").read_text(encoding="utf-8")
    assert "\u202e" in written
    assert json.loads(written) == rows[0]


@pytest.mark.parametrize("formula", ["=cmd|'/C calc'!A0", "+1", "-1", "@SUM(A1)", "＝1", "  =1", "'=1", "\u3000＋1"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_no_cell_is_a_formula_whatever_parts_the_cells(formula: str, delimiter: str) -> None:
    """A spreadsheet takes the list separator of its country, and quotes only where a cell begins with one."""
    row = [f"text{delimiter}{formula}", f'"{delimiter}{formula}', formula, f"a{delimiter}{delimiter}{formula}"]
    written = io.StringIO()
    csv.writer(written, lineterminator="\n").writerow([for_csv(cell) for cell in row])
    (read,) = csv.reader([written.getvalue()])
    assert [from_csv(cell) for cell in read] == row
    for split in [read] if delimiter == "," else [read, written.getvalue().rstrip("\n").split(delimiter)]:
        assert not any(re.match("[=+\\-@＝＋－＠]", cell.strip(' \u3000"')) for cell in split)


def test_each_module_that_writes_csv_is_known_to_write_it_inertly_or_no_text_of_strangers() -> None:
    writers = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if re.search(r"csv\.(Dict)?[wW]riter|\.write_csv\(", path.read_text(encoding="utf-8"))
    }
    assert writers == {
        "decisions/exchange.py",  # for_csv
        "evaluate/plots.py",  # for_csv
        "simulate/dataset.py",  # the numbers and labels of a made-up log
        "stream/rows.py",  # JSON, quoted by itself
    }
