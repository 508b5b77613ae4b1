"""Promotion against a real registry in a sqlite file."""

from __future__ import annotations

import re
import shutil
import socket
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException
from mlflow.utils.validation import (
    _validate_model_alias_name,
    _validate_model_alias_name_reserved,
    _validate_model_name,
)

from rationanomaly.errors import GateError, InfrastructureError, InputError, ParamsError
from rationanomaly.evaluate.systems import POLICY_RIVALS, difference_prefix
from rationanomaly.params.registry_names import fault_of_alias, fault_of_model_name
from rationanomaly.records import DETECTOR
from rationanomaly.register import rivals
from rationanomaly.register.policy import Policy, read_policy
from rationanomaly.register.promotion import Promotion, promote
from rationanomaly.register.tags import is_of_evaluation, is_paired, is_tagged, paired_tag
from rationanomaly.runs import bounded, tracking
from rationanomaly.runs.model_registry import PROVEN, digest_at, set_tags
from tests.conftest import ROOT
from tests.mlflow_store import new_store
from tests.registered import add_version, digest_of, folder_of

PROJECT = read_policy(ROOT / "mlflow" / "promotion.yaml")
POLICY = Policy(minimum={"template/abnormal/f1": 0.5}, not_worse={"template/abnormal/ap": 0.02})


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    return new_store(tmp_path_factory)


@pytest.fixture
def client(store: str, monkeypatch: pytest.MonkeyPatch) -> MlflowClient:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    monkeypatch.setattr(rivals, "_WINDOW", 0.0)
    return MlflowClient(store, store)


def add(client: MlflowClient, name: str, more: Mapping[str, str] | None = None, **found: float | str) -> str:
    tags = {f"template/abnormal/{key}": str(value) for key, value in found.items()} | dict(more or {})
    return add_version(client, name, tags=tags)


def test_the_first_version_that_is_good_enough_gets_the_alias(client: MlflowClient) -> None:
    version = add(client, "first", f1=0.6, ap=0.6)
    assert promote(f"models:/first/{version}", "champion", POLICY) == Promotion("first", "champion", version, None)
    assert str(client.get_model_version_by_alias("first", "champion").version) == version


def test_a_metric_below_the_minimum_stops_it(client: MlflowClient) -> None:
    version = add(client, "low", f1=0.49, ap=0.6)
    with pytest.raises(GateError, match=r"f1 is 0\.49, needed 0\.5"):
        promote(f"models:/low/{version}", "champion", POLICY)
    assert "champion" not in client.get_registered_model("low").aliases


@pytest.mark.parametrize(("ap", "passes"), [(0.59, True), (0.57, False)])
def test_it_may_not_be_much_worse_than_the_holder(client: MlflowClient, ap: float, passes: bool) -> None:
    name = f"second-{passes}"
    holder = add(client, name, f1=0.6, ap=0.6)
    client.set_registered_model_alias(name, "champion", holder)
    version = add(client, name, f1=0.6, ap=ap)
    client.set_registered_model_alias(name, "candidate", version)
    if passes:
        assert promote(f"models:/{name}@candidate", "champion", POLICY).previous == holder
    else:
        with pytest.raises(GateError, match="ap is"):
            promote(f"models:/{name}@candidate", "champion", POLICY)
    held = str(client.get_model_version_by_alias(name, "champion").version)
    assert held == (version if passes else holder)


def test_a_version_without_metrics_is_not_promoted(client: MlflowClient) -> None:
    version = add(client, "untagged")
    with pytest.raises(GateError, match="carries no metric"):
        promote(f"models:/untagged/{version}", "champion", POLICY)


F1, AP, GAIN = "template/abnormal/f1", "template/abnormal/ap", "difference/labeller/template/abnormal/f1"


@pytest.mark.parametrize(
    ("metric", "value"),
    [
        *[(F1, text) for text in ("nan", "NaN", "-nan", "inf", "Infinity", "-inf", "1e999", "n/a", "", "None", "0,9")],
        *[(F1, text) for text in ("-0.2", "1.01", "61", "0x1", "1_0", "٠.٩", "0.9 of 1", "true")],
        *[(GAIN, text) for text in ("nan", "inf", "-1.2", "1.2", "none")],
        ("template/abnormal/f1/low", "nan"),
        ("template/rows", "-3"),
        ("template/rows", "inf"),
        ("agreement/alarms", "7"),
    ],
)
def test_what_a_metric_can_not_be_never_passes(client: MlflowClient, metric: str, value: str) -> None:
    version = add(client, "odd", {metric: value}, ap=0.6)
    policy = Policy(minimum={AP: 0.1, metric: -5}, not_worse={})
    with pytest.raises(GateError, match=f"says that {metric} is .*, which it can't be"):
        promote(f"models:/odd/{version}", "champion", policy)
    assert "champion" not in client.get_registered_model("odd").aliases


@pytest.mark.parametrize(
    ("metric", "value", "limit"),
    [
        (F1, "0", 0),
        (F1, "1.0000", 1),
        (F1, " 0.5 ", 0.5),
        (F1, ".5", 0.5),
        (GAIN, "-1", -1),
        ("template/rows", "3e2", 300),
    ],
)
def test_what_is_as_good_as_is_needed_passes(client: MlflowClient, metric: str, value: str, limit: float) -> None:
    version = add(client, "even", {metric: value})
    policy = Policy(minimum={metric: limit}, not_worse={})
    assert promote(f"models:/even/{version}", "best", policy).version == version


@pytest.mark.parametrize("held", [None, "nan", "-inf", "n/a", "1.5", "-0.1"])
def test_a_holder_without_the_metric_lets_nobody_pass(client: MlflowClient, held: str | None) -> None:
    name = f"held-{held}".replace("/", "-")
    holder = add(client, name, f1=0.6)
    if held is not None:
        client.set_model_version_tag(name, holder, AP, held)
    client.set_registered_model_alias(name, "champion", holder)
    version = add(client, name, f1=0.9, ap=0.9)
    with pytest.raises(GateError, match=f"version {holder} "):
        promote(f"models:/{name}/{version}", "champion", POLICY)
    assert str(client.get_model_version_by_alias(name, "champion").version) == holder


def test_all_that_is_wrong_is_said(client: MlflowClient) -> None:
    version = add(client, "bad", ap="nan")
    policy = Policy(minimum={F1: 0.5, AP: 0.5}, not_worse={})
    with pytest.raises(GateError, match=f"carries no metric {F1}; version {version} says that {AP} is 'nan'"):
        promote(f"models:/bad/{version}", "champion", policy)


@pytest.mark.parametrize("alias", ["latest", "Latest", "v1", "V12", "", "a b", "team/best", "x" * 256])
def test_an_alias_that_mlflow_reserves_is_refused_before_anything_is_asked(alias: str) -> None:
    with pytest.raises(ParamsError, match="--to"):
        promote("models:/first/1", alias, POLICY)


def mlflow_takes(*checks: Callable[[str], None], name: str) -> bool:
    try:
        for check in checks:
            check(name)
    except MlflowException:
        return False
    return True


@pytest.mark.parametrize(
    "alias", ["latest", "LATEST", "v1", "V20", "", "a b", "a/b", "a.b", "x" * 256, "v1a", "größte", "1"]
)
def test_an_alias_is_refused_where_mlflow_refuses_it(alias: str) -> None:
    taken = mlflow_takes(_validate_model_alias_name, _validate_model_alias_name_reserved, name=alias)
    assert (fault_of_alias(alias) is None) is taken


@pytest.mark.parametrize(
    "name", ["team/model", "a:b", "", " ", ".", "..", "..a", "/a", "a/", "a b", "a.b.c", "模型", "v1"]
)
def test_a_model_name_is_refused_where_mlflow_refuses_it(name: str) -> None:
    assert (fault_of_model_name(name) is None) is mlflow_takes(_validate_model_name, name=name)


@pytest.mark.parametrize("address", ["models:/nobody@candidate", "models:/first/99", "nonsense"])
def test_an_unknown_version_is_named(client: MlflowClient, address: str) -> None:
    with pytest.raises(InputError, match="no such registered model version"):
        promote(address, "champion", POLICY)


@pytest.mark.parametrize(("difference", "passes"), [(-0.049, True), (0.1, True), (-0.051, False), (None, False)])
def test_it_may_not_be_much_worse_than_a_rule(client: MlflowClient, difference: float | None, passes: bool) -> None:
    metric = "difference/teacher_rule/template/abnormal/f1"
    name = f"rule-{difference}"
    version = add(client, name, f1=0.6, ap=0.6)
    if difference is not None:
        client.set_model_version_tag(name, version, metric, f"{difference:.4f}")
    policy = Policy(minimum={metric: -0.05}, not_worse={})
    if passes:
        assert promote(f"models:/{name}/{version}", "champion", policy).version == version
    else:
        with pytest.raises(GateError, match="teacher_rule"):
            promote(f"models:/{name}/{version}", "champion", policy)


def test_the_policy_of_the_project_asks_for_bounds_stress_agreement_and_the_champion_on_the_same_data() -> None:
    assert 0 < PROJECT.minimum["template/abnormal/f1/low"] < PROJECT.minimum["template/abnormal/f1"]
    assert PROJECT.minimum["agreement/rate"] > 0.9
    assert any(metric.startswith("stress/") and metric.endswith("/high") for metric in PROJECT.maximum)
    assert set(PROJECT.paired) == {F1, AP} and not PROJECT.not_worse


def test_the_policy_of_the_project_asks_for_what_a_version_carries() -> None:
    assert all(is_paired(metric) and is_tagged(f"{paired_tag(metric)}/low") for metric in PROJECT.paired)
    assert all(is_tagged(metric) for metric in (*PROJECT.minimum, *PROJECT.maximum, *PROJECT.not_worse))


@pytest.mark.parametrize("before", [*map(difference_prefix, POLICY_RIVALS), "reasoned_minus_direct/"])
def test_the_policy_of_the_project_holds_a_model_against_what_every_version_was_compared_with(before: str) -> None:
    f1 = f"{before}template/abnormal/f1"
    limits = [limit for metric, limit in PROJECT.minimum.items() if metric.partition("/high")[0] == f1]
    assert len(limits) == 1 and -0.05 <= limits[0] <= 0


@pytest.mark.parametrize("bad", [None, *PROJECT.minimum, *PROJECT.maximum])
def test_each_row_of_the_policy_of_the_project_can_refuse(client: MlflowClient, bad: str | None) -> None:
    name = f"project-{bad}".replace("/", "-")
    worse = [(PROJECT.minimum, -0.01), (PROJECT.maximum, 0.01)]
    tags = {m: f"{limit + by * (m == bad):.4f}" for limits, by in worse for m, limit in limits.items()}
    version = add(client, name, tags)
    if bad is None:
        assert promote(f"models:/{name}/{version}", "champion", PROJECT).version == version
    else:
        with pytest.raises(GateError, match=f"@champion: {bad} is [^;]*$"):
            promote(f"models:/{name}/{version}", "champion", PROJECT)


@pytest.mark.parametrize(
    ("metric", "tagged"),
    [
        ("difference/template/abnormal/f1/low", True),
        ("difference/labeller/template/abnormal/ap", True),
        ("difference/sft/free/agreement/rate/low", True),
        ("agreement/alarms", True),
        ("direct/template/abnormal/f1", True),
        ("difference/template/abnormal/recall", False),
        ("sft/template/abnormal/f1", False),
        ("stress/injection/flips", True),
        ("stress/injection/flips/high", True),
        ("stress/injection/flips/rows", True),
        ("stress/injection/flips_over_control/high", True),
        ("stress/unsupported/rate/high", True),
        ("stress/searched/flips/low", True),
        ("stress/negation/still_alarm", True),
        ("stress/injection/authority/flips", False),
        ("stress/injection/authority/flips/high", False),
        ("stress/texts_judged", False),
        ("stress//high", False),
    ],
)
def test_a_version_carries_what_a_policy_may_ask_for(metric: str, tagged: bool) -> None:
    assert is_tagged(metric) is tagged


FLIPS, CLAIMS = "stress/injection/flips_over_control", "stress/unsupported/rate"


@pytest.mark.parametrize(
    ("metric", "value", "refused"),
    [
        (f"{CLAIMS}/high", "0.1000", None),
        (f"{CLAIMS}/high", "0.1001", f"{CLAIMS}/high is 0.1001, allowed 0.1"),
        (FLIPS, "-0.2000", None),
        (FLIPS, "0.6220", f"{FLIPS} is 0.622, allowed 0.1"),
        *[
            (metric, value, "which it can't be")
            for metric in (FLIPS, f"{FLIPS}/high")
            for value in ("-1.1", "nan", "1.1")
        ],
        *[(f"{CLAIMS}/high", value, "which it can't be") for value in ("-0.1", "1.2", "inf", "few")],
        ("stress/injection/flips/rows", "275", "rows is 275, allowed 0.1"),
    ],
)
def test_of_a_stress_rate_less_is_better(client: MlflowClient, metric: str, value: str, refused: str | None) -> None:
    version = add(client, "stressed", {metric: value})
    policy = Policy(minimum={}, maximum={metric: 0.1}, not_worse={})
    if refused is None:
        assert promote(f"models:/stressed/{version}", "best", policy).version == version
    else:
        with pytest.raises(GateError, match=re.escape(refused)):
            promote(f"models:/stressed/{version}", "worst", policy)


def test_a_version_that_was_not_put_under_stress_learns_what_to_set(client: MlflowClient) -> None:
    version = add(client, "calm", f1=0.9)
    policy = Policy(minimum={F1: 0.5}, maximum={f"{CLAIMS}/high": 0.1}, not_worse={})
    with pytest.raises(GateError, match=rf"carries no metric {CLAIMS}/high\. Evaluate with `evaluate\.stress\.rows`"):
        promote(f"models:/calm/{version}", "champion", policy)


def test_a_policy_from_before_there_were_greatest_values_still_holds(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text("minimum: {template/abnormal/f1: .5}\nnot_worse: {}")
    assert read_policy(tmp_path / "policy.yaml") == Policy(minimum={F1: 0.5}, maximum={}, not_worse={})


@pytest.mark.parametrize("part", ["minimum", "maximum", "not_worse", "paired"])
@pytest.mark.parametrize("metric", ["templat/abnormal/f1", "stress/flips", "sft/template/abnormal/f1", "recall"])
def test_a_metric_that_no_version_carries_is_named_with_its_line(tmp_path: Path, part: str, metric: str) -> None:
    good = F1 if part == "paired" else "f1"
    parts = {"minimum": "", "maximum": "", "not_worse": "", "paired": ""} | {part: f"{good}: .5, {metric}: .1"}
    (tmp_path / "policy.yaml").write_text("\n".join(f"{name}: {{{rows}}}" for name, rows in parts.items()))
    with pytest.raises(
        ParamsError,
        match=rf"policy\.yaml:\d: .*`{part}`: no version carries a metric {metric}( against the holder .*)?\.",
    ) as error:
        read_policy(tmp_path / "policy.yaml")
    assert error.value.line == list(parts).index(part) + 1


def test_a_tag_of_an_earlier_evaluation_goes_and_others_stay(client: MlflowClient) -> None:
    version = add(client, "again", f1=0.6)
    for key in (CLAIMS, "champion.model", f"{paired_tag(F1)}/low", "owner"):
        client.set_model_version_tag("again", version, key, "0.01")
    set_tags(client, "again", version, {F1: "0.5000"}, outdated=is_of_evaluation)
    tags = client.get_model_version("again", version).tags
    assert {key: tags[key] for key in tags if not key.startswith("rationanomaly.")} == {F1: "0.5000", "owner": "0.01"}


@pytest.mark.parametrize(
    "text",
    [
        *("", "minimum: {}", f"minimum: {{{F1}: .5}}\nnot_worse: {{}}\nodd: 1", "minimum: [", "- 1"),
        "minimum: {}\nnot_worse: {}",
        "minimum: {}\nnot_worse: {}\nmaximum: {}\npaired: {}",
        "not_worse: {}\nminimum:\n" + "".join(f"  template/{name}/f1: 0\n" for name in range(501)),
        f"minimum: {{{F1}: .5}}\nnot_worse: {{}}\n" + "#" * 1024 * 1024,
        "minimum: {f1: .5}\nnot_worse: {}\nminimum: {}",
        "minimum: {f1: .5, f1: 0}\nnot_worse: {}",
        *[f"minimum: {{f1: {limit}}}\nnot_worse: {{}}" for limit in (".nan", "-.inf", "", "high", "true")],
        *[f"minimum: {{}}\nmaximum: {{f1: {limit}}}\nnot_worse: {{}}" for limit in (".nan", ".inf", "", "low", "no")],
        *[f"minimum: {{}}\nnot_worse: {{f1: {margin}}}" for margin in (".nan", ".inf", "-1", "yes")],
        *[f"minimum: {{}}\nnot_worse: {{}}\npaired: {{{F1}: {margin}}}" for margin in (".nan", ".inf", "-1", "yes")],
        "minimum: {}\nnot_worse: {}\npaired: {f1: .1}",
        *[
            f"minimum: {{}}\nnot_worse: {{}}\npaired: {{{one}: .1}}"
            for one in (f"difference/champion/{F1}", f"{F1}/low")
        ],
    ],
)
def test_a_bad_policy_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "policy.yaml").write_text(text)
    with pytest.raises(ParamsError, match="is no promotion policy"):
        read_policy(tmp_path / "policy.yaml")


def test_an_address_stands_for_the_model_folder_that_its_version_was_made_from(client: MlflowClient) -> None:
    client.create_registered_model("held")
    for digest in ("a" * 64, "b" * 64):
        version = client.create_model_version("held", "file:///nowhere", tags={tracking.OUTPUT: digest}).version
        client.set_registered_model_alias("held", "champion", version)
        assert digest_at("models:/held@champion") == digest_at(f"models:/held/{version}") == digest
    client.create_model_version("held", "file:///nowhere")
    with pytest.raises(InputError, match="does not say which model folder"):
        digest_at("models:/held/3")
    for address in ("models:/held/4", "models:/held@other", "models:/held", "models:/none/1"):
        with pytest.raises(InputError, match="no such registered model version"):
            digest_at(address)


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_registry_where_nobody_listens_is_said_within_seconds(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    monkeypatch.setattr(bounded, "_PAUSES", (0.01,))
    with socket.socket() as bound:  # Bound and not listening: the port stays free, and answers nobody.
        bound.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{bound.getsockname()[1]}"
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"{scheme}://somebody:secret@{place}/mlflow")
        with pytest.raises(
            InfrastructureError, match=f"registry at {scheme}://{place}/mlflow does not answer"
        ) as error:
            digest_at("models:/held@champion")
    assert "secret" not in str(error.value)


@pytest.mark.parametrize("part", ["minimum", "not_worse"])
@pytest.mark.parametrize(
    "metric",
    [
        *(FLIPS, f"{FLIPS}/high", CLAIMS, "stress/injection/flips", "stress/foreign/false_alarms"),
        *("stress/severity/missed", "template/calibration/brier", "session/calibration/ece", "template/invalid/rate"),
        *("direct/template/false_positives", "session/false_negatives"),
    ],
)
def test_a_policy_that_would_ask_for_more_of_what_is_bad_is_refused(tmp_path: Path, part: str, metric: str) -> None:
    (tmp_path / "policy.yaml").write_text(
        "\n".join(f"{one}: {{{metric if one == part else F1}: 0.1}}" for one in ("minimum", "not_worse"))
    )
    with pytest.raises(ParamsError, match=rf"policy\.yaml:\d: .*`{part}` would ask for more.*Put it under `maximum`"):
        read_policy(tmp_path / "policy.yaml")


@pytest.mark.parametrize(
    "metric", ["stress/foreign/recall", "stress/counterfactual/quotes_matter", "stress/injection/flips/rows"]
)
def test_a_policy_may_ask_for_more_of_what_is_good(tmp_path: Path, metric: str) -> None:
    (tmp_path / "policy.yaml").write_text(f"minimum: {{{metric}: 0.5}}\nnot_worse: {{}}")
    assert read_policy(tmp_path / "policy.yaml").minimum == {metric: 0.5}


@pytest.mark.parametrize("part", ["minimum", "maximum", "not_worse", "paired"])
@pytest.mark.parametrize(
    "limit", ["1_0", "0x1", "0b1", "0:1", "1.0001", "-0.1", "'1_0'", "\uff11", "'inf'", "1e999", "+-1"]
)
def test_a_limit_that_a_share_can_not_have_is_refused_by_name(tmp_path: Path, part: str, limit: str) -> None:
    rows = {"minimum": "", "maximum": "", "not_worse": "", "paired": ""} | {part: f"{F1}: {limit}"}
    (tmp_path / "policy.yaml").write_text("\n".join(f"{name}: {{{row}}}" for name, row in rows.items()))
    with pytest.raises(ParamsError, match=rf"is no promotion policy: `{part}\.{F1}`"):
        read_policy(tmp_path / "policy.yaml")


@pytest.mark.parametrize(
    ("metric", "limit", "taken"),
    [
        (GAIN, -1, True),
        (GAIN, -1.01, False),
        ("template/rows", 300, True),
        ("template/rows", -1, False),
        ("template/invalid/rate", 1, True),
        ("template/invalid/rate", 2, False),
        ("template/invalid/count", 5, True),
        ("template/calibration/brier", 1.5, False),
        (FLIPS, -0.5, True),
        (FLIPS, -1.5, False),
    ],
)
def test_a_limit_lies_where_the_metric_can(tmp_path: Path, metric: str, limit: float, taken: bool) -> None:
    (tmp_path / "policy.yaml").write_text(f"minimum: {{}}\nmaximum: {{{metric}: {limit}}}\nnot_worse: {{}}")
    if taken:
        assert read_policy(tmp_path / "policy.yaml").maximum == {metric: limit}
    else:
        with pytest.raises(ParamsError, match=rf"`maximum\.{metric}` is {limit}, and must be from"):
            read_policy(tmp_path / "policy.yaml")


def test_a_date_that_no_calendar_has_is_no_policy(tmp_path: Path) -> None:
    (tmp_path / "policy.yaml").write_text("minimum: {2020-99-99: 1}\nnot_worse: {}")
    with pytest.raises(ParamsError, match=r"policy\.yaml:1: is no promotion policy.*2020-99-99"):
        read_policy(tmp_path / "policy.yaml")


# ---------------------------------------------------------------- whether a version is what it says


def refused(name: str, version: str, said: str) -> None:
    with pytest.raises(GateError, match=rf"version {version} .*{said}"):
        promote(f"models:/{name}/{version}", "champion", POLICY)


def test_only_a_version_that_was_proven_last_is_promoted(client: MlflowClient) -> None:
    good = {F1: "0.9", AP: "0.9"}
    version = add(client, "unproven", good)
    client.delete_model_version_tag("unproven", version, PROVEN)
    refused("unproven", version, "was not proven by `register`.*Register the model folder again")
    for mark in ("no", "true", "f" * 64):
        client.set_model_version_tag("unproven", version, PROVEN, mark)
        refused("unproven", version, "was not proven by `register`")
    assert "champion" not in client.get_registered_model("unproven").aliases
    client.set_model_version_tag("unproven", version, PROVEN, digest_of(client, "folder"))
    assert promote(f"models:/unproven/{version}", "champion", POLICY).version == version


def test_tags_that_were_copied_to_another_source_promote_nothing(client: MlflowClient, tmp_path: Path) -> None:
    good = {F1: "0.9", AP: "0.9"}
    tags = client.get_model_version("copied", add(client, "copied", good)).tags
    other = str(client.create_model_version("copied", folder_of(client, "other").as_uri(), tags=tags).version)
    refused("copied", other, "holds another model folder than its tag")
    # The manifest alone is no proof.
    shutil.copytree(folder_of(client, "folder"), tmp_path / "edited")
    (tmp_path / "edited" / DETECTOR).write_text("other thresholds")
    edited = str(client.create_model_version("copied", (tmp_path / "edited").as_uri(), tags=tags).version)
    refused("copied", edited, "can't be used: does not have the SHA-256")
    bare = str(client.create_model_version("copied", folder_of(client, "other").as_uri(), tags=good).version)
    refused("copied", bare, "does not say which model folder it holds")
    assert "champion" not in client.get_registered_model("copied").aliases


def test_files_that_are_gone_promote_nothing(client: MlflowClient, tmp_path: Path) -> None:
    tags = client.get_model_version("gone", add(client, "gone", {F1: "0.9", AP: "0.9"})).tags
    gone = str(client.create_model_version("gone", (tmp_path / "gone").as_uri(), tags=tags).version)
    refused("gone", gone, "holds no model folder")
