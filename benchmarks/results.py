"""docs/results.md out of what is recorded, and everything that is published made again.

    python -m benchmarks.results --write            # docs/results.md of benchmarks/recorded and results_page.md.jinja
    python -m benchmarks.results --check            # 1 if docs/results.md says anything else
    python -m benchmarks.results --plan             # what is made again, with its command and its expected time
    python -m benchmarks.results --run --output DIR # make all of it, or what is not done yet, record it, write the page
    python -m benchmarks.results --run --small --output DIR    # the same in some minutes, with records and page in DIR

`make results` is the fourth, `make results-small` the last. A run that was killed continues where it was. Prose, and
figures from before there were records, are in the template and say so.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from benchmarks import learning
from benchmarks.kept_seeds import ROOT
from benchmarks.pooled_differences import Pool
from benchmarks.recorded_metrics import read_records
from benchmarks.recorded_seeds import RECORDS
from benchmarks.recorded_seeds import read_records as read_seeds
from pipelines import comparison
from pipelines.comparison import TEMPLATE_METRICS, estimate
from rationanomaly.artifacts import write_text
from rationanomaly.cost.tables import about, cost_tables, markdown
from rationanomaly.errors import RationAnomalyError
from rationanomaly.evaluate.ranking import shorten
from rationanomaly.evaluate.systems import TITLES

PAGE = ROOT / "docs" / "results.md"
TEMPLATE = "results_page.md.jinja"
#: Level of `evaluate` → its heading.
LEVELS: Mapping[str, str] = {
    "template": "Templates",
    "direct/template": "Templates, direct verdicts",
    "session": "Sessions",
    "session_distinct": "Sessions, each set of templates once",
    "session_tuned": "Sessions, with a threshold of their own",
    "session_tuned_distinct": "Sessions, with a threshold of their own, each set of templates once",
    "session_model": "Sessions, by the session model",
    "session_model_distinct": "Sessions, by the session model, each set of templates once",
    "line": "Lines",
}
#: First parts of names of metrics that are no systems.
_NO_SYSTEMS = frozenset({"direct", "difference", "reasoned_minus_direct", "dataset_mean", "by_dataset", "stress"})
_METRICS = {**{title: keys[0] for title, keys in TEMPLATE_METRICS.values()}, "precision": "abnormal/precision",
            "recall": "abnormal/recall"}  # fmt: skip


# ---------------------------------------------------------------- what is published

#: The program's own command, in the place of a module.
_OWN = "rationanomaly"


@dataclass(frozen=True)
class Row:
    """One thing that is made again.

    Attributes:
        title: for the plan.
        arguments: behind ``python -m``, or the program's own command; ``DIR``
            stands for the output folder, ``RECORDS`` for that of the records.
        minutes: that it is expected to take on two cores.
        needs: folder beside the checkout without which it is passed over.
    """

    title: str
    arguments: tuple[str, ...]
    minutes: int
    needs: str | None = None

    @property
    def command(self) -> str:
        """For people."""
        return ("" if self.arguments[0] == _OWN else "python -m ") + " ".join(self.arguments)


def _set(settings: Sequence[str]) -> list[str]:
    return _words("--set", settings)


def _words(option: str, values: Sequence[str]) -> list[str]:
    return [word for value in values for word in (option, value)]


def _runs(profile: str, seeds: str, minutes: int, needs: str | None = None, *settings: str) -> Row:
    words = ("benchmarks.recorded_metrics", "--params", f"profiles/{profile}.yaml", "--seeds", seeds, *_set(settings))
    return Row(f"profile {profile}, seeds {seeds}", (*words, "--output", "DIR", "--records", "RECORDS"), minutes, needs)


def _experiment(name: str, profile: str, seeds: str, minutes: int, needs: str | None = None, *more: str) -> list[Row]:
    words = ("pipelines", "experiment", name, "--params", f"profiles/{profile}.yaml", "--seeds", seeds, *more)
    keep = ("benchmarks.recorded_metrics", "--experiment", f"DIR/{name}/experiment.json", "--records", "RECORDS")
    made = Row(f"experiment {name}, {profile}, seeds {seeds}", (*words, "--output", "DIR"), minutes, needs)
    return [made, Row(f"record of experiment {name}", keep, 1, needs)]


def _bench(name: str, minutes: int, needs: str | None = None) -> Row:
    words = ("benchmarks.recorded_metrics", "--bench", name, "--records", "RECORDS")
    return Row(f"benchmark {name}", words, minutes, needs)


_TABLES, _SESSIONS, _HDFS = "../shared/data/templates", "../shared/data/sessions", "../shared/data/hdfs"
_COST = ("benchmarks.cost", "--params", "params.yaml", "--output", "DIR", "--record", "demo", "--records", "RECORDS")
#: Runs first, for experiments take what they have in common with them.
PUBLISHED: tuple[Row, ...] = (
    Row("the tables of seeds", ("benchmarks.learning", "--results", "DIR/learning", "--record"), 450, _TABLES),
    _runs("bgl-sessions", "0,1,2", 180, _SESSIONS),
    _runs("hdfs", "0,1,2", 180, _HDFS),
    _runs("bgl-spirit", "0,1,2", 300, _TABLES),
    *_experiment("ablation", "bgl-spirit", "0,1,2", 2400, _TABLES),
    *_experiment("weights", "bgl-spirit", "0", 1300, _TABLES),
    *_experiment("cross", "bgl-spirit", "0,1,2", 600, _TABLES),
    *_experiment("labels", "bgl-spirit", "0", 800, _TABLES),
    *_experiment("order", "bgl-spirit", "0", 100, _TABLES),
    *_experiment("teacher", "bgl-spirit", "0", 500, _TABLES),
    *(_bench(name, 10, _TABLES) for name in ("radar", "precedents", "rewards", "review", "distill")),
    Row("the demo's model: what a verdict costs", _COST, 90, "data/simulated"),
    _bench("evaluate", 5),
    _bench("parse", 10),
)


#: Over profiles/micro.yaml: verdicts without analyses, so that a run takes seconds. No adapter is chosen by validation:
#: in so few steps it would be the first one, and all variants alike.
_SMALLEST = (
    "detect.verdict=direct", "model.encoder=none", "model.max_completion=32", "base.encoder_loss_weight=0",
    "sft.evaluations=0", "sft.best_by=null", "sft.pool.size=100", "grpo.evaluations=0", "grpo.keep_best=false",
    "evaluate.reasoned_rows=2", "evaluate.free_rows=1",
)  # fmt: skip
#: Of each experiment so many variants as show that every kind of them goes through; none: all of it.
_SMALL_EXPERIMENTS: Mapping[str, tuple[str, ...]] = {
    "ablation": ("full", "without-grpo", "without-sft", "symmetric-answer"),
    "weights": ("full", "grounding-0.5", "grounding-2", "coherence-0.5"),
    "cross": (),
    "labels": ("full", "5-random", "10-random", "5-radar", "10-radar"),
    "teacher": ("full", "teacher-0.8"),
}


def small(output: Path) -> tuple[Row, ...]:
    """The same kinds of rows with a model that learns next to nothing, on made-up logs and templates.

    An order in time needs a log; what two data sets need, and the experiments that train most, have a small table.
    """
    log = [f"data.{name}={output}/data/{file}" for name, file in
           (("logs", "cluster.log"), ("ledger", "decisions.jsonl"), ("truth", "truth.csv"))]  # fmt: skip
    table = [f"data.logs={output}/systems/templates.csv", f"data.ledger={output}/systems/corrections.json",
             "data.format=templates", "data.truth=data/none.csv"]  # fmt: skip
    simulate = (_OWN, "simulate", "--params", "profiles/micro.yaml", "--output", "DIR/data")
    on_log, on_table = ([*_set(_SMALLEST), *_set(data)] for data in (log, table))
    return (
        Row("a simulated log", simulate, 1),
        Row("a table of two systems", ("benchmarks.two_systems", "--output", "DIR/systems"), 1),
        _runs("micro", "0", 1, None, *_SMALLEST, *log),
        *_experiment("order", "micro", "0", 1, None, *on_log),
        *(
            row
            for name, only in _SMALL_EXPERIMENTS.items()
            for row in _experiment(name, "micro", "0", 1, None, *_words("--only", only), *on_table)
        ),
        _bench("house", 1),
    )


def plan(rows: Sequence[Row]) -> str:
    """What would be made, for people: expected time and command of each row."""
    lines = [f"{_time(one.minutes):>9}  {one.title:44}  {one.command}" for one in rows]
    return "\n".join([*lines, f"{_time(sum(one.minutes for one in rows)):>9}  in all, on two cores"]) + "\n"


def _time(minutes: int) -> str:
    return f"{minutes} min" if minutes < 60 else f"{minutes / 60:.1f} h"


def make(rows: Sequence[Row], output: Path, records: Path) -> list[str]:
    """Make them one after the other; one that fails doesn't keep the others back.

    Returns:
        what failed or was passed over, and why.
    """
    problems = []
    for number, row in enumerate(rows, start=1):
        if row.needs and not (ROOT / row.needs).is_dir():
            problems.append(f"{row.title}: passed over, {row.needs} is not on this machine")
            continue
        words = [word.replace("DIR", str(output)) if word.startswith("DIR") else word for word in row.arguments]
        words = [str(records) if word == "RECORDS" else word for word in words]
        print(f"[{number} of {len(rows)}] {row.title}, about {_time(row.minutes)}", flush=True)
        start = time.perf_counter()
        program = [] if row.arguments[0] == _OWN else [sys.executable, "-m"]
        done = subprocess.run([*program, *words], cwd=ROOT, check=False)
        print(f"    exit code {done.returncode} after {time.perf_counter() - start:.0f} s", flush=True)
        if done.returncode:
            problems.append(f"{row.title}: exit code {done.returncode}")
    return problems


# ---------------------------------------------------------------- the page


def compose(records: Path) -> str:
    """The page of all records in a folder.

    Raises:
        ArtifactError: a record can't be read, or records don't belong together.
    """
    environment = Environment(  # noqa: S701 - Markdown, not HTML
        loader=FileSystemLoader(Path(__file__).parent), undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip
    runs = read_records(records, "run")
    names = dict.fromkeys(run["profile"] for run in runs)
    return environment.get_template(TEMPLATE).render(
        seeds=_seed_tables(records),
        profiles=[_profile([run for run in runs if run["profile"] == name]) for name in names],
        experiments=[_described(one) for one in read_records(records, "experiment")],
        costs=[_priced(one) for one in read_records(records, "cost")],
        benches=read_records(records, "bench"),
    )


def _seed_tables(records: Path) -> list[str]:
    """The tables of `benchmarks.learning` where seeds are recorded."""
    if not any(records.glob("seed-*.parquet")):
        return []
    pool = Pool(sorted(read_seeds(None, records), key=lambda run: run.seed))
    tables = (learning.systems_table, learning.differences_table, learning.texts_table)
    return ["\n".join(one(pool)) for one in tables]


def _profile(runs: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The sections of one profile: a table for each level, of all systems; and what is said of stress."""
    runs = sorted(runs, key=lambda run: int(run["seed"]))
    tables = [(title, _table(runs, level)) for level, title in LEVELS.items()]
    stress = sorted({key for run in runs for key in run["metrics"] if key.startswith("stress/")})
    return {
        "name": runs[0]["profile"],
        "seeds": ", ".join(str(run["seed"]) for run in runs),
        "origin": _origins(runs),
        "over": "Student's t over the seeds" if len(runs) > 1 else "groups of near-duplicates; nothing of other seeds",
        "tables": [(title, table) for title, table in tables if table],
        "stress": [(key.removeprefix("stress/"), _cell(runs, key)) for key in stress if not _is_end(key)],
    }


def _table(runs: Sequence[Mapping[str, Any]], level: str) -> str:
    """All systems at one level; empty where none was measured there."""
    end = f"{level}/abnormal/f1"
    starts = list(dict.fromkeys(
        key.removesuffix(end) for run in runs for key in run["metrics"] if key.endswith(end)
    ))  # fmt: skip
    starts = [start for start in starts if _is_system(start)]
    # As in every table: what TITLES names first in its order, the final model behind its rivals, then the others.
    order = {name: place for place, name in enumerate(TITLES)}
    starts.sort(key=lambda start: (order.get(start.rstrip("/") or "grpo", len(order)), start))
    rows = [[_title(start.rstrip("/")), *(_cell(runs, f"{start}{level}/{key}") for key in _METRICS.values())]
            for start in starts]  # fmt: skip
    return _markdown(["", *_METRICS], rows) if rows else ""


def _is_system(start: str) -> bool:
    """Whether what stands before a level's name is a system's: nothing, or a name with its slash."""
    return not start or (start.find("/") == len(start) - 1 and start.rstrip("/") not in _NO_SYSTEMS)


def _title(system: str) -> str:
    name = system or "grpo"
    return TITLES.get(name, name.replace("_", " "))


def _cell(runs: Sequence[Mapping[str, Any]], key: str) -> str:
    """A figure over the seeds that have it, with its interval."""
    values = []
    for run in runs:
        found = run["metrics"]
        if key in found:
            ends = found.get(f"{key}/low"), found.get(f"{key}/high")
            values.append((found[key], None if ends[0] is None or ends[1] is None else (ends[0], ends[1])))
    if not values:
        return "–"
    value_of = estimate(values)
    text = shorten(value_of.mean)
    return (
        text
        if value_of.low is None or value_of.high is None
        else f"{text} [{shorten(value_of.low)}, {shorten(value_of.high)}]"
    )


def _is_end(key: str) -> bool:
    return key.endswith(("/low", "/high"))


def _described(document: Mapping[str, Any]) -> dict[str, Any]:
    return {**document, "origin": _origins([document]), "table": comparison.table(document).rstrip("\n")}


def _priced(record: Mapping[str, Any]) -> dict[str, Any]:
    """What a model was measured to cost."""
    tables = [(table.title, table.note, markdown(table)) for table in cost_tables(record)]
    return {"name": record["name"], "origin": _origins([record]), "about": about(record), "tables": tables}


def _origins(records: Sequence[Mapping[str, Any]]) -> str:
    """What made them: each command with its commit and date, and whether it was this code."""
    found = dict.fromkeys(
        f"`{one['command']}` at {(one['commit'] or 'no commit')[:7]}, {one['date']}, code {one['code'][:12]}"
        for one in records
    )
    return "; ".join(found)


def _markdown(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    return "\n".join("| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *rows))


def differs(page: Path, records: Path) -> str | None:
    """The first line in which a page is not what the records say; None if there is none."""
    ours, theirs = page.read_text(encoding="utf-8").splitlines(), compose(records).splitlines()
    for number in range(max(len(ours), len(theirs))):
        one, other = (lines[number] if number < len(lines) else "" for lines in (ours, theirs))
        if one != other:
            return f"{page}:{number + 1}: says {one!r}, and the records {other!r}"
    return None


def main() -> int:
    """Write, check, plan or make; 1 where something differs or failed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--write", action="store_true", help="docs/results.md")
    parser.add_argument("--check", action="store_true", help="whether docs/results.md is what the records say")
    parser.add_argument("--plan", action="store_true", help="print what would be made")
    parser.add_argument("--run", action="store_true", help="make it")
    parser.add_argument("--small", action="store_true", help="the small rows; records and page go to --output")
    parser.add_argument("--output", type=Path, default=Path("outputs-results"), metavar="DIR")
    arguments = parser.parse_args()
    output = arguments.output.absolute()
    rows = small(output) if arguments.small else PUBLISHED
    page, records = (output / "results.md", output / "recorded") if arguments.small else (PAGE, RECORDS)
    problems: list[str] = []
    try:
        if arguments.plan or arguments.run:
            print(plan(rows), flush=True)
        if arguments.run:
            problems = make(rows, output, records)
        if arguments.write or arguments.run:
            write_text(page, compose(records))
            print(page)
        if arguments.check and (problem := differs(page, records)):
            problems.append(f"{problem}; write it with `python -m benchmarks.results --write`")
    except RationAnomalyError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    for problem in problems:
        print(problem, file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
