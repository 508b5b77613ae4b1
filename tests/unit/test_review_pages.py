"""The routes of the review page: doors, blindness, refusals. `tests/end_to_end` drives it in a browser."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Event

import pytest
from starlette.testclient import TestClient

from rationanomaly import records
from rationanomaly.decisions.ledger import read_ledger
from rationanomaly.review.access import Access
from rationanomaly.review.app import build_app
from rationanomaly.review.context import TemplateContext
from rationanomaly.review.desk import Desk, Member
from rationanomaly.text.untrusted import InertFormatter
from tests.hostile import HOSTILE, unsafe_in
from tests.template_table import template_table

MEMBERS = [Member("ada"), Member("bob"), Member("eve", senior=True)]
TEXTS = ["disk <*> failed", "disk <*> failed twice", "job done"]
HTMX = {"HX-Request": "true"}
Enter = Callable[..., TestClient]


class Room:
    """A desk with its pages, and a client for each member."""

    def __init__(
        self, folder: Path, texts: Sequence[str] = TEXTS, dataset: str = "site", open_desk: bool = False
    ) -> None:
        table = template_table([(dataset, text, "normal") for text in texts])
        records.write_table(folder / records.TEMPLATES, table, records.TEMPLATES_SCHEMA)
        records.write_table(folder / records.LINES, records.LINES_SCHEMA.to_frame(), records.LINES_SCHEMA)
        self.desk = Desk(table, folder / "ledger.jsonl")
        self.access = Access(MEMBERS, open_desk)
        self.tokens = {member.name: token for token, member in self.access.links.items()}
        self.context = TemplateContext(folder, table, self.desk.items)
        self.app = build_app(self.desk, self.context, self.access, ["desk"])

    def stranger(self) -> TestClient:
        return TestClient(self.app, "http://desk")

    def enter(self, name: str) -> TestClient:
        client = self.stranger()
        assert client.get(f"/enter?once={self.tokens[name]}").status_code == 200
        return client

    def decide(self, client: TestClient, row: int, choice: str, round_: str = "independent", **more: str) -> str:
        fields = {"template": self.desk.items[row].key, "round": round_, "choice": choice, **more}
        return client.post("/decide", data=fields).text


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return Room(tmp_path)


def test_a_link_opens_as_the_log_shows_it(room: Room) -> None:
    for _, link in list(room.access.entrances("desk")):
        record = logging.makeLogRecord({"msg": "ada: %s", "args": (link,)})
        shown = InertFormatter("%(message)s").format(record).removeprefix("ada: ")
        assert room.stranger().get(shown).status_code == 200


def test_a_link_opens_once(room: Room) -> None:
    ada = room.enter("ada")
    assert "disk" in ada.get("/independent").text
    assert room.stranger().get(f"/enter?once={room.tokens['ada']}").status_code == 401
    assert ada.get(f"/enter?once={room.tokens['ada']}").status_code == 200, "the same browser is still in"


@pytest.mark.parametrize(
    "path", ["/", "/independent", "/agreement", "/find", "/jump?number=1", "/lines/x", "/near-duplicates/x", "/panel/x"]
)
def test_strangers_see_nothing(room: Room, path: str) -> None:
    answer = room.stranger().get(path)
    assert answer.status_code == 401
    assert "disk" not in answer.text
    assert room.stranger().post("/decide", data={}).status_code == 401
    assert room.stranger().post("/enter", data={"name": "ada"}).status_code == 401


def test_an_open_desk_asks_for_a_name(tmp_path: Path) -> None:
    room = Room(tmp_path, open_desk=True)
    client = room.stranger()
    assert "Your name" in client.get("/", follow_redirects=True).text
    assert "zoe" in client.post("/enter", data={"name": " zoe "}).text
    room.decide(client, 0, "normal")
    assert room.desk.progress(Member("zoe")).done == 1


def test_other_sites_and_other_host_names_are_refused(room: Room) -> None:
    ada = room.enter("ada")
    assert ada.post("/decide", data={}, headers={"Origin": "http://evil.example"}).status_code == 403
    assert ada.get("/independent", headers={"Host": "evil.example"}).status_code == 400
    policy = ada.get("/independent").headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy


def test_independent_review_is_blind(room: Room) -> None:
    ada, bob, eve = (room.enter(member.name) for member in MEMBERS)
    room.context.prepare_near_duplicates()
    room.decide(ada, 0, "abnormal/network issue", comment="the cable came off")
    identity = room.desk.items[0].template_id
    for path in (
        f"/independent/{identity}",
        f"/lines/{identity}",
        f"/near-duplicates/{identity}",
        "/find",
        f"/panel/{identity}",
        "/panel",
    ):
        text = bob.get(path).text
        assert "cable" not in text
        assert "network issue</span>" not in text
    room.decide(bob, 0, "normal")
    assert "the cable came off" in bob.get("/panel").text
    assert "the cable came off" in eve.get(f"/senior/{identity}").text


def test_a_decision_answers_with_the_next_card_and_its_address(room: Room) -> None:
    ada = room.enter("ada")
    fields = {"template": room.desk.items[0].key, "round": "independent", "choice": "normal"}
    answer = ada.post("/decide", data=fields, headers=HTMX)
    assert answer.headers["HX-Push-Url"] == f"/independent/{room.desk.items[1].template_id}"
    assert "<html" not in answer.text
    assert "1 of 3" in answer.text


def test_a_decision_out_of_turn_is_refused_in_words(room: Room) -> None:
    ada = room.enter("ada")
    assert "The panel only looks at" in room.decide(ada, 0, "normal", "panel")
    assert "Only a senior" in room.decide(ada, 0, "normal", "senior")
    assert "no decision that the ledger knows" in room.decide(ada, 0, "perhaps")
    assert ada.post("/decide", data={"template": "x", "round": "independent"}).status_code == 404
    assert ada.post("/decide", content=b"x" * 100_000).status_code == 413
    assert ada.get("/nowhere").status_code == 404


def test_a_full_disk_is_reported_and_nothing_is_taken_as_decided(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = room.enter("ada")

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    room.decide(ada, 1, "normal")
    monkeypatch.setattr("rationanomaly.decisions.appending.os.fsync", full)
    for headers in ({}, HTMX):
        fields = {"template": room.desk.items[0].key, "round": "independent", "choice": "normal"}
        page = ada.post("/decide", data={**fields, "comment": "the fan < 5 V\n"}, headers=headers).text
        assert "NOT STORED" in page
        assert "No space left on device" in page
        assert f'data-template="{room.desk.items[0].key}"' in page
        assert ">the fan &lt; 5 V\n</textarea>" in page, "what was typed is still there"
    assert "NOT STORED" in ada.post("/undo").text
    room.desk.refresh()
    assert room.desk.progress(MEMBERS[0]).done == 1


def test_a_disk_that_fails_in_an_odd_way_is_reported_too(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    ada = room.enter("ada")

    def broken(_descriptor: int) -> None:
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("rationanomaly.decisions.appending.os.fsync", broken)
    assert "NOT STORED. [Errno 5]" in room.decide(ada, 0, "normal")


def test_a_ledger_that_is_gone_is_said(room: Room, tmp_path: Path) -> None:
    ada = room.enter("ada")
    (tmp_path / "ledger.jsonl").rename(tmp_path / "away.jsonl")
    answer = ada.get("/independent")
    assert answer.status_code == 503
    assert "ledger.jsonl: can&#39;t be read" in answer.text
    assert "NOT STORED" in room.decide(ada, 0, "normal", comment="kept")
    (tmp_path / "away.jsonl").rename(tmp_path / "ledger.jsonl")
    assert ada.get("/independent").status_code == 200


@pytest.mark.parametrize("name", ["ada", None])
@pytest.mark.parametrize("path", ["/enter", "/decide", "/undo"])
def test_an_odd_form_is_refused_with_or_without_a_cookie(room: Room, name: str | None, path: str) -> None:
    client = TestClient(room.app, "http://desk", raise_server_exceptions=False)
    if name is not None:
        client.get(f"/enter?once={room.tokens[name]}")
    many = b"&".join(b"a%d=1" % number for number in range(1000))
    for body in (
        many,
        b"a=1;" * 1000,
        b"\xff%ff%00=%ed%a0%80",
        b"&" * 60_000,
    ):
        assert client.post(path, content=body).status_code < 500
    for origin in ("http://[", "null", "", "desk", "http://desk@evil.example", "x" * 9999):
        assert client.post(path, headers={"Origin": origin}).status_code == 403
    for cookie in ("review=\xff", "review", "=;=;", "review=" + "x" * 4000):
        assert client.post(path, headers=[(b"Cookie", cookie.encode("latin-1"))]).status_code < 500


def test_reviewers_who_decide_at_the_same_time_lose_nothing(room: Room, tmp_path: Path) -> None:
    clients = [room.enter(member.name) for member in MEMBERS]

    def decide_often(client: TestClient) -> None:
        for number in range(30):
            assert "NOT STORED" not in room.decide(client, number % 3, "abnormal" if number % 2 else "normal")

    with ThreadPoolExecutor(len(clients)) as together:
        list(together.map(decide_often, clients))
    ledger = read_ledger(tmp_path / "ledger.jsonl")
    assert Counter(entry.decision.reviewer for entry in ledger.entries) == {"ada": 30, "bob": 30, "eve": 30}
    assert not [problem for problem in ledger.problems if not problem.counts]
    assert [room.desk.resolution(item).label for item in room.desk.items] == ["abnormal", "normal", "abnormal"]


def test_undo_jump_find_and_the_end(room: Room) -> None:
    ada = room.enter("ada")
    assert "nothing to take back" in ada.post("/undo").text
    for row in range(3):
        text = room.decide(ada, row, "normal")
    assert "All 3 judged" in text
    assert "Decide anew" in ada.post("/undo", headers=HTMX).text
    assert f'data-template="{room.desk.items[2].template_id}"' in ada.get("/jump?number=99").text
    found = ada.get("/find?q=TWICE").text
    assert "failed twice" in found
    assert "job done" not in found


def test_hostile_text_does_nothing_on_any_page(tmp_path: Path) -> None:
    room = Room(tmp_path, [HOSTILE, f"{HOSTILE} twice"], dataset=HOSTILE)
    ada, bob = room.enter("ada"), room.enter("bob")
    room.context.prepare_near_duplicates()
    room.decide(ada, 0, "abnormal", comment=HOSTILE)
    room.decide(bob, 0, "normal", comment=f"two\r\nlines {HOSTILE}")
    key = room.desk.items[0].key
    paths = (
        f"/panel/{key}",
        f"/independent/{room.desk.items[1].key}",
        f"/near-duplicates/{key}",
        "/agreement",
        "/find",
    )
    for path in paths:
        page = ada.get(path).text
        assert not unsafe_in(page), path
        assert "<script>alert" not in page
    assert "U+202E" in ada.get(f"/panel/{key}").text


def test_what_somebody_typed_goes_back_into_its_field_unchanged(room: Room) -> None:
    ada = room.enter("ada")
    room.decide(ada, 0, "normal", comment="\u26a0\ufe0f hot")
    assert ">\u26a0\ufe0f hot</textarea>" in ada.get(f"/independent/{room.desk.items[0].key}").text
    assert 'value="\u26a0\ufe0f"' in ada.get("/find?q=\u26a0\ufe0f").text


def test_the_dashboard_shows_agreement_and_corrections(room: Room) -> None:
    ada, bob = room.enter("ada"), room.enter("bob")
    assert "undefined" in ada.get("/agreement").text
    for row, (one, other) in enumerate([("abnormal/other", "abnormal/other"), ("abnormal", "normal"), ("normal",) * 2]):
        room.decide(ada, row, one)
        room.decide(bob, row, other)
    text = ada.get("/agreement").text
    # Shares 1/2 and 1/2, observed 2/3: κ = 1/3.
    assert "0.333" in text
    assert '<td>other</td><td class="n">1</td>' in text


def test_similar_templates_are_shown_with_the_label_of_the_log(room: Room) -> None:
    ada = room.enter("ada")
    room.context.prepare_near_duplicates()
    text = ada.get(f"/near-duplicates/{room.desk.items[0].key}").text
    assert "failed twice" in text
    assert "job done" not in text


def test_similar_templates_keep_nobody_waiting(room: Room, monkeypatch: pytest.MonkeyPatch) -> None:
    gate, done, prepare = Event(), Event(), room.context.prepare_near_duplicates

    def prepare_late() -> None:
        gate.wait(60)
        prepare()
        done.set()

    monkeypatch.setattr(room.context, "prepare_near_duplicates", prepare_late)
    ada, address = room.enter("ada"), f"/near-duplicates/{room.desk.items[0].key}"
    assert f'hx-get="{address}"' in ada.get(address).text, "it asks again"
    gate.set()
    assert done.wait(60)
    assert "failed twice" in ada.get(address).text


def test_lines_are_put_together_with_the_lines_around_them(tmp_path: Path) -> None:
    room = Room(tmp_path)
    ids = [room.desk.items[index].template_id for index in (2, 0, 2)]
    lines = records.LINES_SCHEMA.to_frame().clear()
    rows = {
        "line": [1, 2, 3], "time": [None] * 3, "node": [None] * 3, "alert": [None] * 3,
        "level": [None] * 3, "logger": [None] * 3, "thread": [None] * 3,
        "template_id": ids, "parameters": [[], ["sd<a>"], []],
    }  # fmt: skip
    records.write_table(
        tmp_path / records.LINES, lines.vstack(type(lines)(rows, schema=records.LINES_SCHEMA)), records.LINES_SCHEMA
    )
    text = room.enter("ada").get(f"/lines/{ids[1]}").text
    assert 'disk <mark class="variable">sd&lt;a&gt;</mark> failed' in text
    assert text.count("job done") == 2
