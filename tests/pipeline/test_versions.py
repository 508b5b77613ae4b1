"""Old versions of Kubeflow are refused before anything runs."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.versions import parse_version
from tests import kubernetes_api
from tests.kubernetes_api import FakeCluster
from tests.pipeline.commands import Command, command, environment, submit
from tests.pipelines_api import FakePipelines, serving

__all__ = ["command", "environment", "submit"]
NODES = ("--set", "training.nodes=2")
ONE_NODE = ("--set", "cluster.trainjob=true")


@pytest.mark.parametrize(
    ("tag", "code", "said"),
    [
        ("2.16.0", 0, ""),
        ("2.17.0", 0, ""),
        ("3.0.1", 0, ""),
        ("2.15.2", 7, "Kubeflow Pipelines 2.15.2 is too old; 2.16.0 is the oldest"),
        ("unknown", 0, "Kubeflow Pipelines is not checked: its server calls its version unknown"),
    ],
)
def test_an_old_server_gets_no_run(submit: Command, tag: str, code: int, said: str) -> None:
    server = FakePipelines(tag=tag)
    with serving(server) as host:
        found, _, err = submit("--host", host)
    assert found == code
    assert said in err
    assert bool(server.versions) is bool(server.runs) is (code == 0)


@pytest.mark.parametrize(
    ("trainer", "code", "said", "wanted"),
    [
        ("v2.2.0", 0, "", NODES),
        ("v2.3.0", 0, "", (*ONE_NODE, "--set", "cluster.trainer_version='2.3'")),
        ("v2.2.1", 7, "Kubeflow Trainer 2.2.1 is too old; 2.3.0", (*NODES, "--set", "cluster.trainer_version='2.3'")),
        ("v2.1.0", 7, "Kubeflow Trainer 2.1.0 is too old; 2.2.0 is the oldest", NODES),
        ("v2.1.0", 7, "Kubeflow Trainer 2.1.0 is too old; 2.2.0 is the oldest", ONE_NODE),
        ("", 0, "Kubeflow Trainer is not checked: the cluster does not say its version", NODES),
        (None, 7, "Kubeflow Trainer is not installed in the cluster. Install Kubeflow Trainer, or set training", NODES),
    ],
)
def test_an_old_trainer_gets_no_run_by_trainjobs(
    submit: Command,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    trainer: str | None,
    code: int,
    said: str,
    wanted: tuple[str, ...],
) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "config"))
    server = FakePipelines()
    with serving(server) as host, kubernetes_api.serving(FakeCluster(trainer=trainer), tmp_path / "config"):
        found, _, err = submit("--host", host, *wanted)
    assert found == code, err
    assert said in err
    assert bool(server.runs) is (code == 0)


def test_without_nodes_or_without_a_cluster_trainer_is_not_asked(
    submit: Command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KUBECONFIG", "/nowhere")
    with serving(FakePipelines()) as host:
        assert submit("--host", host)[::2] == (0, "")
        code, _, err = submit("--host", host, *NODES)
    assert code == 0
    assert "Kubeflow Trainer is not checked: no Kubernetes cluster is known here" in err


def test_a_server_behind_its_page_says_its_version_as_well(submit: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    class Page(FakePipelines):
        def _done(self, verb, path, query, body):  # type: ignore[no-untyped-def]
            if path == "/healthz":
                return 200, {"apiServerTagName": self.tag, "apiServerReady": True, "multi_user": False}
            return super()._done(verb, path, query, body)

    with serving(Page(tag="2.5.0")) as host:
        code, _, err = submit("--host", host)
    assert code == 7
    assert "2.5.0 is too old" in err


@pytest.mark.parametrize(
    ("tag", "version"),
    [("v2.3.0-rc.1", (2, 3, 0)), ("2.17.0", (2, 17, 0)), ("dev", None), (None, None), ("5b1f9", None)],
)
def test_versions_are_read_out_of_tags(tag: str | None, version: tuple[int, int, int] | None) -> None:
    assert parse_version(tag) == version
