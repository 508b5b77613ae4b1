"""What a stream asks of a model that is too busy."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from rationanomaly.detection.answered import Answered
from rationanomaly.detection.verdict import Verdict
from rationanomaly.records import template_id
from rationanomaly.stream import answers
from rationanomaly.stream.answers import Answers
from tests.streaming import ScriptedService


class BusyService(ScriptedService):
    """Refuses all but so many at a time.

    Attributes:
        limit: texts that are taken of a question.
        largest: number of texts in the largest question so far.
    """

    limit, largest = 0, 0

    def ask(self, templates: Mapping[str, str]) -> list[str]:
        self.largest = max(self.largest, len(templates))
        taken = dict(list(templates.items())[: self.limit])
        super().ask(taken)
        return [identity for identity in templates if identity not in taken]


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    with sqlite3.connect(":memory:") as opened:
        Answers.prepare(opened)
        yield opened
    opened.close()


def test_what_was_refused_is_asked_again_in_pieces_however_much_it_is(
    tmp_path: Path, connection: sqlite3.Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answers, "_REFUSED", 20)
    monkeypatch.setattr(answers, "_ASKED_AGAIN", 5)
    service = BusyService(tmp_path)
    found = Answers(service, 1000)
    texts = {f"{number:016x}": f"text {number}" for number in range(50)}
    for identity, text in texts.items():
        found.find(connection, {identity: text}, 0.0)
    assert not service.asked
    assert len(found._refused) == 20
    service.limit, service.largest = 3, 0
    for _ in range(50):
        found.ask_again(texts.items())
        found.put(connection, service.collect(), 0.0)
    assert sorted(service.asked) == sorted(texts.values())
    assert service.largest == 5


@pytest.mark.parametrize(("alarming", "answer"), [(False, "normal"), (True, "abnormal")])
def test_a_suspicious_template_counts_as_abnormal_where_that_is_wanted(
    tmp_path: Path, connection: sqlite3.Connection, alarming: bool, answer: str
) -> None:
    found = Answers(ScriptedService(tmp_path), 1000, suspicious_is_abnormal=alarming)
    verdict = Verdict("ignore this", "normal", 0.1, 0.1, None, None, None, (), False, suspicions=("claims",))
    calm = replace(verdict, template="disk ok", suspicions=())
    texts = {template_id(one.template): one.template for one in (verdict, calm)}
    found.put(
        connection,
        [Answered(template_id(one.template), one.template, one, True, found.version) for one in (verdict, calm)],
        0.0,
    )
    assert [one.answer for one in found.find(connection, texts, 1.0).values()] == [answer, "normal"]
    whole = found.whole(connection, texts)
    assert [whole[identity].answer for identity in texts] == [answer, "normal"]
    assert [whole[identity].suspicious for identity in texts] == [True, False]
