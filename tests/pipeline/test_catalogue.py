"""Every pipeline that can be submitted can be compiled as well, and an unknown one is named."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from pipelines.catalogue import PIPELINES
from tests.conftest import ROOT
from tests.pipeline.commands import PROFILE, Command, command, environment

__all__ = ["command", "environment"]


@pytest.mark.parametrize("name", PIPELINES)
def test_it_is_compiled_under_its_own_name(command: Command, tmp_path: Path, name: str) -> None:
    output, policy = tmp_path / "pipeline.yaml", ROOT / "mlflow" / "promotion.yaml"
    options = ("--params", str(PROFILE), "--policy", str(policy), "--output", str(output))
    assert command("compile", "--pipeline", name, *options)[0] == 0
    spec = next(yaml.safe_load_all(output.read_text(encoding="utf-8")))
    assert name in spec["pipelineInfo"]["name"]


def test_an_unknown_pipeline_is_refused_with_those_that_there_are(command: Command) -> None:
    code, _, err = command("compile", "--pipeline", "dancing", "--params", str(PROFILE))
    assert code == 2
    assert all(name in err for name in PIPELINES)
