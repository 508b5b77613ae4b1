"""Several sources as one, and each kind of settings as its source."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from threading import Event
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from rationanomaly.cli.app import app
from rationanomaly.errors import InfrastructureError, ParamsError
from rationanomaly.params import load_params
from rationanomaly.sources.chunk import Chunk, LineSource
from rationanomaly.sources.elasticsearch import ElasticsearchSource
from rationanomaly.sources.journal import JournalSource
from rationanomaly.sources.kafka import KafkaSource
from rationanomaly.sources.kinds import open_sources
from rationanomaly.sources.kubernetes_pods import KubernetesSource
from rationanomaly.sources.loki import LokiSource
from rationanomaly.sources.merged import MergedSource


class Numbers:
    """Counts from its position to an end."""

    def __init__(self, end: int, error: Exception | None = None) -> None:
        self._end, self._error, self._closed = end, error, Event()
        self.left = Event()

    def chunks(self, positions: Mapping[str, Any]) -> Iterator[Chunk | None]:
        try:
            for number in range(positions.get("s", 0), self._end):
                if self._closed.is_set():
                    return
                yield Chunk("s", b"%d\n" % number, number + 1)
            if self._error is not None:
                raise self._error
            yield None
        finally:
            self.left.set()

    def close(self) -> None:
        self._closed.set()


def read(source: LineSource, positions: Mapping[str, Any]) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for chunk in source.chunks(positions):
        if chunk is not None:
            found[chunk.stream] = found.get(chunk.stream, b"") + chunk.data
    return found


def test_all_sources_are_read_each_from_its_own_position() -> None:
    merged = MergedSource({"a": Numbers(3), "b": Numbers(6)}, 1)
    assert read(merged, {"b:s": 4, "c:s": 9}) == {"a:s": b"0\n1\n2\n", "b:s": b"4\n5\n"}


def test_the_error_of_one_source_comes_out_and_ends_the_others() -> None:
    other = Numbers(10**9)
    merged = MergedSource({"a": Numbers(1, InfrastructureError("refused")), "b": other}, 1)
    with pytest.raises(InfrastructureError, match="refused"):
        read(merged, {})
    assert other.left.wait(60)


def test_it_ends_when_it_is_closed_while_it_is_full() -> None:
    numbers = Numbers(10**9)
    merged = MergedSource({"a": numbers}, 1)
    chunks = merged.chunks({})
    next(chunks)
    merged.close()
    assert list(chunks) == []
    assert numbers.left.wait(60)


def test_what_could_not_be_stored_is_read_again() -> None:
    merged = MergedSource({"a": Numbers(4)}, 1)
    chunks = merged.chunks({})
    stored = next(chunk for chunk in chunks if chunk is not None)
    next(chunks)  # Not stored: the disk was full.
    assert read(merged, {stored.stream: stored.position}) == {"a:s": b"1\n2\n3\n"}


SETTINGS: dict[str, dict[str, Any]] = {
    "journald": {"units": ["nginx.*"], "start": "oldest"},
    "kubernetes": {"namespaces": ["team-*"], "selector": "app=shop"},
    "loki": {"url": "http://loki:3100", "query": '{app="shop"}', "tenant": "shop"},
    "elasticsearch": {"url": "env:SEARCH", "index": "logs-*", "query": {"term": {"app": "shop"}}},
    "kafka": {"servers": "kafka:9092", "topics": ["logs"], "settings": {"client.id": "us"}},
}


def loaded(of: dict[str, Any], tmp_path: Path) -> LineSource | None:
    path = tmp_path / "params.yaml"
    path.write_text(yaml.safe_dump({"extends": "defaults", "watch": {"sources": {"of": of}}}))
    return open_sources(load_params(path).watch.sources)


def test_each_kind_of_settings_is_its_source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SEARCH", "http://search:9200/")
    kubeconfig = {
        "current-context": "here", "clusters": [{"name": "here", "cluster": {"server": "http://127.0.0.1:1"}}],
        "users": [{"name": "me", "user": {}}],
        "contexts": [{"name": "here", "context": {"cluster": "here", "user": "me"}}],
    }  # fmt: skip
    (tmp_path / "kubeconfig").write_text(yaml.safe_dump(kubeconfig))
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "kubeconfig"))
    merged = loaded({name: {"kind": name} | values for name, values in SETTINGS.items()}, tmp_path)
    assert isinstance(merged, MergedSource)
    kinds = [JournalSource, KubernetesSource, LokiSource, ElasticsearchSource, KafkaSource]
    assert [type(merged._sources[name]) for name in SETTINGS] == kinds


def test_no_source_is_none(tmp_path: Path) -> None:
    assert loaded({}, tmp_path) is None


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"kind": "splunk"}, "does not match any of the expected tags"),
        ({"kind": "loki", "url": "http://me:pw@loki", "query": "{}"}, "must hold no user, password or query"),
        (
            {"kind": "loki", "url": "http://loki", "query": "{}", "token": "s3cret"},
            "the NAME of an environment variable",
        ),
        ({"kind": "kubernetes", "namespaces": []}, "at least 1 item"),
        ({"kind": "journald", "until": "now"}, "unknown key"),
    ],
)
def test_settings_that_can_not_work_are_named(given: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match=said):
        loaded({"logs": given}, tmp_path)


def test_detect_follows_what_the_params_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for settings, said in (
        ([], "name a log file, or sources of lines"),
        (["--set", "watch.sources.of.here={kind: journald, folder: none}"], "is no folder of journals"),
    ):
        result = CliRunner().invoke(app, ["detect", "--model", "none", "--follow", *settings])
        assert said in str(result.exception)
