"""The report of the step `correct`: what was corrected, by whom, how well they agree, what is open. Markdown."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

import polars as pl

from rationanomaly.correct.split import LEFT_OUT, SIDES
from rationanomaly.decisions.labels import Resolution
from rationanomaly.decisions.ledger import Ledger, Problem
from rationanomaly.params import PromptParams
from rationanomaly.text.prompt import show
from rationanomaly.text.untrusted import for_terminal

REPORT = "corrections.md"

#: Log text in a report: one line, inert, short.
_CELL = PromptParams(style="compact", normalise=False, max_words=1, max_characters=160, few_shot_examples=0)
_PROBLEMS_SHOWN = 50


def write_report(
    templates: pl.DataFrame,
    resolutions: Sequence[Resolution],
    labelled: pl.DataFrame,
    agreement: dict[str, Any],
    radar: Sequence[dict[str, float]],
    ledger: Ledger,
    problems: Sequence[Problem],
) -> str:
    """The report as Markdown.

    Args:
        templates: of the step ``parse``; one resolution for each row.
        resolutions: what became of each label.
        labelled: the table that the step writes.
        agreement: of `measure_agreement`.
        radar: of `measure_radar`.
        ledger: the decisions that were read.
        problems: of reading them and of assigning them to templates.
    """
    sections = [
        "# Corrections\n",
        _summary(resolutions),
        "## By category\n",
        _by_category(resolutions),
        "## Agreement of the independent round\n",
        _agreement(agreement),
        "## What the radar would have found\n",
        _radar(radar),
        "## The ledger\n",
        _ledger(ledger, problems),
        "## Split\n",
        _split(labelled),
        "## Each correction\n",
        _corrections(templates, resolutions),
    ]
    return "\n".join(sections)


def cell(text: str) -> str:
    """Text of a log or a reviewer, fit for a cell of a Markdown table."""
    return for_terminal(show(text, _CELL).text.replace("|", "¦").strip()) or " "


def number(value: float | None, interval: Sequence[float] | None = None) -> str:
    """A coefficient with its interval, or the word for a value that does not exist."""
    if value is None:
        return "undefined"
    return f"{value:.3f}" + (f" [{interval[0]:.3f}, {interval[1]:.3f}]" if interval else "")


def _summary(resolutions: Sequence[Resolution]) -> str:
    corrected = Counter((resolution.original, resolution.label) for resolution in resolutions if resolution.corrected)
    total = sum(corrected.values())
    named = sum(resolution.original is None and resolution.label is not None for resolution in resolutions)
    lines = [
        f"{len(resolutions):,} templates; {total:,} labels corrected ({total / max(len(resolutions), 1):.1%}): "
        f"{corrected['normal', 'abnormal']:,} from normal to abnormal, "
        f"{corrected['abnormal', 'normal']:,} from abnormal to normal.",
    ]
    if named:
        lines.append(f"{named:,} templates without an original label got one.")
    waiting = Counter(resolution.needs for resolution in resolutions if resolution.needs)
    if waiting:
        lines.append("Still open: " + ", ".join(f"{n:,} for the {r} round" for r, n in sorted(waiting.items())) + ".")
    return "\n".join(lines) + "\n"


def _by_category(resolutions: Sequence[Resolution]) -> str:
    counts = Counter(
        "abnormal to normal" if resolution.label == "normal" else resolution.category or "not stated"
        for resolution in resolutions
        if resolution.corrected
    )
    return _table(("category", "corrections"), counts.most_common())


def _agreement(agreement: dict[str, Any]) -> str:
    if not agreement["templates"]:
        return "No template has two independent votes, so there is no agreement to measure.\n"
    head = (
        f"{agreement['templates']:,} templates with two or more votes, {agreement['unanimous']:,} unanimous.\n"
        f"Fleiss' kappa {number(agreement['fleiss_kappa'], agreement['fleiss_kappa_interval'])}, "
        f"Krippendorff's alpha {number(agreement['krippendorff_alpha'], agreement['krippendorff_alpha_interval'])} "
        "(95 % bootstrap intervals).\n"
    )
    pairs = [
        (*map(cell, pair["reviewers"]), pair["templates"], number(pair["cohen_kappa"], pair["cohen_kappa_interval"]))
        for pair in agreement["pairs"]
    ]
    return head + "\n" + _table(("reviewer", "reviewer", "templates", "Cohen's kappa"), pairs)


def _radar(radar: Sequence[dict[str, float]]) -> str:
    if not radar:
        return "Nothing was corrected, so there is nothing to find.\n"
    head = (
        "Share of the corrections in the first part of the list of suspicious labels, ranked by the original labels "
        "alone, each template judged by a model that had not seen it.\n\n"
    )
    rows = [(f"{row['depth']:.0%}", f"{row['radar']:.3f}", f"{row['alert_words']:.3f}") for row in radar]
    return head + _table(("part of the list", "radar", "alert words alone"), rows)


def _ledger(ledger: Ledger, problems: Sequence[Problem]) -> str:
    ignored = sum(not problem.counts for problem in problems)
    read = len(ledger.entries) + sum(not problem.counts for problem in ledger.problems)
    text = f"{read:,} lines read, {read - ignored:,} decisions count, {len(problems):,} remarks.\n"
    if problems:
        shown = [
            (f"{cell(p.file)}:{p.line}", p.code, cell(p.problem), "counts" if p.counts else "ignored")
            for p in problems[:_PROBLEMS_SHOWN]
        ]
        text += "\n" + _table(("line", "kind", "what", "the decision"), shown)
        if len(problems) > _PROBLEMS_SHOWN:
            text += f"\n… and {len(problems) - _PROBLEMS_SHOWN:,} more, in ledger_problems.jsonl.\n"
    return text


def _split(labelled: pl.DataFrame) -> str:
    rows = []
    for side in (*SIDES, LEFT_OUT):
        mine = labelled.filter(pl.col("split") == side)
        if len(mine):
            abnormal = int((mine["label"] == "abnormal").sum())
            rows.append((side, len(mine), mine["group"].n_unique(), abnormal, f"{abnormal / len(mine):.1%}"))
    return _table(("side", "templates", "near-duplicate groups", "abnormal", "share"), rows)


def _corrections(templates: pl.DataFrame, resolutions: Sequence[Resolution]) -> str:
    rows = [
        (
            cell(dataset),
            cell(template),
            f"{resolution.original} → {resolution.label}",
            resolution.category or "",
            resolution.decided_in,
        )
        for (dataset, template), resolution in zip(
            templates.select("dataset", "template").iter_rows(), resolutions, strict=True
        )
        if resolution.corrected
    ]
    return _table(("data set", "template", "label", "category", "decided in"), rows)


def _table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    body = ["| " + " | ".join(map(str, row)) + " |" for row in rows]
    if not body:
        return "None.\n"
    return "\n".join(["| " + " | ".join(head) + " |", "|" + " --- |" * len(head), *body]) + "\n"
