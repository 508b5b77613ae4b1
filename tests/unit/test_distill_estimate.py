"""The estimate before the first call, against what a run then takes."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from rationanomaly.cli.app import app
from rationanomaly.distill.estimate import estimate
from rationanomaly.errors import ArtifactError
from rationanomaly.params import dump
from rationanomaly.records import LABELLED
from tests.distilling import asking, distil, settings, write_labelled
from tests.scripted_endpoint import Script
from tests.sealed import edit, sealed

ROWS = [(f"fatal error on disk {letter}: write failed", "abnormal") for letter in "abcdefgh"]


def inputs(folder: Path) -> dict[str, Path]:
    return {"correct": sealed(write_labelled(folder / "labelled", ROWS), "correct")}


def test_it_sends_nothing_and_writes_nothing(script: Script, endpoint: str, tmp_path: Path) -> None:
    estimate(asking(endpoint), inputs(tmp_path), tmp_path / "state")
    assert not script.calls
    assert not (tmp_path / "state").exists()


def test_a_run_stays_between_the_likely_and_the_worst(endpoint: str, tmp_path: Path) -> None:
    params = asking(endpoint)
    before = estimate(params, inputs(tmp_path), tmp_path / "state")
    metrics = distil(params, ROWS, tmp_path)
    assert before.calls == len(ROWS) <= metrics["calls"] <= before.worst_calls == 3 * len(ROWS)
    assert metrics["prompt_tokens"] <= before.worst.prompt
    assert 0 < metrics["spent"] <= before.worst_cost
    assert before.left == params.distill.budget.max_cost


def test_what_is_in_the_journal_costs_nothing_more(endpoint: str, tmp_path: Path) -> None:
    params = asking(endpoint)
    metrics = distil(params, ROWS, tmp_path)
    after = estimate(params, inputs(tmp_path), tmp_path / "state")
    assert (after.calls, after.known, after.likely_cost, after.worst_cost) == (0, len(ROWS), 0.0, 0.0)
    assert after.left == params.distill.budget.max_cost - metrics["spent"]
    assert f"{len(ROWS)} of them in the journal" in str(after)


def test_the_command_line_says_it_and_sends_nothing(script: Script, endpoint: str, tmp_path: Path) -> None:
    options = command_line(endpoint, tmp_path)
    done = CliRunner().invoke(app, ["estimate", *options], catch_exceptions=False)
    assert done.output.strip() == str(estimate(asking(endpoint), inputs(tmp_path), tmp_path / "state"))
    assert f"Likely: {len(ROWS)} calls, " in done.output and "USD" in done.output
    assert not script.calls
    assert not (tmp_path / "state").exists()


def test_the_old_spelling_warns_and_says_the_same(script: Script, endpoint: str, tmp_path: Path) -> None:
    options = command_line(endpoint, tmp_path)
    done = CliRunner().invoke(app, ["distill", "--dry-run", *options], catch_exceptions=False)
    assert done.stdout == CliRunner().invoke(app, ["estimate", *options], catch_exceptions=False).stdout
    assert "use `rationanomaly estimate`" in " ".join(done.stderr.split())
    assert not script.calls


def command_line(endpoint: str, folder: Path) -> list[str]:
    (folder / "params.yaml").write_text(dump(asking(endpoint)))
    places = {"--params": "params.yaml", "--state": "state"}
    options = [part for name, place in places.items() for part in (name, str(folder / place))]
    return ["--input", f"correct={inputs(folder)['correct']}", *options]


def test_an_edited_output_is_no_base_of_an_estimate(tmp_path: Path) -> None:
    correct = inputs(tmp_path)
    edit(correct["correct"] / LABELLED)
    with pytest.raises(ArtifactError, match="SHA-256"):
        estimate(settings(), correct, tmp_path / "state")


def test_the_builtin_teacher_is_free(tmp_path: Path) -> None:
    free = estimate(settings(), inputs(tmp_path), tmp_path / "state")
    assert (free.questions, free.calls, free.worst_cost) == (len(ROWS), 0, 0.0)
