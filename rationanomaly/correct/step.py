"""The step `correct`: apply the experts' decisions, measure their agreement, split.

rationanomaly correct --params params.yaml --set data.ledger=decisions.jsonl
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from rationanomaly import records
from rationanomaly.artifacts import write_json, write_text
from rationanomaly.correct.curve import measure_radar
from rationanomaly.correct.hold_out import hold_out
from rationanomaly.correct.label_budget import limit_labels
from rationanomaly.correct.radar import Suspicion, suspect_labels
from rationanomaly.correct.report import REPORT, write_report
from rationanomaly.correct.review_queue import review_queue
from rationanomaly.correct.reviewers import measure_agreement, require_agreement
from rationanomaly.correct.session_sides import learnable_templates
from rationanomaly.correct.split import LEFT_OUT, SIDES, audit_leakage, follow_sessions, split_templates
from rationanomaly.correct.training_labels import choose_training_labels, known_precedents, label_quality
from rationanomaly.decisions.labels import Resolution, assign, describe, resolve
from rationanomaly.decisions.ledger import Problem, read_ledger, require_counting, warn_of
from rationanomaly.decisions.precedents import settled
from rationanomaly.errors import about
from rationanomaly.params import Params
from rationanomaly.steps import Inputs, Metrics, Outputs
from rationanomaly.text.similarity import SimilarityIndex

PROBLEMS = "ledger_problems.jsonl"


def run(params: Params, inputs: Inputs, outputs: Outputs) -> Metrics:
    """Turn templates and a ledger into labelled templates with a split, an agreement report and a review queue.

    Raises:
        InputError: no ledger, one of which no line counts, or labels of one class only.
        GateError: the reviewers agree too little, or the split leaks.
    """
    settings, seed = params.correct, params.run.seed
    templates = records.read_table(inputs["parse"] / records.TEMPLATES, records.TEMPLATES_SCHEMA)

    # Decisions → labels
    ledger = read_ledger(inputs["ledger"])
    decisions, unassigned = assign(ledger, templates)
    problems = [*ledger.problems, *unassigned]
    require_counting(inputs["ledger"], ledger, problems)
    warn_of(problems)
    resolutions = [resolve(label, mine) for label, mine in zip(templates["label"], decisions, strict=True)]

    # Agreement
    agreement = measure_agreement(decisions, seed)
    require_agreement(agreement, settings.minimum_kappa)

    # Split
    labelled = _labelled(templates, resolutions)
    groups = SimilarityIndex(labelled["template"].to_list()).groups(settings.split.near_duplicate)
    labelled = labelled.with_columns(group=pl.Series(groups))
    with about(inputs["parse"] / records.TEMPLATES):
        if settings.split.hold_out:
            labelled = hold_out(labelled, settings.split, seed)
        elif (learnable := learnable_templates(inputs["parse"])) is not None:
            sides = follow_sessions(labelled, learnable, settings.split, seed)
            labelled = labelled.with_columns(split=pl.Series(sides))
        else:
            labelled = labelled.with_columns(split=pl.Series(split_templates(labelled, settings.split, seed)))
    audit_leakage(labelled["template"].to_list(), labelled["split"].to_list(), settings.split.near_duplicate)

    # What is learnt of it
    decided = labelled
    labelled, asked = limit_labels(choose_training_labels(labelled, settings, seed), settings.split, seed)

    # Write
    records.write_table(outputs.folder / records.LABELLED, labelled, records.LABELLED_SCHEMA)
    write_json(outputs.folder / records.AGREEMENT, agreement)
    queue = review_queue(templates, resolutions, _suspicions(templates, resolutions, seed))
    records.write_rows(outputs.folder / records.REVIEW_QUEUE, queue)
    records.write_rows(outputs.folder / PROBLEMS, problems)
    rows = zip(templates["template_id"], templates["template"], resolutions, strict=True)
    found = [precedent for row in rows if (precedent := settled(*row)) is not None]
    records.write_rows(outputs.folder / records.PRECEDENTS, known_precedents(found, labelled, settings))
    judged = labelled.filter(pl.col("original_label").is_not_null())
    texts, original = judged["template"].to_list(), judged["original_label"].to_list()
    radar = measure_radar(texts, original, judged["corrected"].to_list(), seed)
    report = write_report(templates, resolutions, labelled, agreement, radar, ledger, problems)
    write_text(outputs.folder / REPORT, report)
    metrics = _metrics(resolutions, labelled, agreement, problems, len(queue)) | {"labels/asked": float(asked)}
    quality = label_quality(decided, labelled)
    return metrics if quality is None else metrics | {"labels/f1": quality}


def _labelled(templates: pl.DataFrame, resolutions: Sequence[Resolution]) -> pl.DataFrame:
    """The templates that have a label, with what became of it."""
    return (
        templates.rename({"label": "original_label"})
        .with_columns(
            label=pl.Series([resolution.label for resolution in resolutions], dtype=pl.String),
            corrected=pl.Series([resolution.corrected for resolution in resolutions], dtype=pl.Boolean),
            category=pl.Series([resolution.category for resolution in resolutions], dtype=pl.String),
            history=pl.Series(
                [list(map(describe, resolution.decisions)) for resolution in resolutions], dtype=pl.List(pl.String)
            ),
        )
        .filter(pl.col("label").is_not_null())
    )


def _suspicions(templates: pl.DataFrame, resolutions: Sequence[Resolution], seed: int) -> list[Suspicion | None]:
    """What the radar says of each template that has a label; nothing if all of them are settled."""
    rows = [row for row, resolution in enumerate(resolutions) if resolution.label is not None]
    found: list[Suspicion | None] = [None] * len(resolutions)
    if all(resolutions[row].decisions for row in rows):
        return found
    texts: list[str] = templates["template"].to_list()
    labels = [label for row in rows if (label := resolutions[row].label) is not None]
    decided = [bool(resolutions[row].decisions) for row in rows]
    for row, suspicion in zip(rows, suspect_labels([texts[row] for row in rows], labels, seed, decided), strict=True):
        found[row] = suspicion
    return found


def _metrics(
    resolutions: Sequence[Resolution],
    labelled: pl.DataFrame,
    agreement: dict[str, Any],
    problems: Sequence[Problem],
    queued: int,
) -> Metrics:
    corrected = [resolution for resolution in resolutions if resolution.corrected]
    metrics = {
        "templates": float(len(resolutions)),
        "corrected": float(len(corrected)),
        "corrected/to_abnormal": float(sum(resolution.label == "abnormal" for resolution in corrected)),
        "corrected/to_normal": float(sum(resolution.label == "normal" for resolution in corrected)),
        "review_queue": float(queued),
        "ledger/problems": float(len(problems)),
    }
    for side in (*SIDES, LEFT_OUT):
        mine = labelled.filter(pl.col("split") == side)
        metrics[f"split/{side.replace(' ', '_')}"] = float(len(mine))
        metrics[f"split/{side.replace(' ', '_')}_abnormal"] = float((mine["label"] == "abnormal").sum())
    for name in ("fleiss_kappa", "krippendorff_alpha"):
        if agreement[name] is not None:
            metrics[f"agreement/{name}"] = agreement[name]
    return metrics
