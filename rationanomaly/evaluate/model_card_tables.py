"""The tables of a model card: figures beside simpler systems, stress rates, and in words what simpler is better."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rationanomaly.evaluate.levels import DIRECT, DISTINCT
from rationanomaly.evaluate.ranking import SESSIONS, TEMPLATES, comparable
from rationanomaly.evaluate.report_files import title_of
from rationanomaly.evaluate.report_stress import STRESS_IN_WORDS, stress_probes
from rationanomaly.evaluate.report_tables import NOTHING, cell
from rationanomaly.evaluate.systems import (
    CLASSIFIERS,
    COUNTED,
    FINAL,
    KEYWORD,
    LABELLER,
    NEAREST,
    REFERENCE,
    RULES,
    SESSION_MODEL,
    TEACHER_RULE,
    difference_prefix,
)
from rationanomaly.stress.run import PREFIX, TARGETS

COLUMNS = ("rows", "positives", "abnormal/f1", "abnormal/precision", "abnormal/recall", "abnormal/ap")
#: Always beside ours; others where they are better.
_BESIDE = (KEYWORD, TEACHER_RULE, LABELLER, NEAREST, REFERENCE, "sft", "new_event", "edit_distance", "count_neighbours")
#: What needs no language model and is quickly fitted, or fitted to nothing.
_SIMPLE = (*RULES, *CLASSIFIERS, *COUNTED)
#: Of these that are better, for templates and for sessions; the others stand in the table.
_IN_WORDS = 3
_F1 = "abnormal/f1"
#: Kinds of claims are in the report.
_LEFT_OUT = "unsupported/"


@dataclass(frozen=True)
class MeasuredTable:
    """One table of figures: of each row what it is of, its cells in the order of `COLUMNS`, and whether it is ours."""

    title: str
    rows: Sequence[tuple[str, Sequence[str], bool]]


@dataclass(frozen=True)
class CardRate:
    """A stress rate: what of what in words, its metric, value with interval, cases, and what it may be at most."""

    what: str
    name: str
    value: str
    cases: str
    target: str


def measured_tables(metrics: Mapping[str, float]) -> list[MeasuredTable]:
    """Of templates and of sessions: ours at every level, then what is simpler and what is better."""
    ours = {"template": "ours", DIRECT: "ours, without an analysis"}
    found = [MeasuredTable("Templates", _rows(metrics, ours, TEMPLATES))]
    whole = {
        SESSION_MODEL: "ours, session model",
        SESSION_MODEL + DISTINCT: "ours, session model, distinct sessions",
        "session_tuned": "ours, worst template, threshold from validation sessions",
        "session": "ours, worst template",
        "session" + DISTINCT: "ours, worst template, distinct sessions",
    }
    found.append(MeasuredTable("Sessions", _rows(metrics, whole, SESSIONS)))
    return [one for one in found if one.rows]


def simpler_is_better(metrics: Mapping[str, float]) -> list[str]:
    """In words, the best of the systems without a language model whose F1 is as good as ours or better.

    Returns:
        at most four sentences for templates and four for sessions.
    """
    said = []
    for items, levels in (("templates", TEMPLATES), ("sessions", SESSIONS)):
        places = comparable(metrics, levels)
        values = {name: metrics[f"{place}/{_F1}"] for name, place in places.items() if f"{place}/{_F1}" in metrics}
        if FINAL not in values:
            continue
        better = [name for name in _SIMPLE if values.get(name, -1.0) >= values[FINAL]]
        better.sort(key=lambda name: (-values[name], name))
        said += [_sentence(metrics, items, name, places, values) for name in better[:_IN_WORDS]]
        if len(better) > _IN_WORDS:
            said.append(
                f"As good on {items} or better, too, but not named here: {len(better) - _IN_WORDS}. See *Figures*."
            )
    return said


def stress_rates(metrics: Mapping[str, float]) -> list[CardRate]:
    """The rates over all families of each probe."""
    rows = {f"{probe.name}/{rate.name.partition('/')[2]}": rate.rows
            for probe in stress_probes(metrics, ()) for rate in probe.rates if rate.name.count("/") == 1}  # fmt: skip
    over = [key.removeprefix(PREFIX) for key in metrics if key.startswith(PREFIX) and key.endswith("_over_control")]
    names = {*rows, *(name for name in over if name.count("/") == 1)}
    shown = [name for name in STRESS_IN_WORDS if name in names]
    shown += sorted(name for name in names - STRESS_IN_WORDS.keys() if not name.startswith(_LEFT_OUT))
    return [
        CardRate(
            STRESS_IN_WORDS.get(name, name.replace("_", " ")),
            PREFIX + name,
            cell(metrics, PREFIX + name, "+.3f" if name.endswith("_over_control") else ".3f"),
            str(rows[name]) if name in rows else "",
            f"at most {TARGETS[PREFIX + name]:.2f}" if PREFIX + name in TARGETS else "",
        )
        for name in shown
    ]


def _rows(
    metrics: Mapping[str, float], ours: Mapping[str, str], levels: Sequence[str]
) -> list[tuple[str, Sequence[str], bool]]:
    rows: list[tuple[str, Sequence[str], bool]]
    rows = [(title, _cells(metrics, level), True) for level, title in ours.items() if f"{level}/{_F1}" in metrics]
    places = comparable(metrics, levels)
    mine = metrics.get(f"{places[FINAL]}/{_F1}") if FINAL in places else None
    if mine is None:
        return []
    for name, place in places.items():
        better = metrics.get(f"{place}/{_F1}", -1.0) >= mine
        if name != FINAL and (name in _BESIDE or better):
            rows.append((title_of(name), _cells(metrics, place), False))
    return rows


def _cells(metrics: Mapping[str, float], place: str) -> list[str]:
    counts = [f"{metrics[key]:,.0f}" if (key := f"{place}/{name}") in metrics else NOTHING for name in COLUMNS[:2]]
    return counts + [cell(metrics, f"{place}/{name}") for name in COLUMNS[2:]]


def _sentence(
    metrics: Mapping[str, float], items: str, name: str, places: Mapping[str, str], values: Mapping[str, float]
) -> str:
    kind = "fitted to nothing" if name in RULES else "no language model"
    theirs, ours = values[name], values[FINAL]
    title = title_of(name)
    text = f"{title[:1].upper()}{title[1:]} ({kind}): F1 {theirs:.3f} on the same {items}; this model: {ours:.3f}"
    level = places[FINAL]
    key = f"{difference_prefix(name)}{level}/{_F1}"
    ends = (metrics.get(f"{key}/low"), metrics.get(f"{key}/high"))
    if key in metrics and None not in ends:
        text += f" (paired difference {cell(metrics, key, '+.3f')})"
    return f"{text}."
