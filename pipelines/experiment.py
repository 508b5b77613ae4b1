"""Run an experiment: every variant with every seed, then the table and the plot.

    DIR/NAME/runs/VARIANT-seed-N.json    a run that is done: its figures, and where its outputs lie
    DIR/NAME/experiment.json             figures by variant over the seeds, with intervals and paired differences
    DIR/NAME/table.md, plot.png          the same for people
    DIR/NAME/ablations.json              the same for the report of `evaluate`
    DIR/steps/, DIR/state/               outputs that all runs of all experiments share (`shared_steps`)

Whatever ended it, the same command continues: runs that are done and steps that are finished are taken as they are.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from pipelines import comparison, comparison_plot
from pipelines.comparison import COMPARED, ROWS, TEMPLATE_METRICS, Interval, estimate, measured_of
from pipelines.shared_steps import run_chain, seconds_of
from pipelines.variants import FULL, Experiment, Variant, changed
from rationanomaly import artifacts
from rationanomaly.artifacts import write_json, write_text
from rationanomaly.errors import InputError, ParamsError
from rationanomaly.evaluate.comparisons import difference
from rationanomaly.evaluate.metrics import Judged
from rationanomaly.evaluate.predictions import Prediction
from rationanomaly.evaluate.systems import FINAL
from rationanomaly.params import Params, load_params
from rationanomaly.progress import report
from rationanomaly.records import (
    LABELLED,
    LABELLED_SCHEMA,
    METRICS,
    PREDICTIONS,
    TEMPLATES,
    TEMPLATES_SCHEMA,
    read_rows,
    read_table,
)
from rationanomaly.runs import code_identity
from rationanomaly.runs.tracking import git_commit, params_hash

logger = logging.getLogger(__name__)

EXPERIMENT, TABLE, PLOT, ABLATIONS = "experiment.json", "table.md", "plot.png", "ablations.json"


@dataclass(frozen=True)
class Request:
    """What is to be run.

    Attributes:
        profile: params file.
        settings: ``KEY=VALUE`` for all variants.
        seeds: of the runs, `run.seed`.
        output: DIR.
        only: names of the variants; none: all.
        base: params in place of the profile and its settings.
    """

    profile: Path
    settings: tuple[str, ...]
    seeds: tuple[int, ...]
    output: Path
    only: tuple[str, ...] = ()
    base: Params | None = field(default=None, compare=False)

    def params(self, seed: int, variant: Variant | None = None) -> Params:
        """Those of one run."""
        return changed(self._base, [*(() if variant is None else variant.settings), f"run.seed={seed}"])

    @cached_property
    def _base(self) -> Params:
        return self.base or load_params(self.profile, self.settings)


def run_experiment(experiment: Experiment, request: Request, *, runs: bool = True, results: bool = True) -> None:
    """Run what is not done yet and write the table and the plot of all that is done.

    Args:
        experiment: what is compared.
        request: profile, settings, seeds and variants.
        runs: whether to run anything. results: whether to write the table and the plot.

    Raises:
        ParamsError: a variant that there is not.
        RationAnomalyError: a step of a run failed. What the data don't allow, such as an order in time where no
            template has one, is a row that says so.
    """
    variants = experiment.variants(request.params(request.seeds[0]), known_datasets(request))
    chosen = choose(variants, request.only)
    folder = request.output / experiment.name
    wanted = [(variant, seed) for seed in request.seeds for variant in chosen] if runs else []
    for number, (variant, seed) in enumerate(wanted):
        report(f"experiment {experiment.name}", number, len(wanted), "runs")
        _run(variant, seed, request, folder)
        report(f"experiment {experiment.name}", number + 1, len(wanted), "runs")
    if results:
        write_results(experiment, variants, request, folder)


def read_seeds(text: str) -> tuple[int, ...]:
    """The seeds of ``0,1,2``, each once.

    Raises:
        ParamsError: it is no such list.
    """
    parts = re.split(r"[,\s]+", text.strip())
    if not all(part.isdecimal() for part in parts):
        raise ParamsError(f"`--seeds {text}` is no list of seeds", hint="Write it like --seeds 0,1,2")
    return tuple(dict.fromkeys(int(part) for part in parts))


def choose(variants: Sequence[Variant], only: Sequence[str]) -> list[Variant]:
    """The variants of these names, or all of them.

    Raises:
        ParamsError: one is unknown.
    """
    known = {variant.name: variant for variant in variants}
    unknown = [name for name in only if name not in known]
    if unknown:
        raise ParamsError(f"there is no variant `{unknown[0]}`", hint=f"There are {', '.join(known)}")
    return [variant for variant in variants if not only or variant.name in only]


def known_datasets(request: Request) -> list[str]:
    """The data sets in the logs, by the output of `parse`, which all runs share; it is made where it isn't there."""
    made = run_chain(request.params(request.seeds[0]), request.output, ("parse",))
    table = read_table(made["parse"] / TEMPLATES, TEMPLATES_SCHEMA)
    return sorted(set(table["dataset"].to_list()))


def _run(variant: Variant, seed: int, request: Request, folder: Path) -> None:
    """One run and its record, unless it is there already."""
    path = record_path(folder, variant.name, seed)
    params = request.params(seed, variant)
    origin = {"params": params_hash(params), "code": code_identity.whole(), "settings": list(variant.settings)}
    if (kept := _read(path)) is not None and {key: kept.get(key) for key in origin} == origin:
        return
    logger.info("%s, seed %d", variant.title, seed)
    record: dict[str, Any] = {"variant": variant.name, "seed": seed, "problem": None} | origin
    try:
        made = run_chain(params, request.output)
    except InputError as error:
        if variant.name == FULL:
            raise
        write_json(path, record | {"problem": error.problem})
        return
    places = {name: str(output.relative_to(request.output)) for name, output in made.items()}
    read = {name: json.loads((made[name] / METRICS).read_bytes()) for name in ("correct", "evaluate")}
    seconds = seconds_of(made, request.output)
    write_json(path, record | {"outputs": places, "metrics": read, "seconds": seconds})


def record_path(folder: Path, variant: str, seed: int) -> Path:
    """Where the record of a run lies, below the folder of its experiment."""
    return folder / "runs" / f"{variant}-seed-{seed}.json"


def write_results(
    experiment: Experiment, variants: Sequence[Variant], request: Request, folder: Path
) -> dict[str, Any]:
    """Write what the runs that are done have come to."""
    records = {
        variant.name: {seed: kept for seed in request.seeds if (kept := _read(record_path(folder, variant.name, seed)))}
        for variant in variants
    }
    by_seed = {variant.name: _by_seed(variant, records[variant.name]) for variant in variants}
    rows = []
    for variant in variants:
        mine = records[variant.name]
        problems = [kept["problem"] for kept in mine.values() if kept["problem"]]
        pairs = Pairs(request, records.get(FULL, {}), mine, variant)
        compared = experiment.compared and variant.name != FULL
        rows.append(
            {
                "name": variant.name, "title": variant.title, "settings": list(variant.settings), "x": variant.x,
                "series": variant.series, "seeds": sorted(by_seed[variant.name]), "problem": next(iter(problems), None),
                "figures": _estimates(by_seed[variant.name]),
                "differences": pairs.differences(by_seed.get(FULL, {}), by_seed[variant.name]) if compared else {},
            }
        )  # fmt: skip
    first = request.params(request.seeds[0])
    document = {
        "experiment": experiment.name, "title": experiment.title, "profile": first.run.name,
        "settings": list(request.settings), "seeds": list(request.seeds), "variants": rows,
        "code": code_identity.whole(), "commit": git_commit(),
        "command": command(experiment.name, request), "seconds": _seconds(records.values()),
    }  # fmt: skip
    write_json(folder / EXPERIMENT, document)
    write_text(folder / TABLE, f"{document['title']}, profile {document['profile']}\n\n{comparison.table(document)}")
    comparison_plot.draw(document, experiment.picture, folder / PLOT)
    write_json(folder / ABLATIONS, ablation_rows(document))
    return document


def command(name: str, request: Request) -> str:
    """What makes it again, from the root of a checkout; the output folder is anybody's."""
    words = ["python -m pipelines experiment", name, "--params", _shown(request.profile)]
    words.append(f"--seeds {','.join(map(str, request.seeds))}")
    words += [f"--only {variant}" for variant in request.only]
    return " ".join([*words, *(f"--set {setting}" for setting in request.settings), "--output DIR"])


def _shown(profile: Path) -> str:
    root = Path(__file__).resolve().parents[1]
    path = profile.resolve()
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else profile.name


def ablation_rows(document: Mapping[str, Any]) -> dict[str, Any]:
    """For the report of `evaluate` (`report_files`): F1 by variant."""
    rows = [(row["title"], row["figures"]["f1"]) for row in document["variants"] if "f1" in row["figures"]]
    return {
        "metric": "template/abnormal/f1",
        "rows": [
            {"title": title, "value": f1["mean"], "low": f1["low"], "high": f1["high"], "seeds": len(f1["by_seed"])}
            for title, f1 in rows
        ],
    }


Measured = dict[str, tuple[float, Interval | None]]


def _by_seed(variant: Variant, records: Mapping[int, Mapping[str, Any]]) -> dict[int, Measured]:
    return {
        seed: measured_of(kept["metrics"]["evaluate"], kept["metrics"]["correct"], variant.system, variant.level)
        for seed, kept in records.items()
        if kept["problem"] is None
    }


def _estimates(by_seed: Mapping[int, Measured]) -> dict[str, dict[str, Any]]:
    """Of the figures that every seed has."""
    found = [by_seed[seed] for seed in sorted(by_seed)]
    names = [name for name in found[0] if all(name in one for one in found)] if found else []
    return {name: estimate([one[name] for one in found]).to_json() for name in names}


@dataclass(frozen=True)
class Pairs:
    """A variant beside the full method, seed by seed."""

    request: Request
    full: Mapping[int, Mapping[str, Any]]
    mine: Mapping[int, Mapping[str, Any]]
    variant: Variant

    def differences(self, full: Mapping[int, Measured], mine: Mapping[int, Measured]) -> dict[str, dict[str, Any]]:
        """The variant minus the full method, for `COMPARED`, each on the same templates."""
        found = {}
        for name in COMPARED:
            seeds = [seed for seed in sorted(full.keys() & mine.keys()) if name in full[seed] and name in mine[seed]]
            pairs = [self._pair(seed, name, full[seed], mine[seed], len(seeds) == 1) for seed in seeds]
            if pairs and None not in pairs:
                found[name] = estimate([pair for pair in pairs if pair is not None]).to_json()
        return found

    def _pair(
        self, seed: int, name: str, full: Measured, mine: Measured, with_interval: bool
    ) -> tuple[float, Interval | None] | None:
        """The difference of one seed; None where both can't be had on the same templates.

        With one seed it has an interval over groups. Of base and SFT fewer templates have an analysis than of the full
        method where `evaluate.reasoned_rows` says so; then both are judged anew on those that they have in common.
        """
        alike = name.startswith("direct_") or full.get(ROWS) == mine.get(ROWS)
        if alike and not with_interval:
            return mine[name][0] - full[name][0], None
        key = TEMPLATE_METRICS[name.removeprefix("direct_")][1][0]
        found = self._over_groups(seed, name)
        if alike:
            return mine[name][0] - full[name][0], _interval(found, key)
        return (found[key], _interval(found, key) if with_interval else None) if key in found else None

    def _over_groups(self, seed: int, name: str) -> dict[str, float]:
        """The difference and its interval on the templates that both judged; empty without the verdicts."""
        outputs = self.full[seed].get("outputs", {}).keys() & self.mine[seed].get("outputs", {}).keys()
        if not {"evaluate", "correct"} <= outputs:
            return {}  # Of runs on a cluster only the metrics came back (`tracked_runs`).
        direct = name.startswith("direct_")
        ours = _predictions(self.request.output, self.mine[seed], self.variant.system, direct)
        theirs = _predictions(self.request.output, self.full[seed], FINAL, direct)
        common = sorted(ours.keys() & theirs.keys())
        if not common:
            return {}
        groups = _groups(self.request.output, self.full[seed])
        judged = [
            Judged([one[key].truth for key in common], [_answer(one[key], direct) for key in common],
                   [_score(one[key], direct) for key in common], [groups[key] for key in common])
            for one in (ours, theirs)
        ]  # fmt: skip
        return difference(judged[0], judged[1])


def _interval(found: Mapping[str, float], key: str) -> Interval | None:
    return (found[f"{key}/low"], found[f"{key}/high"]) if f"{key}/low" in found else None


Key = tuple[str, str]


def _predictions(output: Path, record: Mapping[str, Any], system: str, direct: bool) -> dict[Key, Prediction]:
    """What a system said of the tested templates; reasoned verdicts on those that have one, or direct ones on all."""
    folder = output / record["outputs"]["evaluate"]
    artifacts.read(folder, "evaluate")
    rows = [one for one in read_rows(folder / PREDICTIONS, Prediction) if one.model == system]
    return {(one.dataset, one.template_id): one for one in rows if direct or one.stated is not None}


def _groups(output: Path, record: Mapping[str, Any]) -> dict[Key, int]:
    folder = output / record["outputs"]["correct"]
    artifacts.read(folder, "correct", only=[LABELLED])
    table = read_table(folder / LABELLED, LABELLED_SCHEMA)
    return dict(zip(zip(table["dataset"], table["template_id"], strict=True), table["group"], strict=True))


def _answer(one: Prediction, direct: bool) -> str:
    return (one.direct_answer or one.answer) if direct else one.answer


def _score(one: Prediction, direct: bool) -> float:
    return one.direct_score if direct and one.direct_score is not None else one.score


def _seconds(records: Iterable[Mapping[int, Mapping[str, Any]]]) -> float:
    """Of all outputs behind the table, each once."""
    made: dict[str, float] = {}
    for by_seed in records:
        for kept in by_seed.values():
            for name, place in kept.get("outputs", {}).items():
                made[place] = kept["seconds"].get(name, 0.0)
    return round(sum(made.values()), 1)


def _read(path: Path) -> dict[str, Any] | None:
    """A record; None where there is none, or one that was cut off."""
    try:
        found = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None


def recorded_name(document: Mapping[str, Any]) -> str:
    """The name of a file that keeps it: of experiment and profile."""
    return re.sub(r"[^a-z0-9-]", "-", f"experiment-{document['experiment']}-{document['profile']}".lower())
