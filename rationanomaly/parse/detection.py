"""Which format a log has, told from its first lines."""

from __future__ import annotations

import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import reduce
from itertools import islice
from operator import or_
from pathlib import Path

import polars as pl

from rationanomaly.errors import InputError
from rationanomaly.params import ParseParams
from rationanomaly.parse import formats
from rationanomaly.parse.formats import Format
from rationanomaly.parse.line_kinds import CONTINUES, FIRST_LINES
from rationanomaly.parse.raw_records import join_raw, record_numbers

#: Lines that are looked at, and bytes of them: one format after the other reads them.
SAMPLE, SAMPLE_BYTES = 1000, 2**22
#: Characters of a record of several lines that are looked at.
_LONGEST = 2**16
#: The least confidence with which a format is taken.
LEAST = 0.5
#: Formats as good as the best but for this much are as good as it: then the more particular one is taken.
_AS_GOOD = 0.02
#: How much a line counts that may belong to the record before it only because it has no time, or that the format reads
#: though it lacks the format's marks.
_UNSURE = 0.25
#: From so many marked lines on, all that may belong to a record counts no more than one line.
_RECORDS = 3
#: Taken where nothing else fits: the least that a log has. Its marks are that no other format claims a line.
_LAST_RESORT = "timestamped"
#: Formats that an error names, with the command to read the log by each.
_NAMED = 3


@dataclass(frozen=True)
class Detection:
    """The format that fits best.

    Attributes:
        format: the format; of equally good ones the more particular.
        confidence: how surely, in [0, 1]; see `weigh`.
        shares: the same of every format by name, the best first.
        runner_up: the format that would be next; None if no other fits a line.
    """

    format: Format
    confidence: float
    shares: Mapping[str, float]
    runner_up: str | None

    def __str__(self) -> str:
        other = f"; the next is {self.runner_up}, {self.shares[self.runner_up]:.0%}" if self.runner_up else ""
        return f"{self.format.name}, confidence {self.confidence:.0%}{other}"


@dataclass(frozen=True)
class Weight:
    """How well a format fits the first lines of a log.

    Attributes:
        confidence: in [0, 1]; see `weigh`.
        marked: share of the lines that bear the format's own marks.
        read: share of the lines of which the format could make something.
    """

    confidence: float
    marked: float
    read: float


def detect(raw: pl.Series, settings: ParseParams, file: Path) -> Detection:
    """Detect the format of lines.

    Args:
        raw: the first lines.
        settings: the params section ``parse``.
        file: where they come from, for the error.

    Raises:
        InputError: no format fits surely enough; names the best three with the command for each.
    """
    known = {name: form for name, form in formats.formats(settings).items() if form.detectable}
    weights = weigh(raw, known)
    found = best_of(weights, known)
    if found.confidence < LEAST:
        candidates = [name for name, share in found.shares.items() if share or weights[name].read]
        problem = _problem(found.shares, _sample(raw).len())
        raise InputError(problem, file=file, line=1, hint=_hint(candidates[:_NAMED], file))
    return found


def best_of(weights: Mapping[str, Weight], known: Mapping[str, Format]) -> Detection:
    """The format that fits best, however little that is.

    Args:
        weights: of each format, from `weigh`.
        known: the formats by name, the more particular first.
    """
    # What a format could read, though nothing says that it should, decides between equals.
    ranked = sorted(weights, key=lambda name: (-weights[name].confidence, -weights[name].read))
    shares = {name: weights[name].confidence for name in ranked}
    found = _choose(known, shares)
    runner_up = next((name for name, share in shares.items() if share and name != found), None)
    return Detection(known[found], shares[found], shares, runner_up)


def weigh(raw: pl.Series, known: Mapping[str, Format]) -> dict[str, Weight]:
    """How well each format fits the first lines of a log.

    The confidence is the number of lines that bear the format's own marks, by that number and all that speaks against
    it:

    - lines of a stack trace count nothing, for there may be more of them than of records, nor do headers;
    - where each record has a time, a line behind a marked one that no other format claims may belong to the same
      record: it counts a quarter, and all such lines of one record at most one, once there are three marked lines;
    - a line that the format reads though it lacks the marks counts a quarter;
    - any other line counts one: before the first marked line, or with the marks of another format.
    """
    sample = _sample(raw).to_frame("raw")
    if not sample.height:
        return dict.fromkeys(known, Weight(0.0, 0.0, 0.0))
    seen = {name: _read_and_marked(form, sample) for name, form in known.items()}
    read = {name: of_name for name, (of_name, _) in seen.items()}
    marked = {name: of_name for name, (_, of_name) in seen.items() if name != _LAST_RESORT}
    claimed = reduce(or_, marked.values(), pl.repeat(False, sample.height, eager=True))
    if _LAST_RESORT in known:
        marked[_LAST_RESORT] = read[_LAST_RESORT] & ~claimed
        claimed = claimed | marked[_LAST_RESORT]
    is_trace = sample["raw"].str.contains(CONTINUES) | sample["raw"].str.contains(FIRST_LINES)
    return {
        name: Weight(
            _confidence(
                marked[name], read[name], claimed, is_trace | _are_headers(form, sample), is_dated=form.is_dated
            ),
            int(marked[name].sum()) / sample.height,
            int(read[name].sum()) / sample.height,
        )
        for name, form in known.items()
    }


def _sample(raw: pl.Series) -> pl.Series:
    first = raw.head(SAMPLE)
    return first.head(max(int((first.str.len_bytes().cum_sum() <= SAMPLE_BYTES).sum()), 1))


def _read_and_marked(form: Format, sample: pl.DataFrame) -> tuple[pl.Series, pl.Series]:
    """Of each line whether the format reads it, and whether it bears the format's marks; a record's lines are one."""
    if form.begins is not None:
        joined = join_raw(sample.with_row_index("line"), form, _LONGEST)
        places = record_numbers(sample["raw"], form, _LONGEST).rle_id()
        read, marked = _read_and_marked(replace(form, begins=None), joined.select("raw"))
        return read.gather(places), marked.gather(places)
    read = form.read(sample)["message"].is_not_null()
    return read, read if form.marks is None else read & form.marks(sample).fill_null(False)


def _are_headers(form: Format, sample: pl.DataFrame) -> pl.Series:
    none = pl.repeat(False, sample.height, dtype=pl.Boolean, eager=True)
    return none if form.headers is None else sample["raw"].str.contains(form.headers)


def _confidence(
    marked: pl.Series, read: pl.Series, claimed: pl.Series, is_trace: pl.Series, *, is_dated: bool
) -> float:
    """The confidence in one format; ``claimed`` are lines with the marks of any."""
    fits = int(marked.sum())
    if not fits:
        return 0.0
    record = marked.cum_sum()
    against = ~marked & ~(is_trace & ~read)
    unmarked = against & read
    behind = against & ~read & ~claimed & (record > 0) & is_dated
    lines = pl.DataFrame({"record": record, "count": behind}).group_by("record").agg(pl.col("count").sum() * _UNSURE)
    undated = lines["count"].clip(upper_bound=1.0) if fits >= _RECORDS else lines["count"]
    doubt = int((against & ~unmarked & ~behind).sum()) + _UNSURE * int(unmarked.sum()) + float(undated.sum())
    return fits / (fits + doubt)


def _choose(known: Mapping[str, Format], shares: Mapping[str, float]) -> str:
    """The most particular of the best formats; ``known`` has the more particular first."""
    others = {name: share for name, share in shares.items() if name != _LAST_RESORT}
    if others and max(others.values()) >= LEAST:
        shares = others
    best = max(shares.values())
    return next(name for name in known if name in shares and shares[name] >= best - _AS_GOOD)


def _problem(shares: Mapping[str, float], lines: int) -> str:
    fitting = ", ".join(f"{name} {share:.0%}" for name, share in islice(shares.items(), _NAMED) if share)
    return f"fits no known log format surely enough (best: {fitting or 'none'}; of the first {lines} lines)"


def _hint(names: list[str], file: Path) -> str:
    """What to do: a command for each of the formats that fit best."""
    log = shlex.quote(f"logs={file}")
    params = "" if Path("params.yaml").exists() else "--params defaults "
    command = f"rationanomaly parse {params}--input {log} --set data.format={{}} --output outputs/parse"
    commands = " or ".join(f"`{command.format(name)}`" for name in names or ["plain"])
    return f"{formats.NAME_IT}: {commands}; custom with parse.pattern, or plain to take each line as a message"
