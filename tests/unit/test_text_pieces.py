"""Long logs in pieces: every word is in one, none is torn, and offsets are those of the log."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rationanomaly.params import PromptParams
from rationanomaly.text.canonical import LONGEST
from rationanomaly.text.pieces import MOST_PIECES, show_pieces, show_whole
from rationanomaly.text.prompt import show

NORMALISED = PromptParams(style="compact", normalise=True, max_words=12, max_characters=2000, few_shot_examples=0)
AS_WRITTEN = NORMALISED.model_copy(update={"normalise": False, "max_characters": 60})
LOGS = st.text(st.sampled_from('abcDEF019 \t:/.-=<*>"İß\u200b'), max_size=300)


@pytest.mark.parametrize("settings", [NORMALISED, AS_WRITTEN])
def test_a_log_that_has_room_is_one_piece(settings: PromptParams) -> None:
    log = "kernel panic : no init found  "
    assert show_pieces(log, settings) == [show(log, settings)]
    assert show_pieces("", settings) == [show("", settings)]


def test_pieces_overlap_by_half_and_end_with_the_log() -> None:
    log = " ".join(f"{letter}{letter}x" for letter in "abcdefghijklmnopqrstuvwxyz")
    words = [piece.text.split() for piece in show_pieces(log, NORMALISED)]
    assert [len(some) for some in words] == [12, 12, 12, 8]
    assert [some[0] for some in words] == ["aax", "ggx", "mmx", "ssx"]
    assert words[-1][-1] == "zzx"


@pytest.mark.parametrize("words", ["word{}", "a{}b", "{}", "- {}"])
def test_what_stands_behind_many_words_is_in_a_piece(words: str) -> None:
    log = " ".join(words.format(number) for number in range(100)) + " Machine check on node 7"
    for settings in (NORMALISED, AS_WRITTEN):
        assert "machine check on node" not in show(log, settings).text.lower()
        found = [piece for piece in show_pieces(log, settings) if "machine check on node" in piece.text.lower()]
        assert found
        place = found[0].text.lower().index("machine check")
        start, end = found[0].original_span(place, place + len("machine check"))
        assert log[start:end] == "Machine check"


@pytest.mark.parametrize("settings", [NORMALISED, AS_WRITTEN])
@given(log=LOGS)
def test_every_character_that_could_be_shown_is_in_a_piece(settings: PromptParams, log: str) -> None:
    pieces, whole = show_pieces(log, settings), show_whole(log, settings)
    assert pieces[0] == show(log, settings)
    shown = {offset for piece in pieces for offset in piece.offsets}
    wanted = {offset for offset, one in zip(whole.offsets, whole.text, strict=True) if one != " "}
    assert wanted <= shown
    for piece in pieces:
        assert len(piece.text) == len(piece.offsets)
        assert piece.text in whole.text or piece is pieces[0]
        assert piece.original == log


def test_an_enormous_log_has_a_bounded_number_of_pieces_and_its_end_is_one() -> None:
    log = " ".join(f"word{number}" for number in range(LONGEST // 4)) + " kernel panic"
    pieces = show_pieces(log, NORMALISED)
    assert len(pieces) == MOST_PIECES
    assert pieces[-1].text.endswith("kernel panic")
    assert pieces[-1].end == len(log)


#: Blanks of all kinds, too many for the first look at a log: by the characters of a prompt, and by those of a log.
BLANKS = [" " * 2600, "\u200b" * 2600, " " * (LONGEST + 5000), "\x00" * (LONGEST + 5000)]


@pytest.mark.parametrize("before", ["", "ok"])
@pytest.mark.parametrize("blanks", BLANKS)
@pytest.mark.parametrize("settings", [NORMALISED, AS_WRITTEN])
def test_what_stands_behind_blanks_is_in_a_piece(settings: PromptParams, blanks: str, before: str) -> None:
    log = f"{before}{blanks}kernel panic"
    pieces = show_pieces(log, settings)
    assert pieces[0] == show(log, settings)
    assert any("kernel panic" in piece.text for piece in pieces)
    assert len(pieces) <= 3, "blanks are no words"


@pytest.mark.parametrize("settings", [NORMALISED, AS_WRITTEN])
def test_a_word_that_no_prompt_has_room_for_is_shown_in_parts(settings: PromptParams) -> None:
    log = "z" * 9000 + "y" * 9000
    pieces = show_pieces(log, settings)
    assert max(len(piece.text) for piece in pieces) <= settings.max_characters
    assert len(pieces) <= MOST_PIECES
    assert pieces[-1].text.endswith("y")
    assert pieces[-1].end == len(log)


def test_a_piece_that_ends_within_a_name_stands_for_what_is_named() -> None:
    words = "\u0645\u0631\u062d\u0628\u0627"
    narrow = NORMALISED.model_copy(update={"max_characters": 8, "max_words": 1000})
    log = f"a {words} b"
    spans = [piece.original_span(0, len(piece.text)) for piece in show_pieces(log, narrow)]
    assert all(start < end for start, end in spans)
    assert any(words in log[start:end] or log[start:end] in words for start, end in spans)
