"""Running the service: metrics and their dashboard, changes of the model, the end of the process."""

from __future__ import annotations

import json
import re
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi import FastAPI
from prometheus_client.openmetrics import parser as openmetrics
from prometheus_client.parser import text_string_to_metric_families

import rationanomaly.serve
from rationanomaly.errors import InfrastructureError, ParamsError
from rationanomaly.params import DEFAULTS, Params, load_params
from rationanomaly.review.connections import build_server
from rationanomaly.review.listening import is_loopback, listen
from rationanomaly.runs import model_registry
from rationanomaly.serve import launch
from rationanomaly.serve.metrics import Meter
from tests.served import metric, serving, with_serve
from tests.stream_double import DoubleEngine

MODEL = "models:/rationanomaly@champion"
NEXT = {"model": "models:/rationanomaly@next"}


@pytest.fixture(scope="module")
def defaults() -> Params:
    return load_params(DEFAULTS)


@pytest.fixture
def engine(tmp_path: Path) -> Iterator[DoubleEngine]:
    engine = DoubleEngine(tmp_path, ["job <*> done"])
    yield engine
    engine.close()


@pytest.fixture
def client(engine: DoubleEngine, defaults: Params) -> Iterator[httpx.Client]:
    with serving(engine, defaults, model=MODEL) as (client, _):
        yield client


def test_the_exposition_is_as_prometheus_wants_it(client: httpx.Client) -> None:
    client.post("/v1/lines", json={"lines": ["a", "b"]})
    client.get("/v1/no%0Asuch/page")
    answer = client.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=")
    families = list(text_string_to_metric_families(answer.text))
    assert len({family.name for family in families}) == len(families)
    for family in families:
        assert re.fullmatch(r"rationanomaly_[a-z_]+", family.name)
        assert family.documentation.endswith("."), family.name
        assert family.type in ("counter", "gauge", "histogram"), family.name
        # What `promtool check metrics` asks for: totals end so and nothing else does, seconds and bytes as units.
        assert not family.name.endswith("_total")
        assert not re.search("_(ms|milliseconds|minutes|kilobytes|count|bucket|sum)$", family.name)
        series = [(one.name, *sorted(one.labels.items())) for one in family.samples]
        assert len(set(series)) == len(series)
    assert metric(client, "rationanomaly_lines_total") == 2
    assert metric(client, "rationanomaly_alerts_total", {"kind": "line"}) == 2
    assert metric(client, "rationanomaly_ready") == 1
    assert metric(client, "rationanomaly_http_requests_total", {"route": "/v1/lines", "status": "200"}) == 1
    assert metric(client, "rationanomaly_http_requests_total", {"route": "other", "status": "404"}) == 1


def test_open_metrics_are_given_to_who_asks_for_them(client: httpx.Client) -> None:
    answer = client.get("/metrics", headers={"Accept": "application/openmetrics-text; version=1.0.0"})
    assert answer.headers["Content-Type"].startswith("application/openmetrics-text")
    assert list(openmetrics.text_string_to_metric_families(answer.text))  # type: ignore[no-untyped-call]


def test_paths_of_strangers_make_no_series(client: httpx.Client) -> None:
    for number in range(50):
        client.get(f"/v1/incidents/{number}")
        client.get(f"/{number}")
        client.request(f"VERB{number}", "/v1/lines")
    lines = [line for line in client.get("/metrics").text.splitlines() if "http_requests_total{" in line]
    assert len(lines) <= 4


def test_the_dashboard_asks_for_what_there_is(engine: DoubleEngine) -> None:
    dashboard = json.loads((Path(rationanomaly.serve.__path__[0]) / "grafana.json").read_text())
    asked: dict[str, set[str]] = {}
    for panel in dashboard["panels"]:
        for target in panel.get("targets", ()):
            [name] = re.findall(r"rationanomaly_[a-z_]+", target["expr"])
            labels = set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"]))
            grouped = re.findall(r"by \(([a-z, ]+)\)", target["expr"])
            asked.setdefault(name, set()).update(labels, *[one.split(", ") for one in grouped])
            assert '{job=~"$job"' in target["expr"]
            assert not grouped or labels <= set(grouped[0].split(", "))
    meter = Meter(engine, lambda: True)  # type: ignore[arg-type]
    meter.watch(lambda: 1.0, lambda: 2.0)
    meter.watch_sinks(lambda: {f"{kind}/mail": 1.0 for kind in ("sent", "failed", "dropped", "waiting")})
    meter.count_request("/v1/lines", "POST", 200, 0.1)
    meter.count_refusal("key")
    meter.count_records(1, 1)
    meter.count_swap("done")
    families = text_string_to_metric_families(meter.exposition("")[0].decode())
    given: dict[str, set[str]] = {}
    for sample in (sample for family in families for sample in family.samples):
        given.setdefault(sample.name, set()).update(sample.labels)
    for name, labels in asked.items():
        assert labels <= given[name], name
    grid = [tuple(panel["gridPos"].values()) for panel in dashboard["panels"]]
    assert len(set(grid)) == len(grid)
    assert len({panel["id"] for panel in dashboard["panels"]}) == len(dashboard["panels"])


def test_no_request_is_lost_while_the_model_is_changed(client: httpx.Client, engine: DoubleEngine) -> None:
    engine.loading.clear()
    with ThreadPoolExecutor(20) as pool:
        change = pool.submit(client.post, "/v1/model", json=NEXT)
        before = [pool.submit(client.post, "/v1/verdicts", json={"templates": ["job <*> done"]}) for _ in range(30)]
        versions = [one.result().json()["model"]["number"] for one in before]
        assert versions == ["1"] * 30
        during = [pool.submit(client.post, "/v1/lines", json={"lines": ["job 1 done"]}) for _ in range(30)]
        engine.loading.set()
        assert change.result().json()["number"] == "2"
        assert {one.result().status_code for one in during} == {200}
        assert {one.result().json()["model"]["number"] for one in during} <= {"1", "2"}
    assert client.post("/v1/verdicts", json={"templates": ["a"]}).json()["model"]["number"] == "2"
    assert sum(data.count(b"\n") for data in engine.taken.values()) == 30
    assert metric(client, "rationanomaly_model_info", {"number": "2"}) == 1
    assert metric(client, "rationanomaly_model_swaps_total", {"result": "done"}) == 1


def test_two_changes_at_once_are_one(client: httpx.Client, engine: DoubleEngine) -> None:
    engine.loading.clear()
    with ThreadPoolExecutor(2) as pool:
        both = [pool.submit(client.post, "/v1/model", json=NEXT) for _ in range(2)]
        # The one that is refused is answered while the other one loads.
        refused = next(one for one in _as_they_end(both))
        assert (refused.status_code, refused.headers["Retry-After"]) == (409, "10")
        engine.loading.set()
        assert sorted(one.result().status_code for one in both) == [200, 409]
    assert engine.swapped == [NEXT["model"]]


def _as_they_end(futures: list[Any]) -> Iterator[httpx.Response]:
    from concurrent.futures import as_completed

    yield from (one.result() for one in as_completed(futures, timeout=60))


def test_a_model_that_can_not_be_loaded_changes_nothing(client: httpx.Client) -> None:
    answer = client.post("/v1/model", json={"model": "models:/broken/1"})
    assert answer.status_code == 400
    assert "no such registered model version" in answer.json()["error"]["message"]
    assert client.get("/v1/model").json()["number"] == "1"
    assert metric(client, "rationanomaly_model_swaps_total", {"result": "failed"}) == 1


def test_an_alias_that_moves_is_followed(
    engine: DoubleEngine, defaults: Params, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    registry: dict[str, str | Exception] = {"digest": engine.version.digest}

    def digest_at(uri: str) -> str:
        assert uri == MODEL
        found = registry["digest"]
        if isinstance(found, Exception):
            raise found
        return found

    monkeypatch.setattr(model_registry, "digest_at", digest_at)
    with serving(engine, with_serve(defaults, registry_seconds=0), model=MODEL) as (client, service):
        service.switch.follow_alias()
        assert not engine.swapped
        registry["digest"] = InfrastructureError("the model registry does not answer")
        service.switch.follow_alias()
        assert "can't be followed for now" in caplog.text
        registry["digest"] = "d2" * 32
        service.switch.follow_alias()
        service.switch.follow_alias()
        assert engine.swapped == [MODEL]
        assert client.get("/readyz").json()["model"] == "rationanomaly/2"


def test_a_version_that_fails_to_load_is_not_tried_every_time(
    engine: DoubleEngine, defaults: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    tried: list[str] = []

    def fail(model: str) -> None:
        tried.append(model)
        raise InfrastructureError("disk full")

    monkeypatch.setattr(model_registry, "digest_at", lambda uri: "d9" * 32)
    monkeypatch.setattr(engine, "swap", fail)
    with serving(engine, with_serve(defaults, registry_seconds=0), model=MODEL) as (_, service):
        for _ in range(12):
            service.switch.follow_alias()
    assert len(tried) == 2


def test_nobody_can_use_it_from_elsewhere_without_a_key(defaults: Params, tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match=r"watch\.serve\.keys"):
        launch.serve("no-model", tmp_path, defaults, host="0.0.0.0")
    assert not is_loopback("10.0.0.1")
    assert is_loopback("::1")


def test_a_port_that_is_taken_is_said_before_a_model_is_loaded(defaults: Params, tmp_path: Path) -> None:
    with listen("127.0.0.1", 0) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(InfrastructureError, match=f"can't listen on 127.0.0.1:{port}"):
            launch.serve("no-model", tmp_path, defaults, port=port)


def test_a_signal_before_the_server_listens_to_signals_ends_it() -> None:
    with listen("127.0.0.1", 0) as listener:
        server = build_server(FastAPI())
        with launch._ending_by_signal(server):
            signal.raise_signal(signal.SIGTERM)
            server.run(sockets=[listener])
