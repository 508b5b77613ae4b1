"""The format of a log, and of a container's log that of the messages in it."""

from __future__ import annotations

import logging
from pathlib import Path

import polars as pl

from rationanomaly.errors import InputError
from rationanomaly.params import ParseParams
from rationanomaly.parse import formats
from rationanomaly.parse.detection import SAMPLE, detect
from rationanomaly.parse.formats import Format

logger = logging.getLogger(__name__)


def detect_format(raw: pl.Series, settings: ParseParams, file: Path) -> Format:
    """The format of lines, and where it is that of a container, the one that most of its messages have.

    Args:
        raw: the first lines.
        settings: the params section ``parse``.
        file: where they come from, for the error.

    Raises:
        InputError: no format fits.
    """
    found = detect(raw, settings, file)
    logger.info("%s: format %s", file, found)
    return with_inner(found.format, raw, settings, file)


def with_inner(form: Format, raw: pl.Series, settings: ParseParams, file: Path) -> Format:
    """A container's format with the one that most of its messages have; any other format as it is.

    Args:
        form: the format of the lines.
        raw: the first lines.
        settings: the params section ``parse``.
        file: where they come from.
    """
    sample = raw.head(SAMPLE).to_frame("raw")
    if form.inner is not None or not is_container(form, sample):
        return form
    messages = form.read(sample)["message"]
    try:
        inside = detect(messages.filter(messages.str.strip_chars() != ""), settings, file)
    except InputError:
        return form
    if is_container(inside.format, messages.to_frame("raw")):
        return form
    logger.info("%s: format of the messages %s", file, inside)
    return formats.behind(form, inside.format)


def is_container(form: Format, lines: pl.DataFrame) -> bool:
    """Whether most of some lines (column ``raw``) name the stream of a container that they come from."""
    return form.inner is not None or form.read(lines)["stream"].null_count() * 2 < lines.height
