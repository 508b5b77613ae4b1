"""Why a session is suspicious, in sentences that can be checked against its lines and the training sessions.

A reason is something that the session shows and normal training sessions don't: a suspicious template, a new event, an
event that usually follows and doesn't, one that comes too often, two that never stood side by side. Its weight is what
the model itself says of it: by how much the score falls for the same session without it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from rationanomaly.session_models.background import Background
from rationanomaly.session_models.batch import Events, Ints, SessionBatch
from rationanomaly.session_models.model import Reason, SessionModel
from rationanomaly.session_models.next_event import contexts
from rationanomaly.text.untrusted import for_terminal

#: Characters of a template that a reason shows.
MAX_CHARACTERS = 120
#: A template is named as suspicious from this score on.
SUSPICIOUS = 0.5
#: Reasons of one kind that are weighed.
_MAX_OF_A_KIND = 10
#: Places at which a missing event is tried, and lines of all tries of one session together.
_MAX_PLACES, _MAX_LINES = 12, 500_000

Sequences = tuple[Ints, ...]


@dataclass(frozen=True)
class _Finding:
    """A reason, not yet weighed.

    Attributes:
        text, positions: the reason's.
        without: the session as it could be without it, in one or more ways.
    """

    text: str
    positions: tuple[int, ...]
    without: Sequences


def reasons(
    model: SessionModel, background: Background, sessions: SessionBatch, events: Events, row: int, limit: int = 5
) -> list[Reason]:
    """The reasons of one session, the weightiest first.

    Args:
        model: what weighs them.
        background: what normal training sessions are like.
        sessions: any.
        events: of these sessions; begins with those that model and background were fitted with.
        row: which of the sessions.
        limit: reasons at most.

    Returns:
        none where the session shows nothing that normal ones don't. A weight is 0 where the score doesn't fall.
    """
    sequence = sessions.sequence(row)
    found = list(_findings(background, sequence, events))
    if not found:
        return []
    tries = [sequence, *(other for finding in found for other in finding.without)]
    scores = model.scores(SessionBatch.of(tries), events)
    ends = np.cumsum([1, *(len(finding.without) for finding in found)])
    weighed = []
    for finding, start, end in zip(found, ends[:-1], ends[1:], strict=True):
        fall = max(float(scores[0] - scores[start:end].min()), 0.0)
        weighed.append(Reason(finding.text, finding.positions, fall))
    return sorted(weighed, key=lambda reason: -reason.weight)[:limit]


def quoted(text: str) -> str:
    """Log text between backquotes: none inside, at most `MAX_CHARACTERS`, nothing that acts on a terminal."""
    inert = for_terminal(text[: MAX_CHARACTERS + 1]).replace("`", "'")
    return f"`{inert}`" if len(inert) <= MAX_CHARACTERS else f"`{inert[: MAX_CHARACTERS - 1]}…`"


def _findings(background: Background, sequence: Ints, events: Events) -> Iterator[_Finding]:
    yield from _suspicious(sequence, events)
    yield from _new(background, sequence, events)
    yield from _missing(background, sequence, events)
    yield from _too_often(background, sequence, events)
    yield from _never_side_by_side(background, sequence, events)


def _suspicious(sequence: Ints, events: Events) -> Iterator[_Finding]:
    """The template with the highest score."""
    if not len(sequence):
        return
    worst = int(sequence[np.argmax(events.scores[sequence])])
    score = float(events.scores[worst])
    if score >= SUSPICIOUS:
        places = np.flatnonzero(sequence == worst)
        yield _Finding(
            f"{quoted(events.texts[worst])} is the session's most suspicious template, with a score of {score:.2f}",
            tuple(places.tolist()),
            (np.delete(sequence, places),),
        )


def _new(background: Background, sequence: Ints, events: Events) -> Iterator[_Finding]:
    """Events that no normal training session holds."""
    codes, first = np.unique(sequence, return_index=True)
    known = background.normal.events
    new = [code for code in codes[np.argsort(first)].tolist() if not _is_normal(background, code)]
    for code in new[:_MAX_OF_A_KIND]:
        places = np.flatnonzero(sequence == code)
        where = "before" if code >= known else "in a normal session"
        text = f"{quoted(events.texts[code])} was never seen {where}"
        yield _Finding(text, tuple(places.tolist()), (np.delete(sequence, places),))


def _missing(background: Background, sequence: Ints, events: Events) -> Iterator[_Finding]:
    """Events that come after one of the session's in nearly all normal sessions, and don't here."""
    normal = background.normal
    codes, first = np.unique(sequence, return_index=True)
    last = {int(code): len(sequence) - 1 - int(place) for code, place in _first_places(sequence[::-1])}
    begin = {int(code): int(place) for code, place in zip(codes, first, strict=True) if code < normal.events}
    begin[normal.events] = -1  # the start
    best: dict[int, tuple[float, int, int, int]] = {}
    for before, place in begin.items():
        part = slice(*normal.followers.indptr[before : before + 2])
        support = normal.sessions if before == normal.events else int(normal.holding[before])
        for after, share in zip(
            normal.followers.indices[part].tolist(), normal.followers.data[part].tolist(), strict=True
        ):
            if last.get(after, -1) <= place:
                best[after] = max(best.get(after, (0.0, 0, 0, 0)), (share, support, -place, before))
    ordered = sorted(best.items(), key=lambda one: (-one[1][0], -one[1][1], one[0]))
    for after, (share, _, _, before) in ordered[:_MAX_OF_A_KIND]:
        usual = f"{_percent(share)} of the normal sessions"
        if before == normal.events:
            text = f"{quoted(events.texts[after])} is missing; {usual} have it"
            positions: tuple[int, ...] = ()
        else:
            name = quoted(events.texts[before])
            text = f"{quoted(events.texts[after])} never followed {name}; it does in {usual} with the latter"
            positions = (begin[before],)
        yield _Finding(text, positions, _with(sequence, after, begin[before] + 1))


def _too_often(background: Background, sequence: Ints, events: Events) -> Iterator[_Finding]:
    """Events that come more often than in any normal training session."""
    codes, counts = np.unique(sequence, return_counts=True)
    found = []
    for code, count in zip(codes.tolist(), counts.tolist(), strict=True):
        if _is_normal(background, code) and count > (limit := int(background.normal.highest_counts[code])):
            found.append((count / limit, code, count, limit))
    for _, code, count, limit in sorted(found, reverse=True)[:_MAX_OF_A_KIND]:
        places = np.flatnonzero(sequence == code)
        text = f"{quoted(events.texts[code])} came {_times(count)}; normal sessions have it at most {_times(limit)}"
        yield _Finding(text, tuple(places.tolist()), (np.delete(sequence, places[limit:]),))


def _never_side_by_side(background: Background, sequence: Ints, events: Events) -> Iterator[_Finding]:
    """Neighbouring events, both known from normal training sessions, that were never neighbours in one."""
    with_ends, before, _ = contexts(SessionBatch.of([sequence]), background.next_event.events)
    odd = np.flatnonzero(~background.next_event.follows(before, with_ends.codes))
    pairs: dict[tuple[int, int], list[int]] = {}
    for place in odd.tolist():
        pairs.setdefault((int(before[place]), int(with_ends.codes[place])), []).append(place)
    known = background.normal.events
    kept = 0
    for (left, right), places in pairs.items():
        if kept == _MAX_OF_A_KIND or not len(sequence):
            return
        if any(code <= known and not _is_normal(background, code) for code in (left, right)):
            continue  # that it is new says it all
        kept += 1
        positions: tuple[int, ...]
        if left == known + 1:
            text, positions = f"No normal session begins with {quoted(events.texts[right])}", (0,)
        elif right == known + 2:
            text, positions = f"No normal session ends with {quoted(events.texts[left])}", (len(sequence) - 1,)
        else:
            pair = f"{quoted(events.texts[left])} directly before {quoted(events.texts[right])}"
            text = f"{pair} was never seen in a normal session"
            positions = tuple(sorted({at for place in places for at in (place - 1, place)}))
        drop = [min(place, len(sequence) - 1) for place in places]
        other = [max(place - 1, 0) for place in places]
        yield _Finding(text, positions, (np.delete(sequence, drop), np.delete(sequence, other)))


def _is_normal(background: Background, code: int) -> bool:
    return code < background.normal.events and bool(background.normal.holding[code] > 0)


def _first_places(sequence: Ints) -> Iterator[tuple[int, int]]:
    codes, first = np.unique(sequence, return_index=True)
    yield from zip(codes.tolist(), first.tolist(), strict=True)


def _with(sequence: Ints, code: int, start: int) -> Sequences:
    """The sequence with one more event, at places from ``start`` on that are spread evenly, the end among them."""
    count = max(1, min(_MAX_PLACES, len(sequence) + 1 - start, _MAX_LINES // (len(sequence) + 1) // _MAX_OF_A_KIND))
    places: Sequence[int] = np.unique(np.linspace(len(sequence), start, count).astype(np.int64)).tolist()
    return tuple(np.insert(sequence, place, code) for place in places)


def _times(count: int) -> str:
    return "once" if count == 1 else "twice" if count == 2 else f"{count:,} times"


def _percent(share: float) -> str:
    """Never rounded up to all."""
    return "all" if share == 1 else f"{np.floor(share * 1000) / 10:.1f} %"
