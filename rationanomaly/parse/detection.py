"""Which format a log has, told from its first lines."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import polars as pl

from rationanomaly.errors import InputError
from rationanomaly.params import ParseParams
from rationanomaly.parse import formats
from rationanomaly.parse.formats import Format
from rationanomaly.parse.joining import CONTINUES

#: Lines that are looked at.
SAMPLE = 1000
#: The least share of them that has to fit.
LEAST = 0.5


@dataclass(frozen=True)
class Detection:
    """The format that fits best.

    Attributes:
        format: the format; of equally good ones the more particular.
        confidence: share of the sampled lines that fit it, in [0, 1].
        shares: the same of every format by name.
    """

    format: Format
    confidence: float
    shares: dict[str, float]


def detect(raw: pl.Series, settings: ParseParams, file: Path) -> Detection:
    """Detect the format of lines.

    Args:
        raw: the first lines.
        settings: the params section ``parse``.
        file: where they come from, for the error.

    Raises:
        InputError: no format fits at least half of the lines.
    """
    sample = raw.head(SAMPLE).to_frame("raw")
    # The lines of a stack trace fit no format, and there may be more of them than of records.
    whole = sample.filter(~pl.col("raw").str.contains(CONTINUES))
    sample = whole if whole.height else sample
    known = {name: form for name, form in formats.formats(settings).items() if form.detectable}
    shares = {name: 1 - form.read(sample)["message"].null_count() / sample.height for name, form in known.items()}
    best = max(shares, key=lambda name: shares[name])
    if shares[best] < LEAST:
        problem = f"fits no known log format (best: {best}, {shares[best]:.0%} of the first {sample.height} lines)"
        hint = f"{formats.NAME_IT}: custom with parse.pattern, or plain to take each line as a message"
        raise InputError(problem, file=file, line=1, hint=hint)
    return Detection(known[best], shares[best], shares)
