"""The desk behind the review page: rounds, blindness, undo, order, progress, other writers."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest

from rationanomaly.decisions.appending import append_decisions
from rationanomaly.decisions.labels import assign
from rationanomaly.decisions.ledger import Decision, read_ledger
from rationanomaly.errors import InputError
from rationanomaly.records import template_id
from rationanomaly.review.desk import Desk, Member, NotAllowed
from rationanomaly.review.order import Order, Place
from tests.template_table import template_table

ADA, BOB, EVE = Member("ada"), Member("bob"), Member("eve", senior=True)
TEXTS = ["disk failed", "job done", "link is down", "fan runs"]
TABLE = template_table([("site", text, "normal") for text in TEXTS])
Opener = Callable[..., Desk]


@pytest.fixture
def open_desk(tmp_path: Path) -> Opener:
    seconds = iter(range(100_000))

    def clock() -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=10 * next(seconds))

    def opener(ledger: str = "ledger.jsonl", order: list[Place] | None = None) -> Desk:
        return Desk(TABLE, tmp_path / ledger, order or [], clock=clock)

    return opener


def vote_on_all(desk: Desk, member: Member, votes: list[str]) -> None:
    for item, vote in zip(desk.items, votes, strict=True):
        desk.decide(member, item, "independent", vote)


def test_suspicious_templates_come_first(open_desk: Opener) -> None:
    desk = open_desk(order=[Place(2, "says down")])
    assert [item.template for item in desk.items] == ["link is down", "disk failed", "job done", "fan runs"]
    assert desk.items[0].reason == "says down"


def test_the_better_order_takes_its_place_once_and_votes_stay(tmp_path: Path) -> None:
    asked: list[int] = []

    def better() -> list[Place]:
        asked.append(1)
        return [Place(3, "smells"), Place(1, "")]

    desk = Desk(TABLE, tmp_path / "ledger.jsonl", [Place(2, "")], better)
    first = desk.items[0]
    desk.decide(ADA, first, "independent", "abnormal")
    for _ in range(2):
        desk.settle_order()
    assert asked == [1]
    assert [item.template for item in desk.items] == ["fan runs", "job done", "disk failed", "link is down"]
    assert (desk.items[0].reason, desk.items[0].number) == ("smells", 1)
    assert desk.decision_of(ADA, first, "independent") is not None
    assert desk.next_open(ADA, "independent", after=first) is desk.items[1]


def test_the_order_is_by_the_labels_of_the_log_alone() -> None:
    texts = [*(f"{thing} runs well" for thing in ("fan", "disk", "job", "mail")), "link died: fatal failure", "odd"]
    labels: list[str | None] = ["normal", "normal", "normal", "abnormal", "normal", None]
    rows = [("site", text, label) for text, label in zip(texts, labels, strict=True)]
    order = Order(template_table(rows), wanted={template_id("job runs well")})
    for places in (order.by_words(), order.by_suspicion()):
        assert [place.row for place in places][:3] == [2, 5, 4]
        assert sorted(place.row for place in places) == list(range(6))
        assert (
            "alert words in a normal template: died, fatal, failure" in places[2].reason or "fatal" in places[2].reason
        )


class Odd:
    """A detector that finds one text abnormal."""

    def direct_scores(self, templates: list[str]) -> np.ndarray:
        return np.array([0.99 if text == "fan runs" else 0.01 for text in templates])


def test_a_deployed_detector_that_disagrees_comes_first(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr("rationanomaly.detection.detector.Detector.open", lambda model: Odd())
    first = Order(TABLE, model="models:/log@champion").by_suspicion()[0]
    assert TEXTS[first.row] == "fan runs"
    assert "the detector says abnormal (0.99)" in first.reason
    monkeypatch.undo()
    places = Order(TABLE, model="no such folder").by_suspicion()
    assert TEXTS[places[0].row] == "disk failed"
    assert "does without the detector" in caplog.text


def test_one_text_in_two_data_sets_is_two_templates(open_desk: Opener, tmp_path: Path) -> None:
    table = template_table([("north", "disk failed", "normal"), ("south", "disk failed", "normal")])
    desk = Desk(table, tmp_path / "both.jsonl")
    for _ in range(2):
        item = desk.next_open(ADA, "independent")
        assert item is not None
        found = desk.item(item.key)
        assert found is not None
        desk.decide(ADA, found, "independent", "abnormal" if item.dataset == "north" else "normal")
    assert desk.next_open(ADA, "independent") is None
    assert [desk.resolution(item).label for item in desk.items] == ["abnormal", "normal"]


def test_the_next_is_open_in_order_and_round_the_end(open_desk: Opener) -> None:
    desk = open_desk()
    first, second, third, fourth = desk.items
    assert desk.next_open(ADA, "independent") is first
    desk.decide(ADA, second, "independent", "normal")
    assert desk.next_open(ADA, "independent", after=first) is third
    assert desk.next_open(ADA, "independent", after=fourth) is first
    assert desk.next_open(BOB, "independent", after=first) is second
    assert desk.beside(fourth, 1) is first


def test_rounds_from_disagreement_to_the_senior(open_desk: Opener) -> None:
    desk = open_desk()
    vote_on_all(desk, ADA, ["abnormal", "normal", "abnormal", "normal"])
    disk = desk.items[0]
    assert desk.next_open(ADA, "panel") is None
    desk.decide(BOB, disk, "independent", "normal")
    assert desk.next_open(ADA, "panel") is disk
    assert desk.next_open(EVE, "panel") is None, "eve has not judged it blind yet"
    desk.decide(ADA, disk, "panel", "abnormal", "hardware failure")
    assert desk.next_open(BOB, "panel") is disk, "bob still has a say"
    desk.decide(BOB, disk, "panel", "normal")
    assert desk.next_open(EVE, "senior") is disk
    assert desk.next_open(ADA, "senior") is None
    with pytest.raises(NotAllowed):
        desk.decide(ADA, disk, "senior", "abnormal")
    desk.decide(EVE, disk, "senior", "abnormal", "hardware failure")
    resolution = desk.resolution(disk)
    assert (resolution.label, resolution.category, resolution.decided_in, resolution.needs) == (
        "abnormal", "hardware failure", "senior", None,
    )  # fmt: skip
    assert desk.waiting(EVE, "senior") == 0


@pytest.mark.parametrize(
    ("round_", "vote", "category"), [("independent", "odd", None), ("independent", "abnormal", "x")]
)
def test_what_the_ledger_does_not_know_is_refused(open_desk: Opener, round_: str, vote: str, category: str) -> None:
    desk = open_desk()
    with pytest.raises(NotAllowed):
        desk.decide(ADA, desk.items[0], "independent", vote, category)
    with pytest.raises(NotAllowed):
        desk.decide(ADA, desk.items[0], "panel", "normal")
    assert desk.progress(ADA).done == 0


def test_undo_reopens_and_the_ledger_keeps_every_line(open_desk: Opener, tmp_path: Path) -> None:
    desk = open_desk()
    vote_on_all(desk, ADA, ["normal"] * 4)
    desk.decide(ADA, desk.items[1], "independent", "abnormal")
    assert desk.undo(ADA) == (desk.items[1], "independent")
    assert desk.next_open(ADA, "independent") is desk.items[1]
    assert desk.undo(BOB) is None
    assert len((tmp_path / "ledger.jsonl").read_text().splitlines()) == 6
    assigned, _ = assign(read_ledger(tmp_path / "ledger.jsonl"), TABLE)
    assert [len(mine) for mine in assigned] == [1, 0, 1, 1]


def test_what_was_decided_is_there_after_a_restart(open_desk: Opener) -> None:
    first = open_desk()
    vote_on_all(first, ADA, ["abnormal", "normal", "unsure", "normal"])
    first.undo(ADA)
    again = open_desk()
    assert [again.decision_of(ADA, item, "independent") is not None for item in again.items] == [
        True,
        True,
        True,
        False,
    ]
    assert again.progress(ADA).done == 3


def test_another_process_writes_to_the_same_ledger(open_desk: Opener) -> None:
    here, there = open_desk(), open_desk()
    here.decide(ADA, here.items[0], "independent", "abnormal")
    there.decide(BOB, there.items[0], "independent", "normal")
    here.decide(ADA, here.items[1], "independent", "normal")
    assert [one.reviewer for one in here.decisions(here.items[0], "independent")] == ["ada", "bob"]
    there.refresh()
    assert there.progress(ADA).done == 2


def test_a_bad_line_in_the_ledger_does_not_close_the_desk(open_desk: Opener, tmp_path: Path) -> None:
    (tmp_path / "ledger.jsonl").write_text('{"template_id": "cut o')
    desk = open_desk()
    desk.decide(ADA, desk.items[0], "independent", "normal")
    assert open_desk().progress(ADA).done == 1


def test_a_folder_gets_one_file_per_reviewer(open_desk: Opener, tmp_path: Path) -> None:
    (tmp_path / "ledgers").mkdir()
    desk = open_desk("ledgers")
    desk.decide(Member("../../ada"), desk.items[0], "independent", "normal")
    desk.decide(BOB, desk.items[0], "independent", "normal")
    assert sorted(path.name for path in (tmp_path / "ledgers").iterdir()) == ["______ada.jsonl", "bob.jsonl"]
    assert len(open_desk("ledgers").decisions(desk.items[0], "independent")) == 2


def test_progress_tells_the_time_left_by_the_pace_of_late(open_desk: Opener) -> None:
    desk = open_desk()
    assert desk.progress(ADA).seconds_left is None
    for item in [desk.items[0], desk.items[1], desk.items[0], desk.items[1]]:
        desk.decide(ADA, item, "independent", "normal")
    assert desk.progress(ADA).seconds_left == pytest.approx(20)


def test_find_shows_nothing_of_the_votes_of_others(open_desk: Opener) -> None:
    desk = open_desk()
    desk.decide(BOB, desk.items[0], "independent", "abnormal")
    assert len(desk.find(ADA, "", "open")) == 4
    assert [item.template for item in desk.find(ADA, "DISK", "all")] == ["disk failed"]
    assert [item.template for item in desk.find(BOB, "", "mine")] == ["disk failed"]
    assert desk.find(ADA, "", "abnormal") == []


def test_a_decision_on_a_text_that_changed_since_follows_it(tmp_path: Path) -> None:
    old = "disk 7 failed"
    fields = (template_id(old), old, "ada", "abnormal", None, "", "2026-01-01T00:00:00Z", "independent")
    append_decisions(tmp_path / "ledger.jsonl", [Decision(*fields)])  # type: ignore[arg-type]
    table = template_table([("site", "disk <*> failed", "normal")])
    table = table.with_columns(
        supersedes=table.select(ids=[template_id(old)] * 1).to_series().reshape((1, 1)).arr.to_list()
    )
    assert Desk(table, tmp_path / "ledger.jsonl").progress(ADA).done == 1


def test_an_empty_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no templates"):
        Desk(TABLE.clear(), tmp_path / "ledger.jsonl")
