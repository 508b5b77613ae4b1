"""The endpoint teacher against a server that misbehaves in every way: attempts, waits and costs are exact."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from rationanomaly import prompt
from rationanomaly.distill.budget import Budget, worst_case
from rationanomaly.distill.checks import Checker
from rationanomaly.distill.journal import JOURNAL, Journal
from rationanomaly.distill.redaction import Secrets
from rationanomaly.distill.rounds import Ended, teach
from rationanomaly.distill.teacher_prompt import load_teacher_prompt
from rationanomaly.distill.teachers import Bill, Question
from rationanomaly.distill.teachers.endpoint import EndpointTeacher, campaign_of
from rationanomaly.distill.wire import retry_after
from rationanomaly.errors import SurroundingsError
from rationanomaly.params import Params, load_params
from rationanomaly.records import Rejected, Triplet, template_id
from tests.conftest import ROOT
from tests.scripted_endpoint import Script, serving


@dataclass
class Run:
    """What came of one distillation."""

    ended: list[Ended]
    bill: Bill
    sleeps: list[float]

    def reasons(self) -> dict[str, str]:
        """Reason by template, of the rejected ones."""
        return {end.record.template: end.record.reason for end in self.ended if isinstance(end.record, Rejected)}


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def url(script: Script) -> Iterator[str]:
    with serving(script) as address:
        yield address


def settings(url: str, *more: str) -> Params:
    return load_params(
        ROOT / "params.yaml",
        [
            "distill.teacher=openai",
            f"distill.endpoint.url={url}",
            "distill.endpoint.key=null",
            "distill.endpoint.model=tiny",
            "distill.endpoint.call_seconds=0.5",
            "distill.endpoint.concurrency=4",
            "prompt.normalise=false",
            *more,
        ],
    )


def questions(params: Params, logs: Sequence[str]) -> list[Question]:
    return [Question(template_id(log), log, prompt.show(log, params.prompt), "abnormal") for log in logs]


def distil(params: Params, logs: Sequence[str], state: Path) -> Run:
    sleeps: list[float] = []

    async def sleep(seconds: float) -> None:
        sleeps.append(seconds)
        await asyncio.sleep(0)

    written, secrets = load_teacher_prompt(params), Secrets()
    with secrets.kept_out_of_logs(), Journal(state, campaign_of(params, written), secrets) as journal:
        teacher = EndpointTeacher(params.distill, written, journal, secrets, sleep=sleep)
        checker = Checker(params.distill)
        ended = teach(teacher, questions(params, logs), checker, params.distill.retries)
        return Run(ended, teacher.bill, sleeps)


def worst(params: Params, log: str) -> int:
    messages = load_teacher_prompt(params).messages(questions(params, [log])[0])
    return worst_case(messages, params.distill.output_tokens).total


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


@pytest.mark.parametrize("behaviour", MISBEHAVIOUR)
def test_a_template_survives_one_misbehaviour(behaviour: str, script: Script, url: str, tmp_path: Path) -> None:
    log = "link failure on port seven of the switch"
    script.by_log[log] = [behaviour]
    params = settings(url)
    run = distil(params, [log], tmp_path)
    calls, unknown = MISBEHAVIOUR[behaviour]
    assert run.reasons() == {}
    assert script.calls[log] == calls == run.bill.calls
    billed = sum(map(sum, script.billed))
    assert run.bill.tokens.total == billed + (worst(params, log) if unknown else 0)
    asked_again = behaviour in ("wrong_label", "wrong_grammar", "empty", "null", "endless_text")
    if asked_again:
        assert run.sleeps == []
        assert "An earlier answer of yours was refused" in script.requests[1]["messages"][-1]["content"]
    elif behaviour == "too_many_after_7":
        assert run.sleeps == [7.0]
    else:
        first = params.distill.endpoint.first_wait
        assert len(run.sleeps) == 1
        assert first / 2 <= run.sleeps[0] <= first


def test_every_template_ends_accepted_or_with_a_reason(script: Script, url: str, tmp_path: Path) -> None:
    ends = {
        "broken_server": ("unreachable", 3),
        "gateway_page": ("unreachable", 3),
        "too_many_after_an_hour": ("unreachable", 1),
        "slow_first_byte": ("timeout", 3),
        "cut_body": ("garbled", 3),
        "broken_json": ("garbled", 3),
        "html_page": ("garbled", 3),
        "bad_request": ("refused", 1),
        "redirect": ("refused", 1),
        "wrong_label": ("label", 3),
        "wrong_grammar": ("grammar", 3),
        "empty": ("empty", 3),
        "endless_text": ("truncated", 3),
    }
    logs = {behaviour: f"link failure of kind {behaviour} on the switch" for behaviour in ends}
    script.always = {log: behaviour for behaviour, log in logs.items()}
    good = [f"disk failure number {word} was seen" for word in ("one", "two", "three", "four")]
    params = settings(url, "distill.endpoint.attempts=3")
    run = distil(params, [*logs.values(), *good], tmp_path)
    assert len(run.ended) == len(ends) + len(good)
    assert run.reasons() == {logs[behaviour]: reason for behaviour, (reason, _) in ends.items()}
    assert {behaviour: script.calls[log] for behaviour, log in logs.items()} == {
        behaviour: calls for behaviour, (_, calls) in ends.items()
    }
    unknown = sum(worst(params, logs[name]) * 3 for name in ("slow_first_byte", "cut_body", "broken_json", "html_page"))
    assert run.bill.tokens.total == sum(map(sum, script.billed)) + unknown
    waits = sum(
        calls - 1 for name, (_, calls) in ends.items() if ends[name][0] in ("unreachable", "timeout", "garbled")
    )
    assert len(run.sleeps) == waits


def test_a_second_run_makes_no_call_and_needs_no_key(script: Script, url: str, tmp_path: Path) -> None:
    logs = [f"memory error in bank {word} of the board" for word in ("one", "two", "three")]
    script.by_log[logs[0]] = ["wrong_label"]
    first = distil(settings(url), logs, tmp_path)
    calls = sum(script.calls.values())
    second = distil(settings(url, "distill.endpoint.key=NOT_SET_ANYWHERE"), logs, tmp_path)
    assert sum(script.calls.values()) == calls == 4
    assert [end.record for end in second.ended] == [end.record for end in first.ended]
    assert second.bill == first.bill


def test_a_changed_setting_asks_anew(script: Script, url: str, tmp_path: Path) -> None:
    log = "memory error in bank one of the board"
    distil(settings(url), [log], tmp_path)
    distil(settings(url, "distill.temperature=0.1"), [log], tmp_path)
    assert script.calls[log] == 2


def test_calls_in_flight_are_bounded(script: Script, url: str, tmp_path: Path) -> None:
    script.delay = 0.05
    logs = [f"disk failure number {number} on drive {'abcdefghijkl'[number]} was seen" for number in range(12)]
    run = distil(settings(url, "distill.endpoint.concurrency=3"), logs, tmp_path)
    assert script.most_in_flight == 3
    assert run.reasons() == {}


@pytest.mark.parametrize("limit", ["distill.budget.most=0.02", "distill.budget.most_tokens=5000"])
def test_spending_never_exceeds_the_budget(limit: str, script: Script, url: str, tmp_path: Path) -> None:
    script.delay = 0.01
    logs = [f"disk failure number {number} on drive {'abcdefghijkl'[number]} was seen" for number in range(12)]
    params = settings(url, limit)
    run = distil(params, logs, tmp_path)
    price = Budget(params.distill.budget).price
    assert run.bill.spent == price(run.bill.tokens) <= params.distill.budget.most
    assert run.bill.tokens.total <= params.distill.budget.most_tokens
    assert set(run.reasons().values()) == {"budget"}
    assert 0 < sum(script.calls.values()) < len(logs)
    again = distil(params, logs, tmp_path)
    assert again.bill.spent <= params.distill.budget.most


def test_no_call_is_sent_that_might_not_fit(script: Script, url: str, tmp_path: Path) -> None:
    run = distil(settings(url, "distill.budget.most=0.001"), ["disk failure on the first drive"], tmp_path)
    assert run.reasons() == {"disk failure on the first drive": "budget"}
    assert run.bill == Bill()
    assert not script.calls


def test_an_endpoint_that_counts_more_than_the_worst_case_is_named(
    script: Script, url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    distil(settings(url, "distill.output_tokens=5"), ["disk failure on the first drive"], tmp_path)
    assert "more than the worst case" in caplog.text


def test_the_time_of_the_whole_step_is_limited(script: Script, url: str, tmp_path: Path) -> None:
    script.delay = 0.2
    logs = [f"disk failure number {number} on drive {'abcdefghijkl'[number]} was seen" for number in range(12)]
    params = settings(url, "distill.endpoint.total_seconds=0.7", "distill.endpoint.concurrency=1")
    run = distil(params, logs, tmp_path)
    assert set(run.reasons().values()) <= {"time", "timeout"}
    assert 0 < sum(isinstance(end.record, Triplet) for end in run.ended) < len(logs)


@pytest.mark.parametrize(("behaviour", "told"), [("wrong_key", "distill.endpoint.key"), ("no_credit", "credit")])
def test_what_no_call_can_mend_ends_the_run(
    behaviour: str, told: str, script: Script, url: str, tmp_path: Path
) -> None:
    logs = [f"disk failure number {number} was seen on a drive" for number in range(30)]
    script.always = dict.fromkeys(logs, behaviour)
    with pytest.raises(SurroundingsError, match=told):
        distil(settings(url), logs, tmp_path)
    assert sum(script.calls.values()) <= 4


def test_an_endpoint_that_is_away_ends_the_run(tmp_path: Path) -> None:
    logs = [f"disk failure number {number} was seen on a drive" for number in range(30)]
    with pytest.raises(SurroundingsError, match="5 questions in a row"):
        distil(settings("http://127.0.0.1:9/v1", "distill.endpoint.give_up_after=5"), logs, tmp_path)


def test_requests_and_answers_are_in_the_journal(script: Script, url: str, tmp_path: Path) -> None:
    log = "memory error in bank one of the board"
    distil(settings(url), [log], tmp_path)
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
