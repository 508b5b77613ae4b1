"""The closing page of a pipeline run in a terminal; what is in it comes from `evaluate.summary`."""

from __future__ import annotations

from pathlib import Path

from rich.console import Console, Group
from rich.markup import escape
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from rationanomaly.evaluate.judging import Prediction
from rationanomaly.evaluate.summary import Figures, Summary

_LONGEST_TEMPLATE = 110


def show_summary(summary: Summary, console: Console) -> None:
    """Print figures, example verdicts, where the plots lie, what was registered and what to try next."""
    console.print()
    console.print(_figures_table(summary))
    console.print(_rates_table(summary))
    console.print("[bold]Example verdicts[/] [dim]on templates that the model has not seen[/]")
    for example in summary.examples:
        console.print(_verdict(example))
    console.print(_closing(summary))


def _figures_table(summary: Summary) -> Table:
    abnormal = f"{summary.positives} of {summary.templates} {summary.side} templates abnormal"
    if summary.sessions:
        abnormal += f"; {summary.abnormal_sessions} of {summary.sessions} sessions"
    table = Table(title=f"Abnormal class, {abnormal}", title_justify="left", title_style="bold")
    table.add_column("")
    for level in ("template", "session"):
        for name in ("F1", "P", "R", "AP"):
            table.add_column(f"{level}\n{name}" if name == "F1" else f"\n{name}", justify="right")
    for model in summary.models:
        style = "bold" if model.name == "grpo" else "dim" if model.name == "reference" else ""
        table.add_row(model.title, *_cells(model.template), *_cells(model.session), style=style)
    return table


def _rates_table(summary: Summary) -> Table:
    table = Table(title="Rationales", title_justify="left", title_style="bold")
    for name in ("", "grounded", "well-formed"):
        table.add_column(name, justify="right" if name else "left")
    for model in summary.models:
        if model.format is not None:
            table.add_row(model.title, _figure(model.grounding), _figure(model.format))
    return table


def _cells(figures: Figures) -> tuple[str, str, str, str]:
    return (_figure(figures.f1), _figure(figures.precision), _figure(figures.recall), _figure(figures.ap))


def _figure(value: float | None) -> str:
    return "–" if value is None else f"{value:.3f}"


def _verdict(example: Prediction) -> Panel:
    colour = {"abnormal": "red", "normal": "green"}.get(example.answer, "yellow")
    template = example.template
    if len(template) > _LONGEST_TEMPLATE:
        template = f"{template[:_LONGEST_TEMPLATE]}…"
    # Log text is hostile: a control character must not reach the terminal, nor markup rich.
    log = Text("".join(c if c.isprintable() else "�" for c in template), style="bold")
    verdict = Text.assemble(
        (example.answer, f"bold {colour}"), f" {example.score:.2f}", (f"  truth: {example.truth}", "dim")
    )
    rationale = Text("".join(c if c.isprintable() else "�" for c in example.rationale or "no rationale"))
    return Panel(Group(log, verdict, rationale), border_style=colour, expand=False)


def _closing(summary: Summary) -> str:
    lines = [f"[bold]Plots and report[/]  {escape(_shown(summary.report))}"]
    if summary.registered is not None:
        model = summary.registered
        lines.append(f"[bold]Registered[/]        {escape(model['name'])} version {model['version']} @{model['alias']}")
        address = f"models:/{model['name']}@{model['alias']}"
        lines.append(
            f"[bold]Try next[/]          rationanomaly detect --model {escape(address)} data/simulated/cluster.log"
        )
    lines.append("                  mlflow ui --backend-store-uri sqlite:///mlflow.db")
    lines.append(
        "                  dvc repro   # nothing runs; change a value of params.yaml and only what it touches does"
    )
    return "\n".join(lines)


def _shown(path: Path) -> str:
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
