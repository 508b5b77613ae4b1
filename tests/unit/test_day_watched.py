"""A simulated day through the real signals and incidents, as the benchmark watches it, and its picture."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks import day as bench
from rationanomaly.params import DEFAULTS_NAME, load_params
from rationanomaly.simulate.day import EPISODE_KINDS, DaySettings
from rationanomaly.simulate.day.mined import AnswerErrors
from tests.conftest import ROOT
from tests.modules import module_at

SETTINGS = DaySettings(seed=9, history_days=1, episodes=1, compute=16, lines_per_hour=300)


@pytest.fixture(scope="module")
def watched() -> bench.Watched:
    return bench.watch_day(SETTINGS, load_params(Path(DEFAULTS_NAME)), AnswerErrors(0.0, 0.0, 0.0))


@pytest.mark.slow
def test_a_fault_that_the_model_knows_is_an_incident_and_the_quiet_day_before_is_none(watched: bench.Watched) -> None:
    (fault,) = (one for one in watched.scores.episodes if one.kind == "fault")
    assert fault.by_own_kind
    assert fault.delay is not None
    assert fault.delay < 300
    assert fault.incidents
    assert all(one.opened >= watched.truth[0]["start"] - 86_400 for one in watched.incidents)


@pytest.mark.slow
def test_the_table_says_every_kind_and_the_targets(watched: bench.Watched) -> None:
    said: list[str] = []
    bench.show("a day", [watched.scores], said.append)
    bench.show_drift("a day", [watched], said.append)
    text = "\n".join(said)
    assert all(kind in text for kind in (*EPISODE_KINDS, "DAY_ONE_INCIDENT", "DAY_FALSE_INCIDENTS"))
    assert "template_shares" in text


@pytest.mark.slow
def test_equal_days_are_drawn_equally(watched: bench.Watched, tmp_path: Path) -> None:
    picture = module_at(ROOT / "docs" / "day_picture.py")
    for name in ("one.svg", "two.svg"):
        picture.draw(bench.as_document(SETTINGS, watched), tmp_path / name)
    drawn = (tmp_path / "one.svg").read_text()
    assert drawn == (tmp_path / "two.svg").read_text()
    assert "silent node" in drawn
    assert "<script" not in drawn
