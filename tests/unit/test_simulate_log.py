"""The simulated log: its format, its truth, its wrong tags, and how faults lie in it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rationanomaly import progress, simulate
from rationanomaly.params import Params
from rationanomaly.parse import formats
from rationanomaly.simulate import dataset
from rationanomaly.simulate.cluster import UNITS_PER_RACK, build_cluster
from rationanomaly.simulate.events import load_catalogue
from rationanomaly.simulate.faults import DOMAINS, unfold
from rationanomaly.simulate.labels import alert_tags
from rationanomaly.simulate.timeline import BLOCK_LINES, LEAST, Block, Timeline
from rationanomaly.simulate.wording import UNTAGGED

SESSION = 100
EVENTS = load_catalogue()


def with_simulate(params: Params, **changes: Any) -> Params:
    """The params with other values in the section ``simulate``."""
    return params.model_copy(update={"simulate": params.simulate.model_copy(update=changes)})


def write(params: Params, folder: Path) -> dict[str, bytes]:
    simulate.write(params, folder)
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def written(params: Params, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The three files at the default size."""
    folder = tmp_path_factory.mktemp("simulated")
    simulate.write(params, folder)
    return folder


@pytest.fixture(scope="module")
def lines(written: Path) -> list[str]:
    return (written / dataset.LOG).read_text(encoding="utf-8").splitlines()


@pytest.fixture(scope="module")
def faulty(written: Path) -> np.ndarray[Any, np.dtype[np.bool_]]:
    return (pl.read_csv(written / dataset.TRUTH)["label"] == "abnormal").to_numpy()


def blocks_of(params: Params) -> Iterator[Block]:
    settings_ = params.simulate
    cluster = build_cluster(settings_.nodes)
    return Timeline(EVENTS, cluster, settings_.lines, settings_.episodes, settings_.seed).blocks()


def events_of(params: Params) -> np.ndarray[Any, np.dtype[np.int64]]:
    return np.concatenate([block.event for block in blocks_of(params)])


def read_as(name: str, raw: pl.Series) -> pl.DataFrame:
    """What `parse` reads from lines."""
    return formats.find(name).read(pl.DataFrame({"raw": raw})).select("time", "node", "alert", "message")


# ---------------------------------------------------------------- files


def test_three_files_and_nothing_else(written: Path) -> None:
    assert sorted(path.name for path in written.iterdir()) == [dataset.LOG, dataset.LEDGER, dataset.TRUTH]


def test_equal_params_give_equal_files_and_another_seed_others(params: Params, tmp_path: Path) -> None:
    small = with_simulate(params, lines=3_000)
    first = write(small, tmp_path / "a")
    assert write(small, tmp_path / "b") == first
    other = write(with_simulate(small, seed=1), tmp_path / "c")
    assert all(first[name] != other[name] for name in first)


def test_an_interrupted_run_leaves_nothing_and_spoils_nothing(
    params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    small = with_simulate(params, lines=500)
    before = write(small, tmp_path)

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(dataset, "write_rows", interrupted)
    with pytest.raises(KeyboardInterrupt):
        simulate.write(with_simulate(small, seed=9), tmp_path)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_progress_ends_at_the_last_line(params: Params) -> None:
    seen: list[progress.Event] = []
    with progress.listening(seen.append):
        list(dataset.generate(with_simulate(params, lines=1_234), EVENTS))
    assert (seen[-1].done, seen[-1].total, seen[-1].unit) == (1_234, 1_234, "lines")


# ---------------------------------------------------------------- lines


def test_every_line_fits_the_format(params: Params, lines: list[str]) -> None:
    assert len(lines) == params.simulate.lines
    read = read_as("simulated", pl.Series(lines))
    assert read.null_count().row(0) == (0, 0, 0, 0)
    assert read["time"].is_sorted()
    names = set(build_cluster(params.simulate.nodes).names)
    assert set(read["node"].unique()) <= names
    assert {line.split(" ")[3] for line in lines} == {event.subsystem for event in EVENTS}


def test_no_placeholder_is_left(lines: list[str]) -> None:
    assert [line for line in lines if "{" in line or "}" in line] == []


def test_bgl_layout_reads_like_bgl_and_says_the_same(params: Params) -> None:
    texts = {}
    for layout in ("simulated", "bgl"):
        settings_ = with_simulate(params, lines=2_000, layout=layout)
        raw = pl.concat([lines for _, lines, _ in dataset.generate(settings_, EVENTS)])
        texts[layout] = read_as(layout, raw)
    assert texts["bgl"].null_count().row(0) == (0, 0, 0, 0)
    assert texts["bgl"].equals(texts["simulated"])


def test_a_message_about_a_node_names_it(params: Params) -> None:
    names = build_cluster(params.simulate.nodes).names
    ready = next(i for i, event in enumerate(EVENTS) if event.text == "{node} ready for jobs")
    block, lines, _ = next(dataset.generate(params, EVENTS))
    found = [
        (names[near], line) for near, event, line in zip(block.near, block.event, lines, strict=True) if event == ready
    ]
    assert found
    assert all(line.endswith(f" {name} ready for jobs") for name, line in found)


def test_values_vary(lines: list[str]) -> None:
    leases = [line.split("dhcp lease ")[1].split(" ")[0] for line in lines if "dhcp lease " in line]
    assert len(set(leases)) > 0.9 * len(leases)


# ---------------------------------------------------------------- truth and tags


def test_truth_has_a_row_for_each_line(params: Params, written: Path, faulty: Any) -> None:
    truth = pl.read_csv(written / dataset.TRUTH)
    assert truth.columns == ["line", "label"]
    assert truth["line"].to_list() == list(range(1, params.simulate.lines + 1))
    assert truth["label"].to_list() == [EVENTS[i].label for i in events_of(params)]
    assert faulty.any()


def test_an_event_has_one_tag_wherever_it_comes(params: Params, lines: list[str]) -> None:
    tags = alert_tags(EVENTS, params.simulate.wrong_labels, params.simulate.seed)
    assert [line.split(" ", 1)[0] for line in lines] == [tags[i] for i in events_of(params)]


@given(wrong=st.floats(0, 0.12), seed=st.integers(0, 1_000))
@settings(max_examples=30, deadline=None)
def test_wrong_tags_have_their_share_and_are_almost_all_missed_faults(wrong: float, seed: int) -> None:
    tags = alert_tags(EVENTS, wrong, seed)
    missed = [e for e, tag in zip(EVENTS, tags, strict=True) if e.fault and tag == UNTAGGED]
    false = [e for e, tag in zip(EVENTS, tags, strict=True) if not e.fault and tag != UNTAGGED]
    count = len(missed) + len(false)
    assert count == round(wrong * len(EVENTS))
    assert len(missed) == round(0.98 * count)
    assert all(tag == tag.upper() and " " not in tag for tag in tags)


def test_the_default_has_wrong_tags_of_both_kinds(params: Params) -> None:
    tags = alert_tags(EVENTS, params.simulate.wrong_labels, params.simulate.seed)
    wrong = [event.label for event, tag in zip(EVENTS, tags, strict=True) if event.fault == (tag == UNTAGGED)]
    assert wrong.count("abnormal") > 20 * wrong.count("normal") > 0


# ---------------------------------------------------------------- faults in time and space


@pytest.mark.parametrize("seed", range(4))
def test_the_whole_catalogue_appears_at_the_default_size(params: Params, seed: int) -> None:
    counts = np.bincount(events_of(with_simulate(params, seed=seed)), minlength=len(EVENTS))
    assert [EVENTS[i].name for i in np.flatnonzero(counts < LEAST)] == []


@pytest.mark.parametrize("seed", range(4))
def test_many_sessions_are_normal_and_some_hold_faults(params: Params, seed: int) -> None:
    fault = np.array([event.fault for event in EVENTS])[events_of(with_simulate(params, seed=seed))]
    sessions = fault[: len(fault) // SESSION * SESSION].reshape(-1, SESSION).any(axis=1)
    assert 0.05 <= sessions.mean() <= 0.20
    assert fault.mean() < 0.05


def test_no_episodes_no_faults(params: Params) -> None:
    events = events_of(with_simulate(params, lines=10_000, episodes=0.0))
    assert not any(EVENTS[i].fault for i in events)


def test_faults_come_in_bursts_close_to_each_other(params: Params) -> None:
    """Most fault lines are followed by another within 20 lines, about a node of the same rack."""
    block = next(blocks_of(params))
    lines = np.flatnonzero(np.array([event.fault for event in EVENTS])[block.event])
    near = np.diff(lines) <= 20
    assert near.mean() > 0.8
    ring = params.simulate.nodes
    distance = np.abs(np.diff(block.near[lines])[near])
    assert (np.minimum(distance, ring - distance) < UNITS_PER_RACK).mean() > 0.9


def test_an_episode_spreads_to_other_domains_and_the_root_comes_first() -> None:
    spread = 0
    for seed in range(50):
        bursts = list(unfold("memory", np.random.default_rng(seed)))
        faults = [burst for burst in bursts if burst.fault]
        assert faults[0].domain == "memory" and faults[0].root and not any(burst.root for burst in faults[1:])
        assert faults[0].lines[0] <= np.median([burst.lines[0] for burst in faults])
        assert len({burst.domain for burst in faults}) == len(faults)
        assert all((np.diff(burst.lines) >= 0).all() for burst in bursts)
        spread += len(faults) > 1
    assert 25 < spread < 50


def test_benign_symptoms_are_more_frequent_around_faults(params: Params) -> None:
    domain = np.array([event.domain for event in EVENTS])
    fault = np.array([event.fault for event in EVENTS])
    block = next(blocks_of(params))
    symptom = (domain[block.event] == "memory") & ~fault[block.event]
    source = (domain[block.event] == "memory") & fault[block.event]
    around = np.convolve(source, np.ones(101), mode="same") > 0
    assert symptom[around].mean() > 1.1 * symptom[~around].mean()


@given(
    nodes=st.integers(1, 600),
    lines=st.integers(1, 400),
    episodes=st.floats(0, 100),
    seed=st.integers(0, 2**32),
)
@settings(max_examples=40, deadline=None)
def test_any_size_of_cluster_and_log_works(nodes: int, lines: int, episodes: float, seed: int) -> None:
    cluster = build_cluster(nodes)
    blocks = list(Timeline(EVENTS, cluster, lines, episodes, seed).blocks())
    assert sum(len(block.event) for block in blocks) == lines
    for block in blocks:
        assert block.near.min() >= 0 and block.near.max() < nodes
        assert block.node.min() >= 0 and block.node.max() < len(cluster.names)
        assert (np.diff(block.time) >= 0).all()


def test_blocks_follow_each_other(params: Params) -> None:
    timeline = Timeline(EVENTS, build_cluster(64), 2 * BLOCK_LINES + 7, 5.0, 0)
    blocks = list(timeline.blocks())
    assert [block.first_line for block in blocks] == [1, BLOCK_LINES + 1, 2 * BLOCK_LINES + 1]
    assert len(blocks[-1].event) == 7
    assert blocks[0].time[-1] <= blocks[1].time[0] and blocks[1].time[-1] <= blocks[2].time[0]
    assert not np.array_equal(blocks[0].event, blocks[1].event)


def test_every_kind_of_fault_is_a_root_before_one_comes_twice(params: Params) -> None:
    timeline = Timeline(EVENTS, build_cluster(64), BLOCK_LINES, 10_000 * len(DOMAINS) / BLOCK_LINES, 3)
    domain = np.array([event.domain for event in EVENTS])
    block = next(timeline.blocks())
    fault = timeline.fault[block.event]
    assert set(domain[block.event[fault]]) == set(DOMAINS)


# ---------------------------------------------------------------- what parse makes of it


def test_the_ledger_judges_the_templates_that_parse_mines(params: Params, written: Path, tmp_path: Path) -> None:
    from rationanomaly import records
    from rationanomaly.parse.step import run
    from rationanomaly.steps import Outputs

    folder = tmp_path / "parse"
    folder.mkdir()
    run(params, {"logs": written / dataset.LOG}, Outputs(folder, tmp_path / "state"))
    mined = records.read_table(folder / records.TEMPLATES, records.TEMPLATES_SCHEMA)
    rows = [json.loads(line) for line in (written / dataset.LEDGER).read_text(encoding="utf-8").splitlines()]
    assert {row["template_id"] for row in rows} == set(mined["template_id"])
    assert mined.height >= 0.95 * len(EVENTS)
