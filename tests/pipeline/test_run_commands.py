"""`python -m pipelines status|logs|cancel|list` against a server on loopback."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipelines import connection
from pipelines.commands import RUNNING
from pipelines.run_state import pods_of, read_run
from tests import kubernetes_api
from tests.kubernetes_api import FakeCluster
from tests.pipeline.commands import Command, command, environment, submit
from tests.pipeline.test_submission import FIRST, api
from tests.pipelines_api import RUN_ID, WORKFLOW, FakePipelines, State, node_id, serving
from tests.published_api import PublishedApi

__all__ = ["api", "command", "environment", "submit"]
TRAINED = dict.fromkeys(FIRST, "SUCCEEDED")


def pod(task: str, attempt: int = 0) -> str:
    """The name that Argo gives to the pod of a task."""
    path = f"{WORKFLOW}.root.{task}.executor({attempt})"
    return f"{WORKFLOW}-retry-system-container-impl-{node_id(path).rpartition('-')[2]}"


# ---- status


@pytest.mark.parametrize(
    ("state", "code"),
    [
        (State("SUCCEEDED", TRAINED), 0),
        (State("FAILED", TRAINED | {"sft": "FAILED"}, task_error="exit code 6"), 8),
        (State("CANCELED", run_error="terminated by user"), 8),
        (State("RUNNING", TRAINED | {"sft": "RUNNING"}), RUNNING),
        (State("PENDING"), RUNNING),
    ],
)
def test_the_exit_code_says_how_a_run_stands(
    submit: Command, command: Command, api: PublishedApi, state: State, code: int
) -> None:
    with serving(FakePipelines((state,), api=api)) as host:
        submit("--host", host)
        found, out, _ = command("status", RUN_ID, "--host", host)
        same, document, _ = command("status", RUN_ID, "--host", host, "--json")
    assert found == same == code
    assert state.run.lower() in out
    assert f"{host}/#/runs/details/{RUN_ID}" in out
    assert json.loads(document)["state"] == state.run


def test_tasks_stand_in_a_table_with_state_and_duration_and_no_scaffold(
    submit: Command, command: Command, api: PublishedApi
) -> None:
    state = State("FAILED", {"parse": "SKIPPED", "sft": "FAILED"}, task_error="exit code 6\x1b[2J: one class only")
    with serving(FakePipelines((state,), api=api)) as host:
        submit("--host", host)
        out = command("status", RUN_ID, "--host", host)[1]
        document = json.loads(command("status", RUN_ID, "--host", host, "--json")[1])
    assert [(task["name"], task["state"]) for task in document["tasks"]] == [("parse", "SKIPPED"), ("sft", "FAILED")]
    assert document["tasks"][0]["seconds"] == 180
    assert "3 min 00 s" in out
    assert "\x1b" not in out
    for scaffold in ("driver", "executor", "root", WORKFLOW):
        assert scaffold not in out


def test_loops_of_an_ablation_are_no_tasks(submit: Command, command: Command) -> None:
    state = State("RUNNING", {"sft": "SUCCEEDED", "from-grpo-seed-0": "RUNNING", "for-loop-1": "RUNNING"})
    with serving(FakePipelines((state,))) as host:
        submit("--host", host)
        document = json.loads(command("status", RUN_ID, "--host", host, "--json")[1])
    assert [task["name"] for task in document["tasks"]] == ["sft"]


def test_a_run_that_there_is_not_is_one_line(command: Command) -> None:
    with serving(FakePipelines()) as host:
        code, _, err = command("status", "nothing", "--host", host)
    assert code == 7
    assert "404 Run nothing not found" in err


# ---- logs


def test_the_pods_of_a_task_are_found_by_the_hashes_of_the_workflow(submit: Command, api: PublishedApi) -> None:
    """The server names nodes only by their children; the names of pods follow from Argo's hash of a node's path."""
    state = State("RUNNING", TRAINED | {"sft": "RUNNING"}, attempts=3)
    with serving(FakePipelines((state,), api=api)) as host:
        submit("--host", host)
        found = read_run(connection.connect(host), RUN_ID)
    assert pods_of(found, "sft") == [pod("sft", attempt) for attempt in range(3)]
    assert pods_of(found, "grpo") == []


def test_argos_hash_is_that_of_its_published_nodes() -> None:
    """Out of the workflows that KFP's own tests carry."""
    assert node_id("retry-random-failures-p9snt.print-msg-2").endswith("-1189960944")
    assert node_id("retry-random-failures-p9snt.random-failure(0)").endswith("-310421839")


def test_a_log_has_all_attempts_and_obeys_no_control_characters(submit: Command, command: Command) -> None:
    logs = {pod("sft"): "first\n", pod("sft", 1): "second \x1b[2J\u202e\nlast line\n"}
    with serving(FakePipelines((State("FAILED", {"sft": "FAILED"}, attempts=2),), logs=logs)) as host:
        submit("--host", host)
        code, out, err = command("logs", RUN_ID, "sft", "--host", host)
    assert code == 0
    assert out == "first\nsecond \\u001b[2J\\u202e\nlast line\n"
    assert err.split() == [f"{pod('sft')}:", f"{pod('sft', 1)}:"]


@pytest.mark.parametrize(
    ("step", "code", "said"),
    [
        ("parse", 3, "took its result from an earlier run"),
        ("grpo", 3, "no task grpo that has begun. There are: parse, sft"),
        ("sft", 7, "nobody has the log of sft: Failed to read logs"),
    ],
)
def test_where_there_is_no_log_is_said_why(
    submit: Command, command: Command, monkeypatch: pytest.MonkeyPatch, step: str, code: int, said: str
) -> None:
    monkeypatch.setenv("KUBECONFIG", "/nowhere")
    with serving(FakePipelines((State("RUNNING", {"parse": "SKIPPED", "sft": "RUNNING"}),))) as host:
        submit("--host", host)
        found, _, err = command("logs", RUN_ID, step, "--host", host)
    assert found == code
    assert said in err


def test_what_the_server_does_not_give_comes_from_the_cluster(
    submit: Command, command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    cluster = FakeCluster(logs={"pod-1": "from the cluster\x07"})
    cluster.run_pods = {
        "pod-1": (RUN_ID, f"{WORKFLOW}.root.exit-handler-1.sft.executor(0)"),
        "pod-2": (RUN_ID, f"{WORKFLOW}.root.exit-handler-1.sft-driver"),
        "pod-3": ("another-run", f"{WORKFLOW}.root.exit-handler-1.sft.executor(0)"),
    }
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    server = FakePipelines((State("RUNNING", {"sft": "RUNNING"}),), refuse={"/log": 404})
    with serving(server) as host, kubernetes_api.serving(cluster, tmp_path / "config"):
        submit("--host", host)
        code, out, err = command("logs", RUN_ID, "sft", "--host", host, "--namespace", kubernetes_api.NAMESPACE)
    assert (code, out) == (0, "from the cluster\\u0007\n"), err


# ---- cancel


def test_cancel_waits_for_the_end_of_the_run(submit: Command, command: Command, api: PublishedApi) -> None:
    server = FakePipelines((State("RUNNING", {"sft": "RUNNING"}),), api=api)
    with serving(server) as host:
        submit("--host", host)
        code, _, err = command("cancel", RUN_ID, "--host", host)
        assert command("status", RUN_ID, "--host", host)[0] == 8
    assert (code, err) == (0, "the run is canceled")


def test_cancel_survives_a_silence_and_leaves_a_finished_run(submit: Command, command: Command) -> None:
    server = FakePipelines((State("RUNNING"),), silent=2, drop={f"/runs/{RUN_ID}:terminate": 1})
    with serving(server) as host:
        submit("--host", host)
        assert command("cancel", RUN_ID, "--host", host)[::2] == (0, "the run is canceled")
    with serving(FakePipelines((State("SUCCEEDED"),))) as host:
        submit("--host", host)
        assert command("cancel", RUN_ID, "--host", host)[::2] == (0, "the run had ended before: it is succeeded")


# ---- list


def test_runs_are_listed_newest_first_by_experiment_and_state(
    submit: Command, command: Command, api: PublishedApi
) -> None:
    server = FakePipelines((State("RUNNING"),), api=api)
    with serving(server) as host:
        for number in range(3):
            submit("--host", host, "--again", "--name", f"run {number}", "--experiment", f"e{number // 2}")
        for arguments, wanted in (
            ((), ["run 2", "run 1", "run 0"]),
            (("--limit", "2"), ["run 2", "run 1"]),
            (("--experiment", "e0"), ["run 1", "run 0"]),
            (("--state", "running"), ["run 2", "run 1", "run 0"]),
            (("--state", "failed"), []),
        ):
            code, out, _ = command("list", "--host", host, "--json", *arguments)
            assert code == 0
            assert [run["name"] for run in json.loads(out)] == wanted
        assert "run 2" in command("list", "--host", host)[1]
        assert command("list", "--host", host, "--state", "dancing")[0] == 2
        assert command("list", "--host", host, "--experiment", "none")[0] == 3


@pytest.mark.parametrize("name", ["submit", "status", "logs", "cancel", "list", "schedule", "compile"])
def test_help_has_an_example_that_can_be_pasted(command: Command, name: str) -> None:
    assert f"python -m pipelines {name} " in " ".join(command(name, "--help")[1].split())
