"""Read a log by several processes at once, a shard each: what `parse.processes` asks for.

`fan_out` does the same with several machines. The output is that of one process: where the shards are cut, and that
they make no difference, is `cutting`'s and `merging`'s.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import NoReturn

import polars as pl

from rationanomaly import progress
from rationanomaly.errors import InfrastructureError, RationAnomalyError
from rationanomaly.params import ParseParams
from rationanomaly.parse.cutting import cut, find_format
from rationanomaly.parse.shards import Shard, open_shard, read_shard
from rationanomaly.parse.source import Piece
from rationanomaly.raw_inputs import STDIN, find_files

_THREADS = "POLARS_MAX_THREADS"
_FEWER = "Set parse.processes to a lower number, or give the machine more memory"


def read_shards(log: Path, format_name: str, settings: ParseParams, folder: Path) -> list[Shard]:
    """Read a log as one shard, or as one for each of ``settings.processes``.

    Args:
        log: a file, a folder, a glob or standard input. A pipe is read by one process.
        format_name: name of a format, or ``auto``.
        settings: the params section ``parse``.
        folder: is made; holds the shards.

    Raises:
        InputError, ParamsError: as of `shards.read_shard`.
        InfrastructureError: a process broke off, perhaps killed for its memory.
    """
    folder.mkdir()
    if settings.processes == 1 or log == STDIN or any(file.is_fifo() for file in find_files(log)):
        return [read_shard(log, format_name, settings, folder / "0")]
    form = find_format(log, format_name, settings)
    pieces = [shard for shard in cut(log, settings.processes, form, settings) if shard]
    jobs = [(log, form.name, settings, folder / str(number), number, shard) for number, shard in enumerate(pieces)]
    _run(jobs)
    return [open_shard(folder / str(number)) for number in range(len(jobs))]


_Job = tuple[Path, str, ParseParams, Path, int, Sequence[Piece]]


def _run(jobs: Sequence[_Job]) -> None:
    # A forked process would inherit the locks of polars' threads.
    context, running = multiprocessing.get_context("spawn"), dict[Connection, SpawnProcess]()
    try:
        with _environment({_THREADS: str(max((os.cpu_count() or 1) // len(jobs), 1))}):
            for job in jobs:
                receiver, sender = context.Pipe(duplex=False)
                process = context.Process(target=_read, args=(job, sender), daemon=True)
                process.start()
                sender.close()
                running[receiver] = process
        _listen(running)
    finally:
        for process in running.values():
            process.kill()
            process.join()


def _listen(running: Mapping[Connection, SpawnProcess]) -> None:
    """Pass on what the processes send until all are done."""
    events, left = dict[int, progress.Event](), {connection.fileno(): connection for connection in running}
    while left:
        for number in [found for found in wait(list(left)) if isinstance(found, int)]:
            connection = left[number]
            try:
                message = connection.recv()
            except EOFError:
                del left[number]
                running[connection].join()
                if running[connection].exitcode:
                    raise InfrastructureError("a process that read a part of the log broke off", hint=_FEWER) from None
                continue
            if isinstance(message, Exception):
                raise message
            if isinstance(message, logging.LogRecord):
                logging.getLogger(message.name).handle(message)
            else:
                events[number] = message
                _report(list(events.values()))


def _report(events: Sequence[progress.Event]) -> None:
    """Report the sums of what each of the processes has reported last."""
    done, total = sum(event.done for event in events), sum(event.total or 0 for event in events)
    rates = {name: sum(event.metrics.get(name, 0) for event in events) for name in events[0].metrics}
    progress.report(events[0].task, done, total, events[0].unit, rates)


def _read(job: _Job, sender: Connection) -> None:
    """What each process does: read a shard, and send what happens on the way."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    root = logging.getLogger()
    root.addHandler(_Sender(sender))
    root.setLevel(logging.INFO)
    with progress.listening(sender.send):
        try:
            read_shard(*job)
        except (RationAnomalyError, OSError, MemoryError, pl.exceptions.PolarsError) as error:
            sender.send(error)


def _end_with_parent() -> NoReturn:
    """A parent that is killed leaves nobody behind who writes into its folders."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
    os._exit(1)


class _Sender(logging.Handler):
    """Sends log records to the parent, which has the handlers."""

    def __init__(self, sender: Connection) -> None:
        super().__init__()
        self._sender = sender

    def emit(self, record: logging.LogRecord) -> None:
        record.msg, record.args, record.exc_info = record.getMessage(), None, None
        self._sender.send(record)


@contextmanager
def _environment(values: Mapping[str, str]) -> Iterator[None]:
    """Environment variables for the processes that are started inside the block, where the user has set none."""
    added = {name: value for name, value in values.items() if name not in os.environ}
    os.environ.update(added)
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]
