"""The split of sessions: the last ones are tested, and validation is drawn from the others by distinct set of events.

- Test are the sessions that END last. A session is known when its last line is in; so whoever trains at the moment of
  the cut has the sessions that were complete by then, and no line that came later. Cut by first lines, as is usual,
  training sessions that last long (blocks of HDFS) would hold lines of the time that is tested.
- Sessions repeat heavily. Validation gets all sessions with the same events, each as often, or none: else it would be
  known by heart. Which ones is drawn by a hash of the events, for their order may be that of the labels; each label
  gives its share of the distinct sets, but no more than that share of its sessions, so that the one set that most
  sessions have stays in training.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import cast

import polars as pl
import pyarrow.parquet as pq

from rationanomaly.errors import InputError
from rationanomaly.params import SessionParams
from rationanomaly.parse.session_labels import join_labels, read_session_labels
from rationanomaly.parse.writing import ParquetWriter
from rationanomaly.records import SESSIONS_SCHEMA

#: Rows of a row group, as `merging` writes them.
GROUP = 2**12


def label_and_split(path: Path, settings: SessionParams) -> None:
    """Write the sessions' labels and their split into a table of sessions, where ``settings`` or the table ask for it.

    Memory holds a few bytes for each session and the events of one row group.

    Args:
        path: `records.SESSIONS_SCHEMA`; sides that are written in it stay, but validation is drawn out of training if
            there is none.
        settings: the params section ``parse.sessions``.

    Raises:
        InputError: the labels can't be used, or there are too few sessions to split.
    """
    sessions = pl.read_parquet(path, columns=["session", "last_line", "alert", "split"], glob=False)
    given = sessions["split"].null_count() < sessions.height
    if settings.labels is None and settings.test_share is None and not given:
        return
    if settings.labels is not None:
        alert = join_labels(sessions, read_session_labels(settings.labels), settings.labels)
        sessions = sessions.with_columns(alert)
    if settings.test_share is not None and not given:
        sessions = sessions.with_columns(cut_test(sessions["last_line"], settings.test_share))
        given = True
    if given and settings.validation_share and not (sessions["split"] == "validation").any():
        bags = pl.concat([bags_of(batch["template_ids"]) for batch in _batches(path, ["template_ids"])])
        sessions = sessions.with_columns(draw_validation(sessions.with_columns(bag=bags), settings.validation_share))
    changed = sessions.select("alert", "split")
    scratch = path.with_suffix(".changed")
    with ParquetWriter(scratch, SESSIONS_SCHEMA, GROUP) as file:
        done = 0
        for batch in _batches(path, SESSIONS_SCHEMA.names()):
            file.write(batch.with_columns(changed.slice(done, batch.height)))
            done += batch.height
    scratch.replace(path)


def cut_test(last_lines: pl.Series, share: float) -> pl.Series:
    """``split`` of sessions: test for the last ``share`` of them by their last line, train for the others.

    Raises:
        InputError: one of the two would be empty.
    """
    count = round(share * len(last_lines))
    if not 0 < count < len(last_lines):
        problem = f"{len(last_lines)} sessions can't be cut into {share:g} for the test and a rest"
        raise InputError(problem, hint="Take a longer log, or set parse.sessions.test_share to null")
    first = last_lines.sort()[len(last_lines) - count]
    sides = pl.select(pl.when(last_lines >= first).then(pl.lit("test")).otherwise(pl.lit("train"))).to_series()
    if not (sides == "train").any():
        problem = "all sessions end at the same line, so that none ends before the test begins"
        raise InputError(problem, hint="Set parse.sessions.test_share to null, or cut sessions in another way")
    return sides.alias("split")


def draw_validation(sessions: pl.DataFrame, share: float) -> pl.Series:
    """``split`` with validation drawn out of training.

    Args:
        sessions: columns ``split``, ``alert`` and ``bag`` (as of `bags_of`).
        share: of the distinct bags of each label at most, and of its sessions.
    """
    training = sessions.filter(pl.col("split") == "train")
    # A bag that has both labels counts as abnormal; in the order of their hashes, which is no order of the log's.
    bags = training.group_by("bag").agg(pl.len().alias("sessions"), pl.col("alert").max()).sort("bag")
    strata = [bags.filter(pl.col("alert").eq_missing(alert)) for alert in (True, False, None)]
    drawn = [bag for stratum in strata for bag in _draw(stratum, share)]
    in_validation = (pl.col("split") == "train") & pl.col("bag").is_in(drawn)
    sides = sessions.select(pl.when(in_validation).then(pl.lit("validation")).otherwise("split").alias("split"))
    return sides["split"]


def bags_of(template_ids: pl.Series) -> pl.Series:
    """A hash in hex of the events of each session, whatever their order: the same for the same events, each as often.

    Args:
        template_ids: a list for each session.
    """
    texts = template_ids.list.sort().list.join(" ")
    distinct = texts.unique()
    hashes = [hashlib.sha256(text.encode()).hexdigest()[:24] for text in distinct]
    found = texts.replace_strict(distinct, pl.Series(hashes, dtype=pl.String), return_dtype=pl.String)
    return found.alias("bag")


def _draw(bags: pl.DataFrame, share: float) -> Iterator[str]:
    """The bags that go to validation; at least one of two or more, so that each label is on both sides.

    Args:
        bags: columns ``bag`` and ``sessions``, in the order in which they are drawn.
    """
    if bags.height < 2:
        return
    wanted, room = max(round(share * bags.height), 1), share * int(bags["sessions"].sum())
    count = 0
    for bag, size in bags.select("bag", "sessions").iter_rows():
        if count < wanted and size <= room:
            count, room = count + 1, room - size
            yield bag
    if not count:
        yield bags.sort("sessions", maintain_order=True)["bag"][0]


def _batches(path: Path, columns: Iterable[str]) -> Iterator[pl.DataFrame]:
    with pq.ParquetFile(path) as file:
        for batch in file.iter_batches(batch_size=GROUP, columns=list(columns)):
            yield cast(pl.DataFrame, pl.from_arrow(batch))
