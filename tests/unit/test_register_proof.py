"""The proof that what was registered is what was trained: a comparison that can't be made is none."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from pathlib import Path

import pytest

from rationanomaly import artifacts
from rationanomaly.cli.app import main
from rationanomaly.errors import GateError
from rationanomaly.evaluate.report_files import CHAMPION_ORIGIN
from rationanomaly.params import load_params
from rationanomaly.records import DETECTOR, PREDICTIONS
from rationanomaly.register import step
from rationanomaly.steps import Outputs
from tests.conftest import ROOT

NAN = math.nan


@pytest.mark.parametrize(
    ("ours", "theirs", "passes"),
    [
        ((0.1, 0.9, 0.5), (0.1, 0.9, 0.5), True),
        ((0.1, 0.9, 0.5), (0.1, 0.9, 0.6), False),
        ((NAN, 0.9, 0.5), (NAN, 0.9, 0.5), False),
        ((0.1, 0.9, 0.5), (0.1, NAN, 0.5), False),
        ((0.1, 0.9, NAN), (0.1, 0.9, 0.5), False),
        ((0.1, 0.9, math.inf), (0.1, 0.9, NAN), False),
        ((), (), False),
    ],
)
def test_a_score_that_is_no_number_proves_nothing(ours: Sequence[float], theirs: Sequence[float], passes: bool) -> None:
    found = step._largest_difference(ours, theirs)
    assert (found <= 1e-4) is passes


def test_without_a_template_to_compare_by_nothing_is_registered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    (tmp_path / PREDICTIONS).write_text("")
    inputs = {"grpo": tmp_path, "evaluate": tmp_path}
    with pytest.raises(GateError, match="no template to compare"):
        step.run(load_params(ROOT / "params.yaml"), inputs, Outputs(tmp_path / "out", tmp_path / "state"))
    assert not (tmp_path / "mlflow.db").exists()


BASES = {
    "hub": ({"name": "org/model", "revision": "abc", "sha256": "d" * 64, "log_adapter": None},
            {"base.name": "org/model", "base.revision": "abc", "base.sha256": "d" * 64}),
    "scratch": ({"name": "", "revision": None, "sha256": "e" * 64},
                {"base.name": "from scratch", "base.revision": "none, as it is of no hub", "base.sha256": "e" * 64}),
    "log adapter": ({"name": "package==1", "revision": None, "sha256": "e" * 64, "log_adapter": "f" * 64},
                    {"base.name": "package==1", "base.revision": "none, as it is of no hub", "base.sha256": "e" * 64,
                     "base.log_adapter": "f" * 64}),
}  # fmt: skip


@pytest.mark.parametrize("base", BASES)
@pytest.mark.parametrize("champion", [None, "c" * 64])
def test_a_version_names_its_base_and_the_champion_that_it_was_held_against(
    base: str, champion: str | None, tmp_path: Path
) -> None:
    identity, tags = BASES[base]
    (tmp_path / DETECTOR).write_text(json.dumps({"base": identity, "refit_of": None}))
    with artifacts.writing(tmp_path / "evaluate", "evaluate") as folder:
        if champion is not None:
            artifacts.write_json(folder / CHAMPION_ORIGIN, {"model": champion})
    found = step._tags(tmp_path, tmp_path / "evaluate", "digest", {"template/abnormal/f1": 0.5})
    assert {name: value for name, value in found.items() if name.startswith("base.")} == tags
    assert found.get("champion.model") == champion
    assert (found["rationanomaly.output"], found["template/abnormal/f1"]) == ("digest", "0.5000")


@pytest.mark.parametrize("setting", ["register.alias=latest", "register.alias=v1", "register.name=team/model"])
@pytest.mark.parametrize("command", ["register", "parse", "params"])
def test_a_name_that_mlflow_reserves_ends_any_step_at_once(
    setting: str, command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    output = [] if command == "params" else ["--params", "defaults", "--output", "out"]
    monkeypatch.setattr("sys.argv", ["rationanomaly", command, *output, "--set", setting])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    assert setting in capsys.readouterr().err
