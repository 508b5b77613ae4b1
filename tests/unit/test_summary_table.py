"""The closing page of a run."""

from __future__ import annotations

import inspect
import io
import shlex
from dataclasses import replace
from pathlib import Path

import pytest
import typer
from rich.console import Console

from rationanomaly.cli.app import app
from rationanomaly.cli.before import simulate
from rationanomaly.cli.summary_table import show_summary
from rationanomaly.evaluate.generated_texts import RATES
from rationanomaly.evaluate.summary import ClassMetrics, Summary, SystemSummary
from rationanomaly.evaluate.systems import PROMPTED, SYSTEMS, TITLES, TRAINED
from rationanomaly.runs.tracking import tracking_uri
from rationanomaly.simulate.dataset import LOG

NOTHING = ClassMetrics(None, None, None, None, None)
METRICS = ClassMetrics(0.741, 0.652, 0.853, 0.864, None)
DIRECT = ClassMetrics(0.612, 0.6, 0.6, 0.633, None)
REMARK = "The best F1 is a rule's: teacher's rule .676; ours .648."


@pytest.fixture
def summary(tmp_path: Path) -> Summary:
    systems = tuple(
        SystemSummary(
            name, TITLES[name], 40 if name in ("base", "sft") else 179, METRICS,
            DIRECT if name in TRAINED else NOTHING, METRICS, NOTHING,
            dict.fromkeys(RATES, 0.978) if name in TRAINED else {},
        )
        for name in SYSTEMS
    )  # fmt: skip
    return Summary("test", 179, 27, 600, 41, systems, (REMARK,), (), tmp_path, tmp_path / "report.html", None)


def page(summary: Summary, width: int = 80) -> str:
    console = Console(width=width, file=io.StringIO())
    show_summary(summary, console)
    written: str = console.file.getvalue()  # type: ignore[attr-defined]
    return written


def test_a_threshold_for_sessions_has_a_column_that_fits_eighty_characters(summary: Summary) -> None:
    tuned = replace(summary, systems=tuple(replace(s, tuned=replace(METRICS, f1=0.486)) for s in summary.systems))
    shown = page(tuned)
    assert shown.count(" .486") == len(SYSTEMS) - len(PROMPTED), "prompts judge no sessions"
    assert "tuned F1" in shown
    sessions = shown.partition("Sessions")[2].partition("Plots")[0]
    assert sessions
    assert "…" not in sessions


def test_without_one_there_is_no_such_column(summary: Summary) -> None:
    assert "tuned" not in page(summary)


@pytest.mark.parametrize("width", [80, 100])
def test_all_tables_fit(summary: Summary, width: int) -> None:
    shown = page(summary, width).partition("Plots")[0]
    assert "…" not in shown
    assert max(map(len, shown.splitlines())) <= width
    assert shown.count(" .741") == 2 * len(SYSTEMS) - len(PROMPTED)
    assert shown.count(" .612") == len(TRAINED)
    assert shown.count(" .978") == len(RATES) * len(TRAINED)


def test_systems_stand_in_their_order_with_the_rows_that_count(summary: Summary) -> None:
    lines = page(summary).partition("Texts")[0].splitlines()
    found = [line for line in lines if ".741" in line]
    assert [line[:22].strip() for line in found] == [TITLES[name] for name in SYSTEMS]
    assert ["179" in line for line in found] == [name not in ("base", "sft") for name in SYSTEMS]
    assert [" 40 " in line for line in found] == [name in ("base", "sft") for name in SYSTEMS]


def test_a_better_rule_is_said_to_be_better(summary: Summary) -> None:
    assert REMARK in page(summary)
    assert "The best" not in page(replace(summary, remarks=()))


def test_models_without_texts_have_no_table_of_them(summary: Summary) -> None:
    silent = replace(summary, systems=tuple(replace(system, texts={}) for system in summary.systems))
    assert "Texts" in page(summary)
    assert "Texts" not in page(silent)


REGISTERED = {"name": "rationanomaly", "version": "3", "alias": "candidate"}


def commands(summary: Summary) -> list[str]:
    """What the closing page advises to type."""
    closing = page(summary, 110).partition("Try next")[2].replace("\\\n", " ")
    return [line.strip() for line in closing.splitlines() if line.strip()]


def test_detect_is_advised_with_a_direct_verdict_and_options_that_it_takes(
    summary: Summary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    log = inspect.signature(simulate).parameters["output"].default / LOG
    detect = typer.main.get_command(app).commands["detect"]  # type: ignore[attr-defined]
    for place in ("YOUR.log", str(log)):
        if place == str(log):
            (tmp_path / log).parent.mkdir(parents=True)
            (tmp_path / log).touch()
        (advised,) = commands(replace(summary, registered=REGISTERED))
        program, verb, *arguments = shlex.split(advised)
        given = detect.make_context(verb, arguments).params
        assert (program, verb, given["model"]) == ("rationanomaly", "detect", "models:/rationanomaly@candidate")
        assert (given["verdict"], str(given["output"]), given["logs"]) == ("direct", "verdicts.jsonl", [place])


def test_what_is_not_here_is_not_advised(summary: Summary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    assert commands(summary) == []
    database = Path(tracking_uri().removeprefix("sqlite:///"))
    database.touch()
    (tmp_path / "dvc.yaml").touch()
    ui, again = commands(summary)
    assert ui == f"mlflow ui --backend-store-uri sqlite:///{database.relative_to(tmp_path)}"
    assert again.startswith("dvc repro ")


def test_the_advice_fits_the_picture_of_the_summary(
    summary: Summary, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("data/simulated/cluster.log", "mlflow.db", "dvc.yaml"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    closing = page(replace(summary, registered=REGISTERED), 110).partition("Registered")[2]
    assert max(map(len, closing.splitlines())) <= 110
