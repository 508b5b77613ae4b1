"""`make bench-learning`: a seed's record gives the same tables and holds no text."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest

from benchmarks import learning, recorded_seeds
from benchmarks.kept_seeds import SeedRun
from benchmarks.pooled_differences import Pool
from benchmarks.recorded_seeds import ORIGIN, read_records, write_record
from rationanomaly.errors import ArtifactError
from rationanomaly.evaluate.generated_texts import RATES
from rationanomaly.evaluate.predictions import Prediction
from rationanomaly.evaluate.systems import CLASSIFIERS, LABELLER, PROMPTED, REFERENCE, SYSTEMS, TRAINED
from rationanomaly.params import Params
from rationanomaly.records import LABELS
from rationanomaly.runs import code_identity
from tests.unit.test_learning_benchmark import TRUTH, made_up
from tests.unit.test_rulebook_argument import happened

#: What the made-up templates, analyses and free texts say.
WORDS = ("disk", "event", "names", "reports", "failure", "In the case", "think", "So the")
#: One claims nothing, one what the made-up templates' words support, one what they don't.
ANALYSES = ('It names "disk".', 'The log reports a failure of the disk: "event".', happened("denied"))
ANSWERS = (*LABELS, "invalid")
SHARED = {"template_id", "group", "dataset", "truth", "label"}
OF_MODELS = {
    "direct_answer", "direct_score", "reasoned", "agreement/rate", "agreement/alarms", "argues/rate", "support/rate",
    "grounding/rate", "format/rate", "free/agreement/rate", "free/agreement/alarms", "free/support/rate",
    "free/grounding/rate", "free/format/rate",
}  # fmt: skip


def varied(params: Params, seed: int) -> SeedRun:
    """A made-up seed of two data sets in which systems differ in all that a table shows."""
    rng = random.Random(seed)
    texts = {name: {row: whole_text(rng) if row else "cut o" for row in range(30)} for name in TRAINED}
    run = made_up(params, seed, free=texts, truth=TRUTH * 4)
    systems = {}
    for name, answers in run.systems.items():
        rows = [changed(one, row, rng) for row, one in enumerate(answers.predictions)]
        reasoned = [row for row, one in enumerate(rows) if one.stated is not None]
        systems[name] = replace(answers, predictions=rows, reasoned=reasoned)
    # The last row is one of the training side: it has a group and no verdicts.
    return replace(
        run, systems=systems, group_of={**run.group_of, "id-99": 3}, seconds={"sft": 1.5 + seed},
        code=code_identity.whole(), metrics={"template/positives": 12.0, "template/rows": 40.0, "abnormal/f1": 0.25},
    )  # fmt: skip


def whole_text(rng: random.Random) -> str:
    return f"<think>{rationale(rng)}</think><answer>{rng.choice(LABELS)}</answer>"


def rationale(rng: random.Random) -> str:
    return f"{rng.choice(ANALYSES)} So the log is {rng.choice(LABELS)}."


def changed(one: Prediction, row: int, rng: random.Random) -> Prediction:
    one = replace(
        one, dataset="Spirit" if row % 3 else "BGL", answer=rng.choice(ANSWERS), score=rng.random(),
        wordless=row % 5 == 4, grounded=rng.random() < 0.5,
    )  # fmt: skip
    if one.model not in TRAINED:
        return one
    one = replace(one, direct_answer=rng.choice(ANSWERS), direct_score=rng.random())
    if rng.random() < 0.2:
        return replace(one, stated=None, consistent=None, rationale=None)
    return replace(one, stated=rng.choice(ANSWERS), consistent=rng.random() < 0.8, rationale=rationale(rng))


def record(folder: Path, *runs: SeedRun) -> Path:
    """Write records; the path of the last."""
    for run in runs:
        write_record(run, [], folder)
    return folder / f"seed-{runs[-1].seed}.parquet"


def origin(path: Path) -> dict[str, str]:
    return {ORIGIN: pl.read_parquet_metadata(path)[ORIGIN]}


def printed(runs: list[SeedRun]) -> list[object]:
    pool = Pool(runs, draws=50)
    tables = [table(pool) for table in (learning.systems_table, learning.differences_table, learning.texts_table)]
    return [*tables, learning.bars(pool, learning.best_simple(pool))]


# ---------------------------------------------------------------- what is read back


def test_a_record_gives_the_same_tables_and_bars(params: Params, tmp_path: Path) -> None:
    runs = [varied(params, seed) for seed in (2, 10)]
    record(tmp_path, *runs)
    found = read_records(None, tmp_path)
    assert [run.seed for run in found] == [2, 10]
    assert "nan" not in str(printed(runs))
    assert printed(found) == printed(runs)


def test_a_record_without_the_systems_that_came_later_is_read(params: Params, tmp_path: Path) -> None:
    new, run = {*CLASSIFIERS, *PROMPTED} - {LABELLER, REFERENCE}, varied(params, 0)
    earlier = replace(run, systems={name: found for name, found in run.systems.items() if name not in new})
    path = record(tmp_path, earlier)
    assert not {column.partition("/")[0] for column in pl.read_parquet_schema(path)} & new
    (found,) = read_records(None, tmp_path)
    assert tuple(found.systems) == tuple(name for name in SYSTEMS if name not in new)
    assert printed([found]) == printed([earlier])
    # Beside one that has them, the tables hold what both have.
    record(tmp_path, varied(params, 2))
    assert "free signals" not in str(printed(read_records(None, tmp_path)))
    assert "free signals" in str(printed(read_records([2], tmp_path)))


def test_all_that_tables_use_is_read_back(params: Params, tmp_path: Path) -> None:
    run = varied(params, 0)
    record(tmp_path, run)
    (found,) = read_records([0], tmp_path)
    assert (found.seconds, found.code, found.groups, found.group_of) == (
        run.seconds, run.code, run.groups, run.group_of
    )  # fmt: skip
    assert found.metrics == {"template/positives": 12.0, "template/rows": 40.0}
    for name, answers in run.systems.items():
        assert found.systems[name].reasoned == answers.reasoned
        assert found.systems[name].judged(found.groups) == answers.judged(run.groups)
        assert found.systems[name].judged_directly(found.groups) == answers.judged_directly(run.groups)
        assert {rate: rows for rate, rows in found.flags[name].items() if rows} == run.flags[name]
    assert run.flags["grpo"].keys() == {*RATES}  # No question is asked that a record has no column for.
    assert {*run.flags["grpo"]["support/rate"].values()} == {True, False}


def test_flags_of_a_run_follow_its_answers(params: Params) -> None:
    run = made_up(params, grpo=TRUTH)
    assert run.flags["keyword"] == {}
    assert run.flags["grpo"]["agreement/rate"] == dict.fromkeys(range(10), True)


# ---------------------------------------------------------------- what the file holds


def test_a_record_has_these_columns_and_no_others(params: Params, tmp_path: Path) -> None:
    found = pl.read_parquet_schema(record(tmp_path, varied(params, 0)))
    expected = SHARED | {f"{name}/{field}" for name in SYSTEMS for field in ("answer", "score")}
    expected |= {f"{name}/reasoned" for name in PROMPTED}
    assert found.keys() == expected | {f"{name}/{field}" for name in TRAINED for field in OF_MODELS}
    assert {name for name, kind in found.items() if kind == pl.String()} == {"template_id", "dataset"}


def test_a_record_holds_no_word_of_logs_or_texts(params: Params, tmp_path: Path) -> None:
    path = record(tmp_path, varied(params, 0))
    pl.read_parquet(path).write_parquet(tmp_path / "plain.parquet", compression="uncompressed", metadata=origin(path))
    found = (tmp_path / "plain.parquet").read_bytes()
    assert all(word.encode() in found for word in ("id-7", "Spirit", "id-99", "template/rows"))
    assert not [word for word in WORDS if word.encode() in found]


def test_only_a_record_of_this_code_names_the_commit(
    params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recorded_seeds, "git_commit", lambda: "0123abc")
    ours, other = varied(params, 0), replace(varied(params, 1), code="other")
    assert '"commit": "0123abc"' in origin(record(tmp_path, ours))[ORIGIN]
    assert '"commit": null' in origin(record(tmp_path, other))[ORIGIN]


# ---------------------------------------------------------------- what is refused


@pytest.mark.parametrize("kept", [0, 3, 500, -1])
def test_a_record_that_was_cut_off_is_refused(params: Params, tmp_path: Path, kept: int) -> None:
    path = record(tmp_path, varied(params, 0))
    path.write_bytes(path.read_bytes()[:kept])
    with pytest.raises(ArtifactError, match=r"seed-0\.parquet: can't be read as Parquet.*--record"):
        read_records(None, tmp_path)


@pytest.mark.parametrize("change", ["missing", "unknown", "text"])
def test_a_record_with_other_columns_is_refused(params: Params, tmp_path: Path, change: str) -> None:
    path = record(tmp_path, varied(params, 0))
    table, metadata = pl.read_parquet(path), origin(path)
    changed = {
        "missing": table.drop("grpo/score"),
        "unknown": table.with_columns(rationale=pl.lit("")),
        "text": table.with_columns(pl.col("grpo/answer").cast(pl.String())),
    }
    changed[change].write_parquet(path, metadata=metadata)
    with pytest.raises(ArtifactError, match=r"seed-0\.parquet: has other columns.*--record"):
        read_records(None, tmp_path)


@pytest.mark.parametrize("metadata", [{}, {ORIGIN: "no JSON"}, {ORIGIN: "[]"}, {ORIGIN: '{"seed": 0}'}])
def test_a_record_without_its_origin_is_refused(params: Params, tmp_path: Path, metadata: dict[str, str]) -> None:
    path = record(tmp_path, varied(params, 0))
    pl.read_parquet(path).write_parquet(path, metadata=metadata)
    with pytest.raises(ArtifactError, match=r"seed-0\.parquet: does not say in its metadata"):
        read_records(None, tmp_path)


def test_a_text_in_the_place_of_an_answer_is_not_written(params: Params, tmp_path: Path) -> None:
    run = varied(params, 0)
    rows = run.systems["grpo"].predictions
    rows[0] = replace(rows[0], answer="the disk is full")
    with pytest.raises(pl.exceptions.PolarsError):
        record(tmp_path, run)
    assert list(tmp_path.iterdir()) == []


def test_records_are_of_one_grouping_and_of_one_set_of_params(params: Params, tmp_path: Path) -> None:
    first, second = varied(params, 0), varied(params, 1)
    record(tmp_path, first, replace(second, group_of={**second.group_of, "id-99": 4}))
    with pytest.raises(ArtifactError, match=r"seed-1\.parquet: groups its templates otherwise"):
        read_records(None, tmp_path)
    write_record(second, ["sft.steps=3"], tmp_path)
    with pytest.raises(ArtifactError, match=r"seed-1\.parquet: was made with other settings or defaults than seed-0"):
        read_records([0, 1], tmp_path)
    assert [run.seed for run in read_records([1], tmp_path)] == [1]


def test_a_record_that_is_not_there_is_named(params: Params, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"holds no records.*--record"):
        read_records(None, tmp_path)
    record(tmp_path, varied(params, 0)).rename(tmp_path / "seed-4.parquet")
    with pytest.raises(ArtifactError, match=r"seed-0\.parquet: no such file"):
        read_records([0], tmp_path)
    with pytest.raises(ArtifactError, match=r"seed-4\.parquet: is the record of seed 0"):
        read_records(None, tmp_path)


# ---------------------------------------------------------------- the command


def run_main(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["learning", *arguments])
    return learning.main()


def test_what_record_keeps_recorded_prints_without_the_data(
    params: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    runs = {seed: varied(params, seed) for seed in (0, 1)}
    monkeypatch.setattr(learning, "make_seeds", lambda seeds, settings, results: (runs[seed] for seed in seeds))
    monkeypatch.setattr(learning, "RECORDS", tmp_path / "recorded")
    monkeypatch.setattr(learning, "ROOT", tmp_path / "main")
    (tmp_path / "shared" / "data").mkdir(parents=True)
    code = run_main(monkeypatch, "--results", str(tmp_path / "results"), "--seeds", "0", "1", "--record")
    made = capsys.readouterr().out
    (tmp_path / "shared" / "data").rmdir()
    assert run_main(monkeypatch, "--recorded") == code
    assert capsys.readouterr().out == made
    run_main(monkeypatch, "--recorded", "--seeds", "1")
    assert "| seeds 1 |" in capsys.readouterr().out


@pytest.mark.parametrize("other", [["--set", "sft.steps=3"], ["--tune"], ["--results", "any"], ["--record"]])
def test_recorded_takes_nothing_that_makes_seeds(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], other: list[str]
) -> None:
    with pytest.raises(SystemExit) as exit_:
        run_main(monkeypatch, "--recorded", *other)
    assert exit_.value.code == 2
    assert "--recorded makes no seed" in capsys.readouterr().err
