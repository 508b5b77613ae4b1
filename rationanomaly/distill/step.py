"""Step ``distill``: ``rationanomaly distill --params params.yaml --output outputs/laptop/distill``.

Reads the labelled templates of the training split, nothing of the other splits, and existing reasoning where that is
the teacher. Writes the accepted triplets, the rejected ones with a reason, what it cost, and a report with examples.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, replace
from statistics import median

import polars as pl

from rationanomaly import artifacts, records
from rationanomaly.distill.acceptance import require_accepted, require_match
from rationanomaly.distill.checks import Checker
from rationanomaly.distill.report import write_report
from rationanomaly.distill.rounds import Outcome, teach
from rationanomaly.distill.teachers import Bill, Question
from rationanomaly.distill.teachers.builtin import open_builtin
from rationanomaly.distill.teachers.imported import ABSENT
from rationanomaly.distill.teachers.registry import TEACHERS
from rationanomaly.params import Params
from rationanomaly.records import Cost, Rejected, Triplet
from rationanomaly.steps import Inputs, Metrics, Outputs
from rationanomaly.text import prompt
from rationanomaly.text.checks import word_count

log = logging.getLogger(__name__)


def run(params: Params, inputs: Inputs, outputs: Outputs) -> Metrics:
    """Let the teacher write a rationale for each training template, check it, keep what passes.

    Raises:
        InputError: nothing was accepted although something was asked for (`acceptance`), or the first answers were all
            refused for one reason (`early_stop`).
    """
    # Ask and check.
    questions = read_questions(params, inputs)
    checker = Checker(params.distill)
    with TEACHERS[params.distill.teacher](params, inputs, outputs.journal_folder) as teacher:
        outcomes = teach(teacher, questions, checker, params.distill.retries)
        bill = teacher.bill
    if params.distill.teacher == "import":
        require_match(outcomes, inputs["reasoning"])

    # Let the built-in teacher write what the teacher left unwritten.
    if params.distill.fallback_teacher == "builtin":
        if outcomes and not any(end.accepted for end in outcomes):
            log.warning("no rationale of %s was accepted; the fallback teacher writes all of them", teacher.name)
        left = [replace(end.question, attempt=0, refusal=None) for end in outcomes if not end.accepted]
        with open_builtin(params, inputs, outputs.journal_folder) as teacher:
            outcomes = [end for end in outcomes if not _is_absent(end)]
            outcomes += teach(teacher, left, checker, params.distill.retries)
        places = {(question.template_id, question.sample): place for place, question in enumerate(questions)}
        outcomes.sort(key=lambda end: places[end.question.template_id, end.question.sample])

    # Write.
    triplets = [end.record for end in outcomes if isinstance(end.record, Triplet)]
    rejected = [end.record for end in outcomes if isinstance(end.record, Rejected)]
    require_accepted(triplets, rejected, bill, params.distill)
    cost = count_cost(triplets, rejected, bill, params)
    records.write_rows(outputs.folder / records.TRIPLETS, triplets)
    records.write_rows(outputs.folder / records.REJECTED, rejected)
    artifacts.write_json(outputs.folder / records.COST, asdict(cost))
    artifacts.write_text(outputs.folder / records.DISTILL_REPORT, write_report(triplets, rejected, cost))
    return count_metrics(rejected, cost)


def read_questions(params: Params, inputs: Inputs) -> list[Question]:
    """A question for every training template and every rationale that is wanted of it, in the order of the table."""
    labelled = records.read_table(inputs["correct"] / records.LABELLED, records.LABELLED_SCHEMA)
    return [
        Question(row["template_id"], row["template"], prompt.show(row["template"], params.prompt), row["label"], sample)
        for row in labelled.filter(pl.col("split") == "train").iter_rows(named=True)
        for sample in range(params.distill.rationales_per_template)
    ]


def count_cost(triplets: Sequence[Triplet], rejected: Sequence[Rejected], bill: Bill, params: Params) -> Cost:
    """What it took, and the length that the brevity reward aims at."""
    lengths = [word_count(triplet.rationale) for triplet in triplets]
    return Cost(
        calls=bill.calls,
        prompt_tokens=bill.tokens.prompt,
        completion_tokens=bill.tokens.completion,
        currency=params.distill.budget.currency,
        spent=bill.spent,
        accepted=len(triplets),
        rejected=len(rejected),
        target_words=round(median(lengths)) if lengths else 0,
    )


def count_metrics(rejected: Sequence[Rejected], cost: Cost) -> Metrics:
    """The numbers of `Cost`, its price per accepted rationale, and the rejected ones by reason."""
    metrics = {name: float(value) for name, value in asdict(cost).items() if isinstance(value, int | float)}
    metrics["spent_per_accepted"] = cost.spent / cost.accepted if cost.accepted else cost.spent
    reasons = Counter(record.reason for record in rejected)
    return metrics | {f"rejected/{reason}": float(count) for reason, count in sorted(reasons.items())}


def _is_absent(end: Outcome) -> bool:
    return isinstance(end.record, Rejected) and end.record.reason == ABSENT
