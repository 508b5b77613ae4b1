"""`python -m pipelines submit` against a server on loopback."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from pipelines import submission
from pipelines.__main__ import app
from rationanomaly.cli.app import run_app
from tests.conftest import ROOT
from tests.pipelines_api import RUN_ID, FakePipelines, State, schemas_of, serving

SWAGGER = ROOT.parent / "shared" / "specs" / "kfp_api_v2beta1.swagger.json"
PROFILE = ROOT / "profiles" / "micro.yaml"
FIRST = ("parse", "correct", "distill", "base", "sft")


@pytest.fixture(autouse=True)
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (submission.ENDPOINT, submission.PAGE, submission.TOKEN):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(submission, "PAUSE_SECONDS", 0.01)


@pytest.fixture
def schemas() -> dict[str, dict[str, Any]]:
    if not SWAGGER.is_file():
        pytest.skip(f"{SWAGGER} is not there")
    return schemas_of(SWAGGER)


@pytest.fixture
def submit(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Any]:
    """Runs the command line; gives exit code, standard output and standard error."""

    def run(*arguments: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["pipelines", "submit", "--params", str(PROFILE), *arguments])
        capsys.readouterr()
        with pytest.raises(SystemExit) as exited:
            run_app(app)
        out, err = capsys.readouterr()
        return int(exited.value.code or 0), out, " ".join(err.split())

    yield run


def test_a_run_is_what_the_published_api_takes(submit: Any, schemas: dict[str, dict[str, Any]]) -> None:
    server = FakePipelines(schemas=schemas)
    with serving(server) as host:
        code, out, _ = submit("--host", host, "--experiment", "nightly", "--name", "first")
        assert (code, out) == (0, f"{host}/#/runs/details/{RUN_ID}\n")
        submit("--host", host, "--experiment", "nightly", "--name", "second")
    assert server.experiments == ["nightly"]
    assert [run["display_name"] for run in server.runs] == ["first", "second"]
    sent = server.runs[0]["pipeline_spec"]
    json_format.ParseDict(sent["pipeline_spec"], pipeline_spec_pb2.PipelineSpec())
    json_format.ParseDict(sent["platform_spec"], pipeline_spec_pb2.PlatformSpec())


def test_values_on_the_command_line_are_in_the_params_that_travel(submit: Any) -> None:
    server = FakePipelines()
    with serving(server) as host:
        submit("--host", host, "--set", "run.seed=77")
    (parameter,) = server.runs[0]["pipeline_spec"]["pipeline_spec"]["root"]["inputDefinitions"]["parameters"].values()
    assert '"seed":77' in parameter["defaultValue"].replace(" ", "")
    assert " seed 77 " in server.runs[0]["display_name"]


@pytest.mark.parametrize(("option", "cached"), [("--cache", True), ("--no-cache", False)])
def test_what_the_server_knows_is_used_or_not(submit: Any, option: str, cached: bool) -> None:
    server = FakePipelines()
    with serving(server) as host:
        submit("--host", host, option)
    components = server.runs[0]["pipeline_spec"]["pipeline_spec"]["components"].values()
    tasks = [task for component in components for task in component.get("dag", {}).get("tasks", {}).values()]
    assert {bool(task.get("cachingOptions", {}).get("enableCache")) for task in tasks} == {cached}


def test_it_is_followed_to_its_end_through_a_silence(submit: Any, schemas: dict[str, dict[str, Any]]) -> None:
    done = dict.fromkeys((*FIRST, "grpo", "evaluate", "register", "finish"), "SUCCEEDED")
    script = (State("PENDING"), State("RUNNING", {"parse": "SKIPPED", "correct": "RUNNING"}), State("SUCCEEDED", done))
    server = FakePipelines(script, silent=3, schemas=schemas)
    with serving(server) as host:
        code, _, err = submit("--host", host, "--follow")
    assert (code, server.asked) == (0, 3)
    assert "8/8" in err or "100" in err, err


def test_a_failed_step_is_named_with_its_reason(submit: Any) -> None:
    tasks = dict.fromkeys(FIRST[:-1], "SUCCEEDED") | {"sft": "FAILED", "finish": "SUCCEEDED"}
    script = (State("RUNNING", tasks), State("FAILED", tasks, task_error="exit code 6\x1b[2J: one class only"))
    with serving(FakePipelines(script)) as host:
        code, _, err = submit("--host", host, "--follow")
    assert code == 8
    assert "step `sft`: exit code 6 [2J: one class only." in err
    assert f"{host}/#/runs/details/{RUN_ID}" in err


def test_a_run_that_somebody_cancels_is_no_success(submit: Any) -> None:
    with serving(FakePipelines((State("CANCELED", run_error="terminated by user"),))) as host:
        code, _, err = submit("--host", host, "--follow")
    assert code == 8
    assert "the run is canceled: terminated by user." in err


def test_a_token_comes_from_the_environment_alone(submit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    server = FakePipelines(token="canary-7f3a")
    with serving(server) as host:
        monkeypatch.setenv(submission.TOKEN, "wrong")
        code, out, err = submit("--host", host)
        assert code == 7
        assert "KF_PIPELINES_TOKEN" in err
        monkeypatch.setenv(submission.TOKEN, "canary-7f3a")
        code, out, err = submit("--host", host)
    assert code == 0
    assert "canary-7f3a" not in out + err + str(server.runs)


@pytest.mark.parametrize(
    ("server", "said"),
    [
        (FakePipelines(refuse={"/runs": 403}), "refused to start a run: 403 User is not authorized"),
        (FakePipelines(refuse={"/runs": 400}), "refused to start a run: 400"),
        (FakePipelines(login=True), "KF_PIPELINES_TOKEN"),
        (FakePipelines((State("RUNNING"),), silent=10**6), "refused to tell of the run: 503 upstream connect error"),
    ],
)
def test_what_the_server_will_not_do_is_one_line(
    submit: Any, monkeypatch: pytest.MonkeyPatch, server: FakePipelines, said: str
) -> None:
    monkeypatch.setattr(submission, "PATIENCE", 3)
    with serving(server) as host:
        code, _, err = submit("--host", host, "--follow")
    assert code == 7
    assert said in err
    assert "\x1b[31m" not in err


@pytest.mark.parametrize("path", ["/healthz", "/experiments", "/runs", f"/runs/{RUN_ID}"])
def test_a_server_that_never_answers_is_one_line(submit: Any, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setattr(submission, "_TIMEOUT", (0.2, 0.2))
    monkeypatch.setattr(submission, "PATIENCE", 1)
    server = FakePipelines((State("RUNNING"),), mute=path)
    with serving(server) as host:
        code, _, err = submit("--host", host, "--follow")
    assert code == 7
    assert "and does not answer. Look at its pages before trying again." in err
    assert not server.runs or path == f"/runs/{RUN_ID}"


def test_no_server_is_one_line(submit: Any) -> None:
    code, _, err = submit("--host", "http://127.0.0.1:9")
    assert code == 7
    assert err.startswith("error no Kubeflow Pipelines server can be reached")
    assert "--host URL or in KF_PIPELINES_ENDPOINT" in err


def test_ctrl_c_leaves_the_run_alone(submit: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    with serving(FakePipelines((State("RUNNING"),))) as host:
        monkeypatch.setattr("pipelines.submission.time.sleep", interrupt)
        code, _, err = submit("--host", host, "--follow")
    assert code == 130
    assert f"the run continues: {host}/#/runs/details/{RUN_ID}" in err
