"""What the published figures are made of: the metrics of a run, kept in the repository as a small sorted file.

    python -m benchmarks.recorded_metrics --params profiles/hdfs.yaml --seeds 0,1,2 --output DIR     # run, and keep
    python -m benchmarks.recorded_metrics --params profiles/hdfs.yaml --seeds 0 --outputs DIR/run    # keep what was run
    python -m benchmarks.recorded_metrics --experiment DIR/ablation/experiment.json                  # of an experiment
    python -m benchmarks.recorded_metrics --bench review                                             # run, and keep

    benchmarks/recorded/run-PROFILE-seed-N.json, experiment-NAME-PROFILE.json, bench-NAME.json, cost-NAME.json

A record holds numbers, names of metrics and what made it (command, commit, hash of code and params, date), and not a
word of the logs, which may not be redistributed. `benchmarks.results` writes docs/results.md of all of them.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.kept_seeds import ROOT
from benchmarks.recorded_seeds import RECORDS
from pipelines.experiment import read_seeds, recorded_name
from pipelines.shared_steps import run_chain, seconds_of
from rationanomaly import artifacts
from rationanomaly.artifacts import write_json
from rationanomaly.errors import ArtifactError, RationAnomalyError
from rationanomaly.params import load_params
from rationanomaly.records import METRICS
from rationanomaly.runs import code_identity
from rationanomaly.runs.tracking import git_commit, params_hash

#: A metric's name: no text of a log gets through as one.
_METRIC = re.compile(r"[A-Za-z0-9_.@=+-]{1,80}(?:/[A-Za-z0-9_.@=+-]{1,80}){0,8}")
#: What can be counted from the others, or stands in no table.
_DERIVED = re.compile(
    r"/bootstrap/|/mcnemar/(?:ours_only|theirs_only|p)$|(?:^|/)(?:normal|accuracy)(?:/|$)|/(?:true|false)_(?:positives|negatives)$"
    r"|(?:macro|weighted)/(?:precision|recall)$"
)
#: A line that a benchmark prints: `NAME = value (target T) ok`.
_BAR = re.compile(
    r"([A-Z][A-Z0-9_]{1,80}) = (-?[0-9][0-9.e+-]{0,30})(?: \((?:target )?([^()]{0,60})\))?(?: (ok|short))?"
)


def keep_run(
    profile: Path, seed: int, settings: Sequence[str], evaluated: Path, folder: Path, command: str,
    seconds: Mapping[str, float] | None = None,
) -> Path:  # fmt: skip
    """Keep the metrics of one run.

    Args:
        profile: its params file. seed: `run.seed`. settings: ``KEY=VALUE`` over the profile.
        evaluated: output folder of `evaluate`.
        folder: of all records.
        command: that makes the run again.
        seconds: that each step took; None: not known.

    Returns:
        the record.

    Raises:
        ArtifactError: the folder is no finished output of `evaluate`, or a metric has no name or no number.
    """
    artifacts.read(evaluated, "evaluate")
    params = load_params(profile, [*settings, f"run.seed={seed}"])
    record = _origin(command) | {
        "kind": "run",
        "profile": params.run.name,
        "seed": seed,
        "params": params_hash(params),
        "date": _date(evaluated / artifacts.MANIFEST),
        "seconds": dict(seconds or {}),
        "metrics": checked_metrics(json.loads((evaluated / METRICS).read_bytes()), evaluated / METRICS),
    }
    path = folder / f"run-{_plain(params.run.name)}-seed-{seed}.json"
    write_json(path, record)
    return path


def keep_experiment(document: Path, folder: Path) -> Path:
    """Keep what an experiment has come to (`pipelines.experiment`): its figures alone, no places on a disk."""
    try:
        found = json.loads(document.read_bytes())
        rows = [
            {key: row[key] for key in ("name", "title", "x", "series", "problem", "figures", "differences")}
            for row in found["variants"]
        ]
        kept = {
            key: found[key]
            for key in ("experiment", "title", "profile", "seeds", "code", "commit", "command", "seconds")
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        hint = "Make it with `python -m pipelines experiment`"
        raise ArtifactError("is no experiment.json", file=document, hint=hint) from error
    path = folder / f"{recorded_name(found)}.json"
    write_json(path, kept | {"kind": "experiment", "date": _date(document), "variants": rows})
    return path


def keep_bench(name: str, folder: Path) -> Path:
    """Run a benchmark and keep the figures that it prints with their targets.

    Raises:
        ArtifactError: it printed none.
    """
    start = time.perf_counter()
    command = f"python -m benchmarks.{name}"
    process = subprocess.run(
        [sys.executable, "-m", f"benchmarks.{name}"], cwd=ROOT, stdout=subprocess.PIPE, text=True, check=False
    )
    bars = [
        {
            "name": found[1],
            "value": float(found[2]),
            "target": found[3],
            "ok": None if found[4] is None else found[4] == "ok",
        }
        for line in process.stdout.splitlines()
        if (found := _BAR.match(line))
    ]
    if not bars:
        problem = f"`{command}` printed no figure (exit code {process.returncode})"
        raise ArtifactError(problem, hint="Run it by itself and read what it says")
    record = _origin(command) | {"kind": "bench", "name": name, "bars": bars, "date": f"{datetime.now(UTC):%Y-%m-%d}"}
    write_json(folder / f"bench-{_plain(name)}.json", record | {"seconds": round(time.perf_counter() - start, 1)})
    return folder / f"bench-{_plain(name)}.json"


def keep_cost(measured: Mapping[str, Any], name: str, folder: Path, command: str) -> Path:
    """Keep what a model was measured to cost (`rationanomaly.cost.record`), which holds no text of a log."""
    path = folder / f"cost-{_plain(name)}.json"
    record = _origin(command) | {"kind": "cost", "name": name, "date": f"{datetime.now(UTC):%Y-%m-%d}"}
    write_json(path, {**measured, **record})
    return path


def checked_metrics(metrics: Mapping[str, Any], file: Path) -> dict[str, float]:
    """The metrics, each a finite number under a name that can't be a text, rounded to what is ever shown.

    Left out are those of `_DERIVED`: a run has thousands.

    Raises:
        ArtifactError: one is not.
    """
    found = {}
    for name, value in metrics.items():
        if _DERIVED.search(name):
            continue
        number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
        if not number or not _METRIC.fullmatch(name):
            raise ArtifactError(f"`{name[:80]}` is no metric with a number", file=file, hint="Run `evaluate` again")
        found[name] = round(float(value), 6)
    return found


def read_records(folder: Path, kind: str) -> list[dict[str, Any]]:
    """All records of a kind, ``run``, ``experiment``, ``bench`` or ``cost``, in the order of their files.

    Raises:
        ArtifactError: one can't be read.
    """
    found = []
    for path in sorted(folder.glob(f"{kind}-*.json")):
        try:
            record = json.loads(path.read_bytes())
            if record["kind"] != kind:
                raise KeyError(kind)
        except (ValueError, KeyError, TypeError) as error:
            hint = "Make it anew: python -m benchmarks.recorded_metrics"
            raise ArtifactError(f"is no record of the kind `{kind}`", file=path, hint=hint) from error
        found.append(record)
    return found


def _origin(command: str) -> dict[str, Any]:
    return {"command": command, "commit": git_commit(), "code": code_identity.whole()}


def _plain(name: str) -> str:
    return re.sub(r"[^a-z0-9-]", "-", name.lower())


def _date(path: Path) -> str:
    return f"{datetime.fromtimestamp(path.stat().st_mtime, UTC):%Y-%m-%d}"


def main() -> int:
    """Keep what the arguments name."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--params", type=Path, help="profile of the runs")
    parser.add_argument("--seeds", default="0", help="such as 0,1,2")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    place = parser.add_mutually_exclusive_group()
    place.add_argument("--output", type=Path, help="run, or take what is there; experiments may share the folder")
    place.add_argument(
        "--outputs", type=Path, help="of a finished run of one seed, as `python -m pipelines run` leaves it"
    )
    parser.add_argument("--experiment", type=Path, metavar="FILE", help="experiment.json to keep")
    parser.add_argument("--bench", metavar="NAME", help="benchmark to run and keep")
    parser.add_argument("--records", type=Path, default=RECORDS, help="folder of the records")
    arguments = parser.parse_args()
    if arguments.params and not (arguments.output or arguments.outputs):
        parser.error("--params needs --output or --outputs")
    try:
        for path in _keep(arguments):
            print(path)
    except RationAnomalyError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


def _keep(arguments: argparse.Namespace) -> list[Path]:
    kept = []
    if arguments.params:
        shown = (
            f"{arguments.params.resolve().relative_to(ROOT)}"
            if arguments.params.resolve().is_relative_to(ROOT)
            else arguments.params.name
        )
        for seed in read_seeds(arguments.seeds):
            changed = "".join(f" --set {setting}" for setting in [*arguments.set, f"run.seed={seed}"])
            command = f"python -m pipelines run --params {shown}{changed} --output DIR"
            evaluated, seconds = _evaluated(arguments, seed)
            kept.append(keep_run(arguments.params, seed, arguments.set, evaluated, arguments.records, command, seconds))
    if arguments.experiment:
        kept.append(keep_experiment(arguments.experiment, arguments.records))
    if arguments.bench:
        kept.append(keep_bench(arguments.bench, arguments.records))
    return kept


def _evaluated(arguments: argparse.Namespace, seed: int) -> tuple[Path, dict[str, float] | None]:
    """The output of `evaluate`, made where it isn't there; and how long the steps took."""
    if arguments.outputs:
        return arguments.outputs / "evaluate", None
    made = run_chain(load_params(arguments.params, [*arguments.set, f"run.seed={seed}"]), arguments.output)
    return made["evaluate"], seconds_of(made, arguments.output)


if __name__ == "__main__":
    sys.exit(main())
