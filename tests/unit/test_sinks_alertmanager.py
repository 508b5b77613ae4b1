"""Incidents in a real Alertmanager: firing, updated as the same alert, resolved, and there again after its restart."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from rationanomaly.params.watch.sinks import AlertmanagerSink
from rationanomaly.remote.http import RefusedError, UnreachableError
from rationanomaly.sinks.alertmanager import Alertmanager
from rationanomaly.sinks.message import Message, bounded
from tests.alertmanager import alertmanager
from tests.sink_incidents import HOSTILE, Receiver, incident, receiving


def message(version: int = 1, change: Any = "opened", **changes: Any) -> Message:
    made = incident(version=version, state="resolved" if change == "resolved" else "open", **changes)
    return Message(made.id, version, change, bounded(made), "line", "n1", "https://logs.example.org/incidents/i1")


@pytest.fixture(scope="module")
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, receiver: Receiver) -> Iterator[str]:
    with alertmanager(tmp_path_factory.mktemp("alertmanager"), receiver.url) as url:
        yield url


def sink(url: str, **changes: Any) -> Alertmanager:
    settings = {"kind": "alertmanager", "url": url, "labels": {"severity": "page"}} | changes
    return Alertmanager("pager", AlertmanagerSink.model_validate(settings), 60.0)


def alerts(url: str, identity: str) -> list[dict[str, Any]]:
    found = httpx.get(f"{url}/api/v2/alerts", params={"filter": f'incident="{identity}"'}).json()
    assert isinstance(found, list)
    return found


def notified(receiver: Receiver, identity: str) -> list[str]:
    """What it was notified of, of one incident."""
    found = [one for request in receiver.requests for one in request.json()["alerts"]]
    return [one["status"] for one in found if one["labels"]["incident"] == identity]


def test_an_incident_is_one_alert_from_its_beginning_to_its_end(server: str, receiver: Receiver) -> None:
    pager = sink(server)
    pager.send(message())
    pager.send(message(2, "updated", text="link down on n1 and n2", nodes=("n2", "n1")))
    (alert,) = alerts(server, "i1")
    assert alert["labels"] == {
        "alertname": "RationAnomalyIncident", "incident": "i1", "kind": "line", "node": "n1", "severity": "page",
    }  # fmt: skip
    assert alert["annotations"]["summary"] == "link down on n1 and n2"
    assert "app.log:7" in alert["annotations"]["description"]
    assert alert["generatorURL"] == "https://logs.example.org/incidents/i1"
    assert alert["status"]["state"] in ("active", "unprocessed")
    assert alert["startsAt"].startswith("1970-01-01T00:01:40")
    # Nobody is notified of the end of what was over before its beginning was sent.
    receiver.wait_until(lambda: notified(receiver, "i1"))
    pager.send(message(3, "resolved"))
    receiver.wait_until(lambda: notified(receiver, "i1")[-1:] == ["resolved"])
    assert notified(receiver, "i1")[0] == "firing"
    assert alerts(server, "i1") == []


def test_hostile_text_and_an_odd_clock_are_taken(server: str) -> None:
    pager = sink(server)
    node = HOSTILE * 20
    for identity, opened in (("h1", 4e12), ("h2", -1.0), ("h3", 1e300)):
        made = incident(identity, text=HOSTILE * 100, opened=opened)
        pager.send(Message(identity, 1, "opened", bounded(made), "line", node))
        (alert,) = alerts(server, identity)
        assert len(alert["labels"]["node"]) <= 200
        assert "\x1b" not in str(alert)
        assert alert["endsAt"] > time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime())


def test_an_open_incident_is_there_again_after_the_server_has_forgotten_it(server: str) -> None:
    pager = sink(server, refresh_seconds=30)
    pager.repeat([message(identity=f"r{number}") for number in range(250)])
    assert len(httpx.get(f"{server}/api/v2/alerts", params={"filter": 'incident=~"r.*"'}).json()) == 250


def test_a_server_that_refuses_or_is_away_says_which() -> None:
    with receiving() as receiver:
        receiver.answers = [(400, {}, b'"bad labels"'), (503, {"Retry-After": "7"}, b""), (200, {}, b"")]
        pager = sink(receiver.url)
        with pytest.raises(RefusedError, match='says 400: "bad labels"'):
            pager.send(message())
        with pytest.raises(UnreachableError, match="says 503: no explanation") as raised:
            pager.send(message())
        assert raised.value.retry_after == 7.0
        pager.send(message())
        assert receiver.requests[-1].path == "/api/v2/alerts"
    with pytest.raises(UnreachableError, match=r"the sink pager at 127\.0\.0\.1:1 can't be reached"):
        sink("http://127.0.0.1:1").send(message())


def test_the_token_is_sent_and_shown_in_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PAGER_TOKEN", "s3cret-t0ken")
    with receiving() as receiver:
        receiver.answers = [(401, {}, b"no such token: s3cret-t0ken"), (302, {"Location": "http://evil/"}, b"")]
        pager = sink(receiver.url, token="PAGER_TOKEN")
        with pytest.raises(UnreachableError, match="Check the token") as raised:
            pager.send(message())
        assert "s3cret" not in str(raised.value)
        assert receiver.requests[0].headers["authorization"] == "Bearer s3cret-t0ken"
        with pytest.raises(UnreachableError, match="says 302"):
            pager.send(message())
        assert len(receiver.requests) == 2
