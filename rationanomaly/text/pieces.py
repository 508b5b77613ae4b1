"""A log that is longer than a prompt shows, in overlapping pieces that a prompt does show.

What a prompt leaves out, nobody judges: forty-eight words in front of a kernel panic would hide it. So a detector
judges every piece by itself, and a log is as suspicious as the most suspicious of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from rationanomaly.params import PromptParams
from rationanomaly.text.canonical import LONGEST, WILDCARD, Canonical, ends_of
from rationanomaly.text.prompt import Shown, show, show_canonical
from rationanomaly.text.words import word_places

#: Pieces of one log, so that an enormous one ends: of more, these are taken at equal distances, both ends among them.
MOST_PIECES = 64


def show_whole(log: str, settings: PromptParams) -> Shown:
    """A log as a prompt would show it if it had room for all of it, up to `LONGEST`.

    What is quoted of a piece stands in it, with the same offsets.
    """
    return show(log, _roomy(settings))


def _roomy(settings: PromptParams) -> PromptParams:
    return settings.model_copy(update={"max_words": LONGEST, "max_characters": LONGEST})


def show_pieces(log: str, settings: PromptParams, ends: Sequence[Canonical] = ()) -> list[Shown]:
    """What prompts show of a log, one after another; of most logs it is one piece, all of it.

    A piece begins in the middle of the one before it, so that no run of half a piece's words is torn; a word that no
    prompt has room for is.

    Args:
        log: any text.
        settings: what a prompt has room for.
        ends: the canonical form of the log (`ends_of`), where it is made already.

    Returns:
        One or more; the first is what `show` shows. Offsets are those of the whole log.
    """
    ends = ends or ends_of(log)
    first = replace(show_canonical(ends[0], settings), original=log)
    if first.end >= len(log.rstrip()):
        return [first]
    found = [replace(piece, original=log) for end in ends for piece in _cut(end, settings)]
    # Behind many blanks the first look ends before the first piece does, or sees no word at all.
    if found and found[0].end <= first.end:
        del found[0]
    room = MOST_PIECES - 1
    if len(found) > room:
        found = [found[place * (len(found) - 1) // (room - 1)] for place in range(room)]
    return [first, *found]


def _cut(log: Canonical, settings: PromptParams) -> Iterator[Shown]:
    whole = show_canonical(log, _roomy(settings))
    places = list(_parts(word_places(whole.text), settings.max_characters))
    first = 0
    while first < len(places):
        last = _last(places, first, settings)
        begin, end = places[first][0], places[last][1]
        behind = whole.offsets[end] if end < len(whole.offsets) else whole.end
        yield Shown(whole.text[begin:end], whole.offsets[begin:end], behind)
        if last == len(places) - 1:
            return
        first += max((last + 1 - first) // 2, 1)


def _parts(places: Iterable[tuple[int, int]], room: int) -> Iterator[tuple[int, int]]:
    """The places of words, those that no prompt has room for in parts; a wildcard stays whole."""
    room = max(room, len(WILDCARD))
    for start, end in places:
        yield from ((part, min(part + room, end)) for part in range(start, end, room))


def _last(places: Sequence[tuple[int, int]], first: int, settings: PromptParams) -> int:
    """The last word of the piece that begins with the word ``first``."""
    last = min(first + settings.max_words, len(places)) - 1 if settings.normalise else len(places) - 1
    room = places[first][0] + settings.max_characters
    while last > first and places[last][1] > room:
        last -= 1
    return last
