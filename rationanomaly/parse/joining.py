"""Records of several lines: stack traces, texts over several lines, and the pieces of a long line of a container.

What a line belongs to depends on where it stands in the log, never on the batch in which it comes. All that is kept of
the lines before are the records that are still open and those that wait behind one.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import polars as pl

from rationanomaly.parse.formats import FIELDS, Format
from rationanomaly.parse.line_kinds import BEGIN, CONTINUATION, CONTINUES, STRAY, UNDATED, line_kinds

__all__ = ["CONTINUES", "Joined", "Joiner", "may_be_cut"]

#: Lines behind its first up to which a record's text is kept; further ones are joined to it, and say nothing.
_MAX_LINES = 10_000
#: The same for lines that belong to a record for no other reason than that they have no time; further ones do not.
_MAX_UNDATED = 1_000
#: Lines of other streams after which a silent stream of a container begins anew.
_MAX_SILENCE = 1_000
#: A line that is longer counts as several, so that what is kept is bounded in bytes, too.
_LINE_BYTES = 8192

_LINES = pl.Schema({"line": pl.Int64(), "raw": pl.String()})
_EMPTY = pl.Schema({**_LINES, **FIELDS}).to_frame()
_IS_READ = pl.col("message").is_not_null()
#: What a line may have of any of its pieces.
_OF_ANY = ("node", "alert", "level", "logger", "thread")
#: What the lines of a record say of those that follow; see `line_kinds.line_kinds`.
_OPEN = ("opens", "expects_cause")
#: What a record has of its last line.
_LAST = ("end", "arrived", "continues")
#: What a joiner knows of the lines so far.
_STATE = ("_pieces", "_records", "_has_streams", "_stream", "_place", "_is_late")


class Joined(NamedTuple):
    """What became of a batch of lines.

    Attributes:
        records: the lines that begin a record, with the text of those that continue it.
        rejected: ``line`` and ``raw`` of lines that neither fit the format nor continue a record.
        joined: number of lines that went into the record before them.
    """

    records: pl.DataFrame
    rejected: pl.DataFrame
    joined: int


class Joiner:
    """Joins the lines of a record across batches, the lines of each stream of a container apart.

    Args:
        hold: keep the last record of a batch until the next one shows that it is complete.
        limit: characters of a joined message; what lies behind is left out.
        form: the format of the lines, which may be set anew between batches; None: any whose records have a time.
        ordered: give records in the order of their first lines, so that one waits for those before it that are still
            open in another stream.
    """

    def __init__(self, hold: bool, limit: int, form: Format | None = None, ordered: bool = True) -> None:
        self.form = form
        self._hold, self._limit, self._ordered = hold, limit, ordered
        #: Pieces of lines, and records, that are kept back.
        self._pieces: pl.DataFrame | None = None
        self._records: pl.DataFrame | None = None
        self._has_streams = False
        self._stream: str | None = None
        #: Of the last line: the number of lines up to it, a long one counted as several.
        self._place = 0
        #: Whether the record has been given out already that a line may continue.
        self._is_late = False

    @property
    def held(self) -> int:
        """Number of records and of pieces that are kept back."""
        return sum(kept.height for kept in (self._pieces, self._records) if kept is not None)

    def state(self) -> dict[str, Any]:
        """What `restore` needs to continue behind the lines so far: JSON values, and frames as Arrow bytes."""
        return {name: _as_bytes(getattr(self, name)) for name in _STATE}

    def restore(self, state: Mapping[str, Any], now: float) -> None:
        """Continue where `state` was taken; what was kept back then has come ``now``."""
        for name in _STATE:
            setattr(self, name, _from_bytes(state[name], now))

    def split(self, lines: pl.DataFrame) -> Joined:
        """Without joining: every line is a record or rejected."""
        if self.form is not None and self.form.inner is not None:
            lines = _read_inside(lines, self.form.inner).drop("is_inside")
        fits = lines["message"].is_not_null()
        return Joined(lines.filter(fits), lines.filter(~fits).select(_LINES.names()), 0)

    def join(self, lines: pl.DataFrame, now: float = 0.0) -> Joined:
        """Lines with what their format made of them, joined to records.

        Args:
            lines: ``line``, ``raw`` and the columns of `formats.FIELDS`.
            now: when they came, in seconds, for `expire`.
        """
        self._has_streams = self._has_streams or lines["stream"].null_count() < lines.height
        joined = self._advance(self._placed(lines, now), pl.lit(self._hold))
        self._is_late = not self._hold
        return joined

    def expire(self, since: float) -> Joined | None:
        """Give out what has been kept back since some time; None if there is nothing.

        A line that would have continued such a record begins one of its own.
        """
        held = [kept["arrived"] for kept in (self._pieces, self._records) if kept is not None]
        if not any((times <= since).any() for times in held):
            return None
        self._is_late = True
        return self._advance(None, pl.col("arrived") > since)

    def finish(self) -> Joined | None:
        """What was kept back; None if there is nothing."""
        return self._advance(None, pl.lit(False)) if self.held else None

    def _placed(self, lines: pl.DataFrame, now: float) -> pl.DataFrame:
        """The lines with their places, and ``key``, the stream that they belong to."""
        key = pl.lit(None, pl.String)
        if self._has_streams:
            key = _stream_keys().fill_null(pl.lit(self._stream, pl.String))
        rows = lines.with_columns(place=_line_places() + self._place, key=key)
        self._place, self._stream = rows["place"][-1], rows["key"][-1]
        return rows.with_columns(end="place", arrived=pl.lit(now), is_spent=pl.lit(False))

    def _advance(self, rows: pl.DataFrame | None, may_wait: pl.Expr) -> Joined:
        """Put pieces together, then records.

        Args:
            rows: new lines; None: there are none.
            may_wait: which of those that are still open are kept back.
        """
        joined, upto = 0, self._place
        if self._pieces is not None or (rows is not None and rows["continues"].any()):
            rows = _behind(self._pieces, rows)
            whole = self._merge_pieces(rows)
            joined += rows.height - whole.height
            rows, self._pieces = self._release(whole, may_wait, upto)
            if self._pieces is not None and (first := self._pieces.filter(~pl.col("is_spent"))["place"]).len():
                upto = min(upto, first[0] - 1)
        if rows is not None:
            rows = _with_kinds(rows, self.form, self._has_streams)
        if rows is None and self._records is None:
            return Joined(_EMPTY, _EMPTY.select(_LINES.names()), joined)
        found, rejected = self._find_begins(_behind(self._records, rows))
        records = _merge(found, " ", self._limit)
        joined += found.height - records.height
        is_open = pl.int_range(pl.len()) == pl.len() - 1
        if self._has_streams:
            is_open = pl.col("key").is_last_distinct() & _is_near(upto)
        # A row that is kept back begins a record again, whatever it is behind then.
        records = records.with_columns(is_open=is_open, starts=pl.lit(True))
        done, self._records = self._release(records, may_wait, upto)
        return Joined(done.select(_EMPTY.columns), rejected, joined)

    def _merge_pieces(self, rows: pl.DataFrame) -> pl.DataFrame:
        """One row per line that may have been cut in pieces; ``is_open`` if its end is not there."""
        read, others = rows.filter(_IS_READ), rows.filter(~_IS_READ)
        is_near = pl.col("place") - pl.col("end").shift(1) <= _MAX_SILENCE
        continued = (pl.col("continues").shift(1) & is_near).fill_null(False)
        whole = _merge(read.with_columns(begins=~continued.over("key")), "", self._limit, _OF_ANY)
        is_open = pl.col("continues").fill_null(False) & pl.col("key").is_last_distinct() & _is_near(self._place)
        whole = whole.with_columns(is_open=is_open)
        return pl.concat([whole, others.with_columns(is_open=pl.lit(False))]).sort("place") if others.height else whole

    def _find_begins(self, rows: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
        """The lines of records with the column ``begins``, and the rejected ones."""
        if not ((rows["kind"] != BEGIN) | rows["in_trace"] | rows["is_cause"]).any():
            return rows.with_columns(begins=pl.lit(True)), _EMPTY.select(_LINES.names())
        rows, streams = self._lives(rows)
        is_late = self._is_late and not self._has_streams
        behind_trace, behind_cause = (_over(pl.col(name).forward_fill().shift(1), streams) for name in _OPEN)
        in_trace = (pl.col("in_trace") & behind_trace) | (pl.col("is_cause") & behind_cause)
        rows = rows.with_columns(kind=pl.when(in_trace).then(pl.lit(CONTINUATION, pl.UInt8)).otherwise("kind"))
        begin, undated, continuation = (pl.col("kind") == kind for kind in (BEGIN, UNDATED, CONTINUATION))
        # Where there is nothing to continue, a continuation may begin a record, and so does any line of a container.
        may_begin, is_loose = (
            (undated | continuation) if is_late else (continuation & pl.col("starts")),
            undated & _IS_READ,
        )
        number = _over((begin | may_begin | is_loose).cum_sum(), streams)
        rows = rows.with_columns(may_begin=(may_begin | is_loose) & (number == 1))
        # A line without a time belongs to no record that has begun for want of another.
        anchors = _over((begin | (pl.col("may_begin") & ~is_loose)).cum_sum(), streams)
        rows = rows.with_columns(begins=begin | pl.col("may_begin") | (is_loose & (anchors == 0)))
        rows = rows.with_columns(record=_over(pl.col("begins").cum_sum(), streams))
        distance = pl.col("place") - pl.col("place").first().over([*streams, "record"])
        is_far = undated & ~pl.col("begins") & (distance > _MAX_UNDATED)
        rows = rows.with_columns(pl.col("begins") | (is_far & _IS_READ), is_far=is_far & ~_IS_READ)
        is_lost = pl.col("is_far") | (pl.col("kind") == STRAY) | ((pl.col("record") == 0) & ~pl.col("begins"))
        rejected = rows.filter(is_lost).select(_LINES.names())
        return rows.filter(~is_lost).drop("may_begin", "record", "is_far", "life", strict=False), rejected

    def _lives(self, rows: pl.DataFrame) -> tuple[pl.DataFrame, list[str]]:
        """The rows, and the columns that tell streams apart; one begins anew after it has been silent."""
        if not self._has_streams:
            return rows, []
        silence = (pl.col("place") - pl.col("end").shift(1)).over("key")
        rows = rows.with_columns(life=(silence > _MAX_SILENCE).fill_null(False).cum_sum().over("key"))
        return rows, ["key", "life"]

    def _release(self, rows: pl.DataFrame, may_wait: pl.Expr, upto: int) -> tuple[pl.DataFrame, pl.DataFrame | None]:
        """The rows that are complete, and what is kept back.

        Args:
            rows: with ``is_open``, which is left out.
            may_wait: which of the open ones are kept back.
            upto: place behind which further lines lie.
        """
        # The text of a record this long is complete: it is given out, and its row stays to take in what follows.
        is_full = pl.col("is_spent") | (upto - pl.col("place") >= _MAX_LINES)
        state = rows.select(is_open=pl.col("is_open") & may_wait, is_full=is_full)
        rows = rows.drop("is_open")
        waits = state.select(pl.col("is_open") & ~pl.col("is_full")).to_series()
        if self._ordered and waits.any():
            waits = pl.int_range(rows.height, eager=True) >= waits.arg_true()[0]
        done, waiting = rows.filter(~waits), rows.filter(waits)
        spent = rows.filter(state["is_open"] & state["is_full"]).with_columns(is_spent=pl.lit(True))
        done = done.filter(~pl.col("is_spent")) if rows["is_spent"].any() else done
        kept = pl.concat([spent, waiting])
        return done, kept if kept.height else None


def _with_kinds(rows: pl.DataFrame, form: Format | None, has_streams: bool) -> pl.DataFrame:
    """Lines as the format inside a container reads them, with the columns of `line_kinds.line_kinds`."""
    rows = _with_kinds_by_rule(rows, form, has_streams)
    if form is None or form.strays is None or not rows["message"].null_count():
        return rows
    is_stray = ~_IS_READ & pl.col("raw").str.contains(form.strays)
    return rows.with_columns(kind=pl.when(is_stray).then(pl.lit(STRAY, pl.UInt8)).otherwise("kind"))


def _with_kinds_by_rule(rows: pl.DataFrame, form: Format | None, has_streams: bool) -> pl.DataFrame:
    is_dated, inner = form is None or form.is_dated, None if form is None else form.inner
    if inner is not None:
        rows = _read_inside(rows, inner)
        kinds = line_kinds(rows, pl.col("is_inside"), is_dated=is_dated, is_dated_inside=inner.is_dated)
        return rows.drop("is_inside").hstack(kinds)
    if not has_streams and not rows["message"].null_count():
        begin = pl.lit(BEGIN, pl.UInt8)
        no = dict.fromkeys(("in_trace", "is_cause", *_OPEN), pl.lit(False))
        return rows.with_columns(kind=begin, **no, starts=pl.lit(True))
    # A message of a container may be a line of a trace, too.
    return rows.hstack(line_kinds(rows, _IS_READ & pl.col("stream").is_null(), is_dated=is_dated))


def _read_inside(rows: pl.DataFrame, inner: Format) -> pl.DataFrame:
    """Lines of a container as the format of its messages reads them, with ``is_inside``, whether it does.

    The time is the container's, where it has one. A message that the format does not read stays as it is.
    """
    fields = inner.read(rows.select(raw="message"))
    is_inside = rows["message"].is_not_null() & fields["message"].is_not_null()
    fields = fields.rename({name: f"inner_{name}" for name in fields.columns})
    own = {name: pl.coalesce(f"inner_{name}", name) for name in (*_OF_ANY, "message_template")}
    own["time"] = pl.coalesce("time", "inner_time")
    own["message"] = pl.when("is_inside").then("inner_message").otherwise("message")
    columns = rows.columns
    return rows.hstack(fields).with_columns(is_inside=is_inside).with_columns(**own).select(*columns, "is_inside")


def may_be_cut(lines: pl.DataFrame, form: Format, at_end: bool) -> pl.Series:
    """Before which of some lines a log may be cut in two: no record lies on both sides, whatever stands around them.

    Args:
        lines: ``raw`` and the columns of `formats.FIELDS`; before them there are others.
        form: their format.
        at_end: whether there are none behind them.
    """
    has_streams = lines["stream"].null_count() < lines.height
    rows = lines.with_columns(place=_line_places(), key=_stream_keys() if has_streams else pl.lit(None, pl.String))
    continues = pl.when(_IS_READ).then(pl.col("continues").fill_null(False)).forward_fill().shift(1)
    is_begin = (pl.col("kind") == BEGIN) & ~pl.col("in_trace") & ~pl.col("is_cause") & _IS_READ & ~continues.over("key")
    rows = _with_kinds(rows, form, has_streams).with_columns(is_begin=is_begin.fill_null(False))
    if not has_streams:
        return rows["is_begin"]
    rows, end = rows.with_columns(row=pl.int_range(pl.len())), int(rows["place"][-1])
    # Lines at the beginning that are not read may be of any stream.
    last = pl.col("place").filter(pl.col("key").is_null()).max().fill_null(0)
    is_silent = pl.col("place") - pl.col("place").shift(1).over("key").fill_null(last) > _MAX_SILENCE
    rows = rows.with_columns(before=pl.col("row").shift(1).over("key").fill_null(-1), is_silent=is_silent)
    # A line that may continue the one before it in its stream forbids a cut between the two.
    ties = rows.filter(~pl.col("is_begin") & ~pl.col("is_silent")).select(start=pl.col("before") + 1, end="row")
    if not at_end:
        # And so may a line that is out of sight.
        is_last = pl.col("key").is_last_distinct() & (end - pl.col("place") < _MAX_SILENCE)
        unseen = pl.lit(rows.height, pl.Int64)
        ties = pl.concat([ties, rows.filter(is_last).select(start=pl.col("row") + 1, end=unseen)])
        if end < _MAX_SILENCE:
            return pl.repeat(False, rows.height, eager=True)
    changes = pl.concat([ties.select(row="start", change=1), ties.select(row=pl.col("end") + 1, change=-1)])
    sums = changes.group_by("row").agg(pl.col("change").sum())
    ties_at = rows.select("row").join(sums, on="row", how="left", maintain_order="left")["change"]
    return ties_at.fill_null(0).cum_sum() == 0


def _line_places() -> pl.Expr:
    """The places of lines (column ``raw``): their numbers, but that a long one counts as several."""
    return (pl.col("raw").str.len_bytes() // _LINE_BYTES + 1).cast(pl.Int64).cum_sum()


def _stream_keys() -> pl.Expr:
    """The stream of each line of a container; that of the line before where it is not read, null if none is."""
    return pl.when(_IS_READ).then(pl.col("stream").fill_null("")).forward_fill()


def _merge(rows: pl.DataFrame, glue: str, limit: int, of_any: Sequence[str] = ()) -> pl.DataFrame:
    """One row per row that ``begins``, in their order, with the text of those behind it in its stream.

    Args:
        rows: with ``begins``, which is left out.
        glue: is put between texts that are not empty.
        limit: characters of a text.
        of_any: columns of which a row has what is the first in any of its lines.
    """
    text = pl.coalesce("message", pl.col("raw").str.strip_chars())
    if rows["begins"].all():
        rows = rows.with_columns(message=text) if rows["message"].null_count() else rows
        return rows.drop("begins")
    streams = [] if rows["key"].null_count() == rows.height else ["key"]
    rows = rows.with_columns(record=_over(pl.col("begins").cum_sum(), streams), text=text)
    is_kept = pl.col("place") - pl.col("place").first().over([*streams, "record"]) < _MAX_LINES
    added = pl.col("text").str.strip_chars() if glue else pl.col("text")
    # Null is joined without glue: the first line of a record may have no text.
    filled = pl.when("begins").then("text").when(is_kept).then(added).replace("", None)
    merged = (
        rows.select(*streams, "record", *_LAST, *of_any, text=filled)
        .group_by(*streams, "record", maintain_order=True)
        .agg(
            pl.col(_LAST).last(),
            pl.col(of_any).drop_nulls().first(),
            message=pl.col("text").str.join(glue).str.slice(0, limit),
        )
    )
    heads = (
        rows.filter("begins").drop("begins", "record", "text").with_columns(merged.select("message", *_LAST, *of_any))
    )
    if "opens" in rows.columns:
        still_open = rows.group_by(*streams, "record", maintain_order=True).agg(pl.col(_OPEN).forward_fill().last())
        heads = heads.with_columns(still_open.select(_OPEN))
    return heads


def _is_near(upto: int) -> pl.Expr:
    """Whether a line behind ``upto`` may still belong to what its stream has open."""
    return upto - pl.col("end") < _MAX_SILENCE


def _over(value: pl.Expr, columns: list[str]) -> pl.Expr:
    return value.over(columns) if columns else value


def _behind(held: pl.DataFrame | None, rows: pl.DataFrame | None) -> pl.DataFrame:
    """What was kept back, then the new rows."""
    return pl.concat([part for part in (held, rows) if part is not None])


def _as_bytes(value: Any) -> Any:
    """A frame as bytes of Arrow; anything else as it is."""
    if not isinstance(value, pl.DataFrame):
        return value
    buffer = io.BytesIO()
    value.write_ipc(buffer)
    return buffer.getvalue()


def _from_bytes(value: Any, now: float) -> Any:
    """The frame of `_as_bytes`, its lines as if they had come ``now``; anything else as it is."""
    if not isinstance(value, bytes):
        return value
    return pl.read_ipc(io.BytesIO(value)).with_columns(arrived=pl.lit(now))
