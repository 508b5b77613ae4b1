"""What `promote`, `rollback` and `promotions` say."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from mlflow import MlflowClient
from rich.console import Console

from rationanomaly.cli import console
from rationanomaly.cli.app import app, run_app
from rationanomaly.register import promotion_log, rivals
from rationanomaly.register.promotion_log import PromotionLog
from tests.mlflow_store import new_store
from tests.registered import add_version

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    return new_store(tmp_path_factory)


@pytest.fixture
def call(store: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Run `rationanomaly …`: its exit code, what it wrote, and what it said."""
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    # Whoever imported the console first has fixed its width.
    monkeypatch.setattr(console, "STDOUT", Console(width=200, highlight=False))
    monkeypatch.setattr(promotion_log, "_PATIENCE", 0.0)
    monkeypatch.setattr(rivals, "_WINDOW", 0.0)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "policy.yaml").write_text("minimum: {template/abnormal/f1: .5}\nnot_worse: {}\n")

    def run(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr("sys.argv", ["rationanomaly", *map(str, arguments)])
        capsys.readouterr()
        with pytest.raises(SystemExit) as exited:
            run_app(app)
        captured = capsys.readouterr()
        return int(exited.value.code or 0), captured.out, " ".join(captured.err.split())

    return run


def test_a_model_goes_forth_and_back_and_its_log_is_shown(call: Call, store: str) -> None:
    client = MlflowClient(store, store)
    for f1 in ("0.6", "0.7", "0.4"):
        add_version(client, "log", tags={"template/abnormal/f1": f1})
    promote = ("promote", "--policy", "policy.yaml")
    assert call(*promote, "models:/log/1") == (0, "", "log@champion is now version 1")
    assert call(*promote, "models:/log/2") == (0, "", "log@champion is now version 2, before version 1")
    assert call(*promote, "models:/log/2") == (0, "", "log@champion is version 2 already")
    code, _, said = call(*promote, "models:/log/3")
    assert code == 5 and "version 3 is not promoted to @champion: template/abnormal/f1 is 0.4, needed 0.5" in said
    back = call("rollback", "models:/log@champion", "--reason", "it [red]cries[/red] \x1b[31mwolf")
    assert back == (0, "", "log@champion is now version 1, before version 2")
    assert call("rollback", "models:/log@champion")[0] == 3

    code, table, _ = call("promotions", "models:/log@champion")
    assert code == 0 and "\x1b" not in table and "it [red]cries[/red]" in table
    assert [kind for kind in ("promoted", "refused", "rolled_back") if kind in table] == [
        "promoted",
        "refused",
        "rolled_back",
    ]
    _, lines, _ = call("promotions", "--json", "models:/log@champion")
    rows = [json.loads(line) for line in lines.splitlines()]
    assert [row["kind"] for row in rows] == ["promoted", "promoted", "refused", "rolled_back"]
    assert rows[2]["gates"][0]["value"] == 0.4 and rows[2]["policy"]["minimum"] == {"template/abnormal/f1": 0.5}


def test_an_alias_without_a_log_has_no_entries(call: Call) -> None:
    said = "nobody has promoted or rolled back nobody@champion in this registry"
    for more in ([], ["--json"]):
        assert call("promotions", *more, "models:/nobody@champion") == (0, "", said)


@pytest.mark.parametrize("address", ["models:/it's@champion", "models:/log@cham'pion", "models:/log@v1"])
def test_a_name_that_the_registry_takes_for_its_own_signs_is_refused(call: Call, address: str) -> None:
    for command in ("promotions", "rollback"):
        code, _, said = call(command, address)
        assert code == 2 and ("must " in said or "reserved" in said)


def test_tags_that_were_edited_by_hand_are_shown_as_they_are(call: Call, store: str) -> None:
    client = MlflowClient(store, store)
    for value in ("nope", "5", '[{"a": 1}]', "9" * 30, "[" * 5000):
        version = add_version(client, "edited", tags={"template/abnormal/f1": "0.6"})
        call("promote", "--policy", "policy.yaml", f"models:/edited/{version}")
        entry = PromotionLog(client, "edited", "champion").entries()[-1]
        for tag in ("done", "problems", "policy", "gates", "by"):
            client.set_model_version_tag("edited.promotions", str(entry.number), tag, value)
    code, table, _ = call("promotions", "models:/edited@champion")
    assert code == 0 and "nope" in table
    code, lines, _ = call("promotions", "--json", "models:/edited@champion")
    assert code == 0 and [json.loads(line)["problems"] for line in lines.splitlines()][:2] == ["nope", 5]


def test_what_is_no_alias_is_said(call: Call) -> None:
    code, _, said = call("rollback", "models:/log/2")
    assert code == 2 and "names no alias" in said
