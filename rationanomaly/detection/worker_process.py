"""A process with a model, as the service sees it: started, asked, heard, ended (`verdict_worker` is the other side)."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from queue import SimpleQueue
from tempfile import TemporaryFile
from threading import Event, Lock, Thread
from typing import IO, Any

import rationanomaly
from rationanomaly import errors
from rationanomaly.detection.answered import ModelVersion
from rationanomaly.detection.verdict import Verdict
from rationanomaly.detection.verdict_record import verdict_of
from rationanomaly.errors import InfrastructureError, RationAnomalyError
from rationanomaly.params import VerdictKind

_log = logging.getLogger(__name__)

#: Checks of a process for signs of life, within the time that it may go without any.
_CHECKS = 10
_MODULE = "rationanomaly.detection.verdict_worker"
#: Characters of what a process has written before it died.
_EXCERPT = 300


@dataclass(frozen=True)
class Loaded:
    """What a process has loaded.

    Attributes:
        version: of the model.
        folder: where its files lie.
        on_gpu: whether it computes on one.
        files: SHA-256 by path relative to the folder, as its manifest was when it was verified.
    """

    version: ModelVersion
    folder: Path
    on_gpu: bool
    files: Mapping[str, str]


class Silence:
    """Since when a process that has questions to answer says nothing.

    Args:
        limit: seconds that are too long.
        clock: seconds.
    """

    def __init__(self, limit: float, clock: Callable[[], float] = time.monotonic) -> None:
        self._limit, self._clock = limit, clock
        self._lock, self._questions, self._since = Lock(), 0, 0.0

    def ask(self) -> None:
        """Note a question; the time counts from the first on that waits."""
        with self._lock:
            if not self._questions:
                self._since = self._clock()
            self._questions += 1

    def hear(self, *, is_answer: bool) -> None:
        """Note that the process has said something."""
        with self._lock:
            self._since = self._clock()
            self._questions -= is_answer

    def is_over(self) -> bool:
        """Whether it has lasted too long."""
        with self._lock:
            return self._questions > 0 and self._clock() - self._since > self._limit


class WorkerProcess:
    """One process; it ends when this one does, however that ends, and when it gives no sign of life at its work.

    Attributes:
        has_exited: whether it is gone.
        is_stuck: whether it gave no sign of life for too long, and was ended.
        started: when, by `time.monotonic`.

    Args:
        model: folder or registered version.
        verdict: kind of the final verdicts; None: as the card says.
        threads: of torch.
        download: empty folder for a registered version's files.
        answered: is called with each answer, by a thread of the process: the kind asked for, and the verdicts or None.
        exited: is called once when the process has ended, by the same thread; `has_exited` holds by then.
        max_silence: seconds without a sign of life, while a question waits for its answer, after which it is ended.
    """

    def __init__(
        self,
        model: str,
        verdict: VerdictKind | None,
        threads: int,
        download: Path,
        answered: Callable[[WorkerProcess, VerdictKind, list[Verdict] | None], None],
        exited: Callable[[WorkerProcess], None],
        max_silence: float,
    ) -> None:
        self._answered, self._exited = answered, exited
        self.has_exited, self.is_stuck, self.started = False, False, time.monotonic()
        self._silence, self._closed = Silence(max_silence), Event()
        self._loaded: Loaded | None = None
        self._problem: RationAnomalyError | None = None
        self._started = Event()
        settings = {"model": model, "verdict": verdict, "threads": threads, "download": str(download)}
        self._questions: SimpleQueue[Mapping[str, Any] | None] = SimpleQueue()
        self._questions.put(settings)
        # -P: the folder that somebody happens to be in is no place to import from. Ctrl-C is for this process alone.
        self._errors = TemporaryFile()  # noqa: SIM115 - open as long as the process
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", _MODULE],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=self._errors,
            env=_environment(), start_new_session=True, text=True, encoding="utf-8",
        )  # fmt: skip
        for work, pipe in ((self._write, self._process.stdin), (self._listen, self._process.stdout)):
            Thread(target=work, args=(pipe,), daemon=True).start()
        Thread(target=self._watch, args=(max_silence / _CHECKS,), daemon=True).start()

    @property
    def pid(self) -> int:
        return self._process.pid

    def loaded(self) -> Loaded:
        """Wait until the model is loaded.

        Raises:
            RationAnomalyError: it can't be.
        """
        self._started.wait()
        if self._loaded is None:
            raise self._problem or self._death()
        return self._loaded

    def ask(self, kind: VerdictKind, templates: Sequence[str]) -> None:
        """Ask a question; returns at once."""
        self._silence.ask()
        self._questions.put({"kind": kind, "templates": list(templates)})

    def close(self) -> None:
        """End the process."""
        self._closed.set()
        self._process.kill()
        self._process.wait()
        self._questions.put(None)

    def _watch(self, pause: float) -> None:
        """In a thread of its own: end a process that hangs, which the one that listens notices."""
        while not self._closed.wait(pause):
            if self._silence.is_over():
                self.is_stuck = True
                self._process.kill()
                return

    def _death(self) -> InfrastructureError:
        """Why a process has died before it could say so, as far as it wrote something at all."""
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")[:_EXCERPT]
        problem = f"the process of the model ended before it was loaded (exit code {self._process.wait()})"
        hint = "Check that there is memory enough for the model"
        return InfrastructureError(f"{problem}: {last}" if last else problem, hint=hint)

    def _write(self, file: IO[str]) -> None:
        """In a thread of its own: a process that computes may leave the pipe full for a while."""
        try:
            while (question := self._questions.get()) is not None:
                file.write(json.dumps(question) + "\n")
                file.flush()
        except (OSError, ValueError):
            pass  # It has ended, which the other thread notices, too.

    def _listen(self, file: IO[str]) -> None:
        try:
            for line in file:
                self._take(json.loads(line))
        except (ValueError, LookupError, TypeError):  # No JSON, or not of the form of an answer.
            _log.warning("the process of the model writes what is no answer; it is started again")
        self._process.kill()
        self._process.wait()
        self._closed.set()
        self.has_exited = True
        self._started.set()
        self._exited(self)

    def _take(self, message: Mapping[str, Any]) -> None:
        self._silence.hear(is_answer="kind" in message)
        if "alive" in message:
            return
        if "warning" in message:
            _log.warning("%s", message["warning"])
        elif "ready" in message:
            about = message["ready"]
            names = ("digest", "prompt", "name", "number", "verdict")
            version = ModelVersion(**{name: about[name] for name in names})
            self._loaded = Loaded(version, Path(about["folder"]), about["device"] != "cpu", about["files"])
            self._started.set()
        elif "error" in message:
            self._problem = _error(message["error"])
        elif "failed" in message:
            _log.warning("the model could not answer: %s", message["failed"])
            self._answered(self, message["kind"], None)
        else:
            self._answered(self, message["kind"], [verdict_of(row) for row in message["verdicts"]])


def _environment() -> dict[str, str]:
    """Ours, with the place of this package, wherever that was imported from."""
    place = str(Path(rationanomaly.__file__).parents[1])
    before = os.environ.get("PYTHONPATH")
    return os.environ | {"PYTHONPATH": os.pathsep.join([place, before] if before else [place])}


def _error(about: Mapping[str, Any]) -> RationAnomalyError:
    kind = getattr(errors, about["kind"], InfrastructureError)
    error: RationAnomalyError = kind(about["problem"], file=about["file"], line=about["line"], hint=about["hint"])
    return error
