"""What SFT and GRPO learn on the published templates of BGL and Spirit, against rules and classifiers, paired.

    python -m benchmarks.learning --results DIR                      # test rows, seeds 0 to 4: the results to report
    python -m benchmarks.learning --tune --seeds 10 11 12            # no test rows: 60 % train, 40 % validation
    python -m benchmarks.learning --tune --seeds 10 --set sft.pool.size=0
    python -m benchmarks.learning --results DIR --record             # and keep what the tables need, in the repository
    python -m benchmarks.learning --recorded                         # the tables of what is kept there, in seconds

Each seed makes its own split, by near-duplicate group, and trains everything afresh. Settings are chosen with --tune,
whose results are of validation rows. Its seeds differ from those reported but share templates with them: an independent
set would be the better judge. With --results the steps' outputs are kept (`kept_seeds`): a killed run continues,
several processes can share the seeds, and the tables can be made again without any training. --record writes a small
file of each seed that holds no text of the data set (`recorded_seeds`); --recorded prints the same tables and bars from
these files alone. The tables are Markdown for docs/results.md; an interval is 95 % of 1,000 draws of near-duplicate
groups (`pooled_differences`).
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from statistics import mean

from benchmarks.kept_seeds import ROOT, STEPS, TUNING, SeedRun, make_seeds
from benchmarks.pooled_differences import Estimate, Pool, Verdicts
from benchmarks.recorded_seeds import RECORDS, read_records, write_record
from rationanomaly.errors import RationAnomalyError
from rationanomaly.evaluate.generated_texts import RATES
from rationanomaly.evaluate.ranking import shorten
from rationanomaly.evaluate.systems import CLASSIFIERS, FINAL, KEYWORD, REFERENCE, RULES, SYSTEMS, TRAINED
from rationanomaly.runs import code_identity

SEEDS = (0, 1, 2, 3, 4)
F1, AP, MACRO_F1 = "abnormal/f1", "abnormal/ap", "macro/f1"
#: The rows of every table, as far as all seeds have them: a model's reasoned verdicts, and its direct ones behind them.
ALL = tuple(Verdicts(name, direct) for name in SYSTEMS for direct in (False, True) if name in TRAINED or not direct)
OURS, OURS_DIRECT, SFT = Verdicts(FINAL), Verdicts(FINAL, direct=True), Verdicts("sft")
BASE, BASE_DIRECT = Verdicts("base"), Verdicts("base", direct=True)
#: What the reasoned verdict has to reach: the best of these that all seeds have, by the mean over the seeds.
SIMPLE = tuple(Verdicts(name) for name in (*RULES, *CLASSIFIERS))
PAIRS = (
    *((OURS, simple) for simple in SIMPLE),
    (OURS, OURS_DIRECT),
    (OURS, SFT),
    (BASE, Verdicts(KEYWORD)),
    (BASE_DIRECT, Verdicts(KEYWORD)),
)
FREE_AGREEMENT, FREE_AGREEMENT_OF_ALARMS = "free/agreement/rate", "free/agreement/alarms"
#: What GRPO must not make worse: with F1, these shares.
KEPT_BY_GRPO = {"AGREEMENT": FREE_AGREEMENT, "SUPPORT": "support/rate", "GROUNDED": "free/grounding/rate"}
WORSE_BY = -0.01

#: A name, a value, and what it has to reach at least.
Bar = tuple[str, float, float]


def main() -> int:
    """Take every seed, made or recorded, and print tables and bars; 1 if one is short."""
    arguments = _arguments()
    if not arguments.recorded and not (ROOT.parent / "shared" / "data").is_dir():
        print("../shared/data is not on this machine")
        return 1
    found = []
    try:
        for run in read_records(arguments.seeds, RECORDS) if arguments.recorded else _make(arguments):
            _print_seed(run)
            found.append(run)
    except RationAnomalyError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    pool = Pool(sorted(found, key=lambda run: run.seed))
    print(
        "\n" + "\n\n".join("\n".join(table(pool)) for table in (systems_table, differences_table, texts_table)) + "\n"
    )
    return _print_bars(pool)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", help="0 to 4 unless named; with --recorded, all recorded ones")
    parser.add_argument("--tune", action="store_true", help="measure validation rows of splits without test rows")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--results", type=Path, metavar="DIR", help="keep the outputs, and take those kept")
    parser.add_argument("--record", action="store_true", help="write each seed's record to benchmarks/recorded")
    parser.add_argument("--recorded", action="store_true", help="make no seed: print the tables of the records")
    arguments = parser.parse_args()
    if arguments.recorded and (arguments.tune or arguments.set or arguments.results or arguments.record):
        parser.error("--recorded makes no seed, so it can't be given with --tune, --set, --results or --record")
    return arguments


def _make(arguments: argparse.Namespace) -> Iterator[SeedRun]:
    settings = [*arguments.set, *(TUNING if arguments.tune else ())]
    with ExitStack() as stack:
        results = arguments.results or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for run in make_seeds(arguments.seeds or SEEDS, settings, results):
            if arguments.record:
                write_record(run, settings, RECORDS)
            yield run


def _print_seed(run: SeedRun) -> None:
    print(f"seed {run.seed}: " + ", ".join(f"{name} {run.seconds.get(name, 0):.0f} s" for name in STEPS))
    print(f"  {run.metrics['template/positives']:.0f} of {run.metrics['template/rows']:.0f} templates are abnormal")
    if run.code != code_identity.whole():
        print("  made by other code than that of this checkout")
    alone = Pool([run], draws=0)
    for verdicts in alone.having(ALL):
        values = [f"{title} {alone.metric(verdicts, key).mean:.3f}" for title, key in (("F1", F1), ("AP", AP))]
        print(f"  {verdicts.title:25} {len(verdicts.rows(run)):4} rows  " + "  ".join(values), flush=True)


def systems_table(pool: Pool) -> list[str]:
    """Rows of a seed, F1 (of each seed, too) and AP, macro F1 of each data set; means over the seeds."""
    datasets = sorted({one.dataset for run in pool.runs for one in run.systems[FINAL].predictions})
    rows = []
    for verdicts in pool.having(ALL):
        f1 = pool.metric(verdicts, F1)
        by_seed = " ".join(shorten(value) for value in f1.by_seed)
        others = [pool.metric(verdicts, AP), *(pool.metric(verdicts, MACRO_F1, dataset) for dataset in datasets)]
        count = f"{mean(len(verdicts.rows(run)) for run in pool.runs):.0f}"
        means = [shorten(other.mean) for other in others]
        rows.append([verdicts.title, count, f"{shorten(f1.mean)} ({by_seed})", *means])
    seeds = ", ".join(str(run.seed) for run in pool.runs)
    return _table([f"seeds {seeds}", "rows", "F1", "AP", *(f"macro F1, {dataset}" for dataset in datasets)], rows)


def differences_table(pool: Pool) -> list[str]:
    """Paired differences of F1 and AP."""
    rows = [
        [f"{ours.title}, minus {theirs.title}", *(_signed(pool.difference(ours, theirs, key)) for key in (F1, AP))]
        for ours, theirs in PAIRS
        if pool.having((ours, theirs)) == (ours, theirs)
    ]
    return _table(["difference", "F1", "AP"], rows)


def texts_table(pool: Pool) -> list[str]:
    """What the texts are like, as detected and written freely."""
    rows = []
    for name in RATES:
        shares = [shorten(pool.rate(system, name).mean) for system in ("sft", FINAL)]
        rows.append([name, *shares, _signed(pool.rate_difference(FINAL, "sft", name))])
    return _table(["texts", SFT.title, OURS.title, "difference"], rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    return ["| " + " | ".join(cells) + " |" for cells in (head, ["---"] * len(head), *rows)]


def _signed(estimate: Estimate) -> str:
    middle, low, high = (
        f"{value:+.3f}".replace("0.", ".", 1) for value in (estimate.mean, estimate.low, estimate.high)
    )
    return f"{middle} [{low}, {high}]"


def _print_bars(pool: Pool) -> int:
    best = best_simple(pool)
    print(f"best F1 without a language model: {best.system}")
    for end, name in (("", FREE_AGREEMENT), ("_ALARMS", FREE_AGREEMENT_OF_ALARMS)):
        print(f"LEARNING_AGREEMENT_FREE{end} = {pool.rate(FINAL, name).mean:.3f} (no target)")
    rows = bars(pool, best)
    for name, value, target in rows:
        print(f"{name} = {value:.3f} (target {target}) {'ok' if value >= target else 'short'}")
    return 0 if all(value >= target for _, value, target in rows) else 1


def best_simple(pool: Pool) -> Verdicts:
    """The rule or classifier with the highest F1, by its mean over the seeds."""
    return max(pool.having(SIMPLE), key=lambda verdicts: pool.metric(verdicts, F1).mean)


def bars(pool: Pool, best: Verdicts) -> list[Bar]:
    """Means over the seeds, of paired differences where two systems are compared; lower ends for GRPO against SFT."""
    by_grpo = {"F1": pool.difference(OURS, SFT, F1)}
    by_grpo |= {name: pool.rate_difference(FINAL, "sft", rate) for name, rate in KEPT_BY_GRPO.items()}
    return [
        ("LEARNING_F1_TO_BEST", pool.difference(OURS, best, F1).mean, -0.01),
        ("LEARNING_AP_TO_REFERENCE", pool.difference(OURS, Verdicts(REFERENCE), AP).mean, 0.03),
        ("LEARNING_ZERO_SHOT_F1_TO_KEYWORD", pool.difference(BASE, Verdicts(KEYWORD), F1).mean, 0.0),
        ("LEARNING_AGREEMENT_DETECTED", pool.rate(FINAL, "agreement/rate").mean, 0.98),
        ("LEARNING_AGREEMENT_ALARMS", pool.rate(FINAL, "agreement/alarms").mean, 0.98),
        ("LEARNING_ARGUES", pool.rate(FINAL, "argues/rate").mean, 0.95),
        ("LEARNING_GROUNDED", pool.rate(FINAL, "grounding/rate").mean, 0.9),
        ("LEARNING_VALID", pool.rate(FINAL, "format/rate").mean, 0.99),
        *((f"LEARNING_GRPO_{name}_LOW", estimate.low, WORSE_BY) for name, estimate in by_grpo.items()),
        ("LEARNING_GRPO_BETTER", float(sum(estimate.low > 0 for estimate in by_grpo.values())), 1.0),
    ]


if __name__ == "__main__":
    sys.exit(main())
