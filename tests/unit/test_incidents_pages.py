"""Marks and the routes of the pages: doors, refusals, escapes. `tests/end_to_end` drives them in a browser."""

from __future__ import annotations

import atexit
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from functools import cache
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from rationanomaly.decisions.ledger import read_ledger
from rationanomaly.decisions.precedents import Precedents
from rationanomaly.errors import InfrastructureError, InputError
from rationanomaly.incidents.book import IncidentBook
from rationanomaly.incidents.incident import Incident
from rationanomaly.incidents.launch import build_app
from rationanomaly.incidents.marks import Mark, mark, read_marks
from rationanomaly.incidents.opening import reading
from rationanomaly.incidents.reading import read_incident, read_incidents
from rationanomaly.params import DEFAULTS_NAME, load_params
from rationanomaly.review.access import Access
from rationanomaly.review.desk import Member
from rationanomaly.stream.watching import Watch
from tests.alerts import DAY, HOUR, MINUTE, alert, open_book, settings
from tests.hostile import unsafe_in
from tests.incident_stream import HOSTILE, LINK, TICK, write_day

DISK = "disk <*> failed"
HTMX = {"HX-Request": "true"}


class Desk:
    """A book with one database, whose marks go to a ledger; its clock stands at the beginning of `DAY`."""

    def __init__(self, folder: Path) -> None:
        self.ledger = folder / "ledger.jsonl"
        self.connection, self.book = open_book(folder / "stream.db")

    def add(self, *alerts: Any) -> Incident:
        return self.book.add(self.connection, alerts)[-1]

    def say(self, incident: Incident, what: Mark, subject: str | None = None, **more: Any) -> list[Incident]:
        wanted = {"until": DAY + 30 * 86400 if what == "wrong" else DAY + 3600, **more}
        who = wanted.pop("who", "ada")
        return mark(self.connection, self.ledger, incident.id, subject, what, who, now=DAY, **wanted)

    def read(self, incident: Incident) -> Incident:
        found = read_incident(self.connection, incident.id)
        assert found is not None
        return found


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


# ---------------------------------------------------------------- marks


@pytest.mark.parametrize(("said", "label"), [("wrong", "normal"), ("right", "abnormal")])
def test_right_and_wrong_are_precedents_at_once(desk: Desk, said: Mark, label: str) -> None:
    incident = desk.add(alert(0, template=DISK))
    desk.say(incident, said, comment="seen on the floor")
    ledger = read_ledger(desk.ledger)
    assert not ledger.problems
    citation = Precedents().under(ledger).find(DISK)
    assert citation is not None
    assert citation.precedent.label == label
    assert ledger.entries[0].decision.comment == f"seen on the floor (incident {incident.id})"


def test_an_incident_of_which_all_is_wrong_is_over_and_comes_back_when_taken_back(desk: Desk) -> None:
    incident = desk.add(alert(0, template=DISK), alert(1, "burst", DISK, subject="b"))
    assert desk.say(incident, "wrong", "b") == []
    (over,) = desk.say(incident, "wrong", incident.first_cause.subject)
    assert (over.state, over.version) == ("resolved", 2)
    (announced,) = desk.book.tick(desk.connection, DAY + 5)
    assert announced.id == incident.id, "sinks hear of it"
    assert desk.book.tick(desk.connection, DAY + 5) == []
    (again,) = desk.say(incident, "right", "b")
    assert (again.state, again.version) == ("open", 3)


def test_what_is_said_of_a_template_holds_in_other_incidents(desk: Desk) -> None:
    one = desk.add(alert(0, template=DISK, node="r01"))
    desk.book.tick(desk.connection, DAY + 21 * MINUTE)
    other = desk.add(alert(25 * MINUTE, template=DISK, node="r02"))
    assert one.id != other.id
    changed = desk.say(one, "wrong")
    assert other.id in {incident.id for incident in changed}
    assert desk.read(other).state == "resolved"


def test_a_signal_that_is_wrong_is_held_back_and_decides_no_label(desk: Desk) -> None:
    incident = desk.add(alert(0, "burst", DISK, subject="b"))
    desk.say(incident, "wrong")
    assert not desk.ledger.exists()
    assert desk.book.add(desk.connection, [alert(60, "burst", DISK, subject="b")]) == []
    assert read_marks(desk.connection, desk.read(incident), DAY)[("burst", "b")][0].held_back == 1
    later = IncidentBook(settings(), clock=lambda: DAY + 31 * 86400)
    assert len(later.add(desk.connection, [alert(70, "burst", DISK, subject="b")])) == 1


def test_a_muted_alert_is_no_news_until_its_date(desk: Desk) -> None:
    incident = desk.add(alert(0, template=DISK))
    (muted,) = desk.say(incident, "muted", incident.first_cause.subject)
    assert (muted.state, muted.muted_until, muted.version) == ("muted", DAY + 3600, 2)
    assert [one.state for one in desk.book.tick(desk.connection, DAY + 1)] == ["muted"]
    assert desk.add(alert(5, template=DISK, lines=5000)).version == 2
    later = IncidentBook(settings(), clock=lambda: DAY + 3601)
    assert [(one.state, one.version) for one in later.tick(desk.connection, DAY + 10)] == [("open", 3)]
    assert desk.read(incident).muted_until is None


def test_marks_end_by_the_clock_of_the_stream(desk: Desk) -> None:
    desk.say(desk.add(alert(0, template=DISK)), "muted")
    Watch.prepare(desk.connection)

    def state(clock: float, at: float) -> str:
        """Of the incident that an alert belongs to, in a stream whose clock stands somewhere."""
        watch = Watch(load_params(Path(DEFAULTS_NAME)), [], clock=lambda: clock)
        return watch.note(desk.connection, [alert(at, template=DISK)])[-1].state

    assert state(DAY + 3500, 2 * HOUR) == "muted"
    assert state(DAY + 3700, 4 * HOUR) == "open"


def test_something_new_opens_an_incident_whose_alerts_are_muted_but_not_a_muted_incident(desk: Desk) -> None:
    first = desk.add(alert(0, template=DISK))
    desk.say(first, "muted", first.first_cause.subject)
    assert desk.add(alert(5, template=DISK, node="r02")).state == "open"
    desk.say(first, "muted")
    assert desk.add(alert(6, template=DISK, node="r03")).state == "muted"
    desk.book.tick(desk.connection, DAY + 20 * MINUTE)
    again = desk.add(alert(30 * MINUTE, template=DISK, node="r02"))
    assert (again.state, again.id == first.id) == ("muted", False), "tomorrow's, too, until the date"


def test_a_ledger_that_cannot_be_written_leaves_everything_as_it_was(desk: Desk, tmp_path: Path) -> None:
    incident = desk.add(alert(0, template=DISK))
    (tmp_path / "file").touch()
    desk.ledger = tmp_path / "file" / "ledger.jsonl"
    with pytest.raises(InfrastructureError):
        desk.say(incident, "wrong")
    assert desk.read(incident).state == "open"
    assert read_marks(desk.connection, desk.read(incident), DAY) == {}


def test_each_reviewer_has_a_file_in_a_folder(desk: Desk, tmp_path: Path) -> None:
    desk.ledger = tmp_path / "ledger"
    desk.ledger.mkdir()
    desk.say(desk.add(alert(0, template=DISK)), "right", who="../eve")
    assert [path.name for path in desk.ledger.iterdir()] == ["___eve.jsonl"]


@pytest.mark.parametrize(
    "wrong",
    [{"subject": "none such"}, {"until": DAY - 1}, {"until": None}, {"until": float("nan")}, {"who": " "},
     {"who": "a\x1b[2J"}, {"kind": "burst"}],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(desk: Desk, wrong: dict[str, Any]) -> None:
    incident = desk.add(alert(0, template=DISK))
    with pytest.raises(InputError):
        desk.say(incident, "muted", **wrong)


# ---------------------------------------------------------------- pages


@cache
def day() -> Path:
    """The database of `write_day`, made once."""
    database = Path(tempfile.mkdtemp()) / "stream.db"
    atexit.register(shutil.rmtree, database.parent)
    write_day(database)
    return database


class Room:
    """The pages of a day, and clients for them."""

    def __init__(self, folder: Path, ledger: bool = True) -> None:
        self.database, self.ledger = folder / "stream.db", folder / "ledger.jsonl"
        shutil.copy(day(), self.database)
        self.access = Access([Member("ada"), Member("eve", senior=True)])
        self.app = build_app(self.database, self.ledger if ledger else None, self.access, ["desk"])
        self.tokens = {member.name: token for token, member in self.access.links.items()}

    def stranger(self) -> TestClient:
        return TestClient(self.app, "http://desk")

    def enter(self, name: str = "ada") -> TestClient:
        client = self.stranger()
        assert client.get(f"/incidents/enter?once={self.tokens[name]}").status_code == 200
        return client

    def incidents(self) -> list[Incident]:
        return read_incidents(sqlite3.connect(self.database))

    def of(self, template: str) -> Incident:
        return next(one for one in self.incidents() if one.first_cause.template == template)


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


@pytest.fixture
def ada(room: Room) -> Iterator[TestClient]:
    with room.enter() as client:
        yield client


def form(page: str, choice: str, **more: str) -> dict[str, str]:
    """The fields of the mark form of a page."""
    hidden = dict(re.findall(r'<input type="hidden" name="(\w+)" value="(\w+)">', page))
    until = re.findall(r'name="until" value="([^"]+)"', page)[0]
    return {**hidden, "until": until, "choice": choice, "comment": "", **more}


def test_a_link_opens_once(room: Room) -> None:
    ada = room.enter()
    assert "rack7-sw2" in ada.get("/").text
    assert room.stranger().get(f"/incidents/enter?once={room.tokens['ada']}").status_code == 401
    assert ada.get(f"/incidents/enter?once={room.tokens['ada']}").status_code == 200


def test_strangers_see_nothing(room: Room) -> None:
    identity = room.of(LINK).id
    for path in ("/incidents", f"/incidents/{identity}", "/incidents/tail", f"/incidents/{identity}/news"):
        answer = room.stranger().get(path)
        assert answer.status_code == 401
        assert "rack7" not in answer.text
        assert "Open the link" in answer.text
    assert room.stranger().post(f"/incidents/{identity}/mark", data={"choice": "wrong"}).status_code == 401
    assert not room.ledger.exists()


def test_other_sites_other_hosts_and_odd_requests_are_refused(room: Room, ada: TestClient) -> None:
    path = f"/incidents/{room.of(LINK).id}/mark"
    assert ada.post(path, data={}, headers={"Origin": "http://evil.example"}).status_code == 403
    for odd in ("null", "http://[", "http://desk@evil.example", "desk", ""):
        assert ada.post(path, data={}, headers={"Origin": odd}).status_code == 403
    assert ada.get("/incidents", headers={"Host": "evil.example"}).status_code == 400
    assert ada.post(path, content=b"x" * 100_000).status_code == 413
    assert ada.post(path, content=b"&".join(b"a=1" for _ in range(50))).status_code == 400
    assert ada.get("/incidents/none-such").status_code == 404
    assert ada.get("/incidents/static/../pages.py").status_code == 404
    assert ada.get("/incidents/static/pages.py").status_code == 404
    assert "NOT STORED" in ada.post(path, data={"choice": "nonsense"}).text
    assert "NOT STORED" in ada.post(path, data={"choice": "muted", "key": "x", "until": "9" * 400}).text
    assert ada.get(f"/incidents/{room.of(LINK).id}?alert=-99999999999999999999").status_code == 200
    for answer in (ada.get("/incidents"), ada.get("/incidents/none-such"), room.stranger().get("/incidents")):
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert answer.headers["Cache-Control"] == "no-store"


def test_hostile_text_is_inert_on_every_page(room: Room, ada: TestClient) -> None:
    incident = room.of(HOSTILE)
    paths = ["", "/tail", f"/{incident.id}", f"/{incident.id}?alert=2", "?state=%22x"]
    paths.append("/tail?q=%3Cscript%3E%22%27%0d%0a%E2%80%AE&show=%22onload=")
    for path in paths:
        page = ada.get(f"/incidents{path}")
        assert page.status_code == 200
        assert not re.search(r"<script(?! src=)|<img|<b>node13|<i>s</i>| onerror=alert\(1\)>", page.text)
        # What somebody typed goes back into its field as it was.
        assert not unsafe_in(re.sub(r'type="search" value="[^"]*"', "", page.text))
    assert "U+202E" in ada.get(f"/incidents/{incident.id}").text


def test_a_mark_by_htmx_goes_to_the_ledger(room: Room, ada: TestClient) -> None:
    path = f"/incidents/{room.of(LINK).id}"
    fields = form(ada.get(path).text, "right", comment="the cable came off")
    answer = ada.post(f"{path}/mark", data=fields, headers=HTMX)
    assert "Stored in the ledger: the template is abnormal" in answer.text
    assert "right, ada" in answer.text
    (entry,) = read_ledger(room.ledger).entries
    assert (entry.decision.decision, entry.decision.template, entry.decision.round) == ("abnormal", LINK, "independent")


def test_a_plain_form_is_led_on_and_a_senior_has_the_last_word(room: Room) -> None:
    eve = room.enter("eve")
    path = f"/incidents/{room.of(LINK).id}"
    answer = eve.post(f"{path}/mark", data=form(eve.get(path).text, "wrong"), follow_redirects=False)
    assert (answer.status_code, answer.headers["Location"]) == (303, f"{path}?alert=1")
    assert read_ledger(room.ledger).entries[0].decision.round == "senior"


def test_an_incident_that_is_dropped_while_it_is_read_is_read_to_its_end(room: Room) -> None:
    identity = room.of(LINK).id
    with sqlite3.connect(room.database) as connection:
        connection.execute("PRAGMA journal_mode = WAL")  # As the stream does.
    with reading(room.database) as looking, sqlite3.connect(room.database) as connection:
        before = read_incident(looking, identity)
        connection.execute("DELETE FROM incidents_alerts")
        connection.commit()
        assert read_incident(looking, identity) == before is not None


def test_a_date_with_a_zone_is_of_that_zone(room: Room, ada: TestClient) -> None:
    path = f"/incidents/{room.of(LINK).id}"
    fields = form(ada.get(path).text, "muted", until="2051-01-01T08:00+14:00")
    said = ada.post(f"{path}/mark", data=fields, headers=HTMX).text
    assert "is muted until 2050-12-31 18:00 UTC" in said


def test_the_whole_incident_is_muted_by_one_form(room: Room, ada: TestClient) -> None:
    path = f"/incidents/{room.of(TICK).id}"
    page = ada.get(path).text
    assert "hold it back" in page
    answer = ada.post(f"{path}/mark", data=form(page, "muted/all"), headers=HTMX).text
    assert "The incident is muted until" in answer
    assert room.of(TICK).state == "muted"
    assert 'class="muted"' in ada.get("/incidents?state=muted").text


def test_a_full_disk_is_said_and_the_form_is_kept(room: Room, ada: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("rationanomaly.decisions.appending.os.fsync", full)
    path = f"/incidents/{room.of(LINK).id}"
    fields = form(ada.get(path).text, "right", comment="the cable < 5 m\n", until="2031-03-09T08:00")
    page = ada.post(f"{path}/mark", data=fields, headers=HTMX).text
    assert "NOT STORED" in page
    assert "No space left on device" in page
    assert ">the cable &lt; 5 m\n</textarea>" in page
    assert 'value="2031-03-09T08:00"' in page
    assert not room.ledger.read_text()


def test_without_a_ledger_no_label_is_decided(tmp_path: Path) -> None:
    room = Room(tmp_path, ledger=False)
    ada = room.enter()
    path = f"/incidents/{room.of(LINK).id}"
    assert "--ledger" in ada.post(f"{path}/mark", data=form(ada.get(path).text, "wrong"), headers=HTMX).text
    assert room.of(LINK).state == "open"


def test_news_come_when_there_are_some(room: Room, ada: TestClient) -> None:
    incident = room.of(LINK)
    path = f"/incidents/{incident.id}/news?version={incident.version}&alerts={sum(incident.alert_counts.values())}"
    assert ada.get(path).status_code == 204
    connection = sqlite3.connect(room.database, isolation_level=None)
    IncidentBook(settings()).add(connection, [alert(6 * 3600 + 430, template=LINK, node="rack7-sw2")])
    assert "There is more: 1 alert." in ada.get(path).text


def test_the_tail_gives_what_came_since(room: Room, ada: TestClient) -> None:
    page = ada.get("/incidents/tail").text
    newest = re.findall(r'data-newest="(\d+)"', page)[0]
    assert ada.get(f"/incidents/tail?after={newest}").status_code == 204
    only = ada.get("/incidents/tail?show=abnormal&q=nfs").text
    assert "not responding" in only
    assert "link down" not in only
    assert "heartbeat" not in ada.get("/incidents/tail?show=abnormal").text
    assert 'hx-trigger="every' not in ada.get("/incidents/tail?paused=1").text.partition('id="tail"')[2]


def test_pages_wait_for_a_stream_and_say_when_its_database_is_none(tmp_path: Path) -> None:
    access = Access([Member("ada")])
    app = build_app(tmp_path / "stream.db", None, access, ["desk"])
    client = TestClient(app, "http://desk")
    client.get(f"/incidents/enter?once={next(iter(access.links))}")
    assert "No stream has been started" in client.get("/incidents").text
    assert "No line yet" in client.get("/incidents/tail").text
    (tmp_path / "stream.db").write_bytes(b"no database" * 1000)
    answer = client.get("/incidents")
    assert answer.status_code == 503
    assert "can't be used" in unescape(answer.text)
