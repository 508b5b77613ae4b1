"""The journal: every request before it is sent and every answer before it counts, in one JSON Lines file.

A crash costs at most the calls in flight, and a second run finds every answer here and asks nothing. Requests whose
answer never came were perhaps billed, so they count at their worst case for good.

Lines: ``{"event": "sent", …}`` and ``{"event": "settled", …}``, tied by ``call``; ``settled`` holds ``answer`` where
there was one. A line that a crash cut in two is dropped when the file is opened.
"""

from __future__ import annotations

import errno
import fcntl
import hashlib
import json
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from rationanomaly.artifacts import translated_disk_errors
from rationanomaly.distill.budget import Tokens
from rationanomaly.errors import InfrastructureError, InputError
from rationanomaly.text.secrets import Secrets

log = logging.getLogger(__name__)

JOURNAL = "journal.jsonl"


@dataclass(frozen=True)
class Kept:
    """An answer in the journal.

    Attributes:
        text: as the teacher wrote it.
        finish: why it ended: ``stop``, ``length``, …
    """

    text: str
    finish: str


def digest(*parts: Any) -> str:
    """SHA-256 in hex of JSON values; equal values, equal digests."""
    document = json.dumps(parts, sort_keys=True, ensure_ascii=True, allow_nan=False)
    return hashlib.sha256(document.encode()).hexdigest()


class Journal:
    """An open journal; a context manager, for one process at a time.

    Args:
        folder: the step's state folder.
        campaign: digest of teacher, prompt version and settings: calls with the same one share a budget.
        secrets: struck from everything that is written.

    Raises:
        InfrastructureError: another process has it open, or the disk refuses.
        InputError: a line in its middle is not one of ours.
    """

    def __init__(self, folder: Path, campaign: str, secrets: Secrets) -> None:
        self._path = folder / JOURNAL
        self.campaign, self._secrets = campaign, secrets
        self._answers: dict[str, Kept] = {}
        self._open_calls: dict[int, tuple[str, Tokens]] = {}
        self._next_call = 0
        #: Tokens of this campaign: as the servers said, or the worst case where they did not or not yet.
        self.spent = Tokens()
        #: Calls of this campaign that were sent, answered or not.
        self.calls = 0

    def __enter__(self) -> Journal:
        with translated_disk_errors(self._path):
            self._path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._path.open("a+b")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            self._file.close()
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise
            hint = "Wait for it to end, or stop it"
            raise InfrastructureError("another run writes this journal", file=self._path, hint=hint) from error
        self._load()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()

    def answer(self, key: str) -> Kept | None:
        """The answer to a request that was asked before."""
        return self._answers.get(key)

    def sent(self, key: str, messages: Sequence[Mapping[str, str]], reserved: Tokens) -> int:
        """Note that a request is about to be sent; returns the call's number."""
        call = self._next_call
        self._write(
            event="sent",
            call=call,
            campaign=self.campaign,
            key=key,
            reserved=[reserved.prompt, reserved.completion],
            messages=list(messages),
        )
        self._note_sent(call, self.campaign, reserved)
        return call

    def settled(self, call: int, key: str, used: Tokens, outcome: str, answer: Kept | None = None) -> None:
        """Note how a call ended, in the same line as its answer, so that no answer is paid and lost."""
        kept = None if answer is None else {"text": answer.text, "finish": answer.finish}
        self._write(
            event="settled",
            call=call,
            key=key,
            used=[used.prompt, used.completion],
            outcome=outcome,
            **({} if kept is None else {"answer": kept}),
        )
        self._note_settled(call, key, used, None if answer is None else Kept(**self._secrets.strike_all(kept)))

    def _write(self, **line: Any) -> None:
        text = json.dumps(self._secrets.strike_all(line), ensure_ascii=True, allow_nan=False)
        with translated_disk_errors(self._path):
            self._file.write(text.encode() + b"\n")
            self._file.flush()
            # A power cut must lose neither a paid answer nor the reservation of a call that may have been billed.
            os.fsync(self._file.fileno())

    def _load(self) -> None:
        self._file.seek(0)
        whole = 0
        for number, line in enumerate(self._file, start=1):
            if not line.endswith(b"\n"):
                log.warning("%s: dropped the last line, which a crash had cut off", self._path)
                break
            try:
                self._read(json.loads(line))
            except (ValueError, KeyError, TypeError) as error:
                hint = "Restore the file, or move it away and pay again"
                raise InputError("is no line of a journal", file=self._path, line=number, hint=hint) from error
            whole += len(line)
        self._file.truncate(whole)
        self._file.seek(0, os.SEEK_END)

    def _read(self, line: dict[str, Any]) -> None:
        if line["event"] == "sent":
            self._note_sent(line["call"], line["campaign"], Tokens(*line["reserved"]))
        else:
            kept = line.get("answer")
            self._note_settled(line["call"], line["key"], Tokens(*line["used"]), None if kept is None else Kept(**kept))

    def _note_sent(self, call: int, campaign: str, reserved: Tokens) -> None:
        self._next_call = max(self._next_call, call + 1)
        self._open_calls[call] = (campaign, reserved)
        if campaign == self.campaign:
            self.calls += 1
            self.spent += reserved

    def _note_settled(self, call: int, key: str, used: Tokens, answer: Kept | None) -> None:
        campaign, reserved = self._open_calls.pop(call)
        if campaign == self.campaign:
            self.spent += used - reserved
        if answer is not None:
            self._answers[key] = answer
