"""What the tables of `learning` need of a seed, without a word of the logs or of what is written about them.

    benchmarks/recorded/seed-N.parquet    below 100 KB, where the outputs of a seed (`kept_seeds`) take 800 MB

The data set may not be redistributed, so no column holds text: ids, names of data sets and labels are all the strings,
and what is true of a row's texts (`text_flags`, by the code that writes the record) is kept as yes or no. One row per
labelled template. The measured ones come first, in the order of the predictions; of the others only the group is known.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, get_args

import polars as pl

from benchmarks.kept_seeds import PROFILE, ROOT, SeedRun, refuse_other_groups
from rationanomaly.artifacts import writing_file
from rationanomaly.errors import ArtifactError
from rationanomaly.evaluate.generated_texts import RATES, Flags
from rationanomaly.evaluate.predictions import Prediction, SystemAnswers
from rationanomaly.evaluate.systems import FINAL, FREE_SIGNALS, NEAREST, PROMPTED, SYSTEMS, TRAINED, WORDS
from rationanomaly.params import load_params
from rationanomaly.records import LABELS, Answer, read_table
from rationanomaly.runs import code_identity
from rationanomaly.runs.tracking import git_commit, params_hash

RECORDS = ROOT / "benchmarks" / "recorded"
#: Of `evaluate`, those that are printed.
METRICS = ("template/positives", "template/rows")
#: The key of the file's metadata that an `Origin` stands under, as JSON.
ORIGIN = "seed"
_HINT = "Make it anew: python -m benchmarks.learning --results DIR --record"

# Enumerations, not strings: a text can't be among their values.
_LABEL, _ANSWER = pl.Enum(LABELS), pl.Enum(get_args(Answer))
#: What a row says of every system, and of those that write texts. Names are those of `Prediction`.
_VERDICT = {"answer": _ANSWER, "score": pl.Float64()}
_DIRECT = {"direct_answer": _ANSWER, "direct_score": pl.Float64()}
_REASONED = "reasoned"
#: Systems that a record need not hold: they came later, or a run may do without them.
_OPTIONAL = (NEAREST, WORDS, FREE_SIGNALS, *PROMPTED)
_SHARED = {
    "template_id": pl.String(),
    "group": pl.Int64(),  # near-duplicates share a number
    "dataset": pl.String(),
    "truth": _LABEL,  # null: the template is not measured
    "label": _LABEL,
}


def schema_of(systems: Collection[str]) -> pl.Schema:
    """The columns of a record of these systems; those that every run has are always among them."""
    named = [name for name in SYSTEMS if name in systems or name not in _OPTIONAL]
    asked = [name for name in named if name in PROMPTED]
    return pl.Schema(
        _SHARED
        | {f"{name}/{field}": kind for name in named for field, kind in _VERDICT.items()}
        | {f"{name}/{field}": kind for name in TRAINED for field, kind in _DIRECT.items()}
        | {f"{name}/{_REASONED}": pl.Boolean() for name in asked}
        | {f"{name}/{field}": pl.Boolean() for name in TRAINED for field in (_REASONED, *RATES)}  # null: makes no sense
    )


@dataclass(frozen=True)
class Origin:
    """Where a record comes from.

    Attributes:
        params: hash of the params, the same for all seeds and in every checkout: the seed is the profile's, and the
            paths of the data are relative.
        code: hash of what the steps reach.
        commit: of the checkout; None where it holds other code than that which made the seed.
        seconds: that each step took.
        metrics: `METRICS`.
    """

    seed: int
    params: str
    code: str
    commit: str | None
    seconds: Mapping[str, float]
    metrics: Mapping[str, float]


def write_record(run: SeedRun, settings: Sequence[str], folder: Path) -> None:
    """Write the record of a seed, whole or not at all, in the place of an earlier one.

    Args:
        run: the seed.
        settings: ``KEY=VALUE``, those that it was made with.
        folder: of all records.
    """
    rows = [_row(run, row) for row in range(len(run.groups))]
    measured = {row["template_id"] for row in rows}
    rows += [{"template_id": one, "group": group} for one, group in run.group_of.items() if one not in measured]
    # By column: by row, polars would make a null of what is no value of an enumeration.
    schema = schema_of(run.systems)
    table = pl.DataFrame({column: [row.get(column) for row in rows] for column in schema}, schema=schema)
    origin = Origin(
        seed=run.seed,
        params=params_hash(load_params(PROFILE, settings)),
        code=run.code,
        commit=git_commit() if run.code == code_identity.whole() else None,
        seconds=run.seconds,
        metrics={name: run.metrics[name] for name in METRICS},
    )
    metadata = {ORIGIN: json.dumps(asdict(origin), sort_keys=True, allow_nan=False)}
    with writing_file(_path(folder, run.seed)) as partial:
        table.write_parquet(partial, compression="zstd", metadata=metadata)


def _path(folder: Path, seed: int) -> Path:
    return folder / f"seed-{seed}.parquet"


def _row(run: SeedRun, row: int) -> dict[str, Any]:
    shared = run.systems[FINAL].predictions[row]
    found = {name: getattr(shared, name) for name in ("template_id", "dataset", "truth", "label")}
    found["group"] = run.groups[row]
    for name, answers in run.systems.items():
        writes = name in TRAINED
        for field in (*_VERDICT, *(_DIRECT if writes else ())):
            found[f"{name}/{field}"] = getattr(answers.predictions[row], field)
        if writes or name in PROMPTED:
            found[f"{name}/{_REASONED}"] = row in answers.reasoned
        if writes:
            found |= {f"{name}/{rate}": run.flags[name].get(rate, {}).get(row) for rate in RATES}
    return found


def read_records(seeds: Sequence[int] | None, folder: Path) -> list[SeedRun]:
    """The recorded seeds, or all that are recorded, as far as tables need them: their texts are empty.

    Raises:
        ArtifactError: nothing is recorded, a record is missing, cut off or has other columns, or two were made with
            other settings or have other groups.
    """
    paths = [_path(folder, seed) for seed in (_recorded(folder) if seeds is None else seeds)]
    if not paths:
        raise ArtifactError("holds no records", file=folder, hint=_HINT)
    found = [_read_record(path) for path in paths]
    (first, made_with), *others = found
    for path, (run, params) in zip(paths[1:], others, strict=True):
        refuse_other_groups(run, first, path)
        if params != made_with:
            problem = f"was made with other settings or defaults than {paths[0].name}"
            raise ArtifactError(problem, file=path, hint="Record all seeds with the same ones, or name --seeds")
    return [run for run, _ in found]


def _recorded(folder: Path) -> list[int]:
    numbers = [path.stem.removeprefix("seed-") for path in folder.glob("seed-*.parquet")]
    return sorted(int(number) for number in numbers if number.isdecimal())


def _recorded_systems(path: Path) -> set[str]:
    """Those that a record has columns of; none where it can't be read, which `read_table` reports."""
    try:
        return {column.partition("/")[0] for column in pl.read_parquet_schema(path)}
    except (OSError, pl.exceptions.PolarsError):
        return set()


def _read_record(path: Path) -> tuple[SeedRun, str]:
    """A seed, and the hash of the params that it was made with."""
    try:
        table = read_table(path, schema_of(_recorded_systems(path)))
        origin = Origin(**json.loads(pl.read_parquet_metadata(path)[ORIGIN]))
    except ArtifactError as error:
        raise ArtifactError(error.problem, file=path, hint=_HINT) from error
    except (KeyError, ValueError, TypeError) as error:
        raise ArtifactError("does not say in its metadata where it comes from", file=path, hint=_HINT) from error
    if path != _path(path.parent, origin.seed):
        raise ArtifactError(f"is the record of seed {origin.seed}", file=path, hint="Give it its name back")
    measured = table.filter(pl.col("truth").is_not_null())
    rows = measured.to_dicts()
    found = [name for name in SYSTEMS if f"{name}/answer" in table.columns]
    run = SeedRun(
        seed=origin.seed,
        metrics=dict(origin.metrics),
        seconds=origin.seconds,
        code=origin.code,
        group_of=dict(zip(table["template_id"], table["group"], strict=True)),
        systems={name: _answers(name, rows) for name in found},
        groups=measured["group"].to_list(),
        recorded_flags={name: _flags(name, rows) for name in found},
    )
    return run, origin.params


def _answers(name: str, rows: Sequence[Mapping[str, Any]]) -> SystemAnswers:
    fields = (*_VERDICT, *(_DIRECT if name in TRAINED else ()))
    predictions = [
        Prediction(
            model=name, template_id=one["template_id"], template="", dataset=one["dataset"], split="",
            truth=one["truth"], label=one["label"], mixed=False, **{field: one[f"{name}/{field}"] for field in fields},
        )
        for one in rows
    ]  # fmt: skip
    reasoned = [row for row, one in enumerate(rows) if one.get(f"{name}/{_REASONED}")]
    return SystemAnswers(name, predictions, {}, reasoned=reasoned)


def _flags(name: str, rows: Sequence[Mapping[str, Any]]) -> dict[str, Flags]:
    columns = {rate: f"{name}/{rate}" for rate in RATES} if name in TRAINED else {}
    return {
        rate: {row: one[column] for row, one in enumerate(rows) if one[column] is not None}
        for rate, column in columns.items()
    }
