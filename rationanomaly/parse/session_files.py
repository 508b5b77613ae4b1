"""Sessions given as JSON Lines in place of a log, as published test sets are.

Each line of a ``*.jsonl`` file is a session: ``{"id": …, "label": 0, "events": […]}``. Events are texts of templates,
or numbers that the one ``*.json`` file beside them explains: a list of ``{"index": …, "template": …}``, or an object
number → template. A session may name its ``"split"``; else the name of its file may, by its end: ``bgl_train.jsonl``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import NoReturn, cast

import numpy as np
import numpy.typing as npt
import polars as pl
import pyarrow as pa

from rationanomaly import progress
from rationanomaly.errors import InputError
from rationanomaly.params import ParseParams
from rationanomaly.parse.session_json import SESSION_FILES, Vocabulary, json_value, long_lines, read_numbers, shortened
from rationanomaly.parse.session_labels import ALERTS
from rationanomaly.raw_inputs import find_files
from rationanomaly.records import LINES_SCHEMA, SESSIONS_SCHEMA, TEMPLATES_SCHEMA, Split, template_id

#: What the end of a file's name, behind its last _ or -, says of the split; also what a session may call it.
_SPLITS: Mapping[str, Split] = {
    "train": "train",
    "test": "test",
    "validation": "validation",
    "valid": "validation",
    "val": "validation",
}
_FORM = 'Write {"id": "…", "label": "normal" or "abnormal", "events": […]}'

_Refuse = Callable[[str], NoReturn]


@dataclass(frozen=True)
class SessionTables:
    """What takes the place of a parsed log.

    Attributes:
        lines: `records.LINES_SCHEMA`, an event each, numbered over all sessions.
        templates: `records.TEMPLATES_SCHEMA`, without labels.
        sessions: `records.SESSIONS_SCHEMA`.
    """

    lines: pl.DataFrame
    templates: pl.DataFrame
    sessions: pl.DataFrame


def read_session_files(path: Path, settings: ParseParams) -> SessionTables:
    """Read all sessions of a folder, its files in natural order.

    Args:
        path: a folder, a glob, or a file of sessions whose events are texts.
        settings: ``max_line_bytes`` of a session, ``max_templates`` of all.

    Raises:
        InputError: no sessions, or one that is not of this form; names file and line.
    """
    files = find_files(path)
    numbers = [file for file in files if file.suffix == ".json"]
    if len(numbers) > 1:
        problem = f"holds {len(numbers)} *.json files, such as {numbers[0].name} and {numbers[1].name}"
        raise InputError(problem, file=path, hint="Leave the one in it that says which number is which template")
    vocabulary = Vocabulary(read_numbers(numbers[0]) if numbers else None, settings.max_templates)
    found = _Sessions(vocabulary, settings.max_line_bytes)
    for file in files:
        if file.suffix == ".jsonl":
            found.read(file)
    if not found.names:
        raise InputError("holds no sessions", file=path, hint=f"Name a folder of *.jsonl files. {_FORM}")
    if None in found.splits and any(found.splits):
        name = found.names[found.splits.index(None)]
        problem = f"some sessions have a split, but `{name[:60]}` has none"
        raise InputError(problem, file=path, hint="Give all sessions a `split`, or none")
    return found.tables()


@dataclass
class _Sessions:
    """Collects sessions, one after the other."""

    vocabulary: Vocabulary
    max_line_bytes: int
    names: list[str] = field(default_factory=list)
    alerts: list[bool | None] = field(default_factory=list)
    splits: list[Split | None] = field(default_factory=list)
    codes: list[npt.NDArray[np.uint32]] = field(default_factory=list)
    seen: set[str] = field(default_factory=set)

    def read(self, file: Path) -> None:
        """Take in a file."""
        of_file = _SPLITS.get(file.stem.lower().replace("-", "_").rpartition("_")[2])
        for number, line in long_lines(file, self.max_line_bytes):
            refuse = _refusal(file, number)
            session = json_value(line, file, number)
            if not isinstance(session, dict):
                refuse("is not a JSON object")
            name = _name(session.get("id"), refuse)
            if name in self.seen:
                refuse(f"names the session `{name[:60]}` again")
            self.seen.add(name)
            self.names.append(name)
            self.alerts.append(_alert(session.get("label"), refuse))
            self.splits.append(_split(session.get("split"), refuse) or of_file)
            self.codes.append(self._codes(session.get("events"), refuse))
            if len(self.names) % 1000 == 0:
                progress.report("reading", len(self.names), None, "sessions")

    def _codes(self, events: object, refuse: _Refuse) -> npt.NDArray[np.uint32]:
        if not isinstance(events, list) or not events:
            refuse("has no list of `events`, or an empty one")
        if problem := self.vocabulary.learn(events):
            refuse(problem)
        return np.fromiter(map(self.vocabulary.codes.__getitem__, events), dtype=np.uint32, count=len(events))

    def tables(self) -> SessionTables:
        """All that was read."""
        texts = pl.Series(self.vocabulary.texts, dtype=pl.String)
        ids = pl.Series([template_id(text) for text in self.vocabulary.texts], dtype=pl.String)
        codes = pl.Series("code", np.concatenate(self.codes))
        ends = np.cumsum([len(part) for part in self.codes], dtype=np.int64)
        starts = np.concatenate([np.zeros(1, np.int64), ends])
        events = ids.gather(codes)
        lines = pl.DataFrame({"line": np.arange(1, len(codes) + 1), "template_id": events})
        lists = pa.LargeListArray.from_arrays(pa.array(starts), events.to_arrow(compat_level=pl.CompatLevel.oldest()))
        sessions = pl.DataFrame(
            {
                "session": self.names,
                "first_line": starts[:-1] + 1,
                "last_line": ends,
                "lines": np.diff(starts),
                "alert": pl.Series(self.alerts, dtype=pl.Boolean),
                "template_ids": cast(pl.Series, pl.from_arrow(lists)),
                "split": pl.Series(self.splits, dtype=pl.String),
            }
        )
        return SessionTables(
            _filled(lines, LINES_SCHEMA), _templates(codes, texts, ids), _filled(sessions, SESSIONS_SCHEMA)
        )


def _templates(codes: pl.Series, texts: pl.Series, ids: pl.Series) -> pl.DataFrame:
    """The rows of `records.TEMPLATES_SCHEMA`, in the order of their first line."""
    events = codes.to_frame().with_columns(line=pl.int_range(1, len(codes) + 1))
    rows = events.group_by("code").agg(
        lines=pl.len(), first_line=pl.col("line").min(), last_line=pl.col("line").max()
    ).sort("first_line")  # fmt: skip
    rows = rows.with_columns(
        template=texts.gather(rows["code"]),
        template_id=ids.gather(rows["code"]),
        dataset=pl.lit(SESSION_FILES),
        mixed=False,
    )
    return _filled(rows, TEMPLATES_SCHEMA)


def _filled(rows: pl.DataFrame, schema: pl.Schema) -> pl.DataFrame:
    """With all columns of a schema: missing lists are empty, what else is missing is null."""
    columns = []
    for name, kind in schema.items():
        missing = pl.lit([], kind) if isinstance(kind, pl.List) else pl.lit(None, kind)
        columns.append((pl.col(name).cast(kind) if name in rows.columns else missing).alias(name))
    return rows.select(columns)


def _refusal(file: Path, number: int) -> _Refuse:
    def refuse(problem: str) -> NoReturn:
        raise InputError(problem, file=file, line=number, hint=_FORM)

    return refuse


def _name(value: object, refuse: _Refuse) -> str:
    if type(value) is int:
        return str(value)
    if not isinstance(value, str) or not value.strip():
        refuse("has no `id`" if value is None else f"has the id {shortened(value)}, no text")
    if len(value) > 1000 or not value.isprintable():
        refuse("has an `id` that is longer than 1,000 characters, or that can't be printed")
    return value


def _alert(value: object, refuse: _Refuse) -> bool | None:
    if value is None or isinstance(value, bool):
        return value
    alert = ALERTS.get(str(value).strip().lower()) if isinstance(value, (str, int)) else None
    if alert is None:
        refuse(f"has the unknown label {shortened(value)}")
    return alert


def _split(value: object, refuse: _Refuse) -> Split | None:
    if value is None:
        return None
    split = _SPLITS.get(value) if isinstance(value, str) else None
    if split is None:
        refuse(f"has the unknown split {shortened(value)}, not train, validation or test")
    return split
