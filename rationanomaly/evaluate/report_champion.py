"""What the report shows of the champion: where it comes from, the paired figures, and the answers that changed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from rationanomaly.evaluate.report_files import Evaluation, Row
from rationanomaly.evaluate.report_tables import NOTHING, cell
from rationanomaly.evaluate.report_texts import evidence_of, highlighted, quotes_of
from rationanomaly.evaluate.systems import CHAMPION, CHAMPION_SESSIONS, SESSION_MODEL, difference_prefix

#: Answers on the page at most, and characters of each text.
_SHOWN, _LONGEST = 100, 800
#: What is compared, and where its metrics stand: of sessions at each model's best.
_LEVELS = (
    ("templates", f"{difference_prefix(CHAMPION)}template/"),
    ("sessions, by session model", f"{difference_prefix(CHAMPION_SESSIONS)}{SESSION_MODEL}/"),
    ("sessions, threshold from validation", f"{difference_prefix(CHAMPION)}session_tuned/"),
    ("sessions", f"{difference_prefix(CHAMPION)}session/"),
)
PAIRED_COLUMNS = ("F1, ours minus champion", "ours alone right", "champion alone right", "McNemar's p", "p by groups")


@dataclass(frozen=True)
class ReportedChampion:
    """The champion on the page.

    Attributes:
        origin: champion.json, with its ``remarks``; empty where it isn't there.
        comparisons: by level, a title and cells under `PAIRED_COLUMNS`.
        flips: the first answers that changed, as `_shown` gives them.
        counts: all of them: ``now right``, ``now wrong`` and ``wrong both times``.
    """

    origin: Row
    comparisons: Sequence[tuple[str, list[str]]]
    flips: Sequence[Row]
    counts: Mapping[str, int]


def reported_champion(evaluation: Evaluation) -> ReportedChampion | None:
    """What there is to show; None for an evaluation without a champion."""
    if not evaluation.champion_origin and not evaluation.champion:
        return None
    counts = dict.fromkeys(("now right", "now wrong", "wrong both times"), 0)
    for row in evaluation.champion:
        counts[_outcome(row)] += 1
    flips = [_shown(row) for row in evaluation.champion[:_SHOWN]]
    return ReportedChampion(evaluation.champion_origin, _comparisons(evaluation.metrics), flips, counts)


def _comparisons(metrics: Mapping[str, float]) -> list[tuple[str, list[str]]]:
    found = []
    for title, before in _LEVELS:
        counts = [f"{metrics[name]:.0f}" if name in metrics else NOTHING for name in _tests(before, "ours", "theirs")]
        values = [f"{metrics[name]:.3g}" if name in metrics else NOTHING for name in _tests(before)]
        cells = [cell(metrics, f"{before}abnormal/f1", "+.3f"), *counts, *values]
        if set(cells) != {NOTHING}:
            found.append((title, cells))
    return found


def _tests(before: str, *sides: str) -> list[str]:
    names = [f"{side}_only" for side in sides] or ["p", "p_by_group"]
    return [f"{before}mcnemar/{name}" for name in names]


def _outcome(row: Row) -> str:
    if row["after"] == row["truth"]:
        return "now right"
    return "now wrong" if row["before"] == row["truth"] else "wrong both times"


def _shown(row: Row) -> dict[str, Any]:
    """A flip with its outcome in words, its reasons as a list, its texts as HTML: evidence marked, long ones cut."""
    texts = [("champion", row["before_rationale"], row["before_evidence"]),
             ("now", row["after_rationale"], row["after_evidence"])]  # fmt: skip
    why = row["why"]
    return {
        **row,
        "outcome": _outcome(row),
        "why": [why] if isinstance(why, str) else list(why),
        "log": _html(row["template"], evidence_of({"evidence": row["after_evidence"]})),
        "rationales": [
            (title, _html(text, quotes_of({"rationale": text, "evidence": evidence})))
            for title, text, evidence in texts
            if text
        ],
        "nearest": row["nearest"] and row["nearest"] | {"template": _html(row["nearest"]["template"], ())},
    }


def _html(text: str, evidence: Sequence[tuple[int, int]]) -> Markup:
    cut = text if len(text) <= _LONGEST else f"{text[:_LONGEST]} …"
    return highlighted(cut, evidence)
