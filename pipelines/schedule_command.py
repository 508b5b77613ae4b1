"""The command for recurring runs."""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path
from typing import Annotated

import typer

from pipelines.server_options import (
    POLICY,
    CaOption,
    HostOption,
    NamespaceOption,
    PipelineOption,
    PolicyOption,
    ToOption,
    read_choices,
)
from rationanomaly.cli import console
from rationanomaly.cli.options import ParamsOption, SetOption
from rationanomaly.errors import ParamsError
from rationanomaly.params import load_params
from rationanomaly.text.untrusted import for_terminal


def schedule(
    name: Annotated[str | None, typer.Argument(metavar="[NAME]", help="Of the schedule.", show_default=False)] = None,
    cron: Annotated[
        str | None, typer.Option("--cron", help='When runs start, as "0 3 * * 1"; by the clock of the server.')
    ] = None,
    every: Annotated[str | None, typer.Option("--every", help="In its place: 12h, 7d, 2w.", metavar="TIME")] = None,
    params: ParamsOption = Path("params.yaml"),
    settings: SetOption = None,
    pipeline: PipelineOption = "retrain",
    policy: PolicyOption = POLICY,
    to: ToOption = "champion",
    experiment: Annotated[str | None, typer.Option("--experiment", help="Groups its runs; default run.name.")] = None,
    list_all: Annotated[bool, typer.Option("--list", help="Show all schedules.")] = False,
    pause: Annotated[bool, typer.Option("--pause", help="Start no runs until --resume.")] = False,
    resume: Annotated[bool, typer.Option("--resume", help="Start runs again.")] = False,
    delete: Annotated[bool, typer.Option("--delete", help="Remove it; runs that it started stay.")] = False,
    host: HostOption = None,
    namespace: NamespaceOption = None,
    ca: CaOption = None,
) -> None:
    """Retrain again and again, and promote only what the policy lets through; a refusal is no failed run.

    One run at a time, and none made up for that was missed. The same command again changes nothing; with other params,
    times or code it replaces the schedule of this name.

    Examples:

        python -m pipelines schedule weekly --cron "0 3 * * 1" --params profiles/bgl.yaml --policy mlflow/promotion.yaml

        python -m pipelines schedule --list

        python -m pipelines schedule weekly --pause
    """
    from pipelines import schedule as schedules
    from pipelines.catalogue import find_pipeline
    from pipelines.connection import connect
    from pipelines.run_tables import show_schedules
    from pipelines.versions import check_versions, show_notes

    if list_all:
        show_schedules(schedules.schedules(connect(host, ca, namespace)))
        return
    if name is None:
        raise ParamsError("no schedule is named", hint="Name one, or show all with --list")
    actions = [word for word, is_asked in (("disable", pause), ("enable", resume), ("delete", delete)) if is_asked]
    if actions:
        count = schedules.switch(connect(host, ca, namespace), name, actions[0])
        said = f"{name} is {actions[0]}d" if count else f"there was no schedule {name}"
        console.STDERR.print(console.inert(said), highlight=False)
        return
    trigger, loaded = schedules.read_trigger(cron, every), load_params(params, settings or ())
    chosen = find_pipeline(pipeline)
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / "pipeline.yaml"
        chosen.write(loaded, read_choices(pipeline, False, "0", policy, to), package)
        server = connect(host, ca, namespace)
        show_notes(check_versions(server, loaded))
        made = schedules.make_schedule(server, chosen.title, package, experiment or loaded.run.name, name, trigger)
    sys.stdout.write(f"{for_terminal(server.schedule_page(made.identity))}\n")
    if not made.is_new:
        console.STDERR.print("it was there already, and is as it should be", highlight=False)
