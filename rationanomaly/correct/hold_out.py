"""The split across data sets: some of them are tested whole, the others train.

A template of a data set that trains is dropped where it is a near-duplicate of a held-out one: what is tested has to
stay whole, and nothing like it may be learnt. It has no label then, as if it had never been labelled.
"""

from __future__ import annotations

import polars as pl

from rationanomaly.correct.split import split_templates
from rationanomaly.errors import InputError
from rationanomaly.params import SplitParams


def hold_out(labelled: pl.DataFrame, settings: SplitParams, seed: int) -> pl.DataFrame:
    """Put the data sets ``settings.hold_out`` on the test side and share the others out.

    Args:
        labelled: columns ``dataset``, ``label``, ``group``, ``first_line``, ``first_seen``.
        settings: the data sets; the shares of train and validation relative to each other; order, anomaly share.
        seed: of every draw.

    Returns:
        the same with the column ``split``, without dropped rows.

    Raises:
        InputError: no such data set, none that could train, or one class only on a side.
    """
    known = sorted(set(labelled["dataset"]))
    missing = [name for name in settings.hold_out if name not in known]
    if missing:
        hint = f"Name some of {', '.join(known)} in correct.split.hold_out"
        raise InputError(f"there is no data set `{missing[0]}` to hold out", hint=hint)
    held_out = pl.col("dataset").is_in(settings.hold_out)
    tested = labelled.filter(held_out)
    others = labelled.filter(~held_out & ~pl.col("group").is_in(tested["group"].unique().to_list()))
    if others.is_empty():
        problem = "no template remains to learn from beside the data sets that are held out"
        raise InputError(problem, hint="Hold out fewer data sets (correct.split.hold_out)")
    if tested["label"].n_unique() < 2:
        problem = f"the held-out templates are all {tested['label'][0]}"
        raise InputError(problem, hint="Hold out a data set of both classes (correct.split.hold_out)")
    sides = split_templates(others, settings.model_copy(update={"test": 0.0}), seed)
    both = pl.concat([others.with_columns(split=pl.Series(sides)), tested.with_columns(split=pl.lit("test"))])
    # In the order of the table that came in: later draws depend on it.
    return (
        labelled.select("template_id", "dataset")
        .join(both, on=["template_id", "dataset"], how="inner", maintain_order="left")
        .select(both.columns)
    )
