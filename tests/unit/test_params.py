from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from rationanomaly.cli.params_document import compose_text
from rationanomaly.errors import ParamsError
from rationanomaly.params import (
    DEFAULTS,
    Params,
    PromptParams,
    Section,
    compose,
    dump,
    dump_line,
    lineage,
    load_params,
    read_document,
)
from tests.conftest import ROOT

DEFAULT = ROOT / "params.yaml"
PROFILES = sorted((ROOT / "profiles").glob("*.yaml"))
#: Says its whole recipe, so that it stays what it is when the defaults become another.
BOOTSTRAP = ROOT / "profiles" / "bootstrap.yaml"


@pytest.mark.parametrize("path", [DEFAULTS, DEFAULT, *PROFILES], ids=lambda path: path.stem)
def test_every_params_file_loads(path: Path) -> None:
    assert load_params(path).run.seed >= 0


@pytest.mark.parametrize("path", [path for path in PROFILES if path != BOOTSTRAP], ids=lambda path: path.stem)
def test_a_profile_holds_only_differences(path: Path) -> None:
    def leaves(document: dict[str, object], prefix: str = "") -> dict[str, object]:
        rows: dict[str, object] = {}
        for key, value in document.items():
            rows |= leaves(value, f"{prefix}{key}.") if isinstance(value, dict) else {f"{prefix}{key}": value}
        return rows

    own = yaml.safe_load(path.read_text())
    below = leaves(compose(lineage(path)[-2]))
    assert {key for key, value in leaves(own).items() if below.get(key) == value} == set()


def test_the_bootstrapped_base_stays_where_the_defaults_have_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = {name: load_params(ROOT / "profiles" / f"{name}.yaml") for name in ("bootstrap", "micro")}
    changed = yaml.safe_load(DEFAULTS.read_text())
    changed["model"] |= {"source": "package", "max_completion": 160, "lora_rank": 8, "lora_alpha": 16}
    changed["sft"] |= {"steps": 100, "batch": 16, "learning_rate": 0.0005}
    changed["grpo"] |= {"steps": 10, "prompts": 4, "generations": 4, "learning_rate": 0.00005}
    (tmp_path / "defaults.yaml").write_text(yaml.safe_dump(changed))
    monkeypatch.setattr("rationanomaly.params.loading.DEFAULTS", tmp_path / "defaults.yaml")
    assert load_params("defaults").model.source == "package"
    assert {name: load_params(ROOT / "profiles" / f"{name}.yaml") for name in before} == before
    assert {params.model.source for params in before.values()} == {"bootstrap"}


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.stem)
def test_a_profile_that_needs_data_says_how_a_stranger_gets_them(path: Path) -> None:
    if "../shared" in yaml.safe_dump(compose(path)):
        head = path.read_text().partition("\nextends:")[0]
        assert "`rationanomaly fetch" in head or "bgl-spirit" in head


def test_what_is_dumped_loads_as_the_same(tmp_path: Path) -> None:
    params = load_params(DEFAULT, ["grpo.beta=0.5"])
    (tmp_path / "full.yaml").write_text(dump(params))
    assert load_params(tmp_path / "full.yaml") == params
    assert params.grpo.beta == 0.5


# ---------------------------------------------------------------- what a file extends


def test_a_profile_extends_a_file_beside_it(tmp_path: Path) -> None:
    (tmp_path / "profile.yaml").write_text(f"extends: {DEFAULT}\nrun:\n  seed: 7\n")
    params = load_params(tmp_path / "profile.yaml")
    assert (params.run.seed, params.run.name) == (7, load_params(DEFAULT).run.name)


def test_a_profile_anywhere_extends_the_packaged_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "params.yaml").write_text("run: {seed: 9}\n")
    (tmp_path / "mine.yaml").write_text("extends: defaults\nsft:\n  steps: 7\n")
    (tmp_path / "more.yaml").write_text("extends: mine.yaml\nrun: {seed: 3}\n")
    monkeypatch.chdir(tmp_path)
    params, defaults = load_params(Path("more.yaml")), load_params(Path("defaults"))
    assert (params.sft.steps, params.run.seed, params.grpo) == (7, 3, defaults.grpo)
    assert defaults == load_params(DEFAULTS)


@pytest.mark.parametrize("parent", ["nowhere.yaml", "self.yaml", "../params.yaml"])
def test_what_can_not_be_extended_is_named(tmp_path: Path, parent: str) -> None:
    (tmp_path / "self.yaml").write_text(f"# mine\nextends: {parent}\n")
    with pytest.raises(ParamsError, match=re.escape(f"{tmp_path}/self.yaml:2: extends ")) as caught:
        load_params(tmp_path / "self.yaml")
    assert parent in str(caught.value)


# ---------------------------------------------------------------- what is refused


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


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("sft.steps=0", "`--set sft.steps=0`: must be greater than 0."),
        ("grpo.beta=many", "`--set grpo.beta=many`: must be a valid number"),
        ("sft.pool=3", "`--set sft.pool=3`: must be"),
        ("distill.rest=x", "`--set distill.rest=x`: must be 'none' or 'builtin'."),
        ("register.tolerance=0", "`--set register.tolerance=0`: must be greater than 0."),
        ("sft.stepz=3", "`--set sft.stepz`: unknown key `sft.stepz`."),
        ("nosuch.a=1", "`--set nosuch.a`: unknown key `nosuch`."),
        ("parse.sessions={lines: 7}", "`--set parse.sessions`: `parse.sessions.kind` is missing"),
        ("parse.masks={word: [a]}", "`--set parse.masks`: `parse.masks.word`: must be a valid string, found ['a']"),
        ("cluster.tracking_uri=http://ada:pw@mlflow:5000", "`--set cluster.tracking_uri"),
        ("cluster.secret_keys=[sk-abc123]", "`--set cluster.secret_keys`: `cluster.secret_keys.0` must be the NAME"),
        ("cluster.tracking_uri=http://token@mlflow:5000", "`--set cluster.tracking_uri"),
        ("cluster.steps.sft.cpu='2'", "`--set cluster.steps.sft.cpu`: `cluster.steps.sft.memory` is missing"),
    ],
)
def test_a_bad_setting_is_named_and_no_file(tmp_path: Path, setting: str, said: str) -> None:
    (tmp_path / "own.yaml").write_text("extends: defaults\nsft: {steps: 5}\n")
    with pytest.raises(ParamsError) as caught:
        load_params(tmp_path / "own.yaml", ["run.seed=1", setting, "grpo.steps=2"])
    assert str(caught.value).startswith(said)
    assert (caught.value.file, caught.value.line) == (None, None)
    assert "own.yaml" not in str(caught.value)


@pytest.mark.parametrize(
    "address",
    [
        "//ada:pw-of-ada@mlflow:5000",
        "ada:pw-of-ada@mlflow:5000",
        "http://ada:pw-of/ada@mlflow:5000",
        "postgresql://mlflow/tracking?user=ada&password=pw-of-ada",
        "https://mlflow/?api_key=pw-of-ada",
    ],
)
def test_a_tracking_address_with_a_login_is_refused_however_it_is_written(address: str) -> None:
    with pytest.raises(ParamsError, match="must hold no user or password") as caught:
        load_params(DEFAULTS, [f"cluster.tracking_uri={address}"])
    assert "pw-of" not in str(caught.value)


@pytest.mark.parametrize(
    "address", ["file:///home/ada@site/mlruns", "/home/ada@site/mlruns", "http://mlflow:5000", "databricks://ada"]
)
def test_a_tracking_address_without_a_login_is_taken(address: str) -> None:
    assert load_params(DEFAULTS, [f"cluster.tracking_uri={address}"]).cluster.tracking_uri == address


def test_the_last_of_two_settings_of_a_key_is_named() -> None:
    with pytest.raises(ParamsError, match=r"^`--set sft\.steps=-2`"):
        load_params(DEFAULTS, ["sft.steps=3", "sft.steps=-2"])
    assert load_params(DEFAULTS, ["sft.steps=-2", "sft.steps=3"]).sft.steps == 3


def test_beside_good_settings_a_bad_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text("extends: defaults\nsft:\n  steps: 0\n")
    with pytest.raises(ParamsError, match=rf"^{re.escape(str(path))}:3: `sft\.steps`: must be greater than 0, found 0"):
        load_params(path, ["sft.batch=4", "run.seed=1"])
    assert load_params(path, ["sft.steps=4"]).sft.steps == 4


def test_a_password_in_a_setting_is_not_shown() -> None:
    for setting in ("distill.endpoint.url=https://me:pw123@host", "distill.endpoint.pass=pw123"):
        with pytest.raises(ParamsError) as caught:
            load_params(DEFAULTS, [setting])
        assert str(caught.value).startswith(f"`--set {setting.partition('=')[0]}`")
        assert "pw123" not in str(caught.value)


TEMPERATURES = ("detect.temperature", "grpo.temperature", "distill.temperature")


@pytest.mark.parametrize("key", TEMPERATURES)
def test_all_temperatures_have_the_same_range(key: str) -> None:
    for value in (0.01, 10):
        assert value_of(load_params(DEFAULTS, [f"{key}={value}"]), key) == value
    for text in ("0.009", "10.1", "-1", ".nan", ".inf"):
        with pytest.raises(ParamsError, match=rf"`--set {key}={text}`(: must be| holds a number that is not finite)"):
            load_params(DEFAULTS, [f"{key}={text}"])


def test_every_temperature_is_tried_above_and_a_teacher_may_have_none() -> None:
    found = {
        f"{name}.{key}"
        for name, section in load_params(DEFAULTS).model_dump(by_alias=True).items()
        for key in section
        if "temperature" in key
    }
    assert found == set(TEMPERATURES)
    for value in (0, None):
        setting = f"distill.temperature={json.dumps(value)}"
        assert load_params(DEFAULTS, [setting]).distill.temperature == value


@pytest.mark.parametrize("key", ["detect.attempts", "detect.analyses"])
def test_analyses_and_attempts_are_few(key: str) -> None:
    for value in (1, 100):
        assert value_of(load_params(DEFAULTS, [f"{key}={value}"]), key) == value
    for value in (0, 101):
        with pytest.raises(ParamsError, match=rf"^`--set {key}={value}`: must be"):
            load_params(DEFAULTS, [f"{key}={value}"])


# ---------------------------------------------------------------- names for the model registry

ALIASES = ["latest", "LATEST", "v1", "V20", "", "a b", "a/b", "a@b", "a.b", "v1\n", "x" * 256]
NAMES = ["team/model", "models:/a", "a:b", "", " ", ".", "..", "..a", "/a", "a/", "a//b"]


@pytest.mark.parametrize("name", ["", ".", "..", "../x", "a/b", "a b", "-x", ".x", "a;b", "$(x)", "a\n", "x" * 61])
def test_a_run_name_that_can_not_be_a_folder_of_its_own_is_refused(name: str) -> None:
    with pytest.raises(ParamsError, match=r"run\.name"):
        load_params(DEFAULTS, [f"run.name={json.dumps(name)}"])


@pytest.mark.parametrize("name", ["laptop", "gpu-1", "2024.11", "_x", "größe"])
def test_a_run_name_that_can_be_a_folder_is_taken(name: str) -> None:
    assert load_params(DEFAULTS, [f"run.name={json.dumps(name)}"]).run.name == name


@pytest.mark.parametrize("alias", ALIASES)
def test_an_alias_that_mlflow_refuses_is_refused_when_params_are_read(alias: str) -> None:
    with pytest.raises(ParamsError, match=r"register\.alias"):
        load_params(DEFAULTS, [f"register.alias={json.dumps(alias)}"])


@pytest.mark.parametrize("name", [*NAMES, "x" * 256, "a@b", "it's", "a?b", "a#b", " a", "a\nb", "a\u202eb"])
def test_a_model_name_that_mlflow_or_an_address_can_not_take_is_refused(name: str) -> None:
    with pytest.raises(ParamsError, match=r"register\.name"):
        load_params(DEFAULTS, [f"register.name={json.dumps(name)}"])


@pytest.mark.parametrize("alias", ["candidate", "prod-1", "v1-best", "vertex", "latest_2", "2024", "größte", "x" * 255])
@pytest.mark.parametrize("name", ["rationanomaly", "my model", "a.b.c", "模型", "v1", "latest", "x" * 255])
def test_what_mlflow_takes_is_taken(name: str, alias: str) -> None:
    given = (f"register.name={json.dumps(name)}", f"register.alias={json.dumps(alias)}")
    params = load_params(DEFAULTS, given).register_
    assert (params.name, params.alias) == (name, alias)


@pytest.mark.parametrize("alias", ["previous", "Previous", "previous-best"])
def test_an_alias_that_promotions_keep_is_refused_when_params_are_read(alias: str) -> None:
    with pytest.raises(ParamsError, match=r"register\.alias.*kept by promotions themselves"):
        load_params(DEFAULTS, [f"register.alias={alias}"])


def test_a_model_can_not_be_called_as_the_log_of_another_ones_promotions(tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match=r"register\.name.*must not end in \.promotions"):
        load_params(DEFAULTS, ["register.name=log.promotions"])


@pytest.mark.parametrize(
    "address", ["models:/log", "models:/log@latest", "models:/log@v1", "models:/a/b@best", "models:/log/0",
                "models:/log/x", "models:/log/\u0661", "models:/@best", "models:/log@", "models:/"]
)  # fmt: skip
def test_an_address_of_no_registered_version_is_refused_when_params_are_read(address: str) -> None:
    with pytest.raises(ParamsError, match=r"evaluate\.champion"):
        load_params(DEFAULTS, [f"evaluate.champion={address}"])


@pytest.mark.parametrize("place", ["models:/log@best", "models:/log/12", "outputs/laptop/grpo", None])
def test_a_champion_is_a_folder_or_a_registered_version(place: str | None) -> None:
    assert load_params(DEFAULTS, [f"evaluate.champion={json.dumps(place)}"]).evaluate.champion == place


@pytest.mark.parametrize("tolerance", ["0", "-1", ".nan", ".inf"])
def test_a_tolerance_that_lets_everything_or_nothing_pass_is_refused(tolerance: str) -> None:
    said = ": must be| holds a number that is not finite"
    with pytest.raises(ParamsError, match=rf"`--set register\.tolerance={tolerance}`({said})"):
        load_params(DEFAULTS, [f"register.tolerance={tolerance}"])


# ---------------------------------------------------------------- names that were changed

#: Earlier key, today's key, a value that is not the default one.
RENAMED = [
    ("prompt.neighbours", "prompt.few_shot_examples", 3),
    ("distill.rest", "distill.fallback_teacher", "builtin"),
    ("distill.endpoint.first_wait", "distill.endpoint.initial_backoff", 2.5),
    ("distill.endpoint.longest_wait", "distill.endpoint.max_backoff", 7.5),
    ("distill.budget.most", "distill.budget.max_cost", 1.5),
    ("distill.budget.most_tokens", "distill.budget.max_tokens", 1234),
    ("base.meaning", "base.encoder_loss_weight", 0.25),
]


def value_of(params: Params, key: str) -> Any:
    value: Any = params
    for part in key.split("."):
        value = getattr(value, part)
    return value


def nested(*pairs: tuple[str, object]) -> dict[str, Any]:
    document: dict[str, Any] = {}
    for key, value in pairs:
        *parents, last = key.split(".")
        place = document
        for parent in parents:
            place = place.setdefault(parent, {})
        place[last] = value
    return document


def warnings_of(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [record.getMessage() for record in caplog.records if record.levelno == logging.WARNING]


@pytest.mark.parametrize(("old", "new", "value"), RENAMED)
def test_an_earlier_name_in_a_profile_replaces_the_default_and_warns(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, old: str, new: str, value: object
) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump({"extends": "defaults"} | nested((old, value))))
    assert value_of(load_params(path), new) == value
    (warning,) = warnings_of(caplog)
    assert re.match(rf"{re.escape(str(path))}:\d+: `{old}` is now called `{new.rpartition('.')[2]}`", warning)


@pytest.mark.parametrize(("old", "new", "value"), RENAMED)
def test_an_earlier_name_in_a_setting_is_taken(
    caplog: pytest.LogCaptureFixture, old: str, new: str, value: object
) -> None:
    section, _, key = old.rpartition(".")
    assert value_of(load_params(DEFAULTS, [f"{old}={value}"]), new) == value
    whole = value_of(load_params(DEFAULTS), section).model_dump(mode="json")
    del whole[new.rpartition(".")[2]]
    assert value_of(load_params(DEFAULTS, [f"{section}={json.dumps(whole | {key: value})}"]), new) == value
    assert all(f"`{old}` is now called" in warning for warning in warnings_of(caplog))
    assert len(warnings_of(caplog)) == 2


def test_todays_name_over_an_earlier_one_in_what_is_extended_wins(tmp_path: Path) -> None:
    (tmp_path / "below.yaml").write_text("extends: defaults\ndistill: {rest: builtin}\n")
    (tmp_path / "above.yaml").write_text("extends: below.yaml\ndistill: {fallback_teacher: none}\n")
    assert load_params(tmp_path / "above.yaml").distill.fallback_teacher == "none"


@pytest.mark.parametrize(("old", "new", "value"), RENAMED)
def test_a_key_under_both_its_names_is_refused(tmp_path: Path, old: str, new: str, value: object) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(yaml.safe_dump({"extends": "defaults"} | nested((old, value), (new, value))))
    with pytest.raises(ParamsError, match=rf"mine.yaml:\d+: `{old}` is the earlier name of `{new.rpartition('.')[2]}`"):
        load_params(path)


def test_a_section_that_no_file_brought_may_have_an_earlier_name(caplog: pytest.LogCaptureFixture) -> None:
    card = load_params(DEFAULTS).prompt.model_dump(mode="json")
    del card["few_shot_examples"]
    assert PromptParams.model_validate(card | {"neighbours": 3}).few_shot_examples == 3
    assert len(warnings_of(caplog)) == 1


def test_nothing_of_ours_has_an_earlier_name(caplog: pytest.LogCaptureFixture) -> None:
    for path in [DEFAULTS, DEFAULT, *PROFILES]:
        load_params(path)
    assert warnings_of(caplog) == []


# ---------------------------------------------------------------- descriptions


def sections(section: type[Section] = Params) -> Iterator[type[Section]]:
    yield section
    for field in section.model_fields.values():
        for kind in (field.annotation, *getattr(field.annotation, "__args__", ())):
            if isinstance(kind, type) and issubclass(kind, Section):
                yield from sections(kind)


SECTIONS = {section.__name__: section for section in sections()}


def test_every_renamed_param_is_tried_above() -> None:
    names = {(old, new) for section in SECTIONS.values() for old, new in section.renamed.items()}
    assert names == {(old.rpartition(".")[2], new.rpartition(".")[2]) for old, new, _ in RENAMED}


@pytest.mark.parametrize("section", SECTIONS.values(), ids=SECTIONS)
def test_every_field_of_a_section_is_described(section: type[Section]) -> None:
    summary, _, attributes = (section.__doc__ or "").partition("Attributes:")
    assert summary.strip()
    described = re.findall(r"^ {8}(\w+): \S+", attributes, flags=re.MULTILINE)
    assert described == list(section.model_fields)


def test_a_glob_is_its_folder_and_its_files(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("extends: defaults\ndata: {logs: 'my logs/app.log*'}\n")
    given = load_params(tmp_path / "own.yaml")
    asked = load_params(DEFAULTS, ["data.logs='my logs/app.log*'"])
    for params in (given, asked, read_document(dump(given)), read_document(dump_line(asked))):
        assert (params.data.logs, params.data.files) == (Path("my logs"), "app.log*")
        assert params.data.source("logs") == Path("my logs/app.log*")


def test_other_logs_forget_the_files_of_the_former(tmp_path: Path) -> None:
    composed = tmp_path / "params.yaml"
    composed.write_text(compose_text(DEFAULTS, ["data.logs=a/app.log*"]))
    params = load_params(composed, ["data.logs=b.log"])
    assert (params.data.source("logs"), params.data.files) == (Path("b.log"), None)
    assert "files: app.log*" in composed.read_text()
    (tmp_path / "above.yaml").write_text("extends: params.yaml\ndata: {logs: c.log}\n")
    assert load_params(tmp_path / "above.yaml").data.source("logs") == Path("c.log")


def test_a_file_whose_name_looks_like_a_glob_stays_a_file(tmp_path: Path) -> None:
    (tmp_path / "app[1].log").touch()
    data = load_params(DEFAULTS, [f"data.logs={tmp_path}/app[1].log"]).data
    assert (data.source("logs"), data.files) == (tmp_path / "app[1].log", None)


def test_a_key_that_stands_twice_is_refused(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("extends: defaults\nrun:\n  seed: 3\n  name: a\n  seed: 4\n")
    with pytest.raises(ParamsError, match=r"own\.yaml:5: holds `seed` twice"):
        load_params(tmp_path / "own.yaml")


def test_a_path_may_be_text_as_in_the_examples(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("extends: defaults\nrun: {seed: 3}\n")
    assert load_params(str(tmp_path / "own.yaml"), ["run.name=b"]).run.seed == 3
    with pytest.raises(ParamsError, match="no such params file"):
        load_params(str(tmp_path / "none.yaml"))


def test_brackets_within_brackets_are_one_line(tmp_path: Path) -> None:
    (tmp_path / "deep.yaml").write_text("a: " + "[" * 5000)
    with pytest.raises(ParamsError, match="nested too deeply"):
        load_params(tmp_path / "deep.yaml")
