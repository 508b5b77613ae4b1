"""The command `incidents`: what a stream has come to, in the terminal or in the browser."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from rationanomaly.cli import console
from rationanomaly.cli.options import PARAMS, HostNameOption, ParamsOption, SetOption, or_defaults, read_members
from rationanomaly.errors import InputError, ParamsError
from rationanomaly.params import load_params

if TYPE_CHECKING:
    from rich.console import RenderableType

    from rationanomaly.incidents.incident import Incident


def incidents(
    state: Annotated[Path, typer.Option("--state", help="State folder of the stream.")],
    identity: Annotated[str | None, typer.Argument(help="Show this incident alone.", metavar="INCIDENT")] = None,
    only: Annotated[str | None, typer.Option("--only", help="open, muted or resolved; default: all.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object per line.")] = False,
    page: Annotated[bool, typer.Option("--page", help="Serve the pages until Ctrl-C.")] = False,
    ledger: Annotated[
        Path | None, typer.Option("--ledger", help="With --page: where right and wrong are appended.")
    ] = None,
    reviewers: Annotated[
        list[str] | None, typer.Option("--reviewer", help="With --page: who may look and mark; may be repeated.")
    ] = None,
    seniors: Annotated[
        list[str] | None, typer.Option("--senior", help="With --page: whose marks have the last word.")
    ] = None,
    host: Annotated[str, typer.Option("--host", help="With --page: address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", help="With --page: port to listen on; 0 takes a free one.")] = 8766,
    host_names: HostNameOption = None,
    open_to_all: Annotated[
        bool, typer.Option("--open", help="With --page: no links; whoever reaches it gives a name.")
    ] = False,
    params: ParamsOption = PARAMS,
    settings: SetOption = None,
) -> None:
    """List the incidents of a stream, show one, or open the pages on which they are marked.

    Examples:

        rationanomaly incidents --state outputs/stream

        rationanomaly incidents --state outputs/stream --only open --json

        rationanomaly incidents --state outputs/stream --page --reviewer ada --ledger decisions.jsonl
    """
    from rationanomaly.stream.database import NAME

    database = state / NAME
    if page:
        from rationanomaly.incidents.launch import serve_pages

        members = read_members(reviewers, seniors)
        loaded = load_params(or_defaults(params), settings or ())
        with console.until_interrupted("The pages of incidents have ended; every mark is kept."):
            serve_pages(database, ledger, members, loaded.watch.incidents, host, port, open_to_all, host_names or ())
        return
    found = _read(database, identity, only)
    if as_json:
        sys.stdout.writelines(f"{_as_json(incident)}\n" for incident in found)
    elif identity is not None:
        console.STDOUT.print(_whole(found[0]))
    else:
        console.STDOUT.print(_table(found) if found else "no incident")


def _read(database: Path, identity: str | None, only: str | None) -> list[Incident]:
    from rationanomaly.incidents.incident import STATES
    from rationanomaly.incidents.opening import reading
    from rationanomaly.incidents.reading import read_incident, read_incidents

    wanted = next((known for known in STATES if known == only), None)
    if only is not None and wanted is None:
        raise ParamsError(f"`--only {only}` is no state of an incident", hint=f"Choose one of {', '.join(STATES)}")
    if not database.exists():
        hint = "Name the folder that `rationanomaly detect --follow --state` or `rationanomaly serve --state` writes"
        raise InputError("no stream has been started with this state folder", file=database, hint=hint)
    with reading(database) as connection:
        if identity is None:
            return read_incidents(connection, wanted)
        incident = read_incident(connection, identity)
    if incident is None:
        raise InputError(f"there is no incident {identity}", file=database, hint="Leave it out to list all of them")
    return [incident]


def _as_json(incident: Incident) -> str:
    import json

    from rationanomaly.text.untrusted import for_terminal

    return for_terminal(json.dumps(incident.as_row(), ensure_ascii=False))


def _table(found: list[Incident]) -> RenderableType:
    from rich.table import Table
    from rich.text import Text

    from rationanomaly.incidents.wording import span_in_words, time_in_words
    from rationanomaly.text.untrusted import for_terminal

    table = Table(box=None, pad_edge=False)
    for name in ("id", "state", "began", "lasted", "lines", "what"):
        table.add_column(name, justify="right" if name == "lines" else "left", no_wrap=name != "what")
    for one in found:
        lasted = span_in_words(one.updated - one.opened)
        cells = (one.id, one.state, time_in_words(one.opened), lasted, f"{one.lines:,}", for_terminal(one.title))
        style = {"open": "bold", "muted": "yellow", "resolved": "dim"}[one.state]
        table.add_row(*(Text(cell, style) for cell in cells))
    return table


def _whole(incident: Incident) -> RenderableType:
    from rich.console import Group
    from rich.text import Text

    from rationanomaly.incidents.wording import KINDS, time_in_words
    from rationanomaly.text.untrusted import for_terminal

    title = Text(for_terminal(incident.title), "bold")
    about = Text(f"{incident.id} · {incident.state} · {time_in_words(incident.opened)}", "dim")
    said = []
    for sentence in incident.summary:
        cited = ", ".join(f"{line.source}:{line.line}" for line in sentence.lines)
        said.append(Text(f"\n{for_terminal(sentence.text)}").append(f" [{for_terminal(cited)}]", "cyan"))
    timeline = [
        Text(f"{time_in_words(alert.time)}  ", "dim").append(f"{KINDS[alert.kind]}: {for_terminal(alert.text)}", "")
        for alert in incident.alerts
    ]
    return Group(title, about, *said, Text("\nTimeline", "bold"), *timeline)
