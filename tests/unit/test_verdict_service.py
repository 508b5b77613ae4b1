"""A model in a process of its own, as the one that asks it sees it; the process is scripted."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rationanomaly.decisions.ledger import Decision, Vote, write_decision
from rationanomaly.detection import worker_process
from rationanomaly.detection.answered import Answered
from rationanomaly.detection.verdict_service import VerdictService
from rationanomaly.errors import ArtifactError, InfrastructureError, InputError
from rationanomaly.records import Precedent, template_id, write_rows
from tests.conftest import ROOT

SCRIPTED = "tests.scripted_worker"
#: Seconds after which a test fails that else waits for nothing.
LONG = 60.0

Open = Callable[..., VerdictService]


def folder(path: Path, digest: str) -> str:
    """A model folder as far as the scripted process looks at it."""
    path.mkdir()
    (path / "digest").write_text(digest)
    return str(path)


@pytest.fixture
def model(tmp_path: Path) -> str:
    return folder(tmp_path / "grpo", "d1")


@pytest.fixture
def opened(monkeypatch: pytest.MonkeyPatch) -> Iterator[Open]:
    monkeypatch.setattr(worker_process, "_MODULE", SCRIPTED)
    monkeypatch.setattr("rationanomaly.detection.verdict_service._PAUSES", (0.0,))
    services: list[VerdictService] = []

    def open_one(*arguments: object, **options: object) -> VerdictService:
        services.append(VerdictService(*arguments, **options))  # type: ignore[arg-type]
        return services[-1]

    yield open_one
    for service in services:
        service.close()


def ids(*templates: str) -> dict[str, str]:
    return {template_id(template): template for template in templates}


def asked(service: VerdictService, *templates: str) -> list[Answered]:
    """All that comes of these templates."""
    assert service.ask(ids(*templates)) == []
    assert service.wait(ids(*templates), LONG)
    return service.collect()


def shown(found: list[Answered]) -> list[tuple[str, str, bool]]:
    return [(one.template, one.verdict.answer, one.final) for one in found]


def test_the_direct_verdict_comes_first(model: str, opened: Open) -> None:
    service = opened(model)
    found = asked(service, "disk FAULT")
    assert shown(found) == [("disk FAULT", "abnormal", False), ("disk FAULT", "abnormal", True)]
    assert [one.verdict.rationale for one in found] == [None, "It is abnormal."]
    assert {one.version for one in found} == {service.version}
    assert (service.version.digest, service.version.name, service.version.verdict) == ("d1", "grpo", "reasoned")
    assert (service.collect(), service.pending, service.calls) == ([], 0, 2)


def test_direct_verdicts_alone(model: str, opened: Open) -> None:
    service = opened(model, verdict="direct")
    assert shown(asked(service, "disk FAULT", "all well")) == [
        ("disk FAULT", "abnormal", True),
        ("all well", "normal", True),
    ]
    assert service.version.verdict == "direct"


def test_a_text_that_no_encoding_has_arrives(model: str, opened: Open) -> None:
    template = "half \ud800 \x00 \u202e\n{}"
    assert asked(opened(model), template)[-1].verdict.template == template


def test_a_new_template_does_not_wait_for_an_analysis(model: str, opened: Open, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    service = opened(model, max_pending=5)
    service.ask(ids(f"long HOLD={fifo}"))
    found: list[Answered] = []
    service.ask(ids("disk FAULT", "all well"))
    while len(found) < 3:
        assert not service.wait(ids("disk FAULT"), 0.01)
        found += service.collect()
    assert {template for template, _, _ in shown(found)} == {f"long HOLD={fifo}", "disk FAULT", "all well"}
    assert not any(one.final for one in found)
    assert service.pending == 3
    fifo.write_bytes(b"")
    assert service.wait(ids("disk FAULT", "all well", f"long HOLD={fifo}"), LONG)
    # What is abnormal at first sight is explained first.
    finals = [one.template for one in service.collect()]
    assert finals == [f"long HOLD={fifo}", "disk FAULT", "all well"]


def test_what_is_too_much_is_refused(model: str, opened: Open, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    service = opened(model, max_pending=2)
    long = f"long HOLD={fifo}"
    assert service.ask(ids(long, "a")) == []
    assert service.ask(ids(long, "a", "b")) == [template_id("b")]
    fifo.write_bytes(b"")
    assert service.wait(ids(long, "a"), LONG)
    assert service.ask(ids("b")) == [template_id("b")]  # Nobody has collected the answers.
    service.collect()
    assert service.ask(ids("b")) == []


def test_a_process_that_dies_is_asked_again(
    model: str, opened: Open, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    service = opened(model)
    fatal = f"disk FAULT DIE-ONCE={tmp_path / 'once'}"
    found = asked(service, "before", fatal, "behind")
    finals = [one for one in found if one.final]
    assert sorted(shown(finals)) == [("before", "normal", True), ("behind", "normal", True), (fatal, "abnormal", True)]
    assert service.restarts == 1
    assert service.ready
    assert "died" in caplog.text


def test_what_kills_it_each_time_is_given_up_and_no_other(model: str, opened: Open) -> None:
    service = opened(model)
    found = asked(service, "a", "poison DIE", "b FAULT")
    by_template = {one.template: one for one in found}
    poison = by_template["poison DIE"]
    assert (poison.verdict.answer, poison.final) == ("invalid", False)
    assert [(by_template[name].verdict.answer, by_template[name].final) for name in ("a", "b FAULT")] == [
        ("normal", True),
        ("abnormal", True),
    ]
    assert service.restarts == 3
    assert asked(service, "poison DIE") == []
    assert asked(service, "c")[-1].final


def test_what_it_hangs_on_is_given_up_and_no_other(model: str, opened: Open, caplog: pytest.LogCaptureFixture) -> None:
    service = opened(model, max_silence=1.0)
    found = {one.template: (one.verdict.answer, one.final) for one in asked(service, "a", "endless HANG", "b FAULT")}
    # Never counted as normal, and not final: it is asked again after a restart.
    assert found == {"a": ("normal", True), "endless HANG": ("invalid", False), "b FAULT": ("abnormal", True)}
    assert service.restarts >= 3
    line = "the process of the model grpo@d1 gave no sign of life for 1 s; it is started again"
    said = [record.getMessage() for record in caplog.records if "no sign of life" in record.getMessage()]
    assert said == [line] * service.restarts
    assert asked(service, "endless HANG") == []
    assert asked(service, "c")[-1].final


def test_only_a_process_that_has_something_to_do_can_be_silent_for_too_long() -> None:
    now = [0.0]
    silence = worker_process.Silence(5.0, lambda: now[0])
    now[0] = 100.0
    assert not silence.is_over()
    silence.ask()
    now[0] = 104.0
    silence.ask()
    silence.hear(is_answer=False)
    now[0] = 109.0
    assert not silence.is_over()
    silence.hear(is_answer=True)
    now[0] = 114.5
    assert silence.is_over()
    silence.hear(is_answer=True)
    now[0] = 200.0
    assert not silence.is_over()


def test_a_question_that_fails_is_given_up_without_a_new_process(
    model: str, opened: Open, caplog: pytest.LogCaptureFixture
) -> None:
    service = opened(model)
    found = {one.template: one.verdict.answer for one in asked(service, "a", "big FAIL")}
    assert found == {"a": "normal", "big FAIL": "invalid"}
    assert service.restarts == 0
    assert "no memory" in caplog.text


@pytest.mark.parametrize("word", ["BABBLE", "MUTTER"])
def test_a_process_that_writes_something_else_is_started_again(model: str, opened: Open, word: str) -> None:
    service = opened(model)
    found = asked(service, f"{word} FAULT")
    assert [one.verdict.answer for one in found] == ["abnormal", "invalid"]
    assert found[-1].verdict.direct_score == 0.9


def test_another_model_takes_over_what_is_pending(model: str, opened: Open, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    service = opened(model)
    asked(service, "early")
    long = f"long HOLD={fifo}"
    service.ask(ids(long))
    service.swap(folder(tmp_path / "champion", "d2"))
    assert (service.version.digest, service.version.name) == ("d2", "champion")
    # The process that was swapped out is gone: the one that reads now is the new one.
    fifo.write_bytes(b"")
    assert service.wait(ids(long), LONG)
    finals = [one for one in service.collect() if one.final]
    assert [(one.template, one.version.digest) for one in finals] == [(long, "d2")]
    assert service.restarts == 0


def test_a_model_that_cannot_be_loaded_leaves_the_old_one(model: str, opened: Open, tmp_path: Path) -> None:
    service = opened(model)
    with pytest.raises(ArtifactError, match="holds no manifest"):
        service.swap(str(tmp_path / "nothing"))
    with pytest.raises(InfrastructureError, match=r"before it was loaded \(exit code 9\): OSError: the weights"):
        service.swap(folder(tmp_path / "huge", "dies"))
    assert service.version.digest == "d1"
    assert asked(service, "a")[-1].version.digest == "d1"


def test_a_model_that_cannot_be_loaded_is_the_error_of_its_process(opened: Open, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"holds no manifest\. Name the output folder") as caught:
        opened(str(tmp_path / "nothing"))
    assert str(caught.value.file) == str(tmp_path / "nothing")


def test_another_model_in_the_same_folder_answers_after_a_restart(model: str, opened: Open, tmp_path: Path) -> None:
    service = opened(model)
    (Path(model) / "digest").write_text("d2")
    fatal = f"DIE-ONCE={tmp_path / 'once'}"
    found = asked(service, fatal)
    assert {one.version.digest for one in found} == {"d2"}
    assert service.version.digest == "d2"


def test_a_decision_holds_at_once(model: str, opened: Open, tmp_path: Path) -> None:
    ledger = tmp_path / "decisions.jsonl"
    service = opened(model, ledger=ledger)
    assert service.precedent("disk failed") is None
    before = service.precedents
    assert service.precedents is before
    decide(ledger, "disk failed", "normal", "ann")
    citation = service.precedent("disk failed")
    assert citation is not None
    assert (citation.precedent.label, citation.precedent.decided_by) == ("normal", ["ann"])
    assert service.precedents is not before
    (found,) = [one for one in asked(service, "disk failed") if one.final]
    assert found.verdict.precedent is None
    decide(ledger, "disk failed", "abnormal", "ann")
    citation = service.precedent("disk failed")
    assert citation is not None
    assert citation.precedent.label == "abnormal"


def test_a_spoilt_ledger_leaves_what_it_said_last(
    model: str, opened: Open, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ledger = tmp_path / "decisions.jsonl"
    decide(ledger, "disk failed", "abnormal", "ann")
    service = opened(model, ledger=ledger)
    ledger.write_text("PK\x03\x04 this is no ledger\n")
    with caplog.at_level(logging.WARNING):
        assert service.precedent("disk failed") is not None
        assert service.precedent("disk failed") is not None
    assert sum("stay as they were" in record.getMessage() for record in caplog.records) == 1


def test_a_ledger_in_no_folder_is_an_error(model: str, opened: Open, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such folder"):
        opened(model, ledger=tmp_path / "missing" / "decisions.jsonl")


def test_carried_precedents_are_those_of_the_model_in_service(model: str, opened: Open, tmp_path: Path) -> None:
    service = opened(model)
    assert service.precedent("disk failed") is None
    other = folder(tmp_path / "champion", "d2")
    row = Precedent(template_id("disk failed"), "disk failed", "abnormal", ["bea"], "senior", None)
    write_rows(Path(other) / "precedents.jsonl", [row])
    service.swap(other)
    assert service.precedent("disk failed") is not None


def test_files_of_the_model_are_those_that_the_process_has_verified(model: str, opened: Open) -> None:
    carried = Path(model) / "precedents.jsonl"
    write_rows(carried, [Precedent(template_id("disk failed"), "disk failed", "abnormal", ["bea"], "senior", None)])
    service = opened(model)
    with service.part("precedents.jsonl") as place:
        assert (place / "precedents.jsonl").read_bytes() == carried.read_bytes()
    carried.write_text("")
    with pytest.raises(ArtifactError, match=r"precedents\.jsonl: is not what it was"), service.part("precedents.jsonl"):
        pytest.fail("was read")
    (Path(model) / "added.json").write_text("{}")
    with pytest.raises(ArtifactError, match=r"added\.json: is not what it was"), service.part("added.json"):
        pytest.fail("was read")


def test_whoever_waits_is_woken_by_the_end(model: str, opened: Open, tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    service = opened(model)
    service.ask(ids(f"HOLD={fifo}"))
    service.close()
    assert not service.wait(ids(f"HOLD={fifo}"), LONG)
    assert not service.ready


def test_the_process_does_not_outlive_the_one_that_started_it(model: str) -> None:
    alive = Path(model).with_suffix(".alive")
    os.mkfifo(alive)
    script = (
        "import sys; from rationanomaly.detection import worker_process, verdict_service\n"
        f"worker_process._MODULE = {SCRIPTED!r}\n"
        f"service = verdict_service.VerdictService({model!r})\n"
        "print('ready', flush=True); sys.stdin.read()"
    )
    with (
        subprocess.Popen(
            [sys.executable, "-c", script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT
        ) as parent,
        alive.open("rb") as open_while_it_lives,
    ):
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"ready\n"
        parent.send_signal(signal.SIGKILL)
        assert open_while_it_lives.read() == b""


def decide(ledger: Path, template: str, label: Vote, reviewer: str) -> None:
    time = "2026-01-01T00:00:00+00:00"
    decision = Decision(template_id(template), template, reviewer, label, None, "", time, "senior")
    with ledger.open("a", encoding="utf-8") as file:
        file.write(write_decision(decision) + "\n")
