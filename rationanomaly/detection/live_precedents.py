"""What experts have decided, as of now: a ledger is read again as soon as it has changed."""

from __future__ import annotations

import logging
from pathlib import Path
from threading import Lock

from rationanomaly.decisions.ledger import Ledger, read_ledger, require_counting, warn_of
from rationanomaly.decisions.precedents import Precedents
from rationanomaly.errors import InputError

_log = logging.getLogger(__name__)

#: What changes when a file is written to or exchanged: name, when, how long, which.
_State = tuple[tuple[str, int, int, int], ...]
_NO_FILES: _State = ()
_NOTHING = Ledger((), ())


class LivePrecedents:
    """The precedents that a model folder carries, under a ledger that may change at any time.

    Args:
        carried: of the model folder.
        ledger: file or folder; it may not exist yet, but the folder around it has to. None: there is none.

    Raises:
        InputError: no folder around the ledger, or no line of it counts.
    """

    def __init__(self, carried: Precedents, ledger: Path | None) -> None:
        self._carried, self._ledger, self._lock = carried, ledger, Lock()
        self._current, self._state = carried, _NO_FILES
        if ledger is None:
            return
        if not ledger.absolute().parent.is_dir():
            hint = "Make the folder, or check --ledger"
            raise InputError("no such folder for a ledger", file=ledger.parent, hint=hint)
        self._state = _state(ledger)
        self._current = self._read(ledger)

    @property
    def current(self) -> Precedents:
        """As of now; the same object as long as nothing has changed.

        A ledger that can't be read (any more) leaves what it said last, and is one warning.
        """
        if self._ledger is None:
            return self._current
        # Before it is read: what is written meanwhile is another state, and read the next time.
        state = _state(self._ledger)
        with self._lock:
            if state != self._state:
                self._state = state
                try:
                    self._current = self._read(self._ledger)
                except (InputError, OSError) as error:
                    _log.warning("decisions stay as they were: %s", error)
            return self._current

    def over(self, carried: Precedents) -> LivePrecedents:
        """The same ledger over the precedents of another model folder."""
        return LivePrecedents(carried, self._ledger)

    def _read(self, path: Path) -> Precedents:
        ledger = read_ledger(path) if path.exists() else _NOTHING
        require_counting(path, ledger, ledger.problems)
        warn_of(ledger.problems)
        return self._carried.under(ledger)


def _state(ledger: Path) -> _State:
    """Of the ledger's files; empty while there are none."""
    try:
        files = sorted(ledger.glob("*.jsonl")) if ledger.is_dir() else [ledger]
        found = [(file.name, file.stat()) for file in files]
    except OSError:
        return _NO_FILES
    return tuple((name, stat.st_mtime_ns, stat.st_size, stat.st_ino) for name, stat in found)
