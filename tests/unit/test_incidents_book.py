"""The book of incidents: what belongs together, when it is news, when it is over, and that nothing is lost."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

import pytest

from rationanomaly.incidents.book import IncidentBook
from rationanomaly.incidents.incident import Incident
from rationanomaly.incidents.reading import read_incident, read_incidents, read_reasons, read_tail
from rationanomaly.signals.alert import Alert, AlertKind, LineRef
from tests.alerts import DAY, HOUR, MINUTE, alert, judged, open_book, settings
from tests.hostile import HOSTILE

Book = tuple[sqlite3.Connection, IncidentBook]


@pytest.fixture
def book() -> Book:
    return open_book()


def added(book: Book, *alerts: Alert) -> list[Incident]:
    """One batch as one transaction."""
    connection, one = book
    connection.execute("BEGIN IMMEDIATE")
    found = one.add(connection, alerts)
    connection.execute("COMMIT")
    return found


def all_of(book: Book) -> list[Incident]:
    return [one for brief in read_incidents(book[0]) if (one := read_incident(book[0], brief.id)) is not None]


# ---------------------------------------------------------------- what belongs together


@pytest.mark.parametrize(
    ("second", "reason"),
    [
        ({"at": 19 * MINUTE}, "the same again"),
        ({"at": 9 * MINUTE, "template": "fan <*> stopped"}, "same node"),
        ({"at": 19 * MINUTE, "node": "r77"}, "same template"),
        ({"at": 19 * MINUTE, "template": "job lost", "node": "x", "session": "blk_1"}, "same session"),
        ({"at": 5 * MINUTE, "template": "no answer from r01", "node": "r09"}, "names the node r01"),
        ({"at": 5 * MINUTE, "template": "disk <*> failed again", "node": "r09"}, "similar template"),
        ({"at": 50.0, "template": "power lost", "node": "r09"}, "at the same time"),
    ],
)
def test_alerts_that_belong_together_are_one_incident(book: Book, second: dict[str, Any], reason: str) -> None:
    added(book, alert(0, session="blk_1"))
    added(book, alert(**second))
    (incident,) = all_of(book)
    assert sum(incident.alert_counts.values()) == 2
    assert {shown.reason for shown in read_reasons(book[0], incident.id).values()} - {""} == (
        {reason} if reason != "the same again" else set()
    )


@pytest.mark.parametrize(
    "second",
    [
        {"at": 21 * MINUTE},
        {"at": 11 * MINUTE, "template": "fan <*> stopped"},
        {"at": 70.0, "template": "power lost", "node": "r09"},
        {"at": 5 * MINUTE, "template": "no answer from r011", "node": "r09"},
    ],
)
def test_alerts_that_have_too_little_in_common_are_two(book: Book, second: dict[str, Any]) -> None:
    added(book, alert(0))
    added(book, alert(**second))
    assert len(all_of(book)) == 2


def test_a_node_that_was_named_before_belongs_to_it(book: Book) -> None:
    added(book, alert(0, template="no answer from <*>", message="no answer from r55", node="switch"))
    added(book, alert(5 * MINUTE, "silent_node", None, "r55"))
    (incident,) = all_of(book)
    assert incident.nodes == ("switch", "r55")


def test_coincidence_says_nothing_where_two_incidents_are_at_hand(book: Book) -> None:
    added(book, alert(0), alert(100, template="power lost", node="r09"))
    assert len(all_of(book)) == 2
    added(book, alert(110, template="clock wrong", node="r44"))
    assert len(all_of(book)) == 2, "only the second one was at that time"
    added(book, alert(112))
    added(book, alert(115, template="queue full", node="r45"))
    assert len(all_of(book)) == 3


def test_coincidence_does_not_chain_a_day_to_one_incident(book: Book) -> None:
    words = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa", "lambda", "omega"]
    added(book, *(alert(50 * place, template=word, node=f"n-{word}") for place, word in enumerate(words)))
    assert len(all_of(book)) > 1


def quiet_day(book: Book) -> None:
    """A day of history without an incident."""
    book[1].observe(book[0], judged([(-24 * HOUR, "all is well"), (0, "all is well")]))


def test_a_fault_that_spreads_to_other_nodes_and_templates_is_one(book: Book) -> None:
    quiet_day(book)
    words = ["clock lost", "mount corrupt", "job aborted", "rank killed", "container crashed", "page unreadable"]
    for place, text in enumerate(words):
        added(book, alert(150.0 * place, template=text, node=f"n-{'abcdef'[place]}"))
    (incident,) = all_of(book)
    assert len(incident.nodes) == 6
    reasons = {shown.reason for shown in read_reasons(book[0], incident.id).values()}
    assert reasons == {"", "shortly after other abnormal lines"}


@pytest.mark.parametrize(("first", "second", "later"), [("line", "burst", 150.0), ("burst", "line", 150.0),
                                                        ("line", "line", 190.0)])  # fmt: skip
def test_what_is_no_fault_that_spreads_is_another(
    book: Book, first: AlertKind, second: AlertKind, later: float
) -> None:
    quiet_day(book)
    added(book, alert(0, first))
    added(book, alert(later, second, template="power lost", node="r09"))
    assert len(all_of(book)) == 2


def test_where_incidents_are_frequent_the_time_says_little(book: Book) -> None:
    quiet_day(book)
    for hour in range(40):
        added(book, alert(-HOUR * hour / 2, template=f"w{chr(97 + hour % 26) * (3 + hour)}", node=f"q{hour}x"))
    count = len(read_incidents(book[0]))
    added(book, alert(150, template="power lost", node="r09"))
    assert len(read_incidents(book[0])) == count + 1


def test_a_thing_that_lasts_is_one_incident(book: Book) -> None:
    """It is said again every `repeat_minutes`, at the next reading: some minutes later than that."""
    for place in range(4):
        added(book, alert(15.1 * MINUTE * place, "parameter"))
    (incident,) = all_of(book)
    assert incident.alert_counts == {"parameter": 4}


def test_a_whole_night_in_one_batch_is_parted(book: Book) -> None:
    night = [alert(hour * HOUR + second) for hour in range(5) for second in (0, 30)]
    found = added(book, *reversed(night))
    assert [one.state for one in found] == ["resolved"] * 4 + ["open"]
    assert [one.alert_counts for one in found] == [{"line": 2}] * 5
    assert [one.resolved for one in found[:4]] == [DAY + hour * HOUR + 30 + 20 * MINUTE for hour in range(4)]


def test_what_is_noticed_late_joins_what_was_there_then(book: Book) -> None:
    """A drop shows when its hour is over; the lines that it cites are of the time when it began."""
    added(book, alert(0))
    connection, one = book
    one.tick(connection, DAY + 30 * MINUTE)
    evidence = (LineRef("app.log", 9, DAY + 60, "r01", "tick"),)
    (incident,) = added(book, alert(HOUR, "drop", "tick", evidence=evidence))
    assert incident.alert_counts == {"line": 1, "drop": 1}
    assert (incident.state, incident.version) == ("open", 3)


def test_a_late_verdict_reopens_nothing_that_is_long_over(book: Book) -> None:
    added(book, alert(0))
    added(book, alert(10 * HOUR, template="other thing", node="r99"))
    before = read_incidents(book[0], "resolved")[0]
    (changed,) = added(book, alert(MINUTE, "new_template", "disk <*> failed", "r02"))
    assert (changed.id, changed.state, changed.version) == (before.id, "resolved", before.version)
    assert changed.nodes == ("r01", "r02")


# ---------------------------------------------------------------- when it is news


def test_versions_rise_where_it_matters(book: Book) -> None:
    (opened,) = added(book, alert(0))
    assert (opened.version, opened.state) == (1, "open")
    (same,) = added(book, alert(10))
    assert same.version == 1, "the same again is no news"
    (spread,) = added(book, alert(20, node="r02"))
    assert spread.version == 2, "twice as many nodes"
    (third,) = added(book, alert(30, node="r03"))
    assert third.version == 2
    (kind,) = added(book, alert(40, "burst"))
    assert kind.version == 3, "a kind of alert that it had not"
    (many,) = added(book, alert(50, lines=500))
    assert many.version == 4, "ten times as many lines"
    connection, one = book
    assert one.tick(connection, DAY + 50 + 20 * MINUTE) == []
    (over,) = one.tick(connection, DAY + 51 + 20 * MINUTE)
    assert (over.version, over.state, over.resolved) == (5, "resolved", DAY + 50 + 20 * MINUTE)
    assert one.tick(connection, DAY + 99 * HOUR) == []


def test_a_transaction_that_is_taken_back_leaves_nothing(book: Book) -> None:
    connection, one = book
    connection.execute("BEGIN IMMEDIATE")
    (first,) = one.add(connection, [alert(0)])
    connection.execute("ROLLBACK")
    assert all_of(book) == []
    (again,) = added(book, alert(0))
    assert (again.id, again.version) == (first.id, 1), "read again, it is the same incident"


def test_it_continues_after_a_restart(tmp_path: Path) -> None:
    connection, one = open_book(tmp_path / "stream.db")
    (first,) = one.add(connection, [alert(0)])
    connection.close()
    connection, one = open_book(tmp_path / "stream.db")
    (again,) = one.add(connection, [alert(60)])
    assert (again.id, again.version, again.alert_counts) == (first.id, 1, {"line": 2})


# ---------------------------------------------------------------- what it says


def test_it_knows_its_first_cause_nodes_lines_and_templates(book: Book) -> None:
    added(book, alert(60, lines=5), alert(90, template="fan <*> stopped", lines=2), alert(95, node="r02", lines=9))
    added(book, alert(0, "new_template", "disk <*> failed", lines=1))
    (incident,) = all_of(book)
    assert (incident.first_cause.kind, incident.opened, incident.updated) == ("new_template", DAY, DAY + 95)
    assert [one.time for one in incident.alerts] == sorted(one.time for one in incident.alerts)
    assert incident.nodes == ("r02", "r01")
    assert incident.lines == 16, "a line that stands in two kinds of alerts counts once"
    assert list(incident.templates.values()) == [14, 2]


def test_every_sentence_cites_lines_that_belong_to_it(book: Book) -> None:
    connection, one = book
    one.observe(connection, judged([(second, "all is well") for second in range(0, 300, 10)], node="r77"))
    added(book, *(alert(10.0 * place, node=f"r{place:02}", session=f"s{place}", lines=3) for place in range(6)))
    added(book, alert(70, "burst", text="Burst: 99 lines a minute, 3 are usual."), alert(80, "silent_node", None, "r77",
                                                                                      evidence=()))  # fmt: skip
    one.tick(connection, DAY + 2 * HOUR)
    (incident,) = all_of(book)
    said = "\n".join(sentence.text for sentence in incident.summary)
    assert all(sentence.lines for sentence in incident.summary)
    known = {line for one_alert in incident.alerts for line in one_alert.lines}
    assert {line for sentence in incident.summary for line in sentence.lines} <= known
    assert "It began at 2026-03-02 00:00:00 UTC with an abnormal line" in said
    assert "After r00 it showed on r01, r02, r03 and 3 more" in said
    assert "within 80 s" in said
    assert "18 lines of 1 template belong to it, in 6 sessions." in said
    assert "1 alert of the kind “burst” followed, the first at 2026-03-02 00:01:10 UTC: Burst: 99 lines" in said
    assert "resolved 20 min later" in said
    silent = next(one for one in incident.alerts if one.kind == "silent_node")
    assert [line.message for line in silent.lines] == ["all is well"], "its last line is evidence"


def test_it_says_what_differs_from_quiet_hours(book: Book) -> None:
    connection, one = book
    usual = [(hour * HOUR + 36 * place, "tick <*>") for hour in range(6) for place in range(100)]
    one.observe(connection, judged([*usual, *[(hour * HOUR, "hello") for hour in range(6)]]))
    hour = 6 * HOUR
    one.observe(connection, judged([(hour + place, "disk <*> failed") for place in range(40)], "abnormal"))
    one.observe(connection, judged([(hour + 1800 + place, "hello") for place in range(30)]))
    added(book, *(alert(hour + place) for place in range(40)))
    (incident,) = all_of(book)
    names = {incident.first_cause.template_id: "disk"} | {None: ""}
    by_text = {names.get(name, name): pair for name, pair in incident.baseline.items()}
    assert by_text.pop("disk") == (40.0, 0.0)
    assert sorted(now for now, _ in by_text.values()) == [0.0, 30.0]
    expected = max(usual for _, usual in by_text.values())
    assert expected == pytest.approx(100 * 1814 / 3600, abs=1), "the hour has lasted for half an hour"
    assert any("came in its hour, where quiet hours have none" in sentence.text for sentence in incident.summary)


def test_without_history_nothing_is_compared(book: Book) -> None:
    connection, one = book
    one.observe(connection, judged([(0, "tick <*>"), (HOUR, "tick <*>")]))
    added(book, alert(HOUR + 5))
    assert all_of(book)[0].baseline == {}


# ---------------------------------------------------------------- bounds and bad input


def test_a_storm_is_bounded_and_counted() -> None:
    book = open_book(max_open=3)
    added(
        book, *(alert(place / 10, template=f"w{'x' * (place % 50)}{place}", node=f"n{place}") for place in range(800))
    )
    found = all_of(book)
    assert sum(sum(one.alert_counts.values()) for one in found) == 800
    assert len(found) <= 3
    assert max(len(one.alerts) for one in found) <= 1002


def test_many_incidents_that_do_not_belong_together_stay_bounded() -> None:
    book = open_book(max_open=5, keep_resolved=4)
    for hour in range(10):
        added(book, *(alert(hour * HOUR + 100 * place, template=f"a{chr(98 + place) * 5}", node=f"node{place}")
                      for place in range(9)))  # fmt: skip
    open_ones = read_incidents(book[0], "open")
    assert len(open_ones) <= 5
    assert len(read_incidents(book[0], "resolved")) <= 4
    rows = book[0].execute("SELECT count(DISTINCT incident) FROM incidents_places").fetchone()[0]
    assert rows <= 9, "what is dropped is dropped everywhere"


def test_hostile_and_odd_alerts_are_taken(book: Book) -> None:
    odd = alert(0, template=HOSTILE, node="\x1b[2J", session="\u202e", text=HOSTILE * 50, subject=HOSTILE)
    lone = alert(1, "burst", "half \ud800 a character", text="\ud83d")
    timeless = Alert("drift", "stream", 1e18, float("nan"), "", (), None, None, None, None, {"lines": float("inf")})
    assert len(added(book, odd, lone, timeless)) == 2
    for incident in all_of(book):
        assert incident.as_row()["title"]


def test_the_tail_is_bounded_and_keeps_what_is_not_normal(book: Book) -> None:
    connection, _ = book
    one = IncidentBook(settings(tail_lines=50))
    one.observe(connection, judged([(0, "disk <*> failed")] * 60, "abnormal"))
    for minute in range(5):
        one.observe(connection, judged([(minute * 60 + place, "tick <*>") for place in range(40)]))
    tail = read_tail(connection, limit=1000)
    assert [line.number for line in tail] == sorted((line.number for line in tail), reverse=True)
    assert len([line for line in tail if line.answer == "normal"]) == 50
    assert len(read_tail(connection, show="abnormal", limit=1000)) == 50
    newest = tail[0].number
    assert read_tail(connection, after=newest) == []
    assert len(read_tail(connection, text="disk", limit=7)) == 7


def test_counts_by_hour_are_bounded(book: Book, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rationanomaly.incidents.history._TEMPLATES", 100)
    connection, one = book
    for batch in range(10):
        one.observe(connection, judged([(5, f"made up {batch} {place}") for place in range(90)] + [(5, "tick")] * 5))
    rows = connection.execute("SELECT count(*) FROM incidents_hours").fetchone()[0]
    assert rows <= 150
    kept = connection.execute("SELECT max(lines) FROM incidents_hours").fetchone()[0]
    assert kept == 50, "the frequent one is still counted"
    one.observe(connection, judged([(9 * 24 * HOUR, "tick")]))
    assert connection.execute("SELECT count(*) FROM incidents_hours").fetchone()[0] == 1


def test_the_same_templates_are_counted_each_time_where_many_are_as_frequent(
    book: Book, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rationanomaly.incidents.history._TEMPLATES", 100)
    connection, one = book
    lines = judged([(5, f"made up {place}") for place in range(1000)])
    one.observe(connection, lines)
    kept = connection.execute("SELECT template_id FROM incidents_hours ORDER BY template_id").fetchall()
    assert [row[0] for row in kept] == sorted(lines["template_id"])[:100]


def test_lines_without_a_time_count_when_they_came(book: Book) -> None:
    connection, one = book
    lines = judged([(0, "tick")] * 3).with_columns(time=None).cast(judged([]).schema)
    one.observe(connection, lines)
    assert connection.execute("SELECT hour, lines FROM incidents_hours").fetchall() == [(DAY // 3600, 3)]


def test_reading_waits_for_no_stream() -> None:
    connection = sqlite3.connect(":memory:")
    assert (read_incidents(connection), read_incident(connection, "x"), read_tail(connection)) == ([], None, [])
