"""Reasons for a session's score: every sentence is true of the session and of what normal sessions are like."""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from functools import cache
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rationanomaly.errors import is_unsafe
from rationanomaly.session_models.background import Background, fit_background
from rationanomaly.session_models.batch import Events, SessionBatch
from rationanomaly.session_models.combined import fit_combined
from rationanomaly.session_models.maximum import Maximum
from rationanomaly.session_models.model import Reason, SessionModel
from rationanomaly.session_models.reasons import MAX_CHARACTERS, quoted, reasons
from tests.session_inputs import (
    ALL_EVENTS,
    BACKWARDS,
    DELETE,
    EVENTS,
    FAIL,
    FAILED,
    NEW,
    NORMAL,
    OPEN,
    READ,
    STORE,
    STORED_TOO_OFTEN,
    TEXTS,
    WITH_NEW,
    WITHOUT_DELETE,
    made_sessions,
)

TRAIN = made_sessions(250, seed=1)
#: Normal training sessions, as a reader of a reason could look them up.
KNOWN_NORMAL = [TRAIN.batch.sequence(int(row)).tolist() for row in np.flatnonzero(~TRAIN.abnormal)]


@cache
def fitted() -> tuple[SessionModel, Background]:
    return (
        fit_combined(TRAIN.batch, TRAIN.abnormal, EVENTS, 0),
        fit_background(TRAIN.batch, TRAIN.abnormal, EVENTS, 0),
    )


def explained(sequence: list[int], events: Events = ALL_EVENTS, limit: int = 50) -> list[Reason]:
    model, background = fitted()
    return reasons(model, background, SessionBatch.of([[OPEN], sequence]), events, 1, limit)


@pytest.mark.parametrize(
    ("sequence", "text", "positions"),
    [
        (FAILED, r"`write to <\*> failed: disk error` is the session's most suspicious template, with a score", (2,)),
        (FAILED, r"`write to <\*> failed: disk error` was never seen in a normal session", (2,)),
        (WITH_NEW, r"`checksum of <\*> unknown` was never seen before", (3,)),
        (WITHOUT_DELETE, r"`delete block <\*>` is missing; all of the normal sessions have it", ()),
        (WITHOUT_DELETE, r"No normal session ends with `open block <\*>`", None),
        (STORED_TOO_OFTEN, r"`block <\*> stored on <\*>` came 9 times; normal sessions have it at most 3 times", None),
        (BACKWARDS, r"`delete block <\*>` never followed `open block <\*>`; it does in all of the normal", (1,)),
        (BACKWARDS, r"`delete block <\*>` directly before `open block <\*>` was never seen in a normal", (0, 1)),
        (BACKWARDS, r"No normal session begins with `delete block <\*>`", (0,)),
    ],
)
def test_each_kind_of_fault_has_its_reason(sequence: list[int], text: str, positions: tuple[int, ...] | None) -> None:
    if text.startswith("No normal session ends"):
        sequence = [*sequence, OPEN]
    found = [reason for reason in explained(sequence) if re.match(text, reason.text)]
    assert len(found) == 1
    if positions is not None:
        assert found[0].positions == positions


def test_positions_of_an_excess_are_all_its_lines() -> None:
    (excess,) = (reason for reason in explained(STORED_TOO_OFTEN) if "came" in reason.text)
    assert excess.positions == tuple(range(4, 13))


@pytest.mark.parametrize("sequence", [NORMAL, [*NORMAL[:-2], READ, READ, DELETE]])
def test_a_normal_session_has_none(sequence: list[int]) -> None:
    assert explained(sequence) == []


def test_an_empty_session_lacks_what_all_have() -> None:
    texts = [reason.text for reason in explained([])]
    assert len(texts) == 4
    assert all("is missing" in text for text in texts)


def test_the_weightiest_comes_first_and_only_so_many() -> None:
    weights = [reason.weight for reason in explained([*BACKWARDS, FAIL, NEW])]
    assert weights == sorted(weights, reverse=True)
    assert weights[0] > 0
    assert len(explained([*BACKWARDS, FAIL, NEW], limit=2)) == 2


def test_a_weight_is_what_the_score_falls_by_without_it() -> None:
    model, background = fitted()
    batch = SessionBatch.of([WITH_NEW, [code for code in WITH_NEW if code != NEW]])
    before, after = model.scores(batch, ALL_EVENTS)
    (new,) = (one for one in reasons(model, background, batch, ALL_EVENTS, 0) if "never seen before" in one.text)
    assert new.weight == pytest.approx(before - after)


def test_what_the_model_does_not_use_weighs_nothing() -> None:
    _, background = fitted()
    found = reasons(Maximum(), background, SessionBatch.of([WITHOUT_DELETE]), ALL_EVENTS, 0)
    assert [reason.weight for reason in found if "is missing" in reason.text] == [0.0]


def test_a_session_of_very_many_lines_is_explained_within_bounds() -> None:
    (first, *_) = explained([OPEN, *[STORE] * 50_000])
    assert first.weight >= 0


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(OPEN, NEW), max_size=15))
@example([])
@example([NEW])
@example([DELETE, OPEN])
@example([FAIL, FAIL])
def test_every_reason_is_true(sequence: list[int]) -> None:
    names = {f"`{text}`": code for code, text in enumerate(TEXTS)}
    for reason in explained(sequence):
        codes = [names[name] for name in re.findall(r"`[^`]*`", reason.text)]
        assert all(0 <= place < len(sequence) for place in reason.positions)
        assert holds(reason, codes, sequence), (reason, sequence)


def holds(reason: Reason, codes: list[int], sequence: list[int]) -> bool:
    """Whether a reason is true, from the raw sequences alone."""
    code, text, lines = codes[0], reason.text, list(reason.positions)
    own = [place for place, other in enumerate(sequence) if other == code]
    if "most suspicious template" in text:
        score = max(ALL_EVENTS.scores[sequence])
        return bool(ALL_EVENTS.scores[code] == score) and text.endswith(f"{score:.2f}") and lines == own
    if "was never seen before" in text:
        return lines == own != [] and not any(code in one for one in made_lists())
    if "directly before" in text:
        pair = (codes[0], codes[1])
        found = {place for at in range(len(sequence)) if tuple(sequence[at : at + 2]) == pair for place in (at, at + 1)}
        return set(lines) == found != set() and not any(pair in pairwise(one) for one in KNOWN_NORMAL)
    if "was never seen in a normal session" in text:
        return lines == own != [] and not any(code in one for one in KNOWN_NORMAL)
    if " came " in text:
        said = [
            {"once": 1, "twice": 2}.get(word) or int(word.split()[0])
            for word in re.findall(r"once|twice|\d+ times", text)
        ]
        return (
            lines == own and said == [len(own), max(Counter(one)[code] for one in KNOWN_NORMAL)] and said[0] > said[1]
        )
    if text.startswith("No normal session begins"):
        return lines == [0] and sequence[0] == code and not any(one[0] == code for one in KNOWN_NORMAL)
    if text.startswith("No normal session ends"):
        end = len(sequence) - 1
        return lines == [end] and sequence[end] == code and not any(one[-1] == code for one in KNOWN_NORMAL)
    if "is missing" in text:
        share = np.mean([code in one for one in KNOWN_NORMAL])
        return not lines and not own and said_share(text, float(share))
    if "never followed" in text:
        before = codes[1]
        having = [one for one in KNOWN_NORMAL if before in one]
        share = np.mean([code in one[one.index(before) + 1 :] for one in having])
        return lines == [sequence.index(before)] and max(own, default=-1) <= lines[0] and said_share(text, float(share))
    return False


def said_share(text: str, share: float) -> bool:
    if "all of the normal sessions" in text:
        return share == 1
    percent = float(re.findall(r"([\d.]+) %", text)[0])
    return bool(percent / 100 <= share < percent / 100 + 0.001)


def made_lists() -> list[list[int]]:
    return [TRAIN.batch.sequence(row).tolist() for row in range(len(TRAIN.batch))]


# ---------------------------------------------------------------- hostile texts

HOSTILE = (
    "`; rm -rf / #`",
    "\x1b[2J\x1b]0;owned\x07",
    "line one\nline two\r\n# heading",
    "\u202eesrever\u2066",
    "x" * 5000,
    "\ue000\U000e0041\ud800",
    "",
    "``` `` `",
    "<script>alert(1)</script>",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_templates_stay_within_their_backquotes(text: str) -> None:
    events = Events(ALL_EVENTS.ids, (*TEXTS[:NEW], text), ALL_EVENTS.scores)
    found = [reason.text for reason in explained(WITH_NEW, events) if "never seen before" in reason.text]
    assert len(found) == 1
    (said,) = found
    assert said.count("`") == 2
    assert said.startswith("`")
    assert not any(is_unsafe(character) for character in said)
    assert len(said) <= MAX_CHARACTERS + len("`` was never seen before")


@given(st.text(max_size=300))
def test_quoted_text_is_inert_and_short(text: str) -> None:
    said = quoted(text)
    assert said[0] == said[-1] == "`"
    assert "`" not in said[1:-1]
    assert len(said) <= MAX_CHARACTERS + 2
    assert not any(unicodedata.category(character)[0] == "C" for character in said)


def test_short_text_is_quoted_whole() -> None:
    assert quoted("receive block <*>") == "`receive block <*>`"
    assert quoted("x" * MAX_CHARACTERS) == f"`{'x' * MAX_CHARACTERS}`"
    assert quoted("x" * (MAX_CHARACTERS + 1)).endswith("x…`")
