"""What a verdict costs: verdicts a second, how long a new template waits, tokens, lines a second, money.

    python -m benchmarks.cost --outputs outputs/laptop --price-per-hour 0.1 --currency EUR [--record demo] [--write DIR]
    python -m benchmarks.cost --params params.yaml --output DIR        # make the run first, or take what is there

Takes a finished run (`--outputs`: a folder with one folder for each step). Direct verdicts, and reasoned ones of one
and of `--analyses` analyses, are asked for in batches of each size, and one template at a time; then a log is read in
which every template has its verdict, simulated unless `--log` names one. What runs beside it counts: the loads before
and at the end are part of the record. `--record NAME` keeps it as benchmarks/recorded/cost-NAME.json for
docs/results.md; `--write FOLDER` writes cost.json, cost.png and, where the run was evaluated, report.html with them.
How long training took is read from MLflow (`--tracking`, else mlflow.db beside the outputs, or beside `outputs/`).
"""

from __future__ import annotations

import argparse
import os
import platform
import random
import re
import shlex
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks.kept_seeds import ROOT
from benchmarks.recorded_metrics import keep_cost
from benchmarks.recorded_seeds import RECORDS
from pipelines.shared_steps import run_chain, seconds_of
from rationanomaly import progress, simulate
from rationanomaly.artifacts import write_json
from rationanomaly.cost.known_lines import KnownLines, measure_known_lines
from rationanomaly.cost.measuring import measure_alone, measure_batches
from rationanomaly.cost.new_templates import count_new
from rationanomaly.cost.plot import draw
from rationanomaly.cost.record import Machine, Measured, Model
from rationanomaly.cost.tables import about, cost_tables, plain
from rationanomaly.cost.token_counter import TokenCounter, Tokens
from rationanomaly.cost.training_time import seconds_by_step
from rationanomaly.cost.ways import DIRECT, REASONED, Ask, Way, all_ways
from rationanomaly.detection.model_detector import ModelDetector
from rationanomaly.detection.remembering import RememberingDetector
from rationanomaly.device import runtime
from rationanomaly.errors import RationAnomalyError
from rationanomaly.evaluate.report import write_report
from rationanomaly.model.folder import ModelFolder
from rationanomaly.params import load_params
from rationanomaly.records import COST, LABELLED, LABELLED_SCHEMA, TEMPLATES, TEMPLATES_SCHEMA, read_table
from rationanomaly.steps import STEPS

FINAL = "grpo"
SIZES = (1, 4, 16, 64)
#: Set before anything was measured. A new line shall be judged within a second, its analysis be there within ten;
#: a thousand lines a second are what a large cluster writes.
TARGET_DIRECT_P95, TARGET_REASONED_P95 = 1_000, 10_000
TARGET_KNOWN_LINES, TARGET_KEPT_UP = 10_000, 1_000
_SEED = 0
#: Options that name a place on this machine, and what a record says instead.
_PLACES = {"--outputs": "DIR", "--output": "DIR", "--write": "DIR", "--records": "DIR", "--log": "FILE",
           "--tracking": "URI"}  # fmt: skip
_WORDS = re.compile(r"[\w .,()+/:-]{1,120}")

#: A name, a value, its target, and whether more is better.
Bar = tuple[str, float, float, bool]


def main() -> int:
    """Measure, print the tables and the bars; 1 if one is short."""
    arguments = _arguments()
    try:
        folders, training = _run(arguments)
        with progress.listening(_show):
            measured = measure(folders, training, arguments)
        record = measured.as_record()
        print(about(record) + "\n\n" + "\n\n".join(map(plain, cost_tables(record))) + "\n")
        _keep(record, folders, arguments)
    except RationAnomalyError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return print_bars(bars(measured))


def measure(folders: Mapping[str, Path], training: Mapping[str, float], arguments: argparse.Namespace) -> Measured:
    """All of it.

    Args:
        folders: output folder of each step.
        training: seconds by step.
        arguments: of the command line.
    """
    load = os.getloadavg()[0]
    runtime.prepare(_SEED, arguments.threads)
    folder = ModelFolder.open(folders[arguments.model])
    network = folder.load(merged=True).to(runtime.device())
    scorer = folder.scorer(network)
    reasoned = arguments.reasoned_sizes or arguments.sizes
    sizes = {way: reasoned if way.analyses else arguments.sizes for way in all_ways(arguments.analyses)}
    templates = _templates(folders)
    alone = {DIRECT: arguments.alone_direct, REASONED: arguments.alone_reasoned}
    with TokenCounter(network) as counter:

        def counted() -> Tokens:
            return counter.tokens

        ask = _asking(ModelDetector(folder, scorer))
        batches = measure_batches(ask, counted, sizes, templates, arguments.repetitions)
        waits = measure_alone(ask, counted, templates, alone)
    new = count_new(read_table(folders["parse"] / TEMPLATES, TEMPLATES_SCHEMA))
    known = _known_lines(RememberingDetector(folder, scorer), arguments) if new else None
    machine = Machine(
        arguments.machine, arguments.threads, (load, os.getloadavg()[0]), arguments.price_per_hour, arguments.currency
    )
    weights = sum(one.numel() for one in network.parameters())
    card = folder.card
    return Measured(
        machine, Model(card.stage, card.base.name, weights, card.detect.attempts), batches, waits, known, new, training
    )


def _asking(detector: ModelDetector) -> Ask:
    """Asks the model itself: nothing that it said before is taken."""

    def asked(templates: Sequence[str], way: Way) -> object:
        return detector.judge(templates, "reasoned" if way.analyses else "direct", way.analyses or None)

    return asked


def _templates(folders: Mapping[str, Path]) -> list[str]:
    """Those that the model has not learnt from first, each part in a random order."""
    labelled = read_table(folders["correct"] / LABELLED, LABELLED_SCHEMA)
    rng = random.Random(_SEED)
    parts = []
    for held_out in (True, False):
        part = labelled.filter((labelled["split"] == "test") == held_out)["template"].to_list()
        rng.shuffle(part)
        parts += part
    return list(dict.fromkeys(parts))


def _known_lines(detector: RememberingDetector, arguments: argparse.Namespace) -> KnownLines:
    if arguments.log:
        return measure_known_lines(detector, arguments.log, arguments.format, arguments.repetitions)
    with tempfile.TemporaryDirectory() as folder:
        simulate.write(load_params(ROOT / "params.yaml", [f"simulate.lines={arguments.lines}"]), Path(folder))
        return measure_known_lines(detector, Path(folder) / "cluster.log", "simulated", arguments.repetitions)


def _run(arguments: argparse.Namespace) -> tuple[dict[str, Path], dict[str, float]]:
    """The output folder of each step, and the seconds that each took."""
    if arguments.params:
        made = run_chain(load_params(arguments.params, arguments.set), arguments.output)
        return made, seconds_of(made, arguments.output)
    folders = {step.name: arguments.outputs / step.name for step in STEPS}
    above = arguments.outputs.absolute().parents[:2]  # DVC's outputs have a folder for each run.name.
    database = next((path for folder in above if (path := folder / "mlflow.db").is_file()), None)
    uri = arguments.tracking or (f"sqlite:///{database}" if database else None)
    return folders, seconds_by_step(folders, uri) if uri else {}


def _keep(record: dict[str, object], folders: Mapping[str, Path], arguments: argparse.Namespace) -> None:
    if arguments.record:
        print(keep_cost(record, arguments.record, arguments.records, command_of(sys.argv[1:])))
    if arguments.write:
        arguments.write.mkdir(parents=True, exist_ok=True)
        write_json(arguments.write / COST, record)
        draw(record, arguments.write / "cost.png")
        if (folders["evaluate"] / "manifest.json").is_file():
            target = arguments.write / "report.html"
            write_report(folders["evaluate"], target=target, cost=arguments.write / COST)
        print(arguments.write)


def command_of(words: Sequence[str]) -> str:
    """The command for a record: with every option, and without the places of this machine.

    Args:
        words: behind the program's name.
    """
    shown, hidden = [], ""
    for option, equals, value in (word.partition("=") for word in words):
        if hidden and not option.startswith("--"):
            shown.append(hidden)
        else:
            hidden = _PLACES.get(option, "")
            shown.append(f"{option}={hidden}" if hidden and equals else f"{option}{equals}{value}")
            hidden = "" if equals else hidden
    return shlex.join(["python", "-m", "benchmarks.cost", *shown])


def bars(measured: Measured) -> list[Bar]:
    """What was set before anything was measured, and how much asking together is worth, by medians of one run."""
    p95 = {one.way: one.milliseconds[1].value for one in measured.alone}
    found: list[Bar] = [
        ("COST_DIRECT_P95_MS", p95[DIRECT], TARGET_DIRECT_P95, False),
        ("COST_REASONED_P95_MS", p95[REASONED], TARGET_REASONED_P95, False),
    ]
    if measured.known_lines and measured.new_templates:
        kept_up = next(one.lines_per_second for one in measured.costs if one.way == REASONED)
        found += [
            ("COST_KNOWN_LINES_PER_SECOND", measured.known_lines.per_second.median, TARGET_KNOWN_LINES, True),
            ("COST_REASONED_LINES_PER_SECOND", kept_up, TARGET_KEPT_UP, True),
        ]
    return found


def print_bars(found: Sequence[Bar]) -> int:
    """A line for each; 1 if one is short."""
    short = False
    for name, value, target, more in found:
        reached = value >= target if more else value <= target
        short |= not reached
        print(f"{name} = {value:.0f} (target {target}) {'ok' if reached else 'short'}")
    return int(short)


def _show(event: progress.Event) -> None:
    if event.unit == "questions":
        print(f"{event.task}: {event.done:.0f} of {event.total or 0:.0f}", file=sys.stderr, flush=True)


def _machine() -> str:
    """In words, and not by its name."""
    gpu = "no GPU" if runtime.device() == "cpu" else "a GPU"
    return f"{os.cpu_count()} cores ({platform.machine()}), {gpu}"


def _plain(text: str) -> str:
    """Stands in Markdown and HTML, and in a repository."""
    if not _WORDS.fullmatch(text):
        raise argparse.ArgumentTypeError("give up to 120 letters, digits and spaces")
    return text


def _arguments() -> argparse.Namespace:
    # An abbreviated option would keep its place in the record's command.
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument("--outputs", type=Path, help="folder of a finished run")
    parser.add_argument("--params", type=Path, help="of a run to be made, or taken, in --output")
    parser.add_argument("--output", type=Path, metavar="DIR", help="that runs share")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--model", default=FINAL, help="step whose model is asked")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="templates that are asked together")
    parser.add_argument("--reasoned-sizes", type=int, nargs="+", help="of reasoned verdicts; default: --sizes")
    parser.add_argument("--analyses", type=int, default=3, help="of the third way")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--alone-direct", type=int, default=200, help="new templates asked one at a time")
    parser.add_argument("--alone-reasoned", type=int, default=60)
    parser.add_argument("--log", type=Path, help="log whose templates are all known; default: a simulated one")
    parser.add_argument("--format", default="auto", help="of --log")
    parser.add_argument("--lines", type=int, default=60_000, help="of the simulated log")
    parser.add_argument("--price-per-hour", type=float, help="of the machine")
    parser.add_argument("--currency", type=_plain, default="EUR")
    parser.add_argument("--machine", type=_plain, default=None, help="in words; default: what Python sees")
    parser.add_argument("--tracking", metavar="URI", help="MLflow's store of the run")
    parser.add_argument("--record", metavar="NAME", help="keep it as benchmarks/recorded/cost-NAME.json")
    parser.add_argument("--records", type=Path, default=RECORDS, help="folder of the records")
    parser.add_argument("--write", type=Path, metavar="FOLDER", help="for cost.json, cost.png and report.html")
    parser.add_argument("--threads", type=int, default=2)
    arguments = parser.parse_args()
    if (arguments.outputs is None) == (arguments.params is None) or (arguments.params and not arguments.output):
        parser.error("give --outputs, or --params with --output")
    arguments.machine = arguments.machine or _machine()
    return arguments


if __name__ == "__main__":
    sys.exit(main())
