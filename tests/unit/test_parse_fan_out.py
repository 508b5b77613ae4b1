"""A log that several pods parse: the plan, the shards, and what is left to do when they are read."""

from __future__ import annotations

from pathlib import Path

import pytest

from rationanomaly import artifacts, records
from rationanomaly.errors import ArtifactError, InputError
from rationanomaly.params import Params
from rationanomaly.parse.fan_out import partial_run, read_plan, write_plan, write_shard
from rationanomaly.runs import tracking
from rationanomaly.runs.execution import execute, step_status
from rationanomaly.steps import BY_NAME

PARSE = BY_NAME["parse"]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    return f"sqlite:///{tmp_path_factory.mktemp('mlflow') / 'mlflow.db'}"


@pytest.fixture
def here(tmp_path: Path, store: str, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    return tmp_path


@pytest.fixture
def own(params: Params, here: Path) -> Params:
    lines = [
        f"{'PSU' if number % 7 == 0 else '-'} 2031-03-03T00:00:{number % 60:02d}.000Z n{number % 5} power INFO supply "
        f"{number} feeds {'rack' if number % 3 else 'fan'}\n"
        for number in range(500)
    ]
    (here / "cluster.log").write_text("".join(lines), encoding="utf-8")
    return with_data(params, logs=here / "cluster.log", format="auto")


def with_data(params: Params, **values: object) -> Params:
    return params.model_copy(update={"data": params.data.model_copy(update=values)})


def plan(params: Params, shards: int, folder: Path, output: Path, state: Path) -> None:
    status = step_status(PARSE, params, {}, output, state)
    write_plan(params, shards, folder, status.sources, is_finished=status.finished is not None)


def fan_out(params: Params, here: Path, shards: int, name: str = "fanned") -> Path:
    plan(params, shards, here / f"{name}-plan", here / name, here / f"{name}-state")
    for number in reversed(range(shards)):
        write_shard(params, here / f"{name}-plan", number, here / f"{name}{number}")
    partial = partial_run(here / f"{name}-plan", [here / f"{name}{number}" for number in range(shards)])
    execute(PARSE, params, {}, here / name, here / f"{name}-state", partial)
    return here / name


@pytest.mark.parametrize("shards", [2, 7])
def test_the_output_is_that_of_one_machine(own: Params, here: Path, shards: int) -> None:
    execute(PARSE, own, {}, here / "whole", here / "state")
    assert artifacts.read(fan_out(own, here, shards)).digest == artifacts.read(here / "whole").digest


def test_a_log_that_grows_is_read_as_far_as_it_went(own: Params, here: Path) -> None:
    execute(PARSE, own, {}, here / "whole", here / "state")
    plan(own, 2, here / "plan", here / "parse", here / "state2")
    with own.data.logs.open("a", encoding="utf-8") as file:
        file.write("- 2031-03-03T00:01:00.000Z n1 power INFO supply 1 is late\n")
    for number in range(2):
        write_shard(own, here / "plan", number, here / f"shard{number}")
    execute(
        PARSE, own, {}, here / "parse", here / "state2", partial_run(here / "plan", [here / "shard0", here / "shard1"])
    )
    assert artifacts.read(here / "parse").digest == artifacts.read(here / "whole").digest


def test_what_is_finished_is_not_read_again(own: Params, here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fan_out(own, here, 2)
    plan(own, 2, here / "plan", here / "fanned", here / "fanned-state")
    assert read_plan(here / "plan").shards == []
    write_shard(own, here / "plan", 0, here / "shard")
    assert list(artifacts.read(here / "shard").files) == []
    monkeypatch.setattr(tracking, "step_run", None)
    execute(PARSE, own, {}, here / "fanned", here / "fanned-state", partial_run(here / "plan", [here / "shard"]))


def test_a_table_of_templates_is_not_shared_out(params: Params, here: Path) -> None:
    (here / "table.csv").write_text("template,label\nsupply <*> lost,abnormal\n", encoding="utf-8")
    own = with_data(params, logs=here / "table.csv", format="templates")
    execute(PARSE, own, {}, here / "whole", here / "state")
    assert artifacts.read(fan_out(own, here, 2)).digest == artifacts.read(here / "whole").digest


def test_labels_and_split_of_sessions_are_those_of_one_machine(own: Params, here: Path) -> None:
    (here / "labels.csv").write_text("session,label\nwindow 1,abnormal\nwindow 2,normal\n", encoding="utf-8")
    changes = {"labels": here / "labels.csv", "test_share": 0.25, "lines": 10}
    sessions = own.parse.sessions.model_copy(update=changes)
    own = own.model_copy(update={"parse": own.parse.model_copy(update={"sessions": sessions})})
    execute(PARSE, own, {}, here / "whole", here / "state")
    assert artifacts.read(fan_out(own, here, 2)).digest == artifacts.read(here / "whole").digest
    found = records.read_table(here / "whole" / records.SESSIONS, records.SESSIONS_SCHEMA)
    assert {"train", "test"} <= set(found["split"])
    # Other labels in the same file are another input.
    (here / "labels.csv").write_text("session,label\nwindow 1,normal\nwindow 2,normal\n", encoding="utf-8")
    before = artifacts.read(here / "whole").digest
    execute(PARSE, own, {}, here / "whole", here / "state")
    assert artifacts.read(here / "whole").digest != before


def test_given_sessions_are_not_shared_out(params: Params, here: Path) -> None:
    (here / "given").mkdir()
    (here / "given" / "a.jsonl").write_text('{"id": "s", "events": ["supply <*> lost"]}\n', encoding="utf-8")
    own = with_data(params, logs=here / "given", format="sessions")
    execute(PARSE, own, {}, here / "whole", here / "state")
    assert artifacts.read(fan_out(own, here, 2)).digest == artifacts.read(here / "whole").digest


def test_a_missing_shard_and_one_of_another_plan_are_refused(own: Params, here: Path) -> None:
    fan_out(own, here, 2)
    with pytest.raises(ArtifactError, match="not all of which are there"):
        partial_run(here / "fanned-plan", [here / "fanned0"])
    with pytest.raises(ArtifactError, match="not all of which are there"):
        partial_run(here / "fanned-plan", [here / "fanned0", here / "fanned0"])
    fan_out(own, here, 3, "other")
    with pytest.raises(ArtifactError, match="is a shard of another plan"):
        partial_run(here / "fanned-plan", [here / "fanned0", here / "other1"])


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("\n\n\n", "holds no line"),
        ("junk\n" * 50, "no line fits|fits no known log format"),
        ("", "is empty|holds no line"),
    ],
)
@pytest.mark.parametrize("form", ["auto", "syslog"])
def test_a_log_that_can_not_be_used_is_refused_as_on_one_machine(
    own: Params, here: Path, form: str, content: str, message: str
) -> None:
    own.data.logs.write_text(content, encoding="utf-8")
    own = with_data(own, format=form)
    with pytest.raises(InputError, match=message):
        fan_out(own, here, 3)
