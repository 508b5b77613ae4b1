from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from rationanomaly.errors import ParamsError
from rationanomaly.params import compose, dump, load_params
from tests.conftest import ROOT

DEFAULT = ROOT / "params.yaml"
PROFILES = sorted((ROOT / "profiles").glob("*.yaml"))


@pytest.mark.parametrize("path", [DEFAULT, *PROFILES], ids=lambda path: path.stem)
def test_every_params_file_loads(path: Path) -> None:
    assert load_params(path).run.seed >= 0


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.stem)
def test_a_profile_holds_only_differences(path: Path) -> None:
    def leaves(document: dict[str, object], prefix: str = "") -> dict[str, object]:
        rows: dict[str, object] = {}
        for key, value in document.items():
            rows |= leaves(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
        return rows

    own = yaml.safe_load(path.read_text())
    below = leaves(compose(path.parent / own.pop("extends")))
    assert {key for key, value in leaves(own).items() if below.get(key) == value} == set()


def test_what_is_dumped_loads_as_the_same(tmp_path: Path) -> None:
    params = load_params(DEFAULT, ["grpo.beta=0.5"])
    (tmp_path / "full.yaml").write_text(dump(params))
    assert load_params(tmp_path / "full.yaml") == params
    assert params.grpo.beta == 0.5


def test_a_profile_extends_a_file_beside_it(tmp_path: Path) -> None:
    (tmp_path / "profile.yaml").write_text(f"extends: {DEFAULT}\nrun:\n  seed: 7\n")
    params = load_params(tmp_path / "profile.yaml")
    assert (params.run.seed, params.run.name) == (7, load_params(DEFAULT).run.name)


def test_an_unknown_key_names_file_line_and_hint(tmp_path: Path) -> None:
    path = tmp_path / "profile.yaml"
    path.write_text(f"extends: {DEFAULT}\ngrpo:\n  betta: 7\n")
    with pytest.raises(ParamsError) as caught:
        load_params(path)
    assert str(caught.value).startswith(f"{path}:3: unknown key `grpo.betta`. Remove it")


@pytest.mark.parametrize(
    ("text", "problem"),
    [("run: [", "is not YAML"), ("- 1", "holds no sections"), ("run:\n  seed: 1\n", "is missing"), ("", "no sections")],
)
def test_a_broken_file_is_one_clear_line(tmp_path: Path, text: str, problem: str) -> None:
    (tmp_path / "p.yaml").write_text(text)
    with pytest.raises(ParamsError, match=problem) as caught:
        load_params(tmp_path / "p.yaml")
    assert "\n" not in str(caught.value)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match="no such params file"):
        load_params(tmp_path / "nowhere.yaml")


@pytest.mark.parametrize("setting", ["beta", "=1", "grpo.beta.x=1", "grpo.beta=many", "grpo.beta=[", "nosuch=1"])
def test_a_bad_setting_is_refused(setting: str) -> None:
    with pytest.raises(ParamsError):
        load_params(DEFAULT, [setting])
