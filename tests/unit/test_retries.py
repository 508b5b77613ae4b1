"""A retried pod does not run into the error of its first try again, where that will come again."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from rationanomaly import errors, kfp_task
from rationanomaly.errors import GateError, InfrastructureError, InputError, RationAnomalyError, TrainingError
from rationanomaly.params import Params, dump
from rationanomaly.runs import retries
from tests.component.conftest import StubArtifact

Try = Callable[..., None]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Try:
    """Do a task as the try of that number."""

    def one(number: str, work: Callable[[], None], *task: str) -> None:
        monkeypatch.setenv(retries.TRY, number)
        with retries.remembered(tmp_path, *(task or ("sft", "params"))):
            work()

    return one


class Work:
    """Counts how often it was done, and fails with an error if there is one."""

    def __init__(self, error: RationAnomalyError | None = None) -> None:
        self.error, self.done = error, 0

    def __call__(self) -> None:
        self.done += 1
        if self.error is not None:
            raise self.error


def test_what_no_retry_fixes_is_done_once(run: Try) -> None:
    work = Work(GateError("kappa is 0.2", file="a.json", line=3, hint="Ask the reviewers"))
    for number in ("0", "1", "2"):
        with pytest.raises(GateError) as caught:
            run(number, work)
        assert str(caught.value) == "a.json:3: kappa is 0.2. Ask the reviewers."
    assert work.done == 1


@pytest.mark.parametrize(
    "error", [InfrastructureError("the disk is full"), TrainingError("rank 1 was killed", retry_helps=True)]
)
def test_what_a_retry_may_fix_is_done_again(run: Try, error: RationAnomalyError) -> None:
    work = Work(error)
    for number in ("0", "1"):
        with pytest.raises(type(error)):
            run(number, work)
    assert work.done == 2


def test_a_person_who_retries_the_run_begins_anew(run: Try) -> None:
    with pytest.raises(InputError):
        run("0", Work(InputError("is no log")))
    fixed = Work()
    run("0", fixed)
    run("1", fixed)  # Its pod was taken away after it had finished.
    assert fixed.done == 2


def test_another_task_is_not_stopped(run: Try) -> None:
    with pytest.raises(InputError):
        run("0", Work(InputError("is no log")), "parse shard 1", "params")
    other = Work()
    run("1", other, "parse shard 2", "params")
    assert other.done == 1


@pytest.mark.parametrize("number", [None, "", "{{retries}}"])
def test_where_tries_have_no_numbers_all_is_done_each_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: str | None
) -> None:
    monkeypatch.delenv(retries.TRY, raising=False)
    if number is not None:
        monkeypatch.setenv(retries.TRY, number)
    work = Work(InputError("is no log"))
    for _ in range(2):
        with pytest.raises(InputError), retries.remembered(tmp_path, "parse"):
            work()
    assert work.done == 2
    assert list(tmp_path.iterdir()) == []


def test_a_component_ends_at_once_and_says_why(
    params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(kfp_task.STATE, str(tmp_path / "state"))
    monkeypatch.setenv(retries.TRY, "0")
    asked: list[str] = []

    def fail(*_: object) -> None:
        asked.append("once")
        raise InputError("is no log", file="cluster.log")

    monkeypatch.setattr(kfp_task, "_execute", fail)
    for number in ("0", "1"):
        monkeypatch.setenv(retries.TRY, number)
        caplog.clear()
        with pytest.raises(InputError):
            kfp_task.run_component("correct", dump(params), {"parse": "/parse"}, StubArtifact(str(tmp_path / "out")))
        assert "::failed correct: cluster.log: is no log." in caplog.text
    assert asked == ["once"]


def test_an_error_of_another_release_is_an_error_still() -> None:
    made = errors.from_document({**GateError("no").document(), "type": "QuotaError"})
    assert (type(made), str(made)) == (RationAnomalyError, "no.")
