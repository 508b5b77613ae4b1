"""The process in which a model answers: JSON Lines in, JSON Lines out (`worker_process` is the other side).

    {"model": "outputs/laptop/grpo", "verdict": null, "threads": 1, "download": "/tmp/x"}   what to load, the first line
    {"kind": "direct", "templates": ["link <*> down"]}                               a question
    {"ready": {…}} or {"error": {…}}                                                 the answer to the first
    {"kind": "direct", "verdicts": [{…}]} or {"kind": "direct", "failed": "why"}     the answer to a question
    {"alive": true}                                                                  now and then while it computes
    {"warning": "…"}                                                                 for the log

A direct verdict does not wait for an analysis that is being written: the layers of the model call `_Asked.interrupt`,
which answers direct questions in between. Nothing is computed by two threads, so one core is enough, and the model's
layers hold nothing of a pass but what is given to them.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from collections import deque
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Condition, Thread
from typing import IO, TYPE_CHECKING, Any

from rationanomaly.detection.model_detector import DirectScore, ModelDetector
from rationanomaly.detection.verdict_record import verdict_row
from rationanomaly.device import runtime
from rationanomaly.errors import RationAnomalyError, named_extras
from rationanomaly.model.folder import ModelFolder
from rationanomaly.model.merging import without_wrappers
from rationanomaly.params import VerdictKind

if TYPE_CHECKING:
    from torch.nn import Module

_REGISTRY = "models:/"
_SEED = 0
#: Seconds between two signs of life at work.
_ALIVE_SECONDS = 5.0
#: Direct scores that are remembered, so that an analysis doesn't compute them again.
_REMEMBERED = 1000


class _Remembering(ModelDetector):
    """Keeps the newest direct scores: the reasoned verdict on a template is asked for after the direct one."""

    _scored: dict[str, DirectScore] | None = None

    def _score(self, templates: Sequence[str]) -> list[DirectScore]:
        known = self._scored or {}
        new = [text for text in templates if text not in known]
        found = dict(zip(new, super()._score(new), strict=True)) if new else {}
        known = {text: one for text, one in known.items() if text not in found} | found
        self._scored = dict(list(known.items())[-_REMEMBERED:])
        return [known[text] for text in templates]


class _Asked:
    """The questions that have come, and the answers to them."""

    def __init__(self, detector: ModelDetector, answers: _Answers) -> None:
        self._detector, self._answers = detector, answers
        self._waiting: dict[VerdictKind, deque[list[str]]] = {"direct": deque(), "reasoned": deque()}
        self._came = Condition()
        self._interrupted, self._alive = False, 0.0

    def read(self, questions: IO[str]) -> None:
        """Take in questions until the other side is gone, which ends the process, whatever it does at the time."""
        for line in questions:
            question = json.loads(line)
            with self._came:
                self._waiting[question["kind"]].append(question["templates"])
                self._came.notify()
        os._exit(0)

    def answer_all(self) -> None:
        """Answer questions, direct ones first, for as long as the process lives."""
        while True:
            with self._came:
                self._came.wait_for(lambda: any(self._waiting.values()))
            kind: VerdictKind = "direct" if self._waiting["direct"] else "reasoned"
            self._interrupted = kind == "direct"
            self._answer(kind)

    def interrupt(self, *_: object) -> None:
        """Answer direct questions in the middle of an analysis, and show that we live; a hook of the model's layers."""
        now = time.monotonic()
        if now - self._alive >= _ALIVE_SECONDS:
            self._alive = now
            self._answers.write({"alive": True})
        if self._interrupted or not self._waiting["direct"]:
            return
        self._interrupted = True
        try:
            while self._waiting["direct"]:
                self._answer("direct")
        finally:
            self._interrupted = False

    def _answer(self, kind: VerdictKind) -> None:
        templates = self._waiting[kind].popleft()
        try:
            verdicts = self._detector.judge(templates, kind)
        except Exception as error:  # One question that can't be answered is no reason to load the model again.
            self._answers.write({"kind": kind, "failed": f"{type(error).__name__}: {error}"})
        else:
            self._answers.write({"kind": kind, "verdicts": [verdict_row(verdict) for verdict in verdicts]})


class _Answers(logging.Handler):
    """Writes messages to the other side, warnings of the library among them."""

    def __init__(self, file: IO[str]) -> None:
        super().__init__(logging.WARNING)
        self._file = file

    def write(self, message: Mapping[str, Any]) -> None:
        self._file.write(json.dumps(message) + "\n")
        self._file.flush()

    def emit(self, record: logging.LogRecord) -> None:
        self.write({"warning": record.getMessage()})


def main() -> None:
    """Load what the first line names, and answer until standard input ends."""
    # What a library prints must not stand among the answers.
    answers = _Answers(os.fdopen(os.dup(1), "w", encoding="ascii"))
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    logging.getLogger("rationanomaly").addHandler(answers)
    settings = json.loads(sys.stdin.readline())
    try:
        folder, about = _locate(settings["model"], settings["download"])
        detector, model = _open(folder, settings["threads"])
    except RationAnomalyError as error:
        file = None if error.file is None else str(error.file)
        words = {"problem": error.problem, "file": file, "line": error.line, "hint": error.hint}
        answers.write({"error": {"kind": type(error).__name__, **words}})
        return
    asked = _Asked(detector, answers)
    for layer in _layers(model):
        layer.register_forward_pre_hook(asked.interrupt)
    detector.judge([""], "direct")  # What is made at the first call is made before anybody waits.
    Thread(target=asked.read, args=(sys.stdin,), daemon=True).start()
    card = folder.card
    about |= {"digest": folder.digest, "prompt": card.prompt_version, "folder": str(folder.path.absolute())}
    about["files"] = dict(folder.manifest.files)
    about |= {"verdict": settings["verdict"] or card.detect.verdict, "device": runtime.device()}
    # What a library warns of from here on would fill a file that nobody reads.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    answers.write({"ready": about})
    asked.answer_all()


def _locate(model: str, download: str) -> tuple[ModelFolder, dict[str, Any]]:
    """The model folder, with the name and number of a registered version, which is downloaded."""
    if not model.startswith(_REGISTRY):
        path = Path(model)
        return ModelFolder.open(path), {"name": path.absolute().name, "number": None}
    with named_extras():
        from rationanomaly.runs.model_registry import connect, fetch_folder, find

        # An alias may move before the download: what is fetched is the version that it meant.
        version = find(connect(), model)
        path = fetch_folder(f"{_REGISTRY}{version.name}/{version.version}", Path(download))
    return ModelFolder.open(path), {"name": str(version.name), "number": str(version.version)}


def _open(folder: ModelFolder, threads: int) -> tuple[ModelDetector, Module]:
    runtime.prepare(_SEED, threads)
    model = without_wrappers(folder.load(merged=True)).to(runtime.device())
    scorer = folder.scorer(model)
    scorer.attempts_together = True
    return _Remembering(folder, scorer), model


def _layers(model: Module) -> list[Module]:
    """The places where a pass may be interrupted: before each layer."""
    from torch.nn import ModuleList

    lists = [module for module in model.modules() if isinstance(module, ModuleList)]
    return list(max(lists, key=len, default=[]))


if __name__ == "__main__":
    main()
