"""Step ``distill``: ``rationanomaly distill --params params.yaml``.

Reads the labelled templates of the training split and nothing of the other splits. Writes the accepted triplets,
the rejected ones with a reason, and what it cost.
"""

from __future__ import annotations

from dataclasses import asdict
from statistics import median

import polars as pl

from rationanomaly import artifacts, prompt, records
from rationanomaly.distill.checks import Checker, word_count
from rationanomaly.distill.rounds import Outcome, teach
from rationanomaly.distill.teachers import Question
from rationanomaly.distill.teachers.builtin import BuiltinTeacher
from rationanomaly.params import Params
from rationanomaly.records import Cost
from rationanomaly.steps import Inputs, Metrics, Outputs


def run(params: Params, inputs: Inputs, outputs: Outputs) -> Metrics:
    """Let the teacher write a rationale for each training template, check it, keep what passes."""
    labelled = records.read_table(inputs["correct"] / records.LABELLED, records.LABELLED_SCHEMA)
    questions = ask_about(labelled.filter(pl.col("split") == "train"), params)
    outcome = teach(BuiltinTeacher(params.run.seed), questions, Checker(params.distill), retries=2)
    cost = count_cost(outcome)
    records.write_rows(outputs.folder / records.TRIPLETS, outcome.triplets)
    records.write_rows(outputs.folder / records.REJECTED, outcome.rejected)
    artifacts.write_json(outputs.folder / records.COST, asdict(cost))
    return {"accepted": cost.accepted, "rejected": cost.rejected, "target_words": cost.target_words}


def ask_about(templates: pl.DataFrame, params: Params) -> list[Question]:
    """A question for every template and every rationale that is wanted of it, in the order of the table."""
    return [
        Question(row["template_id"], row["template"], prompt.show(row["template"], params.prompt), row["label"], sample)
        for row in templates.iter_rows(named=True)
        for sample in range(params.distill.rationales_per_template)
    ]


def count_cost(outcome: Outcome) -> Cost:
    """What it took; the built-in teacher is free."""
    lengths = [word_count(triplet.rationale) for triplet in outcome.triplets]
    target = round(median(lengths)) if lengths else 0
    return Cost(0, 0, 0, "USD", 0.0, len(outcome.triplets), len(outcome.rejected), target)
