"""What `parse`, `correct` and `distill` would leave, small enough to train on in seconds."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl

from rationanomaly.params import load_params
from rationanomaly.parse.mining import Miner
from rationanomaly.records import (
    COST,
    LABELLED,
    LABELLED_SCHEMA,
    MINER,
    PRECEDENTS,
    SESSIONS,
    SESSIONS_SCHEMA,
    TEMPLATES,
    TEMPLATES_SCHEMA,
    TRIPLETS,
    Triplet,
    template_id,
    write_rows,
    write_table,
)
from rationanomaly.text.prompt import PROMPT_VERSION
from tests.conftest import ROOT
from tests.sealed import seal


def write_training_inputs(root: Path, parts: Sequence[str], held_out: str) -> None:
    """Write the three folders.

    Args:
        root: where.
        parts: two templates of each, one abnormal and one normal; the last three are for validation and test.
        held_out: a word of the templates outside the training side.
    """
    for name in ("parse", "correct", "distill"):
        (root / name).mkdir()
    texts = [(f"{part} {state}", label) for part in parts
             for state, label in (("failed badly", "abnormal"), ("is ready", "normal"))]  # fmt: skip
    splits = ["train"] * (len(texts) - 6) + ["validation"] * 4 + ["test"] * 2
    rows: list[dict[str, Any]] = []
    for place, ((text, label), split) in enumerate(zip(texts, splits, strict=True)):
        text = f"{text} {held_out}" if split != "train" else text
        rows.append({"template_id": template_id(text), "template": text, "dataset": "test", "original_label": label,
                     "label": label, "corrected": False, "category": None, "history": [], "mixed": False, "lines": 1,
                     "first_line": place, "group": place, "split": split})  # fmt: skip
    write_table(root / "correct" / LABELLED, pl.DataFrame(rows, schema=LABELLED_SCHEMA), LABELLED_SCHEMA)
    (root / "correct" / PRECEDENTS).touch()
    templates = [{**dict.fromkeys(TEMPLATES_SCHEMA), "template_id": row["template_id"],
                  "template": row["template"], "examples": [row["template"] + " at noon"]} for row in rows]  # fmt: skip
    write_table(root / "parse" / TEMPLATES, pl.DataFrame(templates, schema=TEMPLATES_SCHEMA), TEMPLATES_SCHEMA)
    write_table(root / "parse" / SESSIONS, SESSIONS_SCHEMA.to_frame(), SESSIONS_SCHEMA)
    Miner.new(load_params(ROOT / "params.yaml").parse).save(root / "parse" / MINER)
    triplets = [
        Triplet(row["template_id"], row["template"], f'It names "{row["template"].split()[0]}", so it counts.',
                row["label"], "test", PROMPT_VERSION) for row in rows if row["split"] == "train"
    ]  # fmt: skip
    write_rows(root / "distill" / TRIPLETS, triplets)
    (root / "distill" / COST).write_text(json.dumps({"target_words": 6}))
    for name in ("parse", "correct", "distill"):
        seal(root / name, name)
