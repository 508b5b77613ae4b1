"""How many of the published corrections the radar finds, and how soon: ten random halves of ../shared/data.

    python -m benchmarks.radar [--output curve.csv]

The table, with its original labels, is cut ten times into random halves by near-duplicate group. On the first half the
classifier is fitted and the weights of the evidence are chosen, among 81 combinations, by how soon they find that
half's corrections. Both then rank the labels of the second half, whose corrections are only looked at to count what
was found. The bound at every depth is what alert words alone find.

The weights that the radar has for everybody are shown beside it. They were chosen when variants had been measured on
all of these corrections, as were the lists of grave and routine words, so their curve is no held-out result.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from collections import Counter
from itertools import product
from pathlib import Path
from typing import NamedTuple, TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl

from rationanomaly.baselines.scorer import Floats
from rationanomaly.correct.alert_words import rank_by_alert_words
from rationanomaly.correct.curve import found_at
from rationanomaly.correct.radar import Evidence, Weights, gather, gather_on_others
from rationanomaly.records import Label
from rationanomaly.text.similarity import SimilarityIndex

T = TypeVar("T")

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "templates"
HALVES, NEAR_DUPLICATE = 10, 0.8
DEPTHS = [step / 100 for step in range(1, 101)]
TARGETS = {0.05: 0.36, 0.15: 0.78, 0.25: 0.88}
MARGIN = 0.02
#: What is chosen among: a kind of evidence counts not at all, once or twice.
CANDIDATES = [Weights(*map(float, weights)) for weights in product((0, 1, 2), repeat=4)]
#: The weights that find most in this part of the list, on average over its depths, are taken.
CHOSEN_BY = [depth for depth in DEPTHS if depth <= 0.25]


class Curves(NamedTuple):
    """Mean share found at each of `DEPTHS` over the halves."""

    tuned: Floats
    fixed: Floats
    words: Floats


def measure(templates: list[str], labels: list[Label], wrong: list[bool]) -> tuple[Curves, list[Weights]]:
    """The curves, and the weights that each first half chose."""
    groups = SimilarityIndex(templates).groups(NEAR_DUPLICATE)
    curves, chosen = [], []
    for seed in range(HALVES):
        order = np.random.default_rng(seed).permutation(int(groups.max()) + 1)
        first = np.isin(groups, order[: len(order) // 2])
        texts, theirs, hits = (_part(values, first) for values in (templates, labels, wrong))
        weights = choose(gather(texts, theirs, seed), hits)
        others, shown, found = (_part(values, ~first) for values in (templates, labels, wrong))
        evidence = gather_on_others(texts, theirs, others, shown)
        rankings = evidence.against(weights), evidence.against(Weights()), rank_by_alert_words(others, shown)
        curves.append([found_at(list(ranking), found, DEPTHS) for ranking in rankings])
        chosen.append(weights)
    return Curves(*np.mean(curves, axis=0)), chosen


def choose(evidence: Evidence, wrong: list[bool]) -> Weights:
    """The candidate that finds the corrections soonest; the first of equals."""
    return max(CANDIDATES, key=lambda weights: found_at(list(evidence.against(weights)), wrong, CHOSEN_BY).mean())


def _part(values: list[T], mask: npt.NDArray[np.bool_]) -> list[T]:
    return [value for value, inside in zip(values, mask, strict=True) if inside]


def main() -> int:
    """Measure, print the curve and the targets; 1 if one is short."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=Path, help="CSV of the whole curve")
    arguments = parser.parse_args()
    if not DATA.is_dir():
        print("../shared/data is not on this machine")
        return 1
    table = pl.read_csv(DATA / "templates.csv")
    patch = json.loads((DATA / "corrections.json").read_text(encoding="utf-8"))
    corrected = {(entry["dataset"], entry["template"]) for entry in patch}
    wrong = [key in corrected for key in table.select("dataset", "template").iter_rows()]
    curves, chosen = measure(table["template"].to_list(), table["label"].to_list(), wrong)

    print("depth  radar  with fixed weights  alert words")
    for depth, *shares in list(zip(DEPTHS, *curves, strict=True))[4::5]:
        print(f"{depth:4.0%}   {shares[0]:.3f}  {shares[1]:.3f}               {shares[2]:.3f}")
    for weights, times in Counter(chosen).most_common():
        print(f"chosen in {times} of {HALVES}: {weights}")
    if arguments.output:
        with arguments.output.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("depth", *Curves._fields), *zip(DEPTHS, *curves, strict=True)])
    met = []
    for depth, target in TARGETS.items():
        value = curves.tuned[DEPTHS.index(depth)]
        met.append(value >= target)
        print(f"RADAR_FOUND_AT_{100 * depth:.0f} = {value:.3f} (target {target}) {'ok' if met[-1] else 'short'}")
    least = float((curves.tuned - curves.words).min())
    met.append(least >= -MARGIN)
    print(f"RADAR_LEAST_LEAD_OVER_ALERT_WORDS = {least:.3f} (target -{MARGIN}) {'ok' if met[-1] else 'short'}")
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
