"""Write the log, its true labels and the reviewers' decisions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl

from rationanomaly import progress
from rationanomaly.artifacts import writing_file
from rationanomaly.params import Params
from rationanomaly.records import write_rows
from rationanomaly.simulate.cluster import build_cluster
from rationanomaly.simulate.events import Event, load_catalogue
from rationanomaly.simulate.labels import alert_tags
from rationanomaly.simulate.mined import TruthByTemplate
from rationanomaly.simulate.reviewers import review
from rationanomaly.simulate.timeline import Block, Timeline
from rationanomaly.simulate.wording import Wording

LOG, TRUTH, LEDGER = "cluster.log", "truth.csv", "decisions.jsonl"
_TASK = "simulating"
#: The reviewers start to work this long after the log's last line.
_REVIEW_AFTER = timedelta(days=1)


def write(params: Params, folder: Path) -> None:
    """Write ``cluster.log``, ``truth.csv`` (``line,label``) and ``decisions.jsonl`` into ``folder``.

    Each file appears whole or not at all, and only once all three are complete. Equal params give equal files.
    Memory does not grow with the number of lines.

    Args:
        params: the sections ``simulate`` and ``parse``; the reviewers decide on templates as ``parse`` will mine them.
        folder: made if there is none; files of these names are replaced.
    """
    events = load_catalogue()
    templates = TruthByTemplate(events, params.parse)
    with ExitStack() as files:
        ledger, truth, log = (files.enter_context(writing_file(folder / name)) for name in (LEDGER, TRUTH, LOG))
        with log.open("wb") as log_file, truth.open("wb") as truth_file:
            truth_file.write(b"line,label\n")
            for block, lines, messages in generate(params, events):
                lines.to_frame().write_csv(log_file, include_header=False, quote_style="never")
                _truth(block, events).write_csv(truth_file, include_header=False)
                templates.add(messages, block.event)
        end = datetime.fromtimestamp(int(block.time[-1]) // 1000, UTC)
        write_rows(ledger, review(templates.labelled(), params.simulate, end + _REVIEW_AFTER))


def generate(params: Params, events: Sequence[Event]) -> Iterator[tuple[Block, pl.Series, pl.Series]]:
    """The log block by block: what happens, its lines without line ends, and the messages in them."""
    settings, catalogue = params.simulate, tuple(events)
    cluster = build_cluster(settings.nodes)
    timeline = Timeline(catalogue, cluster, settings.lines, settings.episodes, settings.seed)
    tags = alert_tags(catalogue, settings.wrong_labels, settings.seed)
    wording = Wording(catalogue, tags, cluster, settings.layout, settings.seed)
    progress.report(_TASK, 0, settings.lines, "lines")
    for block in timeline.blocks():
        messages = wording.messages(block)
        yield block, wording.lines(block, messages), messages
        progress.report(_TASK, block.first_line + len(block.event) - 1, settings.lines, "lines")


def _truth(block: Block, events: Sequence[Event]) -> pl.DataFrame:
    labels = pl.Series([event.label for event in events]).gather(block.event)
    numbers = pl.int_range(block.first_line, block.first_line + len(block.event), eager=True)
    return pl.DataFrame({"line": numbers, "label": labels})
