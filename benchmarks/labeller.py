"""How well the classifier that labels the pool of SFT tells templates that it has not seen: with and without meaning.

    python -m benchmarks.labeller                     # seeds 10 to 19: 60 % to fit, 40 % to measure, no test rows

What it knows beyond the reference classifier is what the small model can learn from its pool. Each seed is a split of
the published templates of BGL and Spirit by near-duplicate group; takes about two minutes.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

import numpy as np
from sklearn.metrics import average_precision_score, f1_score

from benchmarks.learning import PROFILE, ROOT, TUNING, absolute, run_steps
from rationanomaly.baselines.blend import fit_blend
from rationanomaly.baselines.reference import fit_reference
from rationanomaly.device import runtime
from rationanomaly.params import load_params
from rationanomaly.records import LABELLED, LABELLED_SCHEMA, read_table
from rationanomaly.text.encoder import Encoder
from rationanomaly.text.prompt import show

F1AndAp = tuple[float, float]
TARGET = 0.0


def measure(seed: int, encoder: Encoder) -> dict[str, F1AndAp]:
    """F1 at .5 and average precision of each classifier on the held-out side of one split."""
    params = absolute(load_params(PROFILE, [*TUNING, f"run.seed={seed}"]))
    with tempfile.TemporaryDirectory() as folder:
        run_steps(("parse", "correct"), params, Path(folder))
        labelled = read_table(Path(folder) / "correct" / LABELLED, LABELLED_SCHEMA)
    templates, labels = labelled["template"].to_list(), labelled["label"].to_list()
    shown = [show(template, params.prompt).text for template in templates]
    fitted = (labelled["split"] == "train").to_list()

    def side(values: list[str], training: bool) -> list[str]:
        return [value for value, inside in zip(values, fitted, strict=True) if inside is training]

    truth = np.array(side(labels, False)) == "abnormal"
    scorers = {
        "reference": (fit_reference(side(templates, True), side(labels, True)), side(templates, False)),
        "blend": (fit_blend(side(shown, True), side(labels, True)), side(shown, False)),
        "with meaning": (fit_blend(side(shown, True), side(labels, True), encoder), side(shown, False)),
    }
    found = {}
    for name, (scorer, texts) in scorers.items():
        scores = scorer.scores(texts)
        found[name] = (float(f1_score(truth, scores >= 0.5)), float(average_precision_score(truth, scores)))
    return found


def main() -> int:
    """Measure every split, print means and paired differences to the reference; 1 if one is below it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(range(10, 20)))
    seeds = parser.parse_args().seeds
    if not (ROOT.parent / "shared" / "data").is_dir():
        print("../shared/data is not on this machine")
        return 1
    runtime.prepare(seeds[0], 1)
    encoder = Encoder.load()
    found = [measure(seed, encoder) for seed in seeds]
    for name in found[0]:
        f1, ap = np.mean([run[name] for run in found], axis=0)
        print(f"{name:13} F1 {f1:.3f}  AP {ap:.3f}   of each split {' '.join(f'{run[name][1]:.3f}' for run in found)}")
    differences = np.array([np.subtract(run["with meaning"], run["reference"]) for run in found]).mean(axis=0)
    for name, value in zip(("LABELLER_F1_TO_REFERENCE", "LABELLER_AP_TO_REFERENCE"), differences, strict=True):
        print(f"{name} = {value:.3f} (target {TARGET}) {'ok' if value >= TARGET else 'short'}")
    return 0 if (differences >= TARGET).all() else 1


if __name__ == "__main__":
    sys.exit(main())
