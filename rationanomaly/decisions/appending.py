"""Adding to a ledger so that nothing confirmed is ever lost, and merging the ledgers of several people."""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterable, Sequence
from pathlib import Path

from rationanomaly.artifacts import refuse_device, sync, translated_disk_errors
from rationanomaly.decisions.ledger import Decision, read_ledger, read_time, write_decision
from rationanomaly.errors import InputError


def append_decisions(path: Path, decisions: Iterable[Decision]) -> int:
    """Append decisions to a ledger file and return, with the number of bytes, when they are on the disk.

    Writers take turns by a lock on the file, so two processes never mix their lines. A last line that was cut off by
    a crash stays what it is: a bad line of its own.

    Raises:
        InfrastructureError: the disk is full, read-only or not ours, or the ledger is a device or a pipe.
    """
    refuse_device(path)
    data = "".join(f"{write_decision(decision)}\n" for decision in decisions).encode()
    with translated_disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        new = not path.exists()
        with path.open("a+b", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            end = file.seek(0, os.SEEK_END)
            if end:
                file.seek(end - 1)
                data = data if file.read(1) == b"\n" or not data else b"\n" + data
            try:
                if file.write(data) != len(data):
                    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
                os.fsync(file.fileno())
            except OSError:
                # What was not confirmed must not be found in the ledger later.
                os.ftruncate(file.fileno(), end)
                raise
        if new:
            sync(path.parent)
    return len(data)


def merge_ledgers(paths: Sequence[Path]) -> list[Decision]:
    """All decisions of several ledgers, each once, in an order that doesn't depend on the order of ``paths``.

    The lines of one reviewer keep their order, for the later one counts; otherwise time decides. A line that stands
    in two ledgers (both were copies of one) is kept once, at its earliest place.

    Raises:
        InputError: a ledger holds lines that can't be read; merging would lose them in silence.
    """
    places: dict[str, tuple[str, int, Decision]] = {}
    for path in paths:
        ledger = read_ledger(path)
        for problem in ledger.problems:
            if not problem.counts:
                hint = "Correct or remove the line, then merge again"
                raise InputError(problem.problem, file=path, line=problem.line, hint=hint)
        clocks: dict[str, str] = {}
        ranks: dict[str, int] = {}
        for entry in ledger.entries:
            decision, text = entry.decision, write_decision(entry.decision)
            # A clock that went back must not reorder a reviewer's own lines.
            clock = max(clocks.get(decision.reviewer, ""), _comparable(decision.time))
            clocks[decision.reviewer] = clock
            ranks[decision.reviewer] = rank = ranks.get(decision.reviewer, -1) + 1
            if text not in places or (clock, rank) < places[text][:2]:
                places[text] = (clock, rank, decision)
    ordered = sorted(places.items(), key=lambda item: (item[1][0], item[1][2].reviewer, item[1][1], item[0]))
    return [decision for _, (_, _, decision) in ordered]


def _comparable(time: str | None) -> str:
    """A time as text that sorts as time does; the empty text for none."""
    moment = read_time(time) if time else None
    return "" if moment is None else f"{moment.timestamp():020.6f}"
