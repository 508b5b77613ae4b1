"""Cut a log into shards, to be read by as many machines: stretches of about equal size that begin with a record."""

from __future__ import annotations

from bisect import bisect_right
from itertools import accumulate
from pathlib import Path

from rationanomaly.errors import InputError
from rationanomaly.params import ParseParams
from rationanomaly.parse import formats
from rationanomaly.parse.detection import SAMPLE
from rationanomaly.parse.file_order import pieces_in_time_order
from rationanomaly.parse.formats import Format
from rationanomaly.parse.joining import may_be_cut
from rationanomaly.parse.lines import BOM, Counts, split_lines
from rationanomaly.parse.raw_records import join_raw
from rationanomaly.parse.reading import AUTO, detect_format, first_together
from rationanomaly.parse.redaction import Redactor
from rationanomaly.parse.source import Piece, Source, is_whole, no_line
from rationanomaly.raw_inputs import STDIN, find_files

#: Bytes behind the wanted place in which a record is looked for; where there is none, no cut is made.
_WINDOW = 2**22


def find_format(log: Path, name: str, settings: ParseParams) -> Format:
    """The format of a log: that of the name, or for ``auto`` what `reading.LogReader` would detect.

    Raises:
        InputError: missing or empty file, no line, or no format fits.
        ParamsError: no such format.
    """
    if name != AUTO:
        return formats.find(name, settings)
    source = Source(log, settings.max_expansion, max_line_bytes=settings.max_line_bytes)
    redactor = Redactor(settings.redact, settings.redact_patterns)
    for piece in pieces_in_time_order(source.pieces, None, settings):
        frames = split_lines(source.chunks(piece), settings.max_line_bytes, Counts())
        for lines in first_together(frames, SAMPLE):
            if lines.height:
                return detect_format(redactor.redact(lines)["raw"], settings, piece.file)
    raise no_line(log, source.truncated)


def cut(log: Path, shards: int, form: Format, settings: ParseParams) -> list[list[Piece]]:
    """The pieces of each shard, in the order of the log; a shard may be empty.

    Files that are compressed, in UTF-16 or UTF-32, or exports of a journal stay whole. Every piece of a file but its
    first begins with a record. So no record lies in two shards, and the records of all shards are those of the log read
    as one.

    Args:
        log: a file or a glob.
        shards: how many.
        form: the format of the log.
        settings: the params section ``parse``.

    Raises:
        InputError: missing file, or a pipe, which can be read only once.
    """
    files, found = find_files(log), [list[Piece]() for _ in range(shards)]
    for file in files:
        if file == STDIN or file.is_fifo():
            raise InputError("is a pipe, which can't be read in shards", file=file, hint="Write it to a file first")
    pieces = pieces_in_time_order([Piece(file, end=Piece(file).size) for file in files], form, settings)
    before = [0, *accumulate(piece.size for piece in pieces)]
    wanted = [before[-1] * number // shards for number in range(1, shards)]
    for piece, offset in zip(pieces, before[:-1], strict=True):
        first = bisect_right(wanted, offset)
        places = [place - offset for place in wanted[first : bisect_right(wanted, offset + piece.size - 1)]]
        starts = _record_starts(piece, places, form, settings)
        ends = [*starts[1:], piece.size]
        for number, (start, end) in enumerate(zip(starts, ends, strict=True), start=first):
            if start < end or not piece.size:
                found[number].append(Piece(piece.file, start, end))
    return found


def _record_starts(piece: Piece, places: list[int], form: Format, settings: ParseParams) -> list[int]:
    """0, and the start of the first record behind each place; one that was not found is where the next is."""
    starts = [piece.size] * len(places)
    with piece.file.open("rb") as stream:
        if places and not is_whole(piece.file):
            for number, place in enumerate(places):
                stream.seek(place)
                window = stream.read(_WINDOW)
                start = _first_record(window, form, settings, at_end=place + len(window) >= piece.size)
                starts[number] = piece.size if start is None else min(place + start, piece.size)
    for number in reversed(range(len(starts) - 1)):
        starts[number] = min(starts[number], starts[number + 1])
    return [0, *starts]


def _first_record(window: bytes, form: Format, settings: ParseParams, at_end: bool) -> int | None:
    """The place in some bytes of a log before which no record is open for certain, or None."""
    lines = window.splitlines(keepends=True)
    # The first may be the end of a line; the last may be cut off.
    text = b"\n".join([b"", *(line.rstrip(b"\r\n") for line in lines[1 : None if at_end else -1]), b""])
    places = list(accumulate(map(len, lines), initial=0))
    redactor = Redactor(settings.redact, settings.redact_patterns)
    for frame in split_lines([text], settings.max_line_bytes, Counts()):
        frame = join_raw(redactor.redact(frame), form, settings.max_line_bytes)
        cuts = may_be_cut(frame.hstack(form.read(frame)), form, at_end)
        numbers: list[int] = frame["line"].filter(cuts).to_list()
        for number in numbers:
            if not lines[number - 1].startswith(BOM):
                return places[number - 1]
    return None
