"""`python -m pipelines submit` against a server on loopback."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from google.protobuf import json_format
from kfp.pipeline_spec import pipeline_spec_pb2

from pipelines import connection, following, submission
from tests.pipeline.commands import Command, command, environment, submit
from tests.pipelines_api import NAMESPACE, RUN_ID, FakePipelines, State, serving
from tests.published_api import SWAGGER, PublishedApi

__all__ = ["command", "environment", "submit"]
FIRST = ("preflight", "parse", "correct", "distill", "base", "sft")


@pytest.fixture(scope="module")
def api() -> PublishedApi:
    if not SWAGGER.is_file():
        pytest.skip(f"{SWAGGER} is not there")
    return PublishedApi.read()


def test_a_run_is_what_the_published_api_takes(submit: Command, api: PublishedApi) -> None:
    server = FakePipelines(api=api)
    with serving(server) as host:
        code, out, _ = submit("--host", host, "--experiment", "nightly", "--name", "first")
        assert (code, out) == (0, f"{host}/#/runs/details/{RUN_ID}\n")
        assert submit("--host", host, "--experiment", "nightly", "--name", "second", "--set", "run.seed=5")[0] == 0
    assert [one["display_name"] for one in server.experiments] == ["nightly"]
    assert [run["display_name"] for run in server.runs] == ["first", "second"]
    assert [one["name"] for one in server.pipelines] == ["rationanomaly-training"]
    spec, platform = server.specification(server.runs[0])
    json_format.ParseDict(spec, pipeline_spec_pb2.PipelineSpec())
    json_format.ParseDict(platform, pipeline_spec_pb2.PlatformSpec())


def test_values_on_the_command_line_are_in_the_params_that_travel(submit: Command) -> None:
    server = FakePipelines()
    with serving(server) as host:
        submit("--host", host, "--set", "run.seed=77")
    assert '"run.seed":77' in str(server.specification(server.runs[0])).replace(" ", "")
    assert " seed 77 " in server.runs[0]["display_name"]


@pytest.mark.parametrize(("option", "cached"), [("--cache", True), ("--no-cache", False)])
def test_what_the_server_knows_is_used_or_not(submit: Command, option: str, cached: bool) -> None:
    in_image = [f"--set=data.{name}=data/none.csv" for name in ("logs", "ledger", "truth")]
    server = FakePipelines()
    with serving(server) as host:
        submit("--host", host, option, *in_image)
    components = server.specification(server.runs[0])[0]["components"].values()
    tasks = [task for component in components for task in component.get("dag", {}).get("tasks", {}).values()]
    assert any(task.get("cachingOptions", {}).get("enableCache") for task in tasks) == cached


def test_an_ablation_is_submitted_under_its_own_name(submit: Command, api: PublishedApi) -> None:
    server = FakePipelines(api=api)
    with serving(server) as host:
        assert submit("--host", host, "--pipeline", "ablation", "--seeds", "0,1")[0] == 0
    assert [one["name"] for one in server.pipelines] == ["rationanomaly-ablation"]
    assert "ParallelFor" in str(server.specification(server.runs[0])) or "parameterIterator" in str(server.versions)


# ---- once, however often


def test_the_same_submitted_twice_is_one_run_and_one_upload(submit: Command, api: PublishedApi) -> None:
    server = FakePipelines((State("RUNNING"),), api=api)
    with serving(server) as host:
        first, second = submit("--host", host), submit("--host", host)
        assert (first[0], second[0]) == (0, 0)
        assert first[1] == second[1]
        assert "submitted before" in second[2] and "--again" in second[2]
    assert (len(server.runs), server.uploads) == (1, 1)


def test_again_starts_another_of_the_same_version(submit: Command, api: PublishedApi) -> None:
    server = FakePipelines(api=api)
    with serving(server) as host:
        pages = {submit("--host", host, *more)[1] for more in ((), ("--again",), ("--again",))}
    assert len(pages) == len(server.runs) == 3
    assert server.uploads == 1


def test_many_at_once_are_one_run(tmp_path: Path, api: PublishedApi) -> None:
    package = tmp_path / "pipeline.yaml"
    package.write_text("a: 1")
    server = FakePipelines((State("RUNNING"),), api=api)
    with serving(server) as host:
        servers = [connection.connect(host) for _ in range(6)]
        with ThreadPoolExecutor(6) as pool:
            runs = list(pool.map(lambda one: submission.submit(one, "a-pipeline", package, "e", "n"), servers))
    assert {run.identity for run in runs} == {RUN_ID}
    assert [run.is_new for run in runs].count(True) == 1
    assert (server.started, server.uploads, len(server.experiments), len(server.pipelines)) == (1, 1, 1, 1)


def test_a_slow_start_is_awaited_by_who_comes_second(tmp_path: Path, api: PublishedApi) -> None:
    package = tmp_path / "pipeline.yaml"
    package.write_text("a: 1")
    server = FakePipelines((State("RUNNING"),), api=api, slow={"/runs": 0.3, "/healthz": 0.3})
    with serving(server) as host, ThreadPoolExecutor(2) as pool:
        servers = [connection.connect(host) for _ in range(2)]
        runs = list(pool.map(lambda one: submission.submit(one, "a-pipeline", package, "e", "n"), servers))
    assert {run.identity for run in runs} == {RUN_ID}
    assert server.started == 1


@pytest.mark.parametrize("path", ["/runs", "/experiments", "/pipelines", "/pipelines/upload_version"])
def test_what_arrived_before_a_timeout_is_found_again(
    submit: Command, api: PublishedApi, path: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submission, "CLAIM_SECONDS", 0.05)  # Nobody else is at work.
    server = FakePipelines((State("RUNNING"),), api=api, drop={path: 1})
    with serving(server) as host:
        code, out, err = submit("--host", host)
        assert (code, out) == (0, f"{host}/#/runs/details/{RUN_ID}\n"), err
        assert submit("--host", host)[1] == out
    assert (server.started, server.uploads) == (1, 1)


def test_whoever_was_killed_behind_the_upload_leaves_the_run_to_the_next(
    tmp_path: Path, api: PublishedApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(submission, "CLAIM_SECONDS", 0.05)
    package = tmp_path / "pipeline.yaml"
    package.write_text("a: 1")
    server = FakePipelines((State("RUNNING"),), api=api)
    with serving(server) as host:
        connected = connection.connect(host)
        submission.upload(connected, "a-pipeline", submission.key_of(package, "e"), package)
        run = submission.submit(connected, "a-pipeline", package, "e", "n")
    assert run.is_new
    assert len(server.runs) == 1


def test_of_two_runs_that_were_started_at_once_the_later_one_goes(
    tmp_path: Path, api: PublishedApi, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Both took over from one who was killed: neither saw the other's run before it started its own."""
    monkeypatch.setattr(submission, "CLAIM_SECONDS", 0.0)
    package = tmp_path / "pipeline.yaml"
    package.write_text("a: 1")
    server = FakePipelines((State("RUNNING"),), api=api)
    with serving(server) as host:
        connected = connection.connect(host)
        submission.upload(connected, "a-pipeline", submission.key_of(package, "e"), package)
        first = submission.submit(connected, "a-pipeline", package, "e", "n")
        monkeypatch.setattr(submission, "_find_run", lambda *_: None)
        second = submission.submit(connected, "a-pipeline", package, "e", "n")
    assert first.identity == second.identity
    assert [run["run_id"] for run in server.runs] == [first.identity]
    assert server.started == 2


def test_a_run_that_failed_is_no_success_of_the_same_command(submit: Command) -> None:
    server = FakePipelines((State("FAILED", {"sft": "FAILED"}, task_error="exit code 6"),))
    with serving(server) as host:
        submit("--host", host)
        code, out, err = submit("--host", host)
    assert (code, out) == (8, f"{host}/#/runs/details/{RUN_ID}\n")
    assert "step `sft`: exit code 6" in err
    assert "--again" in err


# ---- followed


def test_it_is_followed_to_its_end_through_a_silence(submit: Command, api: PublishedApi) -> None:
    done = dict.fromkeys((*FIRST, "grpo", "evaluate", "register", "finish"), "SUCCEEDED")
    script = (State("PENDING"), State("RUNNING", {"parse": "SKIPPED", "correct": "RUNNING"}), State("SUCCEEDED", done))
    server = FakePipelines(script, silent=3, api=api)
    with serving(server) as host:
        code, _, err = submit("--host", host, "--follow")
    assert (code, server.asked) == (0, 3)
    assert "9/9" in err or "100" in err, err


def test_a_failed_step_is_named_with_its_reason_and_the_command_for_its_log(submit: Command) -> None:
    tasks = dict.fromkeys(FIRST[:-1], "SUCCEEDED") | {"sft": "FAILED", "finish": "SUCCEEDED"}
    script = (State("RUNNING", tasks), State("FAILED", tasks, task_error="exit code 6\x1b[2J: one class only"))
    with serving(FakePipelines(script)) as host:
        code, _, err = submit("--host", host, "--follow")
    assert code == 8
    assert "step `sft`: exit code 6 [2J: one class only." in err
    assert f"`python -m pipelines logs {RUN_ID} sft`" in err
    assert f"{host}/#/runs/details/{RUN_ID}" in err


def test_a_run_that_somebody_cancels_is_no_success(submit: Command) -> None:
    with serving(FakePipelines((State("CANCELED", run_error="terminated by user"),))) as host:
        code, _, err = submit("--host", host, "--follow")
    assert code == 8
    assert "the run is canceled: terminated by user." in err


def test_ctrl_c_leaves_the_run_alone(submit: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(_seconds: float) -> None:
        raise KeyboardInterrupt

    with serving(FakePipelines((State("RUNNING"),))) as host:
        monkeypatch.setattr("pipelines.following.time.sleep", interrupt)
        code, _, err = submit("--host", host, "--follow")
    assert code == 130
    assert f"the run continues: {host}/#/runs/details/{RUN_ID}" in err


# ---- what goes wrong


@pytest.mark.parametrize(
    ("server", "said"),
    [
        (FakePipelines(refuse={"/runs": 403}), "refused to find the run: 403 User is not authorized"),
        (FakePipelines(refuse={"/experiments": 400}), "refused to find the experiment: 400"),
        (FakePipelines((State("RUNNING"),), silent=10**6), "refused to tell of the run: 503 upstream connect error"),
        (FakePipelines(page=b"<!doctype html><html><title>Grafana</title></html>"), "is no Kubeflow Pipelines server"),
    ],
)
def test_what_the_server_will_not_do_is_one_line(
    submit: Command, monkeypatch: pytest.MonkeyPatch, server: FakePipelines, said: str
) -> None:
    monkeypatch.setattr(following, "PATIENCE", 3)
    with serving(server) as host:
        code, _, err = submit("--host", host, "--follow")
    assert code == 7
    assert said in err
    assert "\x1b[31m" not in err


@pytest.mark.parametrize("path", ["/healthz", "/pipelines/upload_version", f"/runs/{RUN_ID}"])
def test_a_server_that_never_answers_is_one_line(submit: Command, monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    monkeypatch.setattr(connection, "TIMEOUT", (0.5, 0.5))
    monkeypatch.setattr(submission, "CLAIM_SECONDS", 0.05)  # A busy machine may let an upload time out, too.
    monkeypatch.setattr(submission, "ATTEMPTS", 2)
    monkeypatch.setattr(following, "PATIENCE", 1)
    server = FakePipelines((State("RUNNING"),), mute=path)
    with serving(server) as host:
        code, _, err = submit("--host", host, "--follow")
    assert code == 7
    assert "and does not answer" in err
    assert not server.runs or path == f"/runs/{RUN_ID}"


def test_a_start_whose_answer_never_comes_can_be_tried_again(submit: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(submission, "ATTEMPTS", 2)
    monkeypatch.setattr(submission, "_find_started", lambda *_: None)
    server = FakePipelines((State("RUNNING"),), drop={"/runs": 1})
    with serving(server) as host:
        code, _, err = submit("--host", host)
        assert code == 7
        assert "Run the same command again" in err
        assert submit("--host", host)[0] == 0
    assert server.started == 1


def test_no_server_is_one_line(submit: Command) -> None:
    code, _, err = submit("--host", "http://127.0.0.1:9")
    assert code == 7
    assert err.startswith("error no Kubeflow Pipelines server can be reached")
    assert "--host URL or in KF_PIPELINES_ENDPOINT" in err


# ---- several users


def test_with_several_users_everything_is_in_the_namespace(submit: Command, api: PublishedApi) -> None:
    server = FakePipelines((State("RUNNING"),), api=api, multi_user=True)
    with serving(server) as host:
        code, _, err = submit("--host", host)
        assert code == 2
        assert "--namespace" in err
        assert submit("--host", host, "--namespace", NAMESPACE)[0] == 0
        assert submit("--host", host, "--namespace", NAMESPACE)[0] == 0
    assert [one["namespace"] for one in (*server.experiments, *server.pipelines)] == [NAMESPACE, NAMESPACE]
    assert len(server.runs) == 1


def test_a_server_without_users_gets_no_namespace(submit: Command, api: PublishedApi) -> None:
    server = FakePipelines(api=api)
    with serving(server) as host:
        assert submit("--host", host, "--namespace", NAMESPACE)[0] == 0
    assert "namespace" not in server.experiments[0]


def test_unknown_keys_of_a_filter_are_refused_as_by_the_server(api: PublishedApi) -> None:
    server: Any = FakePipelines(api=api)
    query = {"filter": ['{"predicates": [{"operation": 1, "key": "labels", "stringValue": "x"}]}']}
    assert server.answer("GET", "/apis/v2beta1/runs", query, None)[0] == 400
