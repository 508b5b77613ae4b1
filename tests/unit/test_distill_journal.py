"""The journal, the budget and the rate limits."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rationanomaly.distill.budget import Budget, Tokens, worst_case
from rationanomaly.distill.journal import JOURNAL, Journal, Kept
from rationanomaly.distill.pace import Pace
from rationanomaly.errors import InfrastructureError, InputError
from rationanomaly.params import BudgetParams
from rationanomaly.text.secrets import Secrets
from tests.distilling import Watch

MESSAGES = [{"role": "user", "content": "why?"}]


def opened(folder: Path, campaign: str = "c") -> Journal:
    return Journal(folder, campaign, Secrets())


def test_an_answer_is_found_again(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        call = journal.sent("k", MESSAGES, Tokens(10, 20))
        journal.settled(call, "k", Tokens(3, 4), "answer", Kept("because", "stop"))
    with opened(tmp_path) as journal:
        assert journal.answer("k") == Kept("because", "stop")
        assert journal.answer("other") is None
        assert (journal.calls, journal.spent) == (1, Tokens(3, 4))


def test_a_call_that_was_never_settled_counts_at_its_worst_case(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        journal.sent("k", MESSAGES, Tokens(10, 20))
    with opened(tmp_path) as journal:
        assert journal.spent == Tokens(10, 20)
        assert journal.answer("k") is None
        assert journal.sent("k", MESSAGES, Tokens(1, 1)) == 1


def test_what_is_sent_and_what_came_are_on_the_disk_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    synced: list[bytes] = []
    monkeypatch.setattr("os.fsync", lambda _: synced.append((tmp_path / JOURNAL).read_bytes()))
    with opened(tmp_path) as journal:
        call = journal.sent("k", MESSAGES, Tokens(10, 20))
        assert b'"reserved": [10, 20]' in synced[-1]
        journal.settled(call, "k", Tokens(3, 4), "answer", Kept("because", "stop"))
        assert b"because" in synced[-1]


def test_campaigns_share_answers_but_not_the_bill(tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        journal.settled(journal.sent("k", MESSAGES, Tokens(1, 1)), "k", Tokens(1, 1), "answer", Kept("x", "stop"))
    with opened(tmp_path, "other") as journal:
        assert journal.spent == Tokens()
        assert journal.calls == 0


@pytest.mark.parametrize("cut", range(1, 40))
def test_a_line_that_a_crash_cut_is_dropped_and_written_over(cut: int, tmp_path: Path) -> None:
    with opened(tmp_path) as journal:
        journal.settled(journal.sent("k", MESSAGES, Tokens(1, 1)), "k", Tokens(1, 1), "answer", Kept("x", "stop"))
    path = tmp_path / JOURNAL
    path.write_bytes(path.read_bytes()[:-cut])
    with opened(tmp_path) as journal:
        assert journal.answer("k") is None
        journal.settled(journal.sent("k", MESSAGES, Tokens(1, 1)), "k", Tokens(1, 1), "answer", Kept("y", "stop"))
    with opened(tmp_path) as journal:
        assert journal.answer("k") == Kept("y", "stop")


@pytest.mark.parametrize("line", ["rubbish", "[]", "{}", '{"event": "settled", "call": 7, "key": "k", "used": [1, 1]}'])
def test_a_damaged_line_is_named(line: str, tmp_path: Path) -> None:
    (tmp_path / JOURNAL).write_text(line + "\n")
    with pytest.raises(InputError, match=":1: is no line of a journal"), opened(tmp_path):
        pass


def test_one_process_at_a_time(tmp_path: Path) -> None:
    with opened(tmp_path), pytest.raises(InfrastructureError, match="another run"), opened(tmp_path):
        pass
    with opened(tmp_path):
        pass


def test_secrets_are_struck_before_they_are_written(tmp_path: Path) -> None:
    secrets = Secrets()
    secrets.add("sk-canary-1234")
    with Journal(tmp_path, "c", secrets) as journal:
        call = journal.sent("k", [{"role": "user", "content": "sk-canary-1234"}], Tokens(1, 1))
        journal.settled(call, "k", Tokens(1, 1), "answer", Kept("it is sk-canary-1234", "stop"))
        assert journal.answer("k") == Kept("it is [secret]", "stop")
    assert "canary" not in (tmp_path / JOURNAL).read_text()
    assert all(json.loads(line) for line in (tmp_path / JOURNAL).read_text().splitlines())


@given(st.text(max_size=300))
def test_the_worst_case_bounds_any_tokenizer(text: str) -> None:
    assert worst_case([{"role": "user", "content": text}], 5).prompt >= len(text.encode())


@given(st.lists(st.tuples(st.integers(0, 5000), st.integers(0, 500)), max_size=30), st.floats(0, 0.2))
def test_what_the_budget_allows_never_exceeds_it(calls: list[tuple[int, int]], max_cost: float) -> None:
    budget = Budget(
        BudgetParams(currency="USD", prompt_price=2.5, completion_price=10, max_cost=max_cost, max_tokens=20000)
    )
    taken = Tokens()
    for prompt, completion in calls:
        if budget.allows(taken, Tokens(prompt, completion)):
            taken += Tokens(prompt, completion)
    assert budget.price(taken) <= max_cost
    assert taken.total <= 20000


@settings(deadline=None)
@given(st.integers(1, 5), st.integers(50, 200), st.lists(st.integers(1, 100), min_size=1, max_size=30))
def test_no_minute_holds_more_than_the_limits(requests: int, tokens: int, calls: list[int]) -> None:
    watch = Watch()
    pace = Pace(requests, tokens, watch, watch.sleep)
    sent: list[tuple[float, int]] = []

    async def send() -> None:
        for call in calls:
            await pace.wait(call)
            sent.append((watch(), call))

    asyncio.run(send())
    for start, _ in sent:
        window = [call for at, call in sent if start <= at < start + 60]
        assert len(window) <= requests
        assert sum(window) <= tokens or len(window) == 1


def test_calls_within_the_limits_do_not_wait() -> None:
    watch = Watch()
    pace = Pace(3, 1000, watch, watch.sleep)

    async def send() -> None:
        for _ in range(3):
            await pace.wait(10)
        assert watch() == 0
        await pace.wait(10)
        assert watch() == 60

    asyncio.run(send())
