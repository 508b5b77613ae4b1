"""The closing page of a pipeline run in a terminal; what is in it comes from `evaluate.summary`."""

from __future__ import annotations

from pathlib import Path

from rich import box
from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from rationanomaly.cli.console import inert
from rationanomaly.evaluate.predictions import Prediction
from rationanomaly.evaluate.ranking import shorten
from rationanomaly.evaluate.summary import ClassMetrics, Summary, SystemSummary
from rationanomaly.evaluate.systems import CLASSIFIERS, FINAL, PROMPTED, RULES
from rationanomaly.text.untrusted import for_terminal

_LONGEST_TEMPLATE = 110
#: Where what comes next is, as seen from the folder of a run; what is not there is not named.
_SIMULATED, _MLFLOW, _DVC = Path("data/simulated/cluster.log"), Path("mlflow.db"), Path("dvc.yaml")
_METRICS = ("F1", "P", "R", "AP")
#: What the shares of the texts are called, in the order of the rows.
_TEXTS = {
    "agreement/rate": "conclusion, tag and answer agree",
    "agreement/alarms": "   of the alarms",
    "argues/rate": "the analysis argues for the answer",
    "support/rate": "the log's words bear out its claims",
    "grounding/rate": "its quotes are literal",
    "format/rate": "it comes to an end",
    "free/agreement/rate": "with nothing ruled out, all agree",
    "free/agreement/alarms": "   of the alarms",
    "free/support/rate": "   the log's words bear out its claims",
    "free/grounding/rate": "   its quotes are literal",
    "free/format/rate": "   it comes to an end, in the form",
}


def show_summary(summary: Summary, console: Console) -> None:
    """Print metrics, example verdicts, where the plots lie, what was registered and what to try next."""
    console.print()
    console.print("[bold]The abnormal class on held-out data[/]\n")
    console.print(_template_table(summary))
    if summary.remarks:
        console.print(*(f"[yellow]{inert(remark)}[/]" for remark in summary.remarks), "", sep="\n", highlight=False)
    if any(system.texts for system in summary.systems):
        console.print(_text_table(summary))
    if summary.sessions:
        console.print(_session_table(summary))
    if summary.examples:
        console.print("[bold]Example verdicts[/] [dim]on templates that the model has not seen[/]")
    for example in summary.examples:
        console.print(_verdict(example))
    console.print(_closing(summary), soft_wrap=True)


def _template_table(summary: Summary) -> Table:
    title = f"Templates  [dim]{summary.positives} of {summary.templates} in the {summary.side} split are abnormal[/]"
    table = _table(title, "rows", *_METRICS, "direct\nF1", "direct\nAP")
    caption = "direct: the model's verdict without an analysis, on all templates"
    if any(system.rows < summary.templates for system in summary.systems):
        caption += "\nrows: of a model those with an analysis, the same for base and SFT"
    table.caption = f"{caption}\n"
    for system in summary.systems:
        direct = (_number(system.direct.f1), _number(system.direct.ap))
        table.add_row(system.title, str(system.rows), *_cells(system.template), *direct, style=_style(system))
    return table


def _text_table(summary: Summary) -> Table:
    writers = [system for system in summary.systems if system.texts]
    table = _table("Texts  [dim]shares of the analyses[/]", *(system.title for system in writers))
    table.add_row("analyses", *(str(system.rows) for system in writers), style="dim")
    for name, meant in _TEXTS.items():
        cells = [_number(system.texts.get(name)) for system in writers]
        if any(name in system.texts for system in writers):
            table.add_row(meant, *cells)
    return table


def _session_table(summary: Summary) -> Table:
    title = f"Sessions  [dim]{summary.abnormal_sessions} of {summary.sessions} are abnormal[/]"
    tuned = any(system.tuned.f1 is not None for system in summary.systems)
    table = _table(title, *_METRICS, *(("tuned F1",) if tuned else ()))
    if tuned:
        table.caption = "tuned: with a threshold chosen on validation sessions\n"
    # Prompts judge tested templates alone.
    for system in (one for one in summary.systems if one.name not in PROMPTED):
        cells = _cells(system.session) + ((_number(system.tuned.f1),) if tuned else ())
        table.add_row(system.title, *cells, style=_style(system))
    return table


def _table(title: str, *columns: str) -> Table:
    table = Table(title=title, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, pad_edge=False,
                  caption_justify="left")  # fmt: skip
    table.add_column("", no_wrap=True, min_width=20)
    for name in columns:
        table.add_column(name, justify="right", no_wrap=True, vertical="bottom")
    return table


def _style(system: SystemSummary) -> str:
    return "bold" if system.name == FINAL else "dim" if system.name in (*RULES, *CLASSIFIERS) else ""


def _cells(metrics: ClassMetrics) -> tuple[str, str, str, str]:
    return (_number(metrics.f1), _number(metrics.precision), _number(metrics.recall), _number(metrics.ap))


def _number(value: float | None, digits: int = 3) -> str:
    return "–" if value is None else shorten(value, digits)


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
    commands = []
    if summary.registered is not None:
        name, version, alias = (inert(str(summary.registered[key])) for key in ("name", "version", "alias"))
        lines.append(f"[bold]Registered[/]        {name} version {version}{f' @{alias}' if alias else ''}")
        log = _SIMULATED if _SIMULATED.exists() else "YOUR.log"
        # Two lines, and a direct verdict: an analysis of each template takes minutes.
        commands.append(
            f"rationanomaly detect --model models:/{name}{f'@{alias}' if alias else f'/{version}'} --verdict direct \\"
        )
        commands.append(f"  --output verdicts.jsonl {log}")
    if _MLFLOW.exists():
        commands.append(f"mlflow ui --backend-store-uri sqlite:///{_MLFLOW}")
    if _DVC.exists():
        commands.append("dvc repro   # nothing runs; change a value of params.yaml and only what it touches does")
    if commands:
        lines.append(f"[bold]Try next[/]          {commands[0]}")
        lines += [f"                  {command}" for command in commands[1:]]
    return "\n".join(lines)


def _shown(path: Path) -> str:
    return str(path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path)
