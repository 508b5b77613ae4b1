"""How often a near-duplicate bears the label of its precedent, by what one calls a near-duplicate.

    python -m benchmarks.precedents

Published templates of BGL and Spirit with the experts' corrections. Only training and validation rows of grouped
splits take part, of seeds that no result is reported for. Each distinct normalised text is held against the most
similar other one that the rule lets through, as if an expert had decided that one; a text that lies in several splits
counts once.
"""

from __future__ import annotations

import sys
from collections import Counter, defaultdict
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np
import polars as pl

from rationanomaly import artifacts
from rationanomaly.decisions.precedents import Words, near_duplicates
from rationanomaly.params import Params, load_params
from rationanomaly.records import LABELLED, LABELLED_SCHEMA, LABELS, read_table
from rationanomaly.steps import BY_NAME, Outputs
from rationanomaly.text.similarity import PairSimilarity, SimilarityIndex, wording

ROOT = Path(__file__).resolve().parents[1]
SEEDS = range(10, 15)
#: Wrongly extended decisions are worse than none: the model is right on about nine of ten templates.
TARGET = 0.98
RULE = "as in rationanomaly.decisions.precedents"
#: Similarities below are no near-duplicates by any rule.
LEAST = 0.8

Rule = Callable[[float, Words, Words], bool]


def main() -> int:
    """Print the shares and the target; 1 if it is short."""
    if not (ROOT.parent / "shared" / "data" / "templates").is_dir():
        print("needs ../shared/data/templates")
        return 1
    found: dict[str, dict[str, list[tuple[str, bool]]]] = {rule: defaultdict(list) for rule in RULES}
    with TemporaryDirectory() as folder:
        for seed in SEEDS:
            params = load_params(ROOT / "profiles" / "bgl-spirit.yaml", [f"run.seed={seed}"])
            _collect(_known(params, Path(folder) / str(seed)), found)
    print(f"{'near-duplicate':30}  of an abnormal precedent  of a normal one")
    shares = {}
    for rule, by_text in found.items():
        counts = Counter[tuple[str, bool]]()
        for votes in by_text.values():
            for vote in votes:
                counts[vote] += 1 / len(votes)  # type: ignore[assignment]
        cells = [(counts[label, True], counts[label, True] + counts[label, False]) for label in reversed(LABELS)]
        shares[rule] = sum(agreed for agreed, _ in cells) / max(sum(total for _, total in cells), 1)
        print(f"{rule:30}" + "".join(f"{agreed:10.1f} of {total:5.1f}       " for agreed, total in cells).rstrip())
    ok = shares[RULE] >= TARGET
    print(f"PRECEDENT_AGREEMENT = {shares[RULE]:.3f} (target {TARGET}) {'ok' if ok else 'short'}")
    return 0 if ok else 1


def _known(params: Params, folder: Path) -> pl.DataFrame:
    """Training and validation rows of a split."""
    with artifacts.writing(folder / "parse", "parse") as parsed:
        BY_NAME["parse"].run(params, {"logs": ROOT / params.data.logs}, Outputs(parsed, folder / "state"))
    inputs = {"parse": folder / "parse", "ledger": ROOT / params.data.ledger}
    with artifacts.writing(folder / "correct", "correct") as corrected:
        BY_NAME["correct"].run(params, inputs, Outputs(corrected, folder / "state"))
    return read_table(folder / "correct" / LABELLED, LABELLED_SCHEMA).filter(pl.col("split") != "test")


def _collect(known: pl.DataFrame, found: dict[str, dict[str, list[tuple[str, bool]]]]) -> None:
    """Add (label of the precedent, same label) of each text that has one, by rule and text."""
    index = SimilarityIndex(known["template"].to_list())
    texts = index.texts
    labels = dict(zip((texts[place] for place in index.text_of), known["label"], strict=True))
    similarity, words = PairSimilarity(texts), [wording(text) for text in texts]
    for place, text in enumerate(texts):
        near = similarity.to(text)
        near[place] = 0
        others = sorted(np.flatnonzero(near >= LEAST), key=lambda other: -near[other])
        for rule, holds in RULES.items():
            best = next((other for other in others if holds(float(near[other]), words[place], words[other])), None)
            if best is not None:
                found[rule][text].append((labels[texts[best]], labels[texts[best]] == labels[text]))


def _words_between(one: Words, other: Words) -> int:
    """Words that only one of the two has; 1 for the same words in another order."""
    if one == other:
        return 0
    return max((Counter(one) - Counter(other)).total() + (Counter(other) - Counter(one)).total(), 1)


#: By name: (similarity, words of the one, of the other) → near-duplicates or not.
RULES: dict[str, Rule] = {
    RULE: lambda near, one, other: near_duplicates(one, other, near),
    "the same words": lambda _, one, other: one == other,
    "one word more or less": lambda _, one, other: _words_between(one, other) <= 1,
    "one word exchanged": lambda _, one, other: _words_between(one, other) <= 2,
    "similarity .95": lambda near, *_: near >= 0.95,
    "similarity .9": lambda near, *_: near >= 0.9,
    "similarity .8": lambda near, *_: near >= 0.8,
}


if __name__ == "__main__":
    sys.exit(main())
