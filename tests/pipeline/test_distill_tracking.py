"""Secrets stay out of everything that a whole step leaves behind: output, state, MLflow, log."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from rationanomaly import artifacts
from rationanomaly.distill.journal import JOURNAL
from rationanomaly.execution import execute
from rationanomaly.params import load_params
from rationanomaly.steps import BY_NAME
from tests.conftest import ROOT
from tests.distill_inputs import write_labelled
from tests.scripted_endpoint import Script, serving

CANARIES = ("sk-canary-key-0001", "canary-header-0002", "canary-pass-0003", "canary-query-0004")


def test_no_file_holds_a_secret(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key, header, password, query = CANARIES
    rows = [(f"fatal error on disk {letter}: write failed", "abnormal") for letter in "abc"]
    script = Script(always={rows[0][0]: "echo", rows[1][0]: "bad_request"})
    with artifacts.writing(tmp_path / "correct", "correct", {"logs": "0" * 64}) as folder:
        write_labelled(folder, rows)
    handler = logging.FileHandler(tmp_path / "debug.log")
    logging.getLogger().addHandler(handler)
    try:
        with serving(script) as url:
            monkeypatch.setenv("NO_PROXY", "127.0.0.1")
            monkeypatch.setenv("TEACHER_KEY", key)
            monkeypatch.setenv("TEACHER_HEADER", header)
            monkeypatch.setenv("TEACHER_URL", url.replace("//", f"//user:{password}@") + f"?token={query}")
            monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
            monkeypatch.chdir(tmp_path)
            params = load_params(
                ROOT / "params.yaml",
                [
                    "distill.teacher=openai",
                    "distill.endpoint.url=env:TEACHER_URL",
                    "distill.endpoint.key=TEACHER_KEY",
                    "distill.endpoint.headers={X-Canary: TEACHER_HEADER}",
                    "prompt.normalise=false",
                ],
            )
            inputs = {"correct": tmp_path / "correct"}
            metrics = execute(BY_NAME["distill"], params, inputs, tmp_path / "distill", tmp_path / "state")
    finally:
        logging.getLogger().removeHandler(handler)
        handler.close()
    assert metrics["accepted"] + metrics["rejected"] == len(rows)
    assert header in script.headers[0].values()
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {"mlflow.db", JOURNAL, "report.md", "debug.log"} <= {path.name for path in written}
    for path in written:
        content = path.read_bytes()
        assert [canary for canary in CANARIES if canary.encode() in content] == [], path
