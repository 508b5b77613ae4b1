"""The endpoint teacher against a server that misbehaves in every way: attempts, waits and costs are exact."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from threading import Barrier

import pytest

from rationanomaly.distill.budget import Budget, Tokens, worst_case
from rationanomaly.distill.checks import Checker
from rationanomaly.distill.journal import JOURNAL, Journal
from rationanomaly.distill.pace import Clock
from rationanomaly.distill.rounds import Outcome, teach
from rationanomaly.distill.teacher_prompt import load_teacher_prompt
from rationanomaly.distill.teachers import Bill
from rationanomaly.distill.teachers.endpoint import EndpointTeacher, campaign_of
from rationanomaly.distill.wire import Reply, Wire, retry_after
from rationanomaly.errors import InfrastructureError
from rationanomaly.params import Params
from rationanomaly.records import Label, Rejected
from rationanomaly.text.secrets import Secrets
from tests.distilling import Watch, ask, asking
from tests.scripted_endpoint import Script, good_answer, read_question, serving

#: Seconds of a call, and of one that hangs: the server keeps that up for 10 seconds.
CALL_SECONDS, HANGS_SECONDS = 99.0, 1.0
HANGS = ("slow_first_byte", "trickle")


@dataclass
class Run:
    """What came of one distillation."""

    outcomes: list[Outcome]
    bill: Bill
    sleeps: list[float]

    def reasons(self) -> dict[str, str]:
        """Reason by template, of the rejected ones."""
        return {end.record.template: end.record.reason for end in self.outcomes if isinstance(end.record, Rejected)}


def tiny(url: str, *more: str) -> Params:
    """An endpoint that is asked by few at once."""
    return asking(url, f"distill.endpoint.call_seconds={CALL_SECONDS}", "distill.endpoint.concurrency=4", *more)


@pytest.fixture(autouse=True)
def limits(script: Script, monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Seconds that each call got. Only those that hang run into a limit: on a busy machine others may be slow, too."""
    send, found = Wire.send, list[float]()

    async def send_within(wire: Wire, messages: Sequence[dict[str, str]], seed: int, seconds: float) -> Reply:
        found.append(seconds)
        log, _ = read_question({"messages": messages})
        return await send(wire, messages, seed, HANGS_SECONDS if script.behaviour(log) in HANGS else seconds)

    monkeypatch.setattr(Wire, "send", send_within)
    return found


@pytest.fixture(scope="module", autouse=True)
def _warm(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Ask once, so that what the client imports at its first call is on no test's clock."""
    with pytest.MonkeyPatch.context() as patch, serving(Script()) as url:
        patch.setenv("NO_PROXY", "127.0.0.1")
        teach_all(asking(url), ["disk failure on the first drive"], tmp_path_factory.mktemp("warm"))


def teach_all(params: Params, logs: Sequence[str], state: Path, clock: Clock | None = None) -> Run:
    """Ask about all logs. Nobody waits: only waiting moves the clock, if no other one is given."""
    watch, written, secrets = Watch(), load_teacher_prompt(params), Secrets()
    with secrets.kept_out_of_logs(), Journal(state, campaign_of(params, written), secrets) as journal:
        teacher = EndpointTeacher(params.distill, written, journal, secrets, clock or watch, watch.sleep)
        questions = [ask(params, log) for log in logs]
        outcomes = teach(teacher, questions, Checker(params.distill), params.distill.retries)
        return Run(outcomes, teacher.bill, watch.sleeps)


def taken(params: Params, script: Script, unknown: Sequence[str] = ()) -> Bill:
    """What the server billed; the worst case for each call about the logs whose price it did not say."""
    written = load_teacher_prompt(params)
    worst = [worst_case(written.messages(ask(params, log)), params.distill.output_tokens) for log in unknown]
    tokens = sum((*(Tokens(*used) for used in script.billed), *worst), Tokens())
    return Bill(sum(script.calls.values()), tokens, Budget(params.distill.budget).price(tokens))


#: First behaviour → calls that it takes until the template is accepted, and whether the first call's price is unknown.
MISBEHAVIOUR = {
    "too_many": (2, False),
    "too_many_after_7": (2, False),
    "broken_server": (2, False),
    "gateway_page": (2, False),
    "slow_first_byte": (2, True),
    "trickle": (2, True),
    "cut_body": (2, True),
    "endless_body": (2, True),
    "broken_json": (2, True),
    "strange_json": (2, True),
    "html_page": (2, True),
    "wrong_label": (2, False),
    "wrong_grammar": (2, False),
    "empty": (2, False),
    "null": (2, False),
    "endless_text": (2, False),
}


#: Reasons of a question that was sent and not answered.
UNANSWERED = ("unreachable", "timeout", "garbled")


@pytest.mark.parametrize("behaviour", MISBEHAVIOUR)
def test_a_template_survives_one_misbehaviour(behaviour: str, script: Script, endpoint: str, tmp_path: Path) -> None:
    log = "link failure on port seven of the switch"
    script.by_log[log] = [behaviour]
    params = tiny(endpoint)
    run = teach_all(params, [log], tmp_path)
    calls, unknown = MISBEHAVIOUR[behaviour]
    assert run.reasons() == {}
    assert script.calls[log] == calls
    assert run.bill == taken(params, script, [log] if unknown else [])
    asked_again = behaviour in ("wrong_label", "wrong_grammar", "empty", "null", "endless_text")
    if asked_again:
        assert run.sleeps == []
        assert "An earlier answer of yours was refused" in script.requests[1]["messages"][-1]["content"]
    elif behaviour == "too_many_after_7":
        assert run.sleeps == [7.0]
    else:
        first = params.distill.endpoint.initial_backoff
        assert len(run.sleeps) == 1
        assert first / 2 <= run.sleeps[0] <= first


def test_every_template_ends_accepted_or_with_a_reason(
    script: Script, endpoint: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rationanomaly.distill.wire.LONGEST_BODY", 2**18)  # Reached before the call's time is over.
    ends = {
        "broken_server": ("unreachable", 3),
        "gateway_page": ("unreachable", 3),
        "too_many": ("unreachable", 3),
        "too_many_after_an_hour": ("unreachable", 1),
        "slow_first_byte": ("timeout", 3),
        "trickle": ("timeout", 3),
        "cut_body": ("garbled", 3),
        "endless_body": ("garbled", 3),
        "broken_json": ("garbled", 3),
        "strange_json": ("garbled", 3),
        "html_page": ("garbled", 3),
        "bad_request": ("refused", 1),
        "redirect": ("refused", 1),
        "wrong_label": ("label", 3),
        "wrong_grammar": ("grammar", 3),
        "empty": ("empty", 3),
        "null": ("empty", 3),
        "endless_text": ("truncated", 3),
    }
    logs = {behaviour: f"link failure of kind {behaviour} on the switch" for behaviour in ends}
    script.always = {log: behaviour for behaviour, log in logs.items()}
    good = [f"disk failure number {word} was seen" for word in ("one", "two", "three", "four")]
    params = tiny(endpoint, "distill.endpoint.attempts=3")
    run = teach_all(params, [*logs.values(), *good], tmp_path)
    assert len(run.outcomes) == len(ends) + len(good)
    assert run.reasons() == {logs[behaviour]: reason for behaviour, (reason, _) in ends.items()}
    assert {behaviour: script.calls[log] for behaviour, log in logs.items()} == {
        behaviour: calls for behaviour, (_, calls) in ends.items()
    }
    unknown = [logs[name] for name, (reason, _) in ends.items() if reason in ("timeout", "garbled")]
    assert run.bill == taken(params, script, unknown * 3)
    waited = [name for name, (reason, calls) in ends.items() if calls == 3 and reason in UNANSWERED]
    assert [sum(low <= wait <= 2 * low for wait in run.sleeps) for low in (0.5, 1.0)] == [len(waited)] * 2
    assert len(run.sleeps) == 2 * len(waited)


def test_waits_double_with_jitter_up_to_the_longest(script: Script, endpoint: str, tmp_path: Path) -> None:
    log = "link failure on port seven of the switch"
    script.always = {log: "broken_server"}
    run = teach_all(tiny(endpoint, "distill.endpoint.max_backoff=4"), [log], tmp_path)
    assert len(run.sleeps) == tiny(endpoint).distill.endpoint.attempts - 1 == 5
    for wait, longest in zip(run.sleeps, (1, 2, 4, 4, 4), strict=True):
        assert longest / 2 < wait < longest
    assert len(set(run.sleeps[2:])) == 3


def test_a_second_run_makes_no_call_and_needs_no_key(script: Script, endpoint: str, tmp_path: Path) -> None:
    logs = [f"memory error in bank {word} of the board" for word in ("one", "two", "three")]
    script.by_log[logs[0]] = ["wrong_label"]
    first = teach_all(tiny(endpoint), logs, tmp_path)
    calls = sum(script.calls.values())
    second = teach_all(tiny(endpoint, "distill.endpoint.key=NOT_SET_ANYWHERE"), logs, tmp_path)
    assert sum(script.calls.values()) == calls == 4
    assert [end.record for end in second.outcomes] == [end.record for end in first.outcomes]
    assert second.bill == first.bill


def test_a_changed_setting_asks_anew(script: Script, endpoint: str, limits: list[float], tmp_path: Path) -> None:
    log = "memory error in bank one of the board"
    teach_all(tiny(endpoint), [log], tmp_path)
    teach_all(tiny(endpoint, "distill.temperature=0.1"), [log], tmp_path)
    assert script.calls[log] == 2
    assert limits == [CALL_SECONDS] * 2


def test_calls_in_flight_are_bounded(script: Script, endpoint: str, tmp_path: Path) -> None:
    met = Barrier(3)

    def answer_together(log: str, label: Label) -> str:
        met.wait(60)  # Else a busy machine may have answered one before the next is asked.
        return good_answer(log, label)

    script.delay, script.answer = 0.05, answer_together
    logs = [f"disk failure number {number} on drive {'abcdefghijkl'[number]} was seen" for number in range(12)]
    run = teach_all(tiny(endpoint, "distill.endpoint.concurrency=3"), logs, tmp_path)
    assert script.peak_in_flight == 3
    assert run.reasons() == {}


@pytest.mark.parametrize(("limit", "minutes"), [("requests_per_minute=2", 2), ("tokens_per_minute=1", 4)])
def test_calls_keep_to_the_rates(limit: str, minutes: int, endpoint: str, tmp_path: Path) -> None:
    logs = [f"disk failure number {number} on drive {'abcde'[number]} was seen" for number in range(5)]
    run = teach_all(tiny(endpoint, f"distill.endpoint.{limit}"), logs, tmp_path)
    assert run.reasons() == {}
    assert sum(run.sleeps) == 60 * minutes  # A call larger than the limit goes alone.


@pytest.mark.parametrize("limit", ["distill.budget.max_cost=0.02", "distill.budget.max_tokens=5000"])
def test_spending_never_exceeds_the_budget(limit: str, script: Script, endpoint: str, tmp_path: Path) -> None:
    script.delay = 0.01
    logs = [f"disk failure number {number} on drive {'abcdefghijkl'[number]} was seen" for number in range(12)]
    params = tiny(endpoint, limit)
    run = teach_all(params, logs, tmp_path)
    price = Budget(params.distill.budget).price
    assert run.bill.spent == price(run.bill.tokens) <= params.distill.budget.max_cost
    assert run.bill.tokens.total <= params.distill.budget.max_tokens
    assert set(run.reasons().values()) == {"budget"}
    assert 0 < sum(script.calls.values()) < len(logs)
    again = teach_all(params, logs, tmp_path)
    assert again.bill.spent <= params.distill.budget.max_cost


def test_no_call_is_sent_that_might_not_fit(script: Script, endpoint: str, tmp_path: Path) -> None:
    run = teach_all(tiny(endpoint, "distill.budget.max_cost=0.001"), ["disk failure on the first drive"], tmp_path)
    assert run.reasons() == {"disk failure on the first drive": "budget"}
    assert run.bill == Bill()
    assert not script.calls


def test_an_endpoint_that_counts_more_than_the_worst_case_is_named(
    script: Script, endpoint: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    teach_all(tiny(endpoint, "distill.output_tokens=5"), ["disk failure on the first drive"], tmp_path)
    assert "more than the worst case" in caplog.text


def test_the_time_of_the_whole_step_is_limited(
    script: Script, endpoint: str, limits: list[float], tmp_path: Path
) -> None:
    logs = [f"disk failure number {number} on drive {'abcdefghijkl'[number]} was seen" for number in range(12)]
    params = tiny(endpoint, "distill.endpoint.total_seconds=3", "distill.endpoint.concurrency=1")
    run = teach_all(params, logs, tmp_path, clock=lambda: len(script.billed))  # An answer takes a second.
    assert run.reasons() == dict.fromkeys(logs[3:], "time")
    assert set(script.calls) == set(logs[:3])
    assert limits == [3.0, 2.0, 1.0]


@pytest.mark.parametrize(("behaviour", "match"), [("wrong_key", "distill.endpoint.key"), ("no_credit", "credit")])
def test_what_no_call_can_repair_ends_the_run(
    behaviour: str, match: str, script: Script, endpoint: str, tmp_path: Path
) -> None:
    logs = [f"disk failure number {number} was seen on a drive" for number in range(30)]
    script.always = dict.fromkeys(logs, behaviour)
    with pytest.raises(InfrastructureError, match=match):
        teach_all(tiny(endpoint), logs, tmp_path)
    assert sum(script.calls.values()) <= 4


def test_an_endpoint_that_is_away_ends_the_run(tmp_path: Path) -> None:
    logs = [f"disk failure number {number} was seen on a drive" for number in range(30)]
    with pytest.raises(InfrastructureError, match="5 questions in a row"):
        teach_all(tiny("http://127.0.0.1:9/v1", "distill.endpoint.give_up_after=5"), logs, tmp_path)


def test_requests_and_answers_are_in_the_journal(script: Script, endpoint: str, tmp_path: Path) -> None:
    log = "memory error in bank one of the board"
    teach_all(tiny(endpoint), [log], tmp_path)
    sent, settled = (json.loads(line) for line in (tmp_path / JOURNAL).read_text().splitlines())
    assert sent["messages"] == script.requests[0]["messages"]
    assert settled["answer"]["text"].endswith("<answer>abnormal</answer>")
    assert settled["used"] == list(script.billed[0])


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("7", 7.0),
        ("0.5", 0.5),
        ("-3", 0.0),
        ("nan", None),
        ("soon", None),
        ("Sun, 06 Nov 1994 08:49:37 GMT", 37.0),
        ("Sun, 06 Nov 1994 08:48:37 GMT", 0.0),
        ("Sun, 99 Nov 99999999 08:48:37 GMT", None),
    ],
)
def test_retry_after(value: str | None, seconds: float | None) -> None:
    assert retry_after(value, now=lambda: 784111740.0) == seconds
