"""A teacher whose answers are all of no use: it isn't asked hundreds of times, and the step does not succeed."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from rationanomaly import records
from rationanomaly.distill.checks import Checker
from rationanomaly.distill.journal import JOURNAL, Journal
from rationanomaly.distill.rounds import Outcome, teach
from rationanomaly.distill.teacher_prompt import load_teacher_prompt
from rationanomaly.distill.teachers import Answer, Bill, Question
from rationanomaly.distill.teachers.endpoint import EndpointTeacher, campaign_of
from rationanomaly.errors import InputError
from rationanomaly.params import Params
from rationanomaly.records import Label
from rationanomaly.text.prompt import write_response
from rationanomaly.text.secrets import Secrets
from tests.distilling import Watch, ask, asking, distil, read, settings
from tests.scripted_endpoint import Script, good_answer

PARTS = ("disk", "link", "fan", "memory", "kernel", "daemon", "socket", "clock", "board", "queue")
PLACES = ("rack", "hall", "room", "tower", "cellar")
LOGS = [f"fatal error of the {one} in {other} was seen" for one in PARTS for other in PLACES]
ROWS = [(log, "abnormal") for log in LOGS]
#: What an answer can be refused for, by behaviour of the endpoint.
REFUSED = {"wrong_grammar": "grammar", "wrong_label": "label", "empty": "empty", "endless_text": "truncated"}


def good(log: str, label: Label) -> str:
    """Accepted, and like no other log's answer."""
    words = log.split()
    text = (
        f'The words "{words[4]}" and "{words[6]}" name what failed there, and somebody should look at {words[4]} soon.'
    )
    return write_response(f"{text} So the log is {label}.", label)


def quick(url: str, *more: str) -> Params:
    return asking(url, "distill.endpoint.tokens_per_minute=1000000000", "distill.endpoint.concurrency=4", *more)


@pytest.mark.parametrize(("behaviour", "reason"), REFUSED.items())
@pytest.mark.parametrize("fallback", ["none", "builtin"])
def test_twenty_refusals_for_one_reason_stop_the_step(
    behaviour: str, reason: str, fallback: str, script: Script, endpoint: str, tmp_path: Path
) -> None:
    script.always = dict.fromkeys(LOGS, behaviour)
    with pytest.raises(InputError, match=f"^the first 20 answers .* refused as `{reason}`") as caught:
        distil(quick(endpoint, f"distill.fallback_teacher={fallback}"), ROWS, tmp_path)
    assert sum(script.calls.values()) == 20
    assert set(script.calls) == set(LOGS[:20])
    assert caught.value.exit_code == 3
    for said in ("openai:gpt-4o", endpoint, "20 calls", "USD", "journal", "distill.stop_after_refusals"):
        assert said in str(caught.value)


def test_the_error_shows_an_answer_that_can_do_nothing(script: Script, endpoint: str, tmp_path: Path) -> None:
    script.answer = lambda log, label: f"Sorry \x1b[2J\u202e {'very ' * 500}"
    with pytest.raises(InputError) as caught:
        distil(quick(endpoint), ROWS, tmp_path)
    assert "«Sorry \\u001b[2J\\u202e very very" in str(caught.value)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(("limit", "calls"), [(3, 3), (7, 7), (50, 50), (120, 120), (0, 150)])
def test_the_limit_is_counted_over_rounds_and_may_be_none(
    limit: int, calls: int, script: Script, endpoint: str, tmp_path: Path
) -> None:
    script.always = dict.fromkeys(LOGS, "wrong_label")
    with pytest.raises(InputError, match="^none of the 50" if limit == 0 else f"^the first {limit} answers"):
        distil(quick(endpoint, f"distill.stop_after_refusals={limit}"), ROWS, tmp_path)
    assert sum(script.calls.values()) == calls


@pytest.mark.parametrize("at", [0, 7, 19])
@pytest.mark.parametrize("behaviour", ["good", "empty"])
def test_one_other_answer_among_the_first_lets_the_step_continue(
    at: int, behaviour: str, script: Script, endpoint: str, tmp_path: Path
) -> None:
    script.answer = good
    script.by_log.update({log: ["wrong_label"] for log in LOGS})
    script.by_log[LOGS[at]] = [behaviour]
    distil(quick(endpoint), ROWS, tmp_path)
    triplets, rejected = read(tmp_path / "out")
    assert ([triplet.template for triplet in triplets], rejected) == (LOGS, [])


def test_refusals_behind_an_accepted_answer_stop_nothing(script: Script, endpoint: str, tmp_path: Path) -> None:
    script.answer = good
    script.always = dict.fromkeys(LOGS[1:], "wrong_grammar")
    metrics = distil(quick(endpoint, "distill.retries=1"), ROWS, tmp_path)
    assert (metrics["accepted"], metrics["rejected/grammar"]) == (1, 49)


def test_a_stopped_step_continues_once_the_teacher_does_better(script: Script, endpoint: str, tmp_path: Path) -> None:
    script.answer = good
    script.always = dict.fromkeys(LOGS, "wrong_grammar")
    with pytest.raises(InputError):
        distil(quick(endpoint), ROWS, tmp_path, "stopped")
    script.always = {}
    distil(quick(endpoint), ROWS, tmp_path)
    triplets, _ = read(tmp_path / "out")
    assert len(triplets) == len(LOGS)
    assert sum(script.calls.values()) == 20 + len(LOGS)  # Of the first ones the second try, of the others the first.


def test_a_stopped_step_that_nothing_was_done_about_stops_again(script: Script, endpoint: str, tmp_path: Path) -> None:
    script.always = dict.fromkeys(LOGS, "wrong_grammar")
    for run in (1, 2):
        with pytest.raises(InputError, match=f"{run * 20} calls"):
            distil(quick(endpoint), ROWS, tmp_path, f"run-{run}")
    lines = [json.loads(line) for line in (tmp_path / "state" / JOURNAL).read_text().splitlines()]
    assert len({line["key"] for line in lines if line["event"] == "settled"}) == 40


def test_what_is_done_in_parts_is_what_is_done_at_once(script: Script, endpoint: str, tmp_path: Path) -> None:
    script.answer = good
    script.by_log = {log: ["wrong_label"] for log in LOGS[::3]}
    for name, limit in (("parts", 5), ("once", 0)):
        distil(quick(endpoint, f"distill.stop_after_refusals={limit}"), ROWS, tmp_path, name)
    for file in (records.TRIPLETS, records.REJECTED, records.COST):
        assert (tmp_path / "parts" / file).read_bytes() == (tmp_path / "once" / file).read_bytes()


class Scripted:
    """A teacher that answers as it is told, without any endpoint."""

    name, prompt_version, bill = "scripted", "1", Bill()

    def __init__(self, answer: Callable[[Question], Answer]) -> None:
        self._answer = answer
        self.asked = 0

    def answers(self, questions: Sequence[Question]) -> list[Answer]:
        self.asked += len(questions)
        return [self._answer(question) for question in questions]


@pytest.mark.parametrize("answer", [Answer("no"), Answer("", "absent", final=True), Answer("", "budget", final=True)])
def test_answers_that_cost_nothing_stop_nothing(answer: Answer) -> None:
    params, teacher = settings(), Scripted(lambda _: answer)
    outcomes: list[Outcome] = teach(teacher, [ask(params, log) for log in LOGS], Checker(params.distill), 0)
    assert len(outcomes) == teacher.asked == len(LOGS)


# ---------------------------------------------------------------- nothing accepted


@pytest.mark.parametrize(
    ("behaviour", "reason", "hint"),
    [
        ("wrong_grammar", "grammar", "chat template"),
        ("endless_text", "truncated", "distill.output_tokens"),
        ("bad_request", "refused", "endpoint works"),
        ("empty", "empty", "distill.output_tokens"),
    ],
)
def test_a_step_that_has_nothing_is_an_error_with_its_reasons(
    behaviour: str, reason: str, hint: str, script: Script, endpoint: str, tmp_path: Path
) -> None:
    script.always = dict.fromkeys(LOGS, behaviour)
    with pytest.raises(InputError, match=f"^none of the 3 rationales of openai:gpt-4o .*: `{reason}` 3 .*{hint}"):
        distil(quick(endpoint), ROWS[:3], tmp_path)


def test_all_reasons_are_counted(script: Script, endpoint: str, tmp_path: Path) -> None:
    script.always = dict(zip(LOGS, ["wrong_label", "wrong_label", "empty"], strict=False))
    with pytest.raises(InputError, match=r"`label` 2, `empty` 1 \(9 calls, 0\.\d+ USD\)"):
        distil(quick(endpoint), ROWS[:3], tmp_path)


def test_a_budget_for_nothing_is_an_error(script: Script, endpoint: str, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"`budget` 50 .*distill\.budget\.max_cost"):
        distil(quick(endpoint, "distill.budget.max_cost=0"), ROWS, tmp_path)
    assert not script.calls


def test_what_the_fallback_teacher_wrote_is_something(
    script: Script, endpoint: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    script.always = dict.fromkeys(LOGS, "wrong_grammar")
    metrics = distil(quick(endpoint, "distill.fallback_teacher=builtin"), ROWS[:3], tmp_path)
    assert (metrics["accepted"], metrics["rejected/grammar"]) == (3, 3)
    assert "no rationale of openai:gpt-4o was accepted" in caplog.text


# ---------------------------------------------------------------- an import


def reasoning(folder: Path, logs: Sequence[str]) -> str:
    file = folder / "reasoning.jsonl"
    file.write_text(
        "".join(json.dumps({"input": log, "reasoning": good_answer(log, "abnormal")}) + "\n" for log in logs)
    )
    return f"data.reasoning={file}"


@pytest.mark.parametrize("fallback", ["none", "builtin"])
@pytest.mark.parametrize("logs", [[], ["another log"], [log.upper() for log in LOGS]])
def test_reasoning_about_other_templates_is_an_error(logs: list[str], fallback: str, tmp_path: Path) -> None:
    more = ("distill.teacher=import", f"distill.fallback_teacher={fallback}", reasoning(tmp_path, logs))
    with pytest.raises(InputError, match=r"reasoning\.jsonl: is about none of the 50 training templates"):
        distil(settings(*more), ROWS, tmp_path)


@pytest.mark.parametrize("count", [1, 30, 50])
def test_an_import_says_how_many_templates_it_is_about(
    count: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO", "rationanomaly")
    more = ("distill.teacher=import", "prompt.normalise=false", reasoning(tmp_path, LOGS[-count:]))
    distil(settings(*more), ROWS, tmp_path)
    (record,) = [record for record in caplog.records if "reasoning taken for" in record.getMessage()]
    assert f"for {count} of 50 training templates" in record.getMessage()
    assert record.levelname == ("INFO" if count == 50 else "WARNING")


def test_imported_answers_of_a_reasoning_model_are_taken(tmp_path: Path) -> None:
    file = tmp_path / "reasoning.jsonl"
    answer = f"<think>Let me see.</think>\n{good(LOGS[0], 'abnormal')}"
    file.write_text(json.dumps({"input": LOGS[0], "reasoning": answer}) + "\n")
    more = ("distill.teacher=import", "prompt.normalise=false", f"data.reasoning={file}")
    assert distil(settings(*more), ROWS[:1], tmp_path)["accepted"] == 1


# ---------------------------------------------------------------- rates over several parts


def test_the_rates_hold_over_all_parts_of_the_questions(script: Script, endpoint: str, tmp_path: Path) -> None:
    script.answer = good
    script.by_log = {log: ["wrong_label"] for log in LOGS[1:7]}
    params = quick(endpoint, "distill.endpoint.requests_per_minute=2", "distill.stop_after_refusals=4")
    watch, prompt, secrets = Watch(), load_teacher_prompt(params), Secrets()
    with Journal(tmp_path, campaign_of(params, prompt), secrets) as journal:
        teacher = EndpointTeacher(params.distill, prompt, journal, secrets, watch, watch.sleep)
        questions = [ask(params, log) for log in LOGS[:12]]
        outcomes = teach(teacher, questions, Checker(params.distill), 2)
    assert all(end.accepted for end in outcomes)
    assert sum(watch.sleeps) == 60 * (18 // 2 - 1)  # Twelve first tries and six second ones.
