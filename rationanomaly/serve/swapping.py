"""Changes of the model while requests are served: on demand, or when the registry's alias has moved."""

from __future__ import annotations

import logging
from threading import Event, Lock, Thread

from rationanomaly.detection.answered import ModelVersion
from rationanomaly.errors import InputError, RationAnomalyError
from rationanomaly.serve.metrics import Meter
from rationanomaly.stream.engine import Engine

_log = logging.getLogger(__name__)
_REGISTERED = "models:/"
#: Looks at the registry after which a version that could not be loaded is tried again.
_PATIENCE = 10


class Busy(Exception):  # noqa: N818 - an answer to a request, not a fault of the program
    """Another model is being loaded."""


class ModelSwitch:
    """Loads another model beside the one that answers, and lets it answer from then on.

    Args:
        engine: whose model it is.
        meter: counts changes.
        model: as the service was started with; the alias that is watched if it names one.
        seconds: between two looks at the registry; 0: never.
    """

    def __init__(self, engine: Engine, meter: Meter, model: str, seconds: float) -> None:
        self._engine, self._meter, self._model, self._seconds = engine, meter, model, seconds
        self._lock, self._end = Lock(), Event()
        self._thread: Thread | None = None
        self._failed: tuple[str, int] | None = None

    def start(self) -> None:
        """Begin to watch the registry, if the model is named by an alias."""
        if self._seconds and self._model.startswith(_REGISTERED) and "@" in self._model:
            self._thread = Thread(target=self._watch, name="registry", daemon=True)
            self._thread.start()

    def close(self) -> None:
        """End watching; a model that is being loaded is waited for."""
        self._end.set()
        if self._thread is not None:
            self._thread.join()

    def swap(self, model: str) -> ModelVersion:
        """Let another model answer; returns when it does.

        Args:
            model: an address in the registry, or what the service was started with, to load it anew.

        Raises:
            InputError: it is another folder: who can send requests must not choose among this machine's files.
            Busy: another one is being loaded.
            RationAnomalyError: it can't be loaded; the old one still answers.
        """
        if model != self._model and not model.startswith(_REGISTERED):
            hint = "Write models:/NAME@ALIAS or models:/NAME/VERSION, or what the service was started with"
            raise InputError("only a registered model can be changed to", hint=hint)
        if not self._lock.acquire(blocking=False):
            raise Busy
        try:
            before = self._engine.version
            self._engine.swap(model)
        except RationAnomalyError as error:
            self._meter.count_swap("failed")
            _log.warning("the model is not changed: %s", error)
            raise
        finally:
            self._lock.release()
        self._meter.count_swap("done")
        version = self._engine.version
        _log.warning("model %s answers, before %s", version, before)
        return version

    def follow_alias(self) -> None:
        """Compare the registry's alias with what answers, and change the model where they differ."""
        from rationanomaly.runs.model_registry import digest_at

        try:
            digest = digest_at(self._model)
            if digest == self._engine.version.digest or not self._worth_trying(digest):
                return
            self.swap(self._model)
        except Busy:
            return
        except RationAnomalyError as error:
            _log.warning("the registry's alias can't be followed for now: %s", error)
        else:
            self._failed = None

    def _worth_trying(self, digest: str) -> bool:
        """Whether a version has not just failed to load."""
        failed, looks = self._failed or ("", 0)
        again = failed != digest or looks >= _PATIENCE
        self._failed = (digest, 0 if again else looks + 1)
        return again

    def _watch(self) -> None:
        while not self._end.wait(self._seconds):
            try:
                self.follow_alias()
            except Exception:
                _log.exception("the registry can't be looked at")
