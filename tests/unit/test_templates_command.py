"""`rationanomaly templates export` and `import`: two sites share the wordings of their templates."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

from rationanomaly import artifacts
from rationanomaly.cli.app import app, run_app
from rationanomaly.errors import ArtifactError
from rationanomaly.params import Params
from rationanomaly.parse.mining import Miner
from rationanomaly.parse.step import run
from rationanomaly.records import MINER, TEMPLATES
from rationanomaly.steps import Outputs
from tests.sealed import edit

Call = Callable[..., tuple[int, str]]
LOGIN = "2026-03-01T10:00:0{} INFO [main] auth - login of {} from rack {}"
FAILED = "2026-03-01T10:00:0{} ERROR [main] raid - drive sd{} has failed"


@pytest.fixture
def call(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Call:
    """Run `rationanomaly templates …`; its exit code and what it said on standard error."""

    def run_command(*arguments: object) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["rationanomaly", "templates", *map(str, arguments)])
        with pytest.raises(SystemExit) as exited:
            run_app(app)
        return int(exited.value.code or 0), " ".join(capsys.readouterr().err.split())

    return run_command


def parse(params: Params, folder: Path, lines: list[str], named: Path | None = None) -> pl.DataFrame:
    """The templates of a log, parsed into ``folder``."""
    log = folder.with_suffix(".log")
    log.write_text("\n".join(lines) + "\n")
    data = params.data.model_copy(update={"format": "application"})
    own = params.model_copy(update={"data": data, "parse": params.parse.model_copy(update={"named_templates": named})})
    with artifacts.writing(folder, "parse") as place:
        run(own, {"logs": log}, Outputs(place, folder.parent / "state"))
    return pl.read_parquet(folder / TEMPLATES)


def test_a_site_has_the_ids_of_the_other(params: Params, tmp_path: Path, call: Call) -> None:
    users = ["eve", "bob", "ann", "tom", "kim", "lee"]
    first = parse(params, tmp_path / "first", [LOGIN.format(n, user, n) for n, user in enumerate(users)])
    assert first["template"].to_list() == ["login of <*> from rack <*>"]
    shared, own = tmp_path / "shared.json", tmp_path / "named.json"
    assert call("export", "--parse", tmp_path / "first", "--output", shared) == (0, f"1 template exported to {shared}")
    code, said = call("import", shared, "--into", own)
    assert (code, said) == (0, f"1 template imported into {own}, 0 were there already")
    assert call("import", shared, "--into", own)[1] == f"0 templates imported into {own}, 1 were there already"
    # One line would be a template of its own words there.
    second = parse(params, tmp_path / "second", [LOGIN.format(0, "zoe", 9), FAILED.format(1, "a")], named=own)
    assert second["template_id"][0] == first["template_id"][0]
    assert second["name"].to_list() == [first["template_id"][0], None]
    named_only = tmp_path / "named_only.json"
    assert call("export", "--parse", tmp_path / "second", "--output", named_only, "--named-only")[0] == 0
    assert json.loads(named_only.read_bytes()) == json.loads(own.read_bytes())


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "is not JSON"),
        ('{"version": 1, "templates": []}', "holds no templates"),
        ('{"version": 1, "templates": [{"name": "a", "template": "x", "pattern": "("}]}', "`a` is no regex"),
        ('{"version": 1, "templates": [{"name": "login", "template": "other <*>"}]}', "Rename one of them"),
    ],
)
def test_what_can_not_be_imported_changes_nothing(tmp_path: Path, call: Call, content: str, said: str) -> None:
    own, other = tmp_path / "named.json", tmp_path / "other.json"
    own.write_text('{"version": 1, "templates": [{"name": "login", "template": "login of <*>"}]}')
    before = own.read_bytes()
    other.write_text(content)
    code, error = call("import", other, "--into", own)
    assert code in (2, 3)
    assert said in error
    assert own.read_bytes() == before


def test_nothing_to_export_is_an_error(params: Params, tmp_path: Path, call: Call) -> None:
    parse(params, tmp_path / "out", [FAILED.format(0, "a")])
    code, error = call("export", "--parse", tmp_path / "out", "--output", tmp_path / "a.json", "--named-only")
    assert code == 3
    assert "holds no templates to share" in error
    assert not (tmp_path / "a.json").exists()
    assert call("export", "--parse", tmp_path, "--output", tmp_path / "a.json")[0] == 4


@pytest.mark.parametrize("name", [TEMPLATES, MINER])
def test_nothing_of_an_edited_output_is_exported(params: Params, tmp_path: Path, call: Call, name: str) -> None:
    parse(params, tmp_path / "out", [FAILED.format(0, "a")])
    edit(tmp_path / "out" / name)
    code, error = call("export", "--parse", tmp_path / "out", "--output", tmp_path / "a.json")
    assert code == 4 and "SHA-256" in error
    assert not (tmp_path / "a.json").exists()


def test_no_templates_of_an_edited_output_are_continued(params: Params, tmp_path: Path) -> None:
    parse(params, tmp_path / "out", [FAILED.format(0, "a")])
    edit(tmp_path / "out" / MINER)
    settings = params.parse.model_copy(update={"continue_from": tmp_path / "out" / MINER})
    with pytest.raises(ArtifactError, match="SHA-256"):
        Miner.new(settings)
