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
from rationanomaly.evaluate.judging import FINAL, MODELS, TITLES, ModelAnswers, Prediction
from rationanomaly.evaluate.metrics import WITH_INTERVAL
from rationanomaly.steps import Metrics
from rationanomaly.text.untrusted import for_html

REPORT = "report.html"
_MISTAKES = 50
_CELLS = ("abnormal/f1", "abnormal/precision", "abnormal/recall", "abnormal/ap", "macro/f1", "weighted/f1")
_TEXTS = ("format/rate", "grounding/rate", "disagreement/rate", "template/invalid/rate", "rationale/words")


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
    models: Sequence[ModelAnswers],
    folder: Path,
) -> None:
    """Write ``report.html`` beside its plots."""
    environment = Environment(
        loader=PackageLoader("rationanomaly.evaluate", "."), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters["inert"] = _inert
    final = next(model for model in models if model.name == FINAL)
    mistakes = sorted((p for p in final.predictions if p.answer != p.truth), key=lambda p: (-p.score, p.template_id))
    page = environment.get_template("report_page.html").render(
        setting=setting,
        metrics=metrics,
        tables=_tables(metrics),
        texts=_table(metrics, _TEXTS, ""),
        text_columns=_TEXTS,
        columns=_CELLS,
        differences=_differences(metrics),
        difference_columns=[column for column in _CELLS if column in WITH_INTERVAL],
        examples=examples,
        mistakes=mistakes[:_MISTAKES],
        mistake_count=len(mistakes),
        mixed=[p for p in final.predictions if p.mixed],
    )
    write_text(folder / REPORT, page)


def _inert(text: str | None) -> Markup:
    return for_html(text or "")


def _tables(metrics: Mapping[str, float]) -> list[tuple[str, float, list[tuple[str, list[str]]]]]:
    """(level, rows in it, one row of cells per model) for every level that was measured."""
    levels = {key.removesuffix("/rows") for key in metrics if key.endswith("/rows")}
    own = sorted((level for level in levels if level.split("/")[0] not in MODELS), key=_reading_order)
    return [(level, metrics[f"{level}/rows"], _table(metrics, _CELLS, f"{level}/")) for level in own]


def _reading_order(level: str) -> tuple[int, str]:
    """The two main levels first, then what tells them apart."""
    main = ("template", "session")
    return (main.index(level) if level in main else len(main), level)


def _table(metrics: Mapping[str, float], columns: Sequence[str], level: str) -> list[tuple[str, list[str]]]:
    rows = []
    for model in MODELS:
        prefix = level if model == FINAL else f"{model}/{level}"
        rows.append((TITLES[model], [_cell(metrics, prefix + column) for column in columns]))
    return rows


def _differences(metrics: Mapping[str, float]) -> list[tuple[str, list[str]]]:
    """(level, cells) for every level at which the final model is compared with the reference classifier."""
    ends = tuple(f"/{name}" for name in WITH_INTERVAL)
    names = [key.removeprefix("difference/") for key in metrics if key.startswith("difference/") and key.endswith(ends)]
    levels = {"/".join(name.split("/")[:-2]) for name in names}
    return [
        (
            level,
            [_cell(metrics, f"difference/{level}/{column}", "+.3f") for column in _CELLS if column in WITH_INTERVAL],
        )
        for level in sorted(levels, key=_reading_order)
    ]


def _cell(metrics: Mapping[str, float], name: str, form: str = ".3f") -> str:
    if name not in metrics:
        return "–"
    text = format(metrics[name], form)
    if f"{name}/low" in metrics:
        text += f" [{metrics[f'{name}/low']:.2f}, {metrics[f'{name}/high']:.2f}]"
    return text
