"""What `/metrics` shows: the stream's own counters, and those of the service."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from prometheus_client import CollectorRegistry, Counter, Histogram, exposition
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from rationanomaly.stream.engine import Engine

F = TypeVar("F", CounterMetricFamily, GaugeMetricFamily)
_PREFIX = "rationanomaly"
_SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
#: Counters of the engine: name → (name here, label or None, what it is). One with a label is ``name.value`` there.
_TOTALS: Mapping[str, tuple[str, str | None, str]] = {
    "lines": ("lines", None, "Records of logs that were read."),
    "answer": ("answered_lines", "answer", "Records by the verdict on their template when they were read."),
    "rejected": ("rejected_lines", None, "Lines that fitted no record of their format."),
    "corrections": ("corrections", None, "Verdicts that came after lines of their template."),
    "sessions": ("sessions", None, "Sessions that have ended."),
    "alert": ("alerts", "kind", "Alerts by kind."),
    "model_calls": ("model_calls", None, "Templates that the model was asked about."),
}
_LEVELS: Mapping[str, tuple[str, str]] = {
    "pending": ("pending_templates", "Templates that wait for their verdict."),
    "templates": ("templates", "Templates that are known."),
}
#: Counters of sinks, called ``name/SINK``.
_SINKS: Mapping[str, str] = {
    "sent": "Messages that a sink has taken.",
    "failed": "Attempts to send that failed.",
    "dropped": "Messages that were dropped since too many waited.",
}


class Meter:
    """Counts what the service does.

    Args:
        engine: its counters are read when they are asked for.
        is_ready: whether we take requests.
    """

    def __init__(self, engine: Engine, is_ready: Callable[[], bool]) -> None:
        self.registry = CollectorRegistry()
        self._requests = self._counter("http_requests", "Requests by route and status.", "route", "method", "status")
        self._seconds = Histogram(
            f"{_PREFIX}_http_request_duration_seconds", "Time to the end of an answer.", ["route"],
            buckets=_SECONDS, registry=self.registry,
        )  # fmt: skip
        self._batches = Histogram(
            f"{_PREFIX}_batch_duration_seconds", "Time in which a batch of lines is read, judged and stored.",
            buckets=_SECONDS, registry=self.registry,
        )  # fmt: skip
        self._refusals = self._counter("http_refusals", "Requests that were turned away, by reason.", "reason")
        self._records = self._counter("otlp_records", "OpenTelemetry log records.", "result")
        self._swaps = self._counter("model_swaps", "Changes of the model.", "result")
        self._failures = self._counter("batch_failures", "Batches of lines that could not be stored.")
        self._levels: list[tuple[str, str, Callable[[], float]]] = [
            ("ready", "1 while requests are taken.", lambda: float(is_ready())),
        ]
        self._sinks: Callable[[], Mapping[str, float]] = dict
        self.registry.register(_Stream(engine, self._levels, lambda: self._sinks()))

    def watch(self, running: Callable[[], float], held: Callable[[], float]) -> None:
        """Show how busy we are.

        Args:
            running: requests at the moment.
            held: bytes of theirs in memory.
        """
        self._levels += [
            ("http_requests_running", "Requests at the moment.", running),
            ("http_held_bytes", "Bytes of requests in memory.", held),
        ]

    def watch_sources(self, reads: Callable[[], bool]) -> None:
        """Show whether the sources that the params name are read."""
        text = "1 while the sources that the params name are read."
        self._levels.append(("sources_reading", text, lambda: float(reads())))

    def watch_sinks(self, counters: Callable[[], Mapping[str, float]]) -> None:
        """Show what `sinks.Outbox.counters` says."""
        self._sinks = counters

    def count_request(self, route: str, method: str, status: int, seconds: float) -> None:
        """A request and its answer."""
        self._requests.labels(route, method if method in _METHODS else "other", str(status)).inc()
        self._seconds.labels(route).observe(seconds)

    def count_batch(self, seconds: float) -> None:
        """A batch that was stored."""
        self._batches.observe(seconds)

    def count_failure(self) -> None:
        """A batch that was not."""
        self._failures.inc()

    def count_refusal(self, reason: str) -> None:
        """A request that was turned away."""
        self._refusals.labels(reason).inc()

    def count_records(self, accepted: int, rejected: int) -> None:
        """Records of one OTLP request."""
        self._records.labels("accepted").inc(accepted)
        self._records.labels("rejected").inc(rejected)

    def count_swap(self, result: str) -> None:
        """A change of the model: ``done`` or ``failed``."""
        self._swaps.labels(result).inc()

    def exposition(self, accept: str) -> tuple[bytes, str]:
        """The text for Prometheus and its content type.

        Args:
            accept: the header of the request.
        """
        encode, content_type = exposition.choose_encoder(accept)
        return encode(self.registry), content_type

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"{_PREFIX}_{name}", text, labels, registry=self.registry)


class _Stream(Collector):
    """The engine's counters, as they are when somebody asks."""

    def __init__(
        self,
        engine: Engine,
        levels: list[tuple[str, str, Callable[[], float]]],
        sinks: Callable[[], Mapping[str, float]],
    ) -> None:
        self._engine, self._gauges, self._sinks = engine, levels, sinks

    def describe(self) -> Iterator[Metric]:
        """Nothing: what the engine counts is known when it is asked."""
        return iter(())

    def collect(self) -> Iterator[Metric]:
        """The families."""
        found, sinks = self._engine.counters(), self._sinks()
        for key, (name, label, text) in _TOTALS.items():
            if label is None:
                yield CounterMetricFamily(f"{_PREFIX}_{name}", text, value=found.get(key, 0.0))
            else:
                yield _labelled(CounterMetricFamily(f"{_PREFIX}_{name}", text, labels=[label]), found, f"{key}.")
        for key, text in _SINKS.items():
            yield _labelled(CounterMetricFamily(f"{_PREFIX}_sink_{key}", text, labels=["sink"]), sinks, f"{key}/")
        text = "Messages that wait for a sink."
        yield _labelled(GaugeMetricFamily(f"{_PREFIX}_sink_waiting", text, labels=["sink"]), sinks, "waiting/")
        for key, (name, text) in _LEVELS.items():
            yield GaugeMetricFamily(f"{_PREFIX}_{name}", text, value=found.get(key, 0.0))
        for name, text, read in self._gauges:
            yield GaugeMetricFamily(f"{_PREFIX}_{name}", text, value=read())
        version = self._engine.version
        model = GaugeMetricFamily(
            f"{_PREFIX}_model_info", "The model that answers.", labels=["name", "number", "digest", "prompt"]
        )
        model.add_metric([version.name, version.number or "", version.digest, version.prompt], 1.0)
        yield model


def _labelled(family: F, found: Mapping[str, float], prefix: str) -> F:
    """The family with those counters whose names begin with something, labelled with what follows it."""
    for name, count in sorted(found.items()):
        if name.startswith(prefix):
            family.add_metric([name.removeprefix(prefix)], count)
    return family
