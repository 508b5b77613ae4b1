"""Alerts and incidents against true episodes: what is found, what is false, and one incident for each episode."""

from __future__ import annotations

from typing import Any

from benchmarks.day_scores import BEHIND, score_day, without_repetitions
from rationanomaly.incidents.incident import Incident
from rationanomaly.signals.alert import Alert, AlertKind


def episode(identity: str, kind: str, start: float, end: float, **about: list[str]) -> dict[str, Any]:
    empty: dict[str, list[str]] = {"nodes": [], "templates": [], "sessions": []}
    return {"id": identity, "kind": kind, "start": start, "end": end} | empty | about


def alert(kind: AlertKind, time: float, subject: str = "s", **about: Any) -> Alert:
    return Alert(kind, subject, time, 0.5, "", **about)


def incident(identity: str, *alerts: Alert) -> Incident:
    first, last = alerts[0], alerts[-1]
    return Incident(
        identity, 1, "open", first.time, last.time, None, "", first, alerts, {}, 0, (), (), {}, ()
    )  # fmt: skip


TRUTH = [
    episode("burst-1", "burst", 1000, 1500, nodes=["n1"], templates=["a <*>"]),
    episode("fault-1", "fault", 5000, 5600, nodes=["n2", "n3"], templates=["dead"]),
]


def test_an_alert_belongs_by_time_and_by_what_it_is_about() -> None:
    alerts = [
        alert("burst", 1100, "1", template="a <*>"),
        alert("burst", 1100, "2", template="other"),
        alert("burst", 1500 + BEHIND + 1, "3", template="a <*>"),
        alert("drop", 5100, "4", node="n3"),
    ]
    scores = score_day(TRUTH, alerts, [])
    burst, fault = scores.episodes
    assert (burst.by_own_kind, burst.delay, burst.alert_kinds) == (True, 100, frozenset({"burst"}))
    assert (fault.by_own_kind, fault.alert_kinds) == (False, frozenset({"drop"}))
    assert scores.alerts == {"burst": 3, "drop": 1}
    assert scores.false_alerts == {"burst": 2}


def test_verdicts_on_lines_are_made_for_faults() -> None:
    (_, fault) = score_day(TRUTH, [alert("line", 5000, node="n2")], []).episodes
    assert fault.by_own_kind


def test_what_is_not_found_has_no_delay() -> None:
    assert [one.delay for one in score_day(TRUTH, [], []).episodes] == [None, None]


def test_one_incident_for_an_episode_is_about_nothing_else() -> None:
    first, second = alert("burst", 1100, "1", node="n1"), alert("line", 5100, "2", node="n2")
    other, stray = alert("line", 5200, "3", node="n3"), alert("drop", 9000, "4", node="n9")
    apart = score_day(TRUTH, [first, second, other, stray], [incident("i", first), incident("j", second, other)])
    assert [one.alone for one in apart.episodes] == [True, True]
    merged = score_day(TRUTH, [], [incident("i", first, second)])
    assert [one.alone for one in merged.episodes] == [False, False]
    split = score_day(TRUTH, [], [incident("i", second), incident("j", other), incident("k", stray)])
    assert [one.alone for one in split.episodes] == [False, False]
    assert (split.incidents, split.false_incidents) == (3, 1)


def test_a_repetition_is_no_other_alert() -> None:
    times = [0.0, 500.0, 1300.0, 1300.0 + BEHIND + 1]
    assert [one.time for one in without_repetitions(alert("burst", time) for time in times)] == [0.0, times[-1]]
    assert len(without_repetitions([alert("burst", 0, "a"), alert("burst", 1, "b"), alert("drop", 2, "a")])) == 3
