"""A model in a process of its own: asked about templates without waiting, it answers as it gets through them.

    service = VerdictService("outputs/laptop/grpo", ledger=Path("decisions.jsonl"))
    service.ask({template_id(text): text})
    service.wait([template_id(text)], seconds=20)
    for answered in service.collect():
        print(answered.verdict.under(service.precedent(answered.template)).answer, answered.version)

The process computes, this one stays quick: questions and answers are JSON over pipes. If it dies, or hangs, it is
started again and asked again; what it did not survive three times is given up as ``invalid``.
"""

from __future__ import annotations

import logging
import shutil
import time
from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from dataclasses import replace
from itertools import count
from pathlib import Path
from tempfile import mkdtemp
from threading import Condition, Event, Lock, Thread

from rationanomaly.decisions.precedents import Citation, Precedents, read_precedents
from rationanomaly.detection.answered import Answered, ModelVersion
from rationanomaly.detection.backlog import Backlog, Kept
from rationanomaly.detection.live_precedents import LivePrecedents
from rationanomaly.detection.verdict import Verdict
from rationanomaly.detection.worker_process import Loaded, WorkerProcess
from rationanomaly.errors import RationAnomalyError
from rationanomaly.model import boundary
from rationanomaly.params import VerdictKind
from rationanomaly.records import PRECEDENTS

__all__ = ["Answered", "ModelVersion", "VerdictService"]

_log = logging.getLogger(__name__)

_KINDS: tuple[VerdictKind, ...] = ("direct", "reasoned")
#: Templates that are asked at once. On a core four analyses take little longer than one, for each token waits for the
#: weights; of direct verdicts more at once let the next one wait longer.
_AT_ONCE: Mapping[bool, Mapping[VerdictKind, int]] = {
    False: {"direct": 8, "reasoned": 4},
    True: {"direct": 64, "reasoned": 32},
}
#: Seconds between two starts of a process that keeps dying.
_PAUSES = (0.0, 1.0, 4.0, 15.0, 60.0)
#: Seconds within which a process dies of something that it will die of again.
_YOUNG = 30.0


class VerdictService:
    """Asks a model that runs in a process of its own. All methods may be called by any thread.

    Loading takes seconds, and `__init__` waits for it; a model that can't be loaded raises here what
    `Detector.open` raises.

    Args:
        model: folder, or registered version, as for `Detector.open`.
        ledger: decisions that hold at once, over those that the model folder carries; it may not exist yet.
        verdict: kind of the final verdicts; None: as the model's card says.
        threads: of torch.
        max_pending: templates at most that are asked for and not answered; as many answers wait to be collected.
        max_silence: seconds without a sign of life from a process at its work, after which it is started again.
    """

    def __init__(
        self,
        model: str,
        ledger: Path | None = None,
        verdict: VerdictKind | None = None,
        threads: int = 1,
        max_pending: int = 10_000,
        max_silence: float = 120.0,
    ) -> None:
        self._verdict, self._threads, self._max, self._max_silence = verdict, threads, max_pending, max_silence
        self._changed = Condition()
        self._swapping = Lock()
        self._closed = Event()
        self._answers: list[Answered] = []
        self._calls = self._deaths = 0
        self._worker: WorkerProcess | None = None
        self._lost: WorkerProcess | None = None
        self._download = Path(mkdtemp(prefix="rationanomaly-"))
        worker = self._start(model, self._download)
        try:
            self._loaded = worker.loaded()
            self._precedents = LivePrecedents(_carried(self._loaded), ledger)
        except BaseException:
            worker.close()
            shutil.rmtree(self._download, ignore_errors=True)
            raise
        self._backlog = Backlog(max_pending, self._loaded.version.verdict)
        with self._changed:
            self._install(worker, self._loaded, self._precedents)

    @property
    def version(self) -> ModelVersion:
        """Of the model that answers now. It changes with `swap`, and where another model lies in the same folder when
        the process has to be started again.
        """
        return self._loaded.version

    @property
    def folder(self) -> Path:
        """The model's folder on this machine, also of a registered version."""
        return self._loaded.folder

    def part(self, *names: str) -> AbstractContextManager[Path]:
        """A private copy of some of the folder's files, as they were when the process loaded the model.

        Args:
            names: paths relative to the folder.

        Raises:
            ArtifactError: they have changed since; or the block can't read them.
        """
        return boundary.some(self._loaded.folder, self._loaded.files, *names)

    @property
    def ready(self) -> bool:
        """Whether the process runs with its model loaded; False while it is started again."""
        worker = self._worker
        return worker is not None and not worker.has_exited

    @property
    def pending(self) -> int:
        """Templates whose final verdict has not come yet."""
        return len(self._backlog)

    @property
    def calls(self) -> int:
        """Templates that the model was asked about, once for a direct and once for a reasoned verdict."""
        return self._calls

    @property
    def restarts(self) -> int:
        """How often the process has died, or was ended since it hung, and was started again."""
        return self._deaths

    def ask(self, templates: Mapping[str, str]) -> list[str]:
        """Ask for verdicts; returns at once. What is in work already is not asked again.

        Args:
            templates: id → text.

        Returns:
            Ids that were refused since too many are pending: ask again later.
        """
        with self._changed:
            # Answers that nobody collects take memory, too.
            if len(self._answers) >= 2 * self._max:
                return [identity for identity in templates if identity not in self._backlog]
            refused = self._backlog.add(templates)
            self._dispatch()
            return refused

    def collect(self) -> list[Answered]:
        """What has come since the last call, in order: of a template first the direct verdict, then the reasoned one.

        Where the kind of verdict is direct, that is the only and final one. Returns at once.
        """
        with self._changed:
            found, self._answers = self._answers, []
            return found

    def wait(self, template_ids: Collection[str], seconds: float) -> bool:
        """Wait until the final verdicts on these have come (or can't be had); `collect` gives them out.

        Returns:
            False if the time was over first, or the service was closed.
        """

        def answered() -> bool:
            return self._closed.is_set() or not any(identity in self._backlog for identity in template_ids)

        with self._changed:
            return self._changed.wait_for(answered, seconds) and not self._closed.is_set()

    @property
    def precedents(self) -> Precedents:
        """What experts have decided, as of now: another object after each change of ledger or model."""
        return self._precedents.current

    def precedent(self, template: str) -> Citation | None:
        """The experts' decision that holds for a template, as of now."""
        return self.precedents.find(template)

    def swap(self, model: str) -> None:
        """Load another model beside this one and let it answer from then on; waits until it does.

        Meanwhile all other methods go their way, from other threads. What is pending is asked again of the new model;
        `Answered.version` says who answered.

        Raises:
            RationAnomalyError: it can't be loaded; the old one stays.
        """
        with self._swapping:
            download = Path(mkdtemp(prefix="rationanomaly-"))
            worker = self._start(model, download)
            try:
                loaded = worker.loaded()
                precedents = self._precedents.over(_carried(loaded))
            except BaseException:
                worker.close()
                shutil.rmtree(download, ignore_errors=True)
                raise
            with self._changed:
                before, outdated, self._download = self._worker, self._download, download
                self._backlog = self._backlog.for_another(loaded.version.verdict)
                self._install(worker, loaded, precedents)
            if before is not None:
                before.close()
            shutil.rmtree(outdated, ignore_errors=True)

    def close(self) -> None:
        """End the process; what was not collected is lost, and may be asked for again by the next service."""
        with self._changed:
            self._closed.set()
            worker, self._worker = self._worker, None
            self._changed.notify_all()
        if worker is not None:
            worker.close()
        shutil.rmtree(self._download, ignore_errors=True)

    def _start(self, model: str, download: Path) -> WorkerProcess:
        return WorkerProcess(
            model, self._verdict, self._threads, download, self._take, self._notice_exit, self._max_silence
        )

    def _install(self, worker: WorkerProcess, loaded: Loaded, precedents: LivePrecedents) -> None:
        """Let a process answer from now on; under the lock."""
        if self._closed.is_set():
            worker.close()
            return
        self._worker, self._loaded, self._precedents = worker, loaded, precedents
        self._changed.notify_all()
        if worker.has_exited:
            self._lose(worker)
        else:
            self._dispatch()

    def _dispatch(self) -> None:
        """Give the process what it is to do next; under the lock."""
        if self._worker is None or self._worker is self._lost:
            return
        for kind in _KINDS:
            templates = self._backlog.start(kind, _AT_ONCE[self._loaded.on_gpu][kind])
            if templates:
                self._calls += len(templates)
                self._worker.ask(kind, templates)

    def _take(self, worker: WorkerProcess, kind: VerdictKind, verdicts: list[Verdict] | None) -> None:
        """An answer has come; None: the question could not be answered."""
        with self._changed:
            if worker is not self._worker:
                return  # What is pending was asked again of another one.
            found = self._backlog.fail([kind]) if verdicts is None else self._backlog.finish(kind, verdicts)
            self._keep(found)
            self._dispatch()

    def _keep(self, found: list[Kept]) -> None:
        version = self._loaded.version
        self._answers += [Answered(identity, text, verdict, final, version) for identity, text, verdict, final in found]
        self._changed.notify_all()

    def _notice_exit(self, worker: WorkerProcess) -> None:
        with self._changed:
            if worker is self._worker:
                self._lose(worker)

    def _lose(self, worker: WorkerProcess) -> None:
        """The process that should answer has died: ask again what it was asked, of another; under the lock."""
        if worker is self._lost:
            return
        self._lost = worker
        self._deaths += 1
        reason = f"gave no sign of life for {self._max_silence:g} s" if worker.is_stuck else "has died"
        _log.warning("the process of the model %s %s; it is started again", self._loaded.version, reason)
        self._keep(self._backlog.fail(_KINDS))
        Thread(target=self._recover, args=(worker,), daemon=True).start()

    def _recover(self, lost: WorkerProcess) -> None:
        """Start the process again, with longer pauses the more often that fails."""
        for attempt in count():
            # A process that loads and then dies at once, again and again, waits as well.
            young = time.monotonic() - lost.started < _YOUNG
            if self._closed.wait(_PAUSES[min(attempt + young, len(_PAUSES) - 1)]) or self._worker is not lost:
                return
            worker = self._start(str(self._loaded.folder), self._download)
            try:
                loaded = worker.loaded()
                precedents = self._precedents.over(_carried(loaded))
            except RationAnomalyError as error:
                worker.close()
                if attempt == 0:
                    _log.warning("the model can't be started again yet: %s", error)
                continue
            self._replace(lost, worker, loaded, precedents)
            return

    def _replace(self, lost: WorkerProcess, worker: WorkerProcess, loaded: Loaded, precedents: LivePrecedents) -> None:
        """Put a process in the place of one that has died, unless somebody has swapped the model meanwhile."""
        with self._changed:
            if self._worker is not lost:
                worker.close()
                return
            before = self._loaded.version
            if loaded.version.digest == before.digest:
                # It was loaded from a folder now; what it is called is what it was registered as.
                self._install(worker, replace(loaded, version=before), self._precedents)
                return
            _log.warning("another model lies in %s now; it answers from here on", loaded.folder)
            self._backlog = self._backlog.for_another(loaded.version.verdict)
            self._install(worker, loaded, precedents)


def _carried(loaded: Loaded) -> Precedents:
    with boundary.some(loaded.folder, loaded.files, PRECEDENTS) as place:
        return read_precedents(place)
