"""report.html: the metrics, plots and verdicts of one evaluation, to be read in a browser.

Log text and rationales are hostile: everything is escaped, nothing in the page can run or load anything from
elsewhere, and what acts or can't be seen is written out (`text.untrusted`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from rationanomaly.artifacts import write_text
from rationanomaly.evaluate.generated_texts import RATES
from rationanomaly.evaluate.metrics import WITH_INTERVAL
from rationanomaly.evaluate.predictions import Prediction, SystemAnswers
from rationanomaly.evaluate.ranking import remarks
from rationanomaly.evaluate.systems import FINAL, RIVALS, SYSTEMS, TITLES, TRAINED, difference_prefix, prefix
from rationanomaly.steps import Metrics
from rationanomaly.text.untrusted import for_html

REPORT = "report.html"
_MISTAKES = 50
_NOTHING = "–"
_CELLS = ("abnormal/f1", "abnormal/precision", "abnormal/recall", "abnormal/ap", "macro/f1", "weighted/f1")
_COMPARED = tuple(column for column in _CELLS if column in WITH_INTERVAL)
_TEXTS = (*RATES, "template/invalid/rate", "rationale/words")


@dataclass(frozen=True)
class Setting:
    """How was tested: the side of the split, whether a truth file was given, how sessions were chosen."""

    side: str
    known: bool
    scope: str


def write_report(
    setting: Setting,
    metrics: Metrics,
    examples: Sequence[Prediction],
    systems: Sequence[SystemAnswers],
    folder: Path,
) -> None:
    """Write ``report.html`` beside its plots."""
    environment = Environment(
        loader=PackageLoader("rationanomaly.evaluate", "."), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["inert"] = _inert
    final = next(system for system in systems if system.name == FINAL)
    mistakes = sorted((p for p in final.predictions if p.answer != p.truth), key=lambda p: (-p.score, p.template_id))
    page = environment.get_template("report_page.html").render(
        setting=setting,
        metrics=metrics,
        remarks=remarks(metrics),
        tables=_tables(metrics),
        texts=_table(metrics, _TEXTS, "", TRAINED),
        text_columns=_TEXTS,
        columns=_CELLS,
        differences=_differences(metrics),
        difference_columns=_COMPARED,
        text_differences=_text_differences(metrics),
        examples=examples,
        mistakes=mistakes[:_MISTAKES],
        mistake_count=len(mistakes),
        mixed=[p for p in final.predictions if p.mixed],
    )
    write_text(folder / REPORT, page)


def _inert(text: str | None) -> Markup:
    return for_html(text or "")


def _tables(metrics: Mapping[str, float]) -> list[tuple[str, float, list[tuple[str, list[str]]]]]:
    """(level, rows in it, one row of cells per system that was measured there) for every level."""
    levels = {key.removesuffix("/positives") for key in metrics if key.endswith("/positives")}
    levels = {level for level in levels if level.split("/")[0] not in SYSTEMS}
    return [
        (level, metrics[f"{level}/rows"], _table(metrics, ("rows", *_CELLS), f"{level}/", SYSTEMS))
        for level in sorted(levels, key=_reading_order)
    ]


def _reading_order(level: str) -> tuple[int, str]:
    """The main levels first, then what tells them apart."""
    main = ("template", "direct/template", "session")
    return (main.index(level) if level in main else len(main), level)


def _table(
    metrics: Mapping[str, float], columns: Sequence[str], level: str, systems: Sequence[str]
) -> list[tuple[str, list[str]]]:
    rows = ((TITLES[name], [_cell(metrics, prefix(name) + level + column) for column in columns]) for name in systems)
    return [(title, cells) for title, cells in rows if set(cells) != {_NOTHING}]


def _differences(metrics: Mapping[str, float]) -> list[tuple[str, str, list[str]]]:
    """(what is taken off, level, cells) for every comparison of the final model."""
    found = []
    pairs = [(TITLES[rival], difference_prefix(rival)) for rival in RIVALS]
    for title, before in (*pairs, ("its own direct verdict", "reasoned_minus_direct/")):
        levels = {
            key.removeprefix(before).removesuffix("/abnormal/f1")
            for key in metrics
            if key.startswith(before) and key.endswith("/abnormal/f1")
        }
        own = {level for level in levels if level.split("/")[0] not in SYSTEMS}
        for level in sorted(own, key=_reading_order):
            cells = [_cell(metrics, f"{before}{level}/{column}", "+.3f") for column in _COMPARED]
            found.append((title, level, cells))
    return found


def _text_differences(metrics: Mapping[str, float]) -> list[tuple[str, str]]:
    """(metric, final model minus SFT) for what both wrote on the same rows."""
    found = ((name, _cell(metrics, f"{difference_prefix('sft')}{name}", "+.3f")) for name in RATES)
    return [(name, cell) for name, cell in found if cell != _NOTHING]


def _cell(metrics: Mapping[str, float], name: str, form: str = ".3f") -> str:
    if name not in metrics:
        return _NOTHING
    text = format(metrics[name], ".0f" if name.endswith("/rows") else form)
    if f"{name}/low" in metrics:
        text += f" [{metrics[f'{name}/low']:.2f}, {metrics[f'{name}/high']:.2f}]"
    return text
