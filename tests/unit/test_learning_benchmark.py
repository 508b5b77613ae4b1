"""`make bench-learning`: what it estimates of several seeds, and that a killed run continues."""

from __future__ import annotations

import json
import os
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from benchmarks import kept_seeds, learning
from benchmarks.kept_seeds import SeedRun, make_seeds
from benchmarks.learning import FREE_AGREEMENT, FREE_AGREEMENT_OF_ALARMS
from benchmarks.pooled_differences import Pool, Verdicts
from rationanomaly import artifacts, records
from rationanomaly.errors import ArtifactError
from rationanomaly.evaluate.comparisons import difference, paired_bootstrap
from rationanomaly.evaluate.predictions import FREE_TEXTS, Prediction, SystemAnswers
from rationanomaly.evaluate.systems import SYSTEMS, TRAINED
from rationanomaly.params import Params
from rationanomaly.steps import Inputs, Metrics, Outputs, Step

F1 = "abnormal/f1"
GRPO, SFT, KEYWORD = Verdicts("grpo"), Verdicts("sft"), Verdicts("keyword")
#: By row, abnormal or not; three of ten are.
TRUTH = "aaannnnnnn"
LABELS = {"a": "abnormal", "n": "normal"}


def prediction(model: str, row: int, truth: str, answer: str, dataset: str = "BGL") -> Prediction:
    writes = model in TRAINED
    return Prediction(
        model, f"id-{row}", f"disk event {row}", dataset, "test", LABELS[truth], LABELS[truth], False, LABELS[answer],
        score=0.9 if answer == "a" else 0.1, direct_score=0.1 if writes else None,
        direct_answer="normal" if writes else None, stated=LABELS[answer] if writes else None,
        consistent=True if writes else None,
        rationale=f'It names "disk". So the log is {LABELS[answer]}.' if writes else None, grounded=writes,
    )  # fmt: skip


def made_up(
    params: Params, seed: int = 0, first_group: int = 0, truth: str = TRUTH, free: Any = (), **answers: str
) -> SeedRun:
    """A seed whose n-th row is alone in group ``first_group`` + n; what is not named calls everything normal."""
    systems = {}
    for name in SYSTEMS:
        called = answers.get(name, "n" * len(truth))
        rows = [prediction(name, row, *pair) for row, pair in enumerate(zip(truth, called, strict=True))]
        writes = name in TRAINED
        systems[name] = SystemAnswers(
            name, rows, {}, reasoned=range(len(rows)) if writes else (), free=dict(free).get(name, {}),
            prompt=params.prompt if writes else None,
        )  # fmt: skip
    groups = [first_group + row for row in range(len(truth))]
    return SeedRun(seed, {}, {}, "", {f"id-{row}": group for row, group in enumerate(groups)}, systems, groups)


# ---------------------------------------------------------------- what is estimated


def test_a_difference_is_the_mean_of_the_differences_of_the_seeds(params: Params) -> None:
    # F1 of all three found is 1, of one of three 2 · 1 / (1 + 3) = .5; a longer seed counts no more than a short one.
    long = made_up(params, 0, truth=TRUTH * 3, grpo=TRUTH * 3, keyword=TRUTH * 3)
    short = made_up(params, 1, first_group=100, grpo=TRUTH, keyword="annnnnnnnn")
    found = Pool([long, short]).difference(GRPO, KEYWORD, F1)
    assert found.by_seed == (0.0, 0.5)
    assert found.mean == 0.25
    assert 0 <= found.low < 0.25 < found.high <= 0.5


def test_the_same_answers_differ_by_nothing_in_every_draw(params: Params) -> None:
    run = made_up(params, grpo="aannnnnnna", sft="aannnnnnna")
    found = Pool([run, made_up(params, 1, first_group=5, grpo=TRUTH, sft=TRUTH)]).difference(GRPO, SFT, F1)
    assert (found.mean, found.low, found.high) == (0, 0, 0)


def test_one_seed_has_the_paired_bootstrap_that_evaluate_gives_it(params: Params) -> None:
    run = made_up(params, grpo="aannnnnnna", keyword="nnaaannnnn")
    one, other = (verdicts.judged(run, range(len(TRUTH))) for verdicts in (GRPO, KEYWORD))
    expected = difference(one, other) | paired_bootstrap(one, other, draws=200, seed=7)
    found = Pool([run], draws=200, seed=7).difference(GRPO, KEYWORD, F1)
    wanted = tuple(expected[f"{F1}{end}"] for end in ("", "/bootstrap/low", "/bootstrap/high"))
    assert (found.mean, found.low, found.high) == pytest.approx(wanted)


def test_a_group_of_several_seeds_is_drawn_as_one(params: Params) -> None:
    grpo, keyword = "aannnnnnna", "nnaaannnnn"
    first, same = (made_up(params, seed, grpo=grpo, keyword=keyword) for seed in (0, 1))
    others = made_up(params, 1, first_group=100, grpo=grpo, keyword=keyword)
    alone, twice, independent = (
        Pool(runs).difference(GRPO, KEYWORD, F1) for runs in ([first], [first, same], [first, others])
    )
    # Measured again it says nothing new; rows of other groups do.
    assert (twice.low, twice.high) == (alone.low, alone.high)
    assert independent.high - independent.low < 0.9 * (alone.high - alone.low)


def test_models_are_compared_on_the_rows_that_both_have(params: Params) -> None:
    run = made_up(params, grpo="aaannnnnnn", sft="aannnnnnnn")
    systems = {**run.systems, "sft": replace(run.systems["sft"], reasoned=(0, 1, 9))}
    run = replace(run, systems=systems)
    assert Pool([run]).difference(GRPO, SFT, F1).mean == 0
    assert Pool([run]).difference(GRPO, Verdicts("grpo", direct=True), F1).mean == 1


def free_text(said: str) -> str:
    return f'<think>It names "disk". So the log is {said}.</think><answer>{said}</answer>'


def test_shares_are_of_the_rows_that_both_wrote(params: Params) -> None:
    yes, no = free_text("abnormal"), free_text("normal")
    texts = {"sft": {0: yes, 1: no, 2: yes}, "grpo": {1: yes, 2: yes, 9: yes}}
    pool = Pool([made_up(params, free=texts, grpo=TRUTH, sft=TRUTH)])
    assert pool.rate("grpo", FREE_AGREEMENT).mean == pytest.approx(2 / 3)  # Row 9 is called normal.
    assert pool.rate("grpo", FREE_AGREEMENT_OF_ALARMS).mean == 1
    found = pool.rate_difference("grpo", "sft", FREE_AGREEMENT)  # Of rows 1 and 2.
    assert found.mean == 0.5
    assert (found.low, found.high) == (0, 1)


def test_every_bar_is_a_line_and_one_that_is_short_is_a_failure(
    params: Params, capsys: pytest.CaptureFixture[str]
) -> None:
    texts = {name: {row: free_text("normal") for row in range(10)} for name in ("sft", "grpo")}
    pool = Pool([made_up(params, free=texts, grpo=TRUTH, teacher_rule=TRUTH, keyword="annnnnnnnn")], draws=50)
    assert learning.best_simple(pool).system == "teacher_rule"
    assert learning._print_bars(pool) == 1
    lines = capsys.readouterr().out.splitlines()
    ends = dict(re.findall(r"(\w+) = \S+ \(target \S+\) (ok|short)$", "\n".join(lines), re.MULTILINE))
    assert ends["LEARNING_F1_TO_BEST"] == "ok"
    assert ends["LEARNING_ZERO_SHOT_F1_TO_KEYWORD"] == "short"
    assert {"LEARNING_GRPO_AGREEMENT_LOW", "LEARNING_GRPO_SUPPORT_LOW", "LEARNING_GRPO_BETTER"} <= ends.keys()
    assert "LEARNING_AGREEMENT_FREE = 0.700 (no target)" in lines


def test_the_tables_name_every_system_and_data_set(params: Params) -> None:
    pool = Pool([made_up(params, grpo=TRUTH)], draws=50)
    for table in (learning.systems_table, learning.differences_table, learning.texts_table):
        lines = table(pool)
        assert len({line.count("|") for line in lines}) == 1
    lines = learning.systems_table(pool)
    assert "macro F1, BGL" in lines[0]
    assert len(lines) == 2 + len(SYSTEMS) + len(TRAINED)


# ---------------------------------------------------------------- what is kept


class Steps:
    """Fake steps that note what ran; one of them can be killed, once it has written to its state."""

    def __init__(self, killed_in: str | None = None) -> None:
        self.ran: list[str] = []
        self.killed_in = killed_in
        self.seen: dict[str, list[str]] = {}

    def __call__(self, name: str, outputs: Outputs) -> Metrics:
        self.ran.append(name)
        self.seen[name] = sorted(path.name for path in outputs.state.iterdir() if path.suffix == ".half")
        (outputs.state / f"{name}.half").write_text("")
        if name == self.killed_in:
            raise KeyboardInterrupt
        (outputs.folder / "text").write_text(name)
        if name == "correct":
            records.write_table(outputs.folder / records.LABELLED, labelled(), records.LABELLED_SCHEMA)
        if name == "evaluate":
            rows = [asdict(prediction(system, 0, "a", "a")) for system in SYSTEMS]
            records.write_rows(outputs.folder / records.PREDICTIONS, rows)
            free: list[Mapping[str, Any]] = [
                {"model": "grpo", "template_id": "id-0", "answer": "abnormal", "text": "x"}
            ]
            records.write_rows(outputs.folder / FREE_TEXTS, free)
        return {"template/rows": 1.0}


def labelled() -> pl.DataFrame:
    row = {"template_id": "id-0", "template": "disk event 0", "dataset": "BGL", "label": "abnormal", "corrected": False,
           "history": [], "mixed": False, "lines": 0, "group": 3, "split": "test"}  # fmt: skip
    return pl.DataFrame([row], schema=records.LABELLED_SCHEMA)


@pytest.fixture
def settings(tmp_path: Path) -> list[str]:
    (tmp_path / "raw").write_text("any\n")
    return [f"data.{name}={tmp_path / 'raw'}" for name in ("logs", "ledger", "truth", "reasoning")]


def use(monkeypatch: pytest.MonkeyPatch, steps: Steps) -> Steps:
    def run_of(step: Step) -> Any:
        def run(params: Params, inputs: Inputs, outputs: Outputs) -> Metrics:
            return steps(step.name, outputs)

        return run

    monkeypatch.setattr(Step, "run", property(run_of))
    return steps


def made(seeds: Iterable[int], settings: list[str], results: Path) -> list[SeedRun]:
    return list(make_seeds([*seeds], settings, results))


def test_a_killed_seed_continues_where_it_was(
    tmp_path: Path, settings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    results, folder = tmp_path / "results", tmp_path / "results" / "seed-7"
    use(monkeypatch, Steps(killed_in="grpo"))
    with pytest.raises(KeyboardInterrupt):
        made([7], settings, results)
    assert not (folder / kept_seeds.RECORD).exists()
    assert not (folder / "grpo").exists()

    second = use(monkeypatch, Steps())
    (found,) = made([7], settings, results)
    assert second.ran == ["grpo", "evaluate"]
    assert second.seen["grpo"] == ["grpo.half"]  # Its checkpoints would lie there.
    assert sorted(found.seconds) == sorted(kept_seeds.STEPS)
    assert (found.seed, found.groups, found.systems["grpo"].free) == (7, [3], {0: "x"})
    assert json.loads((folder / "evaluate" / records.METRICS).read_text()) == found.metrics == {"template/rows": 1.0}

    third = use(monkeypatch, Steps())
    assert made([7], settings, results) == [found]
    assert third.ran == []
    with pytest.raises(ArtifactError, match="made with other settings"):
        made([7], [*settings, "sft.steps=3"], results)


def test_a_seed_that_another_process_makes_is_waited_for(
    tmp_path: Path, settings: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    steps, folder = use(monkeypatch, Steps()), tmp_path / "seed-1"
    folder.mkdir()
    other = os.open(folder, os.O_RDONLY)
    assert artifacts.try_lock(other)
    waits = []

    def sleep(seconds: float) -> None:
        assert (tmp_path / "seed-2" / kept_seeds.RECORD).exists()  # It has not waited with the others.
        assert steps.ran == [*kept_seeds.STEPS]
        waits.append(seconds)
        os.close(other)  # The other process dies.

    # Its own module only: threads that an earlier test has left may sleep too.
    monkeypatch.setattr(kept_seeds, "time", SimpleNamespace(sleep=sleep, perf_counter=time.perf_counter))
    assert [run.seed for run in made([1, 2], settings, tmp_path)] == [2, 1]
    assert waits == [kept_seeds.POLL]
