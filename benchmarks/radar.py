"""How many of the published corrections the radar finds, and how soon: ten random halves of ../shared/data.

    python benchmarks/radar.py [--output curve.csv]

The table is cut ten times into random halves by near-duplicate group. The radar's classifier is fitted on one half,
with the original labels, and ranks the labels of the other. The corrections are only looked at to count what was
found. The bound at every depth is what alert words alone find.
"""

from __future__ import annotations

import argparse
import csv
import json
import sys
from pathlib import Path

import numpy as np
import polars as pl

from rationanomaly.baselines.scorer import Floats
from rationanomaly.correct.curve import found_at, rank_by_alert_words
from rationanomaly.correct.radar import suspect_others
from rationanomaly.neighbours import Neighbours
from rationanomaly.records import Label

DATA = Path(__file__).resolve().parents[2] / "shared" / "data" / "templates"
HALVES, NEAR_DUPLICATE = 10, 0.8
DEPTHS = [step / 100 for step in range(1, 101)]
TARGETS = {0.05: 0.36, 0.15: 0.78, 0.25: 0.88}
MARGIN = 0.02


def measure(templates: list[str], labels: list[Label], wrong: list[bool]) -> tuple[Floats, Floats]:
    """Mean share found at each of `DEPTHS` over the halves: by the radar, by alert words alone."""
    groups = Neighbours(templates).groups(NEAR_DUPLICATE)
    radar, words = [], []
    for seed in range(HALVES):
        order = np.random.default_rng(seed).permutation(int(groups.max()) + 1)
        fitted = np.isin(groups, order[: len(order) // 2])
        known, shown = np.flatnonzero(fitted).tolist(), np.flatnonzero(~fitted).tolist()
        texts, theirs = [templates[row] for row in shown], [labels[row] for row in shown]
        hits = [wrong[row] for row in shown]
        found = suspect_others([templates[row] for row in known], [labels[row] for row in known], texts, theirs)
        radar.append(found_at([one.suspicion for one in found], hits, DEPTHS))
        words.append(found_at(rank_by_alert_words(texts, theirs), hits, DEPTHS))
    return np.mean(radar, axis=0), np.mean(words, axis=0)


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
    radar, words = measure(table["template"].to_list(), table["label"].to_list(), wrong)

    print("depth  radar  alert words")
    for depth, one, other in list(zip(DEPTHS, radar, words, strict=True))[4::5]:
        print(f"{depth:4.0%}   {one:.3f}  {other:.3f}")
    if arguments.output:
        with arguments.output.open("w", encoding="utf-8", newline="") as file:
            csv.writer(file).writerows([("depth", "radar", "alert_words"), *zip(DEPTHS, radar, words, strict=True)])
    met = []
    for depth, target in TARGETS.items():
        value = radar[DEPTHS.index(depth)]
        met.append(value >= target)
        print(f"RADAR_FOUND_AT_{100 * depth:.0f} = {value:.3f} (target {target}) {'ok' if met[-1] else 'short'}")
    least = float((radar - words).min())
    met.append(least >= -MARGIN)
    print(f"RADAR_LEAST_LEAD_OVER_ALERT_WORDS = {least:.3f} (target -{MARGIN}) {'ok' if met[-1] else 'short'}")
    return 0 if all(met) else 1


if __name__ == "__main__":
    sys.exit(main())
