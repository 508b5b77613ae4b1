"""`python -m pipelines schedule` against a server on loopback: one recurring run for each name, through the gates."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from pipelines import connection
from pipelines.catalogue import PIPELINES, Choices
from pipelines.schedule import make_schedule, read_trigger, schedules
from rationanomaly.errors import ParamsError
from rationanomaly.params import load_params
from tests.conftest import ROOT
from tests.pipeline.commands import PROFILE, Command, command, environment
from tests.pipeline.test_submission import api
from tests.pipelines_api import FakePipelines, serving
from tests.published_api import PublishedApi

__all__ = ["api", "command", "environment"]
POLICY = ROOT / "mlflow" / "promotion.yaml"
DAILY = ("--params", str(PROFILE), "--policy", str(POLICY), "--cron", "0 3 * * *")


def test_a_schedule_retrains_one_at_a_time_and_catches_nothing_up(command: Command, api: PublishedApi) -> None:
    server = FakePipelines(api=api)
    with serving(server) as host:
        code, out, err = command("schedule", "nightly", *DAILY, "--host", host)
        assert code == 0, err
        assert out == f"{host}/#/recurringrun/details/recurringruns-0\n"
    (made,) = server.recurring
    assert (made["max_concurrency"], made["no_catchup"], made["status"]) == ("1", True, "ENABLED")
    assert made["trigger"] == {"cron_schedule": {"cron": "0 0 3 * * *"}}
    spec = server.specification(made)[0]
    assert spec["pipelineInfo"]["name"] == "rationanomaly-retrain"
    assert "exec-promote" in spec["deploymentSpec"]["executors"]


def test_the_same_again_changes_nothing_and_another_replaces_it(command: Command, api: PublishedApi) -> None:
    server = FakePipelines(api=api)
    with serving(server) as host:
        command("schedule", "nightly", *DAILY, "--host", host)
        code, _, err = command("schedule", "nightly", *DAILY, "--host", host)
        assert code == 0
        assert "there already" in err
        assert [one["recurring_run_id"] for one in server.recurring] == ["recurringruns-0"]
        command("schedule", "nightly", *DAILY[:-2], "--every", "7d", "--host", host)
        assert [one["trigger"] for one in server.recurring] == [{"periodic_schedule": {"interval_second": "604800"}}]
        command("schedule", "nightly", *DAILY, "--set", "run.seed=5", "--host", host)
        assert [one["status"] for one in server.recurring] == ["ENABLED"]
        command("schedule", "weekly", *DAILY, "--host", host)
    assert [one["display_name"] for one in server.recurring] == ["nightly", "weekly"]


def test_two_at_once_leave_one_and_at_no_time_two_that_are_enabled(tmp_path: Path, api: PublishedApi) -> None:
    package, enabled = tmp_path / "pipeline.yaml", []

    class Watched(FakePipelines):
        def answer(self, verb: str, path: str, query: dict[str, list[str]], body: Any) -> tuple[int, Any]:
            found = super().answer(verb, path, query, body)
            enabled.append(sum(one["status"] == "ENABLED" for one in self.recurring))
            return found

    package.write_text("a: 1")
    server = Watched(api=api)
    with serving(server) as host:
        servers = [connection.connect(host) for _ in range(3)]
        with ThreadPoolExecutor(3) as pool:
            trigger = read_trigger("0 3 * * *", None)
            list(pool.map(lambda one: make_schedule(one, "t", package, "e", "n", trigger), servers))
    assert [one["status"] for one in server.recurring] == ["ENABLED"]
    assert max(enabled) == 1


def test_a_schedule_that_arrived_before_a_timeout_is_found_again(tmp_path: Path, api: PublishedApi) -> None:
    server, package = FakePipelines(api=api, drop={"/recurringruns": 1}), tmp_path / "pipeline.yaml"
    package.write_text("a: 1")
    with serving(server) as host:
        make_schedule(connection.connect(host), "t", package, "e", "nightly", read_trigger("0 3 * * *", None))
    assert [one["status"] for one in server.recurring] == ["ENABLED"]


def test_it_can_be_listed_paused_resumed_and_deleted(command: Command, api: PublishedApi, tmp_path: Path) -> None:
    server, package = FakePipelines(api=api), tmp_path / "pipeline.yaml"
    package.write_text("a: 1")
    with serving(server) as host:
        make_schedule(connection.connect(host), "t", package, "e", "nightly", read_trigger("0 3 * * *", None))
        assert command("schedule", "nightly", "--pause", "--host", host)[::2] == (0, "nightly is disabled")
        assert [one.is_enabled for one in schedules(connection.connect(host))] == [False]
        out = command("schedule", "--list", "--host", host)[1]
        assert "nightly" in out and "paused" in out and "cron 0 0 3 * * *" in out
        assert command("schedule", "nightly", "--resume", "--host", host)[0] == 0
        assert server.recurring[0]["status"] == "ENABLED"
        assert command("schedule", "nightly", "--delete", "--host", host)[0] == 0
        assert server.recurring == []
        assert command("schedule", "nightly", "--delete", "--host", host)[0] == 0
        assert command("schedule", "nightly", "--pause", "--host", host)[0] == 3


def test_a_paused_schedule_is_resumed_by_the_same_command(command: Command, tmp_path: Path) -> None:
    server, package, daily = FakePipelines(), tmp_path / "pipeline.yaml", read_trigger("0 3 * * *", None)
    package.write_text("a: 1")
    with serving(server) as host:
        connected = connection.connect(host)
        make_schedule(connected, "t", package, "e", "nightly", daily)
        command("schedule", "nightly", "--pause", "--host", host)
        assert make_schedule(connected, "t", package, "e", "nightly", daily).is_new
    assert [one["status"] for one in server.recurring] == ["ENABLED"]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--params", str(PROFILE)), "--cron"),
        (("nightly", "--params", str(PROFILE), "--policy", str(POLICY)), "when it starts isn't said"),
        (("nightly", *DAILY, "--every", "7d"), "when it starts isn't said"),
        (("nightly", *DAILY[:-1], "daily"), "five fields"),
        (("nightly", *DAILY[:-2], "--every", "0d"), "is no time"),
        (("nightly", *DAILY, "--policy", "nowhere.yaml"), "no such policy"),
        (("nightly", *DAILY, "--set", "data.format=bgl", "--set", "data.logs=../app.log"), "no pod can see"),
        (("nightly", *DAILY, "--to", "a b"), "the alias must consist of"),
    ],
)
def test_what_is_wrong_is_said_before_a_server_is_asked(
    command: Command, arguments: tuple[str, ...], said: str
) -> None:
    code, _, err = command("schedule", *arguments, "--host", "http://127.0.0.1:9")
    assert code == 2
    assert said in err or "no schedule is named" in err


def test_cron_has_seconds_for_the_server() -> None:
    assert read_trigger("0 3 * * 1", None) == {"cron_schedule": {"cron": "0 0 3 * * 1"}}
    assert read_trigger("30 0 3 * * 1", None) == {"cron_schedule": {"cron": "30 0 3 * * 1"}}
    with pytest.raises(ParamsError):
        read_trigger("0 3 * *; x", None)


# ---- the pipeline


def test_a_retraining_is_held_against_the_champion_and_takes_nothing_from_a_cache(tmp_path: Path) -> None:
    choices = Choices(policy=POLICY.read_text(encoding="utf-8"))
    PIPELINES["retrain"].compile(load_params(PROFILE), choices, tmp_path / "a.yaml")
    PIPELINES["retrain"].compile(load_params(PROFILE), choices, tmp_path / "b.yaml")
    text = (tmp_path / "a.yaml").read_text(encoding="utf-8")
    assert text == (tmp_path / "b.yaml").read_text(encoding="utf-8")
    assert f"models:/{load_params(PROFILE).register_.name}@champion" in text
    assert "enableCache: true" not in text
    assert PIPELINES["retrain"].tasks(load_params(PROFILE), choices)["promote"] == 1


def test_without_a_paired_policy_no_champion_is_asked(tmp_path: Path) -> None:
    choices = Choices(policy="minimum: {template/abnormal/f1: 0.5}\nnot_worse: {}\n")
    PIPELINES["retrain"].compile(load_params(PROFILE), choices, tmp_path / "a.yaml")
    assert "@champion" not in (tmp_path / "a.yaml").read_text(encoding="utf-8")
