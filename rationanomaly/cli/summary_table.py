"""The closing page of a pipeline run in a terminal; what is in it comes from `evaluate.summary`."""

from __future__ import annotations

from pathlib import Path

from rich import box
from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from rationanomaly.cli.console import inert
from rationanomaly.evaluate.judging import Prediction
from rationanomaly.evaluate.summary import ClassMetrics, ModelSummary, Summary
from rationanomaly.text.untrusted import for_terminal

_LONGEST_TEMPLATE = 110
_SIMULATED = Path("data/simulated/cluster.log")
_METRICS = ("F1", "P", "R", "AP")


def show_summary(summary: Summary, console: Console) -> None:
    """Print metrics, example verdicts, where the plots lie, what was registered and what to try next."""
    console.print()
    console.print("[bold]The abnormal class on held-out data[/]\n")
    console.print(_template_table(summary))
    if summary.sessions:
        console.print(_session_table(summary))
    if summary.examples:
        console.print("[bold]Example verdicts[/] [dim]on templates that the model has not seen[/]")
    for example in summary.examples:
        console.print(_verdict(example))
    console.print(_closing(summary), soft_wrap=True)


def _template_table(summary: Summary) -> Table:
    title = f"Templates  [dim]{summary.positives} of {summary.templates} in the {summary.side} split are abnormal[/]"
    table = _table(title, *_METRICS, "grounded", "well-formed")
    for model in summary.models:
        cells = (*_cells(model.template), _number(model.grounding), _number(model.format))
        table.add_row(model.title, *cells, style=_style(model))
    return table


def _session_table(summary: Summary) -> Table:
    title = f"Sessions  [dim]{summary.abnormal_sessions} of {summary.sessions} are abnormal[/]"
    tuned = any(model.tuned.f1 is not None for model in summary.models)
    table = _table(title, *_METRICS, *(("tuned F1",) if tuned else ()))
    if tuned:
        table.caption, table.caption_justify = "tuned: with a threshold chosen on validation sessions", "left"
    for model in summary.models:
        cells = _cells(model.session) + ((_number(model.tuned.f1),) if tuned else ())
        table.add_row(model.title, *cells, style=_style(model))
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("", no_wrap=True, min_width=20)
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True)
    return table


def _style(model: ModelSummary) -> str:
    return {"grpo": "bold", "reference": "dim"}.get(model.name, "")


def _cells(metrics: ClassMetrics) -> tuple[str, str, str, str]:
    return (_number(metrics.f1), _number(metrics.precision), _number(metrics.recall), _number(metrics.ap))


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _verdict(example: Prediction) -> Panel:
    colour = {"abnormal": "red", "normal": "green"}.get(example.answer, "yellow")
    template = example.template
    if len(template) > _LONGEST_TEMPLATE:
        template = f"{template[:_LONGEST_TEMPLATE]}…"
    log = Text(for_terminal(template), style="bold")  # Not a string, in which rich would read markup.
    verdict = Text.assemble(
        (example.answer, f"bold {colour}"), f" {example.score:.2f}", (f"  truth: {example.truth}", "dim")
    )
    rationale = Text(for_terminal(example.rationale or "no rationale", lines=True))
    return Panel(Group(log, verdict, rationale), border_style=colour, expand=False)


def _closing(summary: Summary) -> str:
    lines = [f"[bold]Plots and report[/]  {inert(_shown(summary.report))}"]
    if summary.registered is not None:
        name, version, alias = (inert(str(summary.registered[key])) for key in ("name", "version", "alias"))
        lines.append(f"[bold]Registered[/]        {name} version {version} @{alias}")
        log = _SIMULATED if _SIMULATED.exists() else "YOUR.log"
        lines.append(f"[bold]Try next[/]          rationanomaly detect --model models:/{name}@{alias} {log}")
    lines.append("                  mlflow ui --backend-store-uri sqlite:///mlflow.db")
    lines.append(
        "                  dvc repro   # nothing runs; change a value of params.yaml and only what it touches does"
    )
    return "\n".join(lines)


def _shown(path: Path) -> str:
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
