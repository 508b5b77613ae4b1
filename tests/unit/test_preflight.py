"""Preflight: what is planted is found, with its hint, all of it at once, and what hangs is a finding."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rationanomaly.errors import InfrastructureError
from rationanomaly.params import Params, load_params
from rationanomaly.preflight import storage
from rationanomaly.preflight.checks import CHECKS, Check, run_checks
from rationanomaly.preflight.devices import Devices, read_build
from rationanomaly.preflight.findings import Finding, Report
from rationanomaly.preflight.memory import read_quantity
from rationanomaly.preflight.run import preflight
from rationanomaly.preflight.setting import Setting, compiled_code, most_gpus
from rationanomaly.preflight.versions import check_requirement
from tests.conftest import ROOT
from tests.preflight_doubles import Servers, servers

GPU = "{cpu: '8', memory: 64Gi, gpus: 1, timeout: 3600, retries: 1}"
API = "/api/2.0/mlflow/experiments"
CONFIG = "/org/model/resolve/abc/config.json"
CARD = Devices(memory=(80 * 2**30,), driver=(13, 0), torch=(13, 0))


@pytest.fixture
def known() -> Iterator[Servers]:
    with servers() as found:
        yield found


@pytest.fixture
def healthy(known: Servers, tmp_path: Path) -> Setting:
    return healthy_setting(known, tmp_path)


def healthy_setting(known: Servers, tmp_path: Path) -> Setting:
    """A setting of a pod in which nothing is wrong."""
    (tmp_path / "state").mkdir()
    logs = tmp_path / "state" / "app.log"
    logs.write_text("".join(f"node {number} is up\n" for number in range(50)))
    user = ["MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD"]
    params = load_params(ROOT / "params.yaml", [
        f"data.logs={logs}", "data.format=auto",
        f"data.ledger={ROOT / 'data/none.jsonl'}", f"data.truth={ROOT / 'data/none.csv'}",
        f"data.reasoning={ROOT / 'data/none.jsonl'}",
        "model.source=hub", "model.name=org/model", "model.revision=abc",
        "distill.teacher=openai", "distill.endpoint.model=teacher", f"distill.endpoint.url={known.address}/v1",
        "distill.endpoint.key=TEACHER_KEY", f"cluster.secret_keys=[TEACHER_KEY, {', '.join(user)}]",
        f"cluster.steps={{sft: {GPU}, grpo: {GPU}}}",
    ])  # fmt: skip
    environment = {
        "TEACHER_KEY": "key-of-the-teacher", user[0]: "trainer", user[1]: "pass-word",
        "HF_ENDPOINT": known.address, "HF_HOME": str(tmp_path / "state" / "hub"),
    }  # fmt: skip
    return Setting(params, tmp_path / "state", environment, True, known.address, devices=CARD, compiled=compiled_code())


def with_params(setting: Setting, **sections: dict[str, Any]) -> Setting:
    updated = {name: getattr(setting.params, name).model_copy(update=values) for name, values in sections.items()}
    return replace(setting, params=setting.params.model_copy(update=updated))


def with_variable(setting: Setting, name: str, value: str | None) -> Setting:
    kept = {key: known for key, known in setting.environment.items() if key != name}
    return replace(setting, environment=kept if value is None else kept | {name: value})


def found_by(name: str, setting: Setting) -> list[Finding]:
    """What one check says."""
    (check,) = (check for check in CHECKS if check.name == name)
    return list(run_checks(setting, [check], seconds=120).results[0].findings)


def only(name: str, setting: Setting) -> Finding:
    (finding,) = found_by(name, setting)
    assert finding.hint
    return finding


def described(report: Report) -> str:
    return "\n".join(f"{result.check}: {one.problem}" for result in report.results for one in result.findings)


def test_nothing_is_found_where_all_is_well(healthy: Setting) -> None:
    report = run_checks(healthy, seconds=120)
    assert described(report) == ""
    assert [result.check for result in report.results] == [check.name for check in CHECKS]


def test_ten_planted_faults_are_found_at_once_each_with_its_hint(
    healthy: Setting, known: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    report = run_checks(plant_faults(healthy, known, monkeypatch), seconds=120)
    hints = {result.check: " ".join(one.hint for one in result.findings) for result in report.results}
    expected = {
        "data": "data.logs",
        "claim": "clean-state",
        "secrets": "Make the secret anew",
        "mlflow": "correct MLFLOW_TRACKING_USERNAME",
        "hub": "HF_TOKEN into the Kubernetes secret rationanomaly and name it",
        "gpus": "Set gpus in cluster.steps to 4",
        "driver": "Update the driver",
        "teacher": "Check the key",
        "memory": "Write it as Kubernetes does",
        "versions": "Build and push the image anew",
    }
    assert report.failed == tuple(expected) == tuple(check.name for check in CHECKS)
    for name, words in expected.items():
        assert words in hints[name], (name, hints[name])


def plant_faults(healthy: Setting, known: Servers, monkeypatch: pytest.MonkeyPatch) -> Setting:
    """A setting in which each check has something to find."""
    gpu = healthy.params.cluster.steps["sft"]
    setting = with_params(
        healthy,
        data={"logs": healthy.state / "absent.log"},
        training={"processes": 4},
        cluster={"steps": {"sft": gpu.model_copy(update={"memory": "64GB"}), "grpo": gpu}},
    )
    monkeypatch.setattr(storage, "_SMALL_FILES", 2**60)
    known.answers[CONFIG] = (403, {}, {"X-Error-Code": "GatedRepo"})
    known.answers["/v1/models"] = (401, {"error": "no such key"}, {})
    known.answers[f"{API}/get-by-name"] = (401, {"message": "wrong"}, {})
    setting = with_variable(setting, "MLFLOW_TRACKING_PASSWORD", "wrong\n")
    return replace(setting, devices=replace(CARD, driver=(12, 4)), compiled=json.dumps({"code": "of another commit"}))


def test_a_pod_with_too_little_memory_is_found_before_it_trains(healthy: Setting) -> None:
    pod = healthy.params.cluster.default.model_copy(update={"memory": "1Gi"})
    found = found_by("memory", with_params(healthy, cluster={"default": pod, "steps": {}}))
    assert {finding.severity for finding in found} == {"error"}
    assert "cluster.steps.sft.memory" in found[0].hint


@pytest.mark.parametrize(
    ("answers", "words"),
    [
        ({CONFIG: (401, {}, {"X-Error-Code": "RepoNotFound"})}, "gated or private"),
        ({CONFIG: (404, {}, {"X-Error-Code": "RevisionNotFound"})}, "model.revision"),
        ({CONFIG: (500, {}, {})}, "Try again later"),
        ({CONFIG: (302, {}, {"Location": "http://elsewhere.example/config.json"})}, "Try again later"),
    ],
)
def test_refusals_of_the_hub_have_their_own_hints(
    healthy: Setting, known: Servers, answers: dict[str, Any], words: str
) -> None:
    known.answers |= answers
    assert words in only("hub", healthy).hint


def test_a_gated_model_wants_its_licence_accepted_where_there_is_a_token(healthy: Setting, known: Servers) -> None:
    known.answers[CONFIG] = (403, {}, {"X-Error-Code": "GatedRepo"})
    assert "Accept its licence" in only("hub", with_variable(healthy, "HF_TOKEN", "hf_secret")).hint
    assert ("GET", CONFIG, "Bearer hf_secret") in known.asked


def test_a_model_that_the_cache_has_is_not_asked_for(healthy: Setting, known: Servers) -> None:
    cached = healthy.state / "hub" / "hub" / "models--org--model" / "snapshots" / "abc"
    cached.mkdir(parents=True)
    (cached / "config.json").write_text("{}")
    assert found_by("hub", healthy) == []
    assert known.asked == []


@pytest.mark.parametrize(
    ("path", "status", "document", "words"),
    [
        ("get-by-name", 401, {}, "correct MLFLOW_TRACKING_USERNAME"),
        ("get-by-name", 403, {"message": "Permission denied"}, "grant EDIT"),
        ("set-experiment-tag", 403, {"message": "Permission denied"}, "grant EDIT"),
        ("get-by-name", 403, b"Invalid Host header", "--allowed-hosts"),
        ("get-by-name", 200, b"<html>", "Correct the address"),
        ("get-by-name", 404, b"<html>", "no MLflow API"),
        ("get-by-name", 500, {}, "server's log"),
        ("get-by-name", 200, {"experiment": {"experiment_id": "7", "lifecycle_stage": "deleted"}}, "Restore"),
    ],
)
def test_refusals_of_mlflow_have_their_own_hints(
    healthy: Setting, known: Servers, path: str, status: int, document: object, words: str
) -> None:
    known.answers[f"{API}/{path}"] = (status, document, {})
    assert words in only("mlflow", healthy).hint


def test_an_experiment_that_is_absent_is_made(healthy: Setting, known: Servers) -> None:
    known.answers[f"{API}/get-by-name"] = (404, {"error_code": "RESOURCE_DOES_NOT_EXIST"}, {})
    assert found_by("mlflow", healthy) == []
    assert [path for method, path, _ in known.asked if method == "POST"] == [
        f"{API}/create",
        f"{API}/set-experiment-tag",
    ]
    known.answers[f"{API}/create"] = (403, {"message": "Permission denied"}, {})
    assert "make the experiment" in only("mlflow", healthy).problem


def test_mlflow_without_a_user_wants_one_in_the_secret(healthy: Setting, known: Servers) -> None:
    known.answers[f"{API}/get-by-name"] = (401, {}, {})
    bare = with_variable(with_variable(healthy, "MLFLOW_TRACKING_USERNAME", None), "MLFLOW_TRACKING_PASSWORD", None)
    assert "put MLFLOW_TRACKING_USERNAME into the Kubernetes secret" in only("mlflow", bare).hint


def test_a_store_in_the_pod_is_refused(healthy: Setting) -> None:
    assert "cluster.tracking_uri" in only("mlflow", replace(healthy, tracking_uri="sqlite:////tmp/mlflow.db")).hint


def test_no_value_of_a_secret_is_shown(healthy: Setting, known: Servers) -> None:
    known.answers["/v1/models"] = (401, {"error": "key-of-the-teacher is unknown"}, {})
    known.answers[f"{API}/get-by-name"] = (401, {}, {})
    shown = described(run_checks(healthy, seconds=120))
    assert "teacher's endpoint refuses" in shown
    assert "key-of-the-teacher" not in shown
    assert "pass-word" not in shown


@pytest.mark.parametrize("value", [None, "", "  "])
def test_a_secret_that_is_needed_must_be_set(healthy: Setting, value: str | None) -> None:
    finding = only("secrets", with_variable(healthy, "TEACHER_KEY", value))
    assert "TEACHER_KEY is not set, and distill.endpoint.key names it" in finding.problem
    assert finding.hint == "Put TEACHER_KEY into the Kubernetes secret rationanomaly"


def test_a_budget_that_cannot_pay_is_an_error_and_one_that_may_not_last_a_warning(healthy: Setting) -> None:
    def budget(cost: float) -> Setting:
        settings = healthy.params.distill
        limits = settings.budget.model_copy(
            update={"max_cost": cost, "prompt_price": 1000.0, "completion_price": 1000.0}
        )
        return with_params(healthy, distill={"budget": limits})

    assert only("teacher", budget(0.01)).severity == "error"
    assert only("teacher", budget(1.0)).severity == "warning"
    assert found_by("teacher", budget(1e6)) == []


def test_a_model_that_the_endpoint_does_not_list_is_a_warning(healthy: Setting, known: Servers) -> None:
    known.answers["/v1/models"] = (200, {"data": [{"id": "other"}]}, {})
    finding = only("teacher", healthy)
    assert finding.severity == "warning"
    assert "other" in finding.hint


def test_a_volume_that_cannot_be_written_names_the_user(healthy: Setting, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert "fsGroup" in only("claim", replace(healthy, state=tmp_path / "file")).hint


def test_a_claim_keeps_nothing_of_the_check(healthy: Setting) -> None:
    before = sorted(healthy.state.iterdir())
    assert found_by("claim", healthy) == []
    assert sorted(healthy.state.iterdir()) == before


def test_an_empty_log_is_found(healthy: Setting) -> None:
    healthy.params.data.logs.write_text("")
    assert "is empty" in only("data", healthy).problem


@pytest.mark.parametrize(
    ("devices", "words"),
    [
        (replace(CARD, torch=None), "cluster.gpu_image"),
        (replace(CARD, driver=None), "container toolkit"),
        (replace(CARD, driver=(12, 8)), "Update the driver"),
    ],
)
def test_a_driver_has_to_run_what_torch_was_built_for(healthy: Setting, devices: Devices, words: str) -> None:
    finding = only("driver", replace(healthy, devices=devices, gpus=1))
    assert finding.severity == "error"
    assert words in finding.hint


def test_an_older_minor_version_of_the_driver_is_a_warning(healthy: Setting) -> None:
    assert only("driver", replace(healthy, devices=replace(CARD, torch=(13, 2)))).severity == "warning"


def test_a_pod_has_to_see_the_gpus_that_it_was_given(healthy: Setting) -> None:
    assert "was given 2 GPU(s) and sees 1" in only("gpus", replace(healthy, gpus=2)).problem


def test_a_pod_with_gpus_checks_them_alone(healthy: Setting, known: Servers) -> None:
    report = run_checks(replace(healthy, gpus=1), seconds=120)
    assert [result.check for result in report.results] == ["gpus", "driver", "memory", "versions"]
    assert described(report) == ""


def test_quantisation_needs_a_gpu(healthy: Setting) -> None:
    bare = with_params(healthy, training={"quantisation": "nf4"}, cluster={"steps": {}})
    assert {"nf4" in finding.problem for finding in found_by("gpus", bare)} == {True}


def test_a_card_that_is_too_small_is_found(healthy: Setting) -> None:
    small = replace(healthy, devices=replace(CARD, memory=(2 * 2**30,)), gpus=1)
    assert any("each GPU needs" in finding.problem for finding in found_by("memory", small))


def test_what_hangs_is_a_finding_with_its_hint(healthy: Setting) -> None:
    over = threading.Event()

    def hang(_: Setting) -> list[Finding]:
        over.wait()
        return []

    hanging = [Check(f"hanging {number}", hang, "Restart it") for number in range(5)]
    fine = Check("fine", lambda _: [Finding("found", "do")], "")
    report = run_checks(healthy, [*hanging, fine], seconds=2.0)
    over.set()
    assert report.failed == (*(check.name for check in hanging), "fine")
    assert [result.findings[0].hint for result in report.results] == ["Restart it"] * 5 + ["do"]


def test_a_check_that_asks_nobody_is_slow_and_no_error(healthy: Setting) -> None:
    done = threading.Event()

    def compute(_: Setting) -> list[Finding]:
        done.wait()
        return []

    report = run_checks(healthy, [Check("versions", compute, "Busy", asks=False)], seconds=0.05)
    done.set()
    assert (report.failed, report.count("warning")) == ((), 1)


def test_servers_that_say_nothing_are_findings(healthy: Setting, known: Servers) -> None:
    known.silent |= {CONFIG, "/v1/models", f"{API}/get-by-name"}
    report = run_checks(replace(healthy, seconds=0.2), seconds=120)
    for name in ("hub", "teacher", "mlflow"):
        (result,) = (result for result in report.results if result.check == name)
        assert any("says nothing" in one.problem for one in result.findings), name


def test_a_check_that_fails_itself_takes_no_other_with_it(healthy: Setting) -> None:
    def broken(_: Setting) -> list[Finding]:
        raise KeyError("x")

    report = run_checks(healthy, [Check("broken", broken, ""), Check("fine", lambda _: [], "")], seconds=120)
    assert report.failed == ("broken",)


def test_the_table_names_everything_and_an_error_ends_it(healthy: Setting) -> None:
    shown = list[str]()
    assert preflight(healthy, shown.append).count("error") == 0
    with pytest.raises(InfrastructureError, match=r"preflight found 1 error: secrets"):
        preflight(with_variable(healthy, "TEACHER_KEY", None), shown.append)
    assert all(f"{check.name:<9}ok" in shown[0] for check in CHECKS)
    assert "error: TEACHER_KEY is not set" in shown[1]
    assert "→ Put TEACHER_KEY into" in shown[1]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("no-such-package>=1; extra == 'training'", "is not installed"),
        ("pydantic<1", "is needed"),
        ("no-such-package>=1; extra == 'gpu'", None),
        ("pydantic>=2", None),
    ],
)
def test_packages_are_held_against_their_requirements(text: str, words: str | None) -> None:
    found = [finding.problem for finding in check_requirement(text, ["training"])]
    assert (words is None and not found) or (words is not None and words in found[0])


@pytest.mark.parametrize(
    ("text", "size"), [("64Gi", 64 * 2**30), ("1.5G", 1.5e9), ("512", 512.0), ("many", None), ("1Xi", None)]
)
def test_amounts_are_read_as_kubernetes_writes_them(text: str, size: float | None) -> None:
    assert read_quantity(text) == size


def test_the_build_of_torch_is_read_from_its_file() -> None:
    assert read_build("__version__ = '2.13.0+cu130'\ncuda: Optional[str] = '13.0'\n") == (13, 0)
    assert read_build("cuda: Optional[str] = None\n") is None


def test_the_pod_for_gpus_gets_those_of_the_largest_step(params: Params, healthy: Setting) -> None:
    assert most_gpus(healthy.params) == 1
    assert most_gpus(params) == 0
