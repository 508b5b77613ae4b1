"""The source of each kind of settings. A new kind is one file, one class of params and one entry here."""

from __future__ import annotations

from rationanomaly.params.watch.sources import (
    AnySource,
    ElasticsearchSettings,
    JournaldSettings,
    KubernetesSettings,
    LokiSettings,
    SourceParams,
)
from rationanomaly.remote.credentials import resolve
from rationanomaly.sources.chunk import LineSource
from rationanomaly.sources.elasticsearch import ElasticsearchSource
from rationanomaly.sources.journal import JournalSource
from rationanomaly.sources.kafka import KafkaSource
from rationanomaly.sources.kubernetes_pods import KubernetesSource
from rationanomaly.sources.loki import LokiSource
from rationanomaly.sources.merged import MergedSource

#: Bytes of a line.
_LONGEST = 2**20


def open_sources(settings: SourceParams, max_line_bytes: int = _LONGEST) -> LineSource | None:
    """All sources that the params name, as one; None: they name none.

    Raises:
        RationAnomalyError: one can't be read from, see its class.
    """
    sources = {name: open_source(one, settings.retry_seconds, max_line_bytes) for name, one in settings.of.items()}
    return MergedSource(sources, settings.waiting) if sources else None


def open_source(settings: AnySource, retry_seconds: float, max_line_bytes: int = _LONGEST) -> LineSource:
    """The source that settings describe.

    Args:
        settings: of one kind.
        retry_seconds: longest pause between two attempts to connect.
        max_line_bytes: longer lines are cut, or passed over where a cut one would be none.

    Raises:
        RationAnomalyError: it can't be read from, see its class.
    """
    given = settings.model_dump(exclude={"kind", "format"})
    if isinstance(settings, JournaldSettings):
        return JournalSource(**given, retry_seconds=retry_seconds, max_line_bytes=max_line_bytes)
    if isinstance(settings, ElasticsearchSettings):
        return ElasticsearchSource(**given | {"url": _url(settings.url)}, retry_seconds=retry_seconds)
    given |= {"log_format": settings.format, "max_line_bytes": max_line_bytes}
    if isinstance(settings, KubernetesSettings):
        return KubernetesSource(**given, retry_seconds=retry_seconds)
    if isinstance(settings, LokiSettings):
        return LokiSource(**given | {"url": _url(settings.url)}, retry_seconds=retry_seconds)
    return KafkaSource(**given)


def _url(url: str) -> str:
    return resolve(url, "a source")
