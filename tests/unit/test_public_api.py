"""`import rationanomaly as ra`: what it costs, what it offers, and that it judges as the command line does."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import rationanomaly as ra
from rationanomaly import artifacts
from rationanomaly.cli.detect import detect
from rationanomaly.detection.model_detector import ModelDetector
from rationanomaly.errors import ArtifactError, InfrastructureError, ParamsError
from rationanomaly.records import PRECEDENTS, Precedent, template_id, write_rows
from rationanomaly.steps import BY_NAME
from tests.micro_model import Trained

TEMPLATES = ["pump failed badly", "fan is ready", "pump failed badly"]
LOG = "".join(f"Jan  1 10:00:{second:02} host app[1]: {text}\n" for second, text in enumerate(TEMPLATES * 4))


@pytest.fixture(scope="module")
def decided(trained: Trained, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The model folder of sft with a precedent against what the model itself says of the first template."""
    (own,) = ra.Detector.open(trained.root / "sft").judge(TEMPLATES[:1])
    opposite = "normal" if own.answer == "abnormal" else "abnormal"
    target = tmp_path_factory.mktemp("decided") / "sft"
    with artifacts.writing(target, "sft") as folder:
        shutil.copytree(trained.root / "sft", folder, dirs_exist_ok=True)
        (folder / artifacts.MANIFEST).unlink()
        precedent = Precedent(template_id(TEMPLATES[0]), TEMPLATES[0], opposite, ["ada"], "senior", None)  # type: ignore[arg-type]
        write_rows(folder / PRECEDENTS, [precedent])
    return target


def test_the_import_loads_nothing_heavy_and_every_name_is_there() -> None:
    code = "import sys, rationanomaly; print({'torch', 'polars', 'pydantic', 'numpy', 'typer'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"
    assert [name for name in ra.__all__ if not hasattr(ra, name)] == []
    assert set(ra.__all__) <= set(dir(ra))


def test_the_import_takes_no_time_for_it_loads_hardly_a_module() -> None:
    code = "import sys; before = set(sys.modules); import rationanomaly; print(len(set(sys.modules) - before))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert 0 < int(done.stdout) < 20


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Detektor'"):
        ra.Detektor  # noqa: B018


def test_carried_precedents_hold_unless_they_are_refused(decided: Path) -> None:
    detector = ra.Detector.open(str(decided))
    first, second, third = detector.judge(TEMPLATES)
    own = detector.judge(TEMPLATES, precedents=None)
    assert [verdict.source for verdict in (first, second, third)] == ["precedent", "model", "precedent"]
    assert first == third
    assert first.answer != own[0].answer
    assert [verdict.source for verdict in own] == ["model"] * 3
    # What evaluation and registration see: they have no way to ask for precedents.
    assert ModelDetector.open(decided).judge(TEMPLATES) == own


def test_a_log_gives_a_typed_verdict_for_each_line(decided: Path, tmp_path: Path) -> None:
    (tmp_path / "app.log").write_text(LOG)
    detector = ra.Detector.open(decided)
    found = list(detector.judge_log(tmp_path / "app.log"))
    assert [(one.line, one.message) for one in found] == list(enumerate(TEMPLATES * 4, start=1))
    assert all(isinstance(one, ra.LineVerdict) and isinstance(one.verdict, ra.Verdict) for one in found)
    by_message = {one.message: one.verdict for one in found}
    assert (by_message[TEMPLATES[0]].source, by_message[TEMPLATES[1]].source) == ("precedent", "model")
    # Read again, the log gives the same: what the first reading mined is not carried over.
    assert list(detector.judge_log(str(tmp_path / "app.log"), format="auto")) == found
    refused = detector.judge_log(tmp_path / "app.log", verdict="direct", precedents=None)
    assert {one.verdict.source for one in refused} == {"model"}


def test_both_ends_of_a_long_line_are_judged_and_its_middle_is_counted(decided: Path, tmp_path: Path) -> None:
    between = [f"word{number}" for number in range(400)]
    (tmp_path / "app.log").write_text(" ".join(["disk", *between, "kernel", "panic"]) + f"\n{TEMPLATES[1]}\n")
    long, short = ra.Detector.open(decided).judge_log(tmp_path / "app.log", format="plain", verdict="direct")
    words = long.verdict.template.split()
    assert (words[0], words[-2:], words.count("<*>")) == ("disk", ["kernel", "panic"], 1)
    assert long.verdict.unseen == sum(map(len, between[127:-126]))
    assert short.verdict.unseen == 0


def test_the_command_line_says_the_same(decided: Path, tmp_path: Path) -> None:
    (tmp_path / "app.log").write_text(LOG)
    files = {"output": tmp_path / "rows.jsonl", "sessions": tmp_path / "sessions.jsonl"}
    detect(str(decided), logs=[str(tmp_path / "app.log")], log_format="auto", **files)  # type: ignore[arg-type]
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text().splitlines()]
    found = ra.Detector.open(decided).judge_log(tmp_path / "app.log")
    assert rows == [
        {"line": one.line, "session": one.session, "message": one.message, **one.verdict.as_row()} for one in found
    ]
    sessions = [json.loads(line) for line in (tmp_path / "sessions.jsonl").read_text().splitlines()]
    assert {row["session"] for row in sessions} == {row["session"] for row in rows} - {None}
    called = {row["session"] for row in rows if row["answer"] == "abnormal"}
    assert {row["session"] for row in sessions if row["answer"] == "abnormal"} == called


def test_a_base_carries_no_parser_and_says_so_before_the_first_line(trained: Trained, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match="holds no parser"):
        ra.Detector.open(trained.root / "base").judge_log(tmp_path / "app.log")


def test_a_registered_version_without_mlflow_is_one_line_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(InfrastructureError, match=r"mlflow is not installed.*rationanomaly\[pipeline\]"):
        ra.Detector.open("models:/log@champion")


def test_a_step_runs_as_from_the_command_line(
    params: ra.Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[Any, ...]] = []

    def execute(*given: Any) -> dict[str, float]:
        asked.append(given)
        return {"parse/lines": 12.0}

    monkeypatch.setattr("rationanomaly.runs.execution.execute", execute)
    monkeypatch.chdir(tmp_path)
    assert ra.run_step("parse", params, {"logs": "app.log"}, "out") == {"parse/lines": 12.0}
    ra.run_step("parse", params, {"logs": "app.log"}, "out", "elsewhere")
    given = (BY_NAME["parse"], params, {"logs": Path("app.log")}, Path("out"))
    assert asked == [(*given, Path(".state")), (*given, Path("elsewhere"))]


def test_a_step_that_does_not_exist_is_refused(params: ra.Params, tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match=r"no step is called 'prase'. There are parse, correct"):
        ra.run_step("prase", params, {}, tmp_path)


def test_a_generator_is_judged_and_one_text_is_refused(trained: Trained) -> None:
    detector = ra.Detector.open(trained.root / "sft")
    assert [v.template for v in detector.judge((text for text in TEMPLATES), verdict="direct")] == TEMPLATES
    assert len(detector.direct_scores(text for text in TEMPLATES)) == len(TEMPLATES)
    with pytest.raises(ParamsError, match="one text"):
        detector.judge(TEMPLATES[0])
    with pytest.raises(ParamsError, match="precedents='ledger' is unknown"):
        detector.judge(TEMPLATES, precedents="ledger")  # type: ignore[arg-type]
