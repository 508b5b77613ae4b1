"""Lines of pods, over the API of Kubernetes: namespaces by pattern, pods by label, one stream for each container.

Pods are listed again and again, so that new ones are found; each log is followed in a thread of its own. What comes
faster than it is taken waits in a queue of bounded length, and then in the cluster.
"""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Literal

from rationanomaly.errors import InfrastructureError
from rationanomaly.remote.pauses import Pauses
from rationanomaly.sources.chunk import Chunk, Position
from rationanomaly.sources.container_log import LineCutter, Place
from rationanomaly.sources.kubernetes_api import Container, PodsApi, QuietError

_log = logging.getLogger(__name__)
_QUEUE = 64
_WAIT_SECONDS = 0.5


@dataclass(frozen=True)
class _Settings:
    """What is asked for, and how; see `KubernetesSource`."""

    namespaces: tuple[str, ...]
    selector: str
    log_format: str
    list_seconds: float
    retry_seconds: float
    max_streams: int
    max_line_bytes: int


class KubernetesSource:
    """The logs of the containers of some pods.

    Args:
        namespaces: names or patterns such as ``team-*``.
        selector: of pods by their labels, as `kubectl --selector` takes it; empty: all.
        start: where the log of a container begins that runs already and of which nothing has been read; one that is
            started later is read from its beginning.
        context: of the kubeconfig; None: the current one, or the service account of the pod that this runs in.
        log_format: of the lines.
        list_seconds: pause between two lists of the pods.
        retry_seconds: longest pause where the server doesn't answer.
        max_streams: containers that are followed at once.
        max_line_bytes: longer lines are cut.

    Raises:
        InfrastructureError: the extra `pipeline` is not installed, or there is neither a kubeconfig nor a service
            account.
    """

    def __init__(
        self,
        namespaces: Sequence[str],
        *,
        selector: str = "",
        start: Literal["oldest", "newest"] = "newest",
        context: str | None = None,
        log_format: str = "auto",
        list_seconds: float = 10.0,
        retry_seconds: float = 60.0,
        max_streams: int = 200,
        max_line_bytes: int = 2**20,
    ) -> None:
        self._settings = _Settings(
            tuple(namespaces), selector, log_format, list_seconds, retry_seconds, max_streams, max_line_bytes
        )
        self._api = PodsApi(context, max_streams + 1)
        #: Where containers begin of which nothing has been stored; None: none has been listed yet.
        self._first_places: dict[str, Place] | None = {} if start == "oldest" else None
        self._closed = threading.Event()

    def chunks(self, positions: Mapping[str, Position]) -> Iterator[Chunk | None]:
        """See `chunk.LineSource`; a position is that of `container_log.Place`.

        Raises:
            InfrastructureError: the server lets us not list pods.
            InputError: a position is none of this source.
        """
        places = {stream: Place.from_position(position) for stream, position in positions.items()}
        try:
            # The first list, whose errors are for who has started this.
            containers = self._api.containers(self._settings.namespaces, self._settings.selector)
        except QuietError as error:
            raise InfrastructureError("Kubernetes does not answer") from error
        if self._first_places is None:
            now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
            self._first_places = {one.stream: Place(one.identity, now) for one in containers}
        following = _Following(self._api, self._settings, {**self._first_places, **places})
        following.start(containers)
        try:
            while not self._closed.is_set():
                yield following.next()
        finally:
            following.stopped.set()

    def close(self) -> None:
        """See `chunk.LineSource`."""
        self._closed.set()


class _Following:
    """The threads of one call of `KubernetesSource.chunks`, and what they have read."""

    def __init__(self, api: PodsApi, settings: _Settings, places: dict[str, Place]) -> None:
        self.stopped = threading.Event()
        self._api, self._settings, self._places = api, settings, places
        self._queue: queue.Queue[Chunk] = queue.Queue(_QUEUE)
        self._followed: dict[str, threading.Thread] = {}
        self._was_full = False

    def start(self, containers: Sequence[Container]) -> None:
        """Follow some containers, and those that come."""
        self._follow_new(containers)
        threading.Thread(target=self._list_always, name="pods", daemon=True).start()

    def next(self) -> Chunk | None:
        """What was read, as soon as there is something; None after a while."""
        try:
            return self._queue.get(timeout=_WAIT_SECONDS)
        except queue.Empty:
            return None

    def _list_always(self) -> None:
        pauses, is_down = Pauses(1.0, self._settings.retry_seconds), False
        pause = self._settings.list_seconds
        while not self.stopped.wait(pause):
            try:
                self._follow_new(self._api.containers(self._settings.namespaces, self._settings.selector))
                pause, is_down = self._settings.list_seconds, False
                pauses.reset()
            except (InfrastructureError, QuietError) as error:
                if not is_down:
                    _log.warning("new pods are not seen for now: %s", error)
                pause, is_down = pauses.next(), True

    def _follow_new(self, containers: Sequence[Container]) -> None:
        """Follow what runs or has run and isn't followed yet; forget what is gone."""
        self._followed = {stream: thread for stream, thread in self._followed.items() if thread.is_alive()}
        known = {one.stream for one in containers}
        for gone in [stream for stream in self._places if stream not in known and stream not in self._followed]:
            del self._places[gone]
        for container in containers:
            place = self._places.get(container.stream)
            over = place is not None and place.container == container.identity and not container.running
            if container.stream in self._followed or over:
                continue
            if len(self._followed) >= self._settings.max_streams:
                if not self._was_full:
                    _log.warning("more than %d containers: the others are not read", self._settings.max_streams)
                self._was_full = True
                return
            thread = threading.Thread(target=self._follow, args=(container,), name=container.stream, daemon=True)
            self._followed[container.stream] = thread
            thread.start()

    def _follow(self, container: Container) -> None:
        """Give the lines of a container until it ends."""
        pauses, is_down = Pauses(0.2, self._settings.retry_seconds), False
        while not self.stopped.is_set():
            before = self._places.get(container.stream)
            try:
                if before is not None and before.container not in ("", container.identity) and container.restarted:
                    self._read(container, before, former=True)
                last = self._places.get(container.stream, Place(""))
                place = replace(last, container=container.identity)
                self._read(container, place, former=False)
                # Also where it has written nothing: it is over, and needn't be read again.
                self._places[container.stream] = replace(
                    self._places.get(container.stream, place), container=container.identity
                )
                return
            except QuietError:
                pauses.reset()
            except InfrastructureError as error:
                if not is_down and not self.stopped.is_set():
                    _log.warning("%s is waited for: %s", container.stream, error)
                is_down = True
            if self._places.get(container.stream) != before:
                is_down = False
                pauses.reset()
            self.stopped.wait(pauses.next())

    def _read(self, container: Container, place: Place, *, former: bool) -> None:
        """Read the log of a container to its end; raises what `PodsApi.log` does."""
        cutter = LineCutter(place, self._settings.max_line_bytes)
        for piece in self._api.log(container, place, former=former):
            self._give(container, cutter, cutter.feed(piece))
            if self.stopped.is_set():
                return
        if cutter.is_within:
            self._give(container, cutter, cutter.feed(b"\n"))

    def _give(self, container: Container, cutter: LineCutter, lines: bytes) -> None:
        if not lines:
            return
        self._places[container.stream] = cutter.place
        chunk = Chunk(container.stream, lines, cutter.place.as_position(), self._settings.log_format, container.pod)
        while not self.stopped.is_set():
            try:
                return self._queue.put(chunk, timeout=_WAIT_SECONDS)
            except queue.Full:
                continue
