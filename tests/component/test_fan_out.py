"""The components that share the work of a step, their functions called directly and as tasks of kfp.local."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from components.parse_merge.component import parse_merge
from components.parse_plan.component import parse_plan
from components.parse_shard.component import parse_shard
from rationanomaly import artifacts
from rationanomaly.params import Params, dump
from tests.component.conftest import StubArtifact


def test_the_functions_leave_what_parse_leaves(
    micro: Params, direct_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    monkeypatch.setenv("RATIONANOMALY_STATE", str(tmp_path / ".state"))
    document, plan = dump(micro), StubArtifact(str(tmp_path / "plan"))
    parse_plan.python_func(params=document, shards=3, output=plan)
    shards = [StubArtifact(str(tmp_path / f"shard{number}")) for number in range(3)]
    for number, shard in enumerate(shards):
        parse_shard.python_func(params=document, plan=plan, number=number, output=shard)
    output = StubArtifact(str(tmp_path / "parse"))
    parse_merge.python_func(params=document, plan=plan, shards=shards, output=output, metrics=StubArtifact(""))
    assert artifacts.read(tmp_path / "parse").digest == artifacts.read(direct_run / "parse").digest


def test_the_tasks_ran_in_place_of_parse(kfp_run: Path) -> None:
    log = (kfp_run / "pipeline.log").read_text(encoding="utf-8")
    # What the tasks say themselves: KFP loses lines of its own when the tasks of a loop end at the same time.
    finished = re.findall(r"Wrote executor output file to \S*?(?:-iteration-(\d))?/(parse-[a-z]+)/executor_output", log)
    assert [name for _, name in finished] == ["parse-plan", *["parse-shard"] * 3, "parse-merge"]
    assert {number for number, name in finished if name == "parse-shard"} == {"0", "1", "2"}
    assert not list(kfp_run.glob("parse-*")) and not list(kfp_run.glob("parse_*"))
