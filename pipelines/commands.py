"""The commands for runs on a server: submit, status, logs, cancel, list, schedule."""

from __future__ import annotations

import sys
import tempfile
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from pipelines.schedule_command import schedule
from pipelines.server_options import (
    POLICY,
    CaOption,
    HostOption,
    JsonOption,
    NamespaceOption,
    PipelineOption,
    PolicyOption,
    RunArgument,
    SeedsOption,
    ToOption,
    read_choices,
)
from rationanomaly.cli import console
from rationanomaly.cli.options import ParamsOption, SetOption
from rationanomaly.params import load_params
from rationanomaly.text.untrusted import for_terminal

#: Exit code of `status` for a run that has not ended.
RUNNING = 9


def submit(
    host: HostOption = None,
    params: ParamsOption = Path("params.yaml"),
    settings: SetOption = None,
    pipeline: PipelineOption = "training",
    experiment: Annotated[
        str | None, typer.Option("--experiment", help="Groups runs on the server; default run.name.")
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="Of the run; default run.name with seed and time.")] = None,
    namespace: NamespaceOption = None,
    ca: CaOption = None,
    seeds: SeedsOption = "0",
    policy: PolicyOption = POLICY,
    to: ToOption = "champion",
    cached: Annotated[bool, typer.Option("--cache/--no-cache", help="Take what the server knows.")] = True,
    again: Annotated[bool, typer.Option("--again", help="Another run of what was submitted before.")] = False,
    follow: Annotated[bool, typer.Option("--follow", help="Wait for its end; exit code 8 if it fails.")] = False,
) -> None:
    """Submit a pipeline to a Kubeflow Pipelines server, once: the same command again finds the run that there is.

    Who asks is proved by KF_PIPELINES_TOKEN, KF_PIPELINES_TOKEN_FILE, KF_PIPELINES_COOKIES, KF_PIPELINES_USERNAME and
    KF_PIPELINES_PASSWORD (a login at Dex), or in a pod by its service account.

    Examples:

        python -m pipelines submit --host http://localhost:8080 --params profiles/bgl.yaml --set run.seed=1 --follow

        python -m pipelines submit --params profiles/llama2-7b.yaml --namespace kubeflow-user --again

        python -m pipelines submit --pipeline retrain --params profiles/bgl.yaml --policy mlflow/promotion.yaml

        python -m pipelines submit --pipeline ablation --params profiles/bgl.yaml --seeds 0,1,2
    """
    from pipelines import following, submission
    from pipelines.catalogue import find_pipeline
    from pipelines.connection import connect
    from pipelines.run_state import FINAL
    from pipelines.versions import check_versions, show_notes

    loaded, choices = load_params(params, settings or ()), read_choices(pipeline, cached, seeds, policy, to)
    chosen = find_pipeline(pipeline)
    title = name or f"{loaded.run.name} seed {loaded.run.seed} {datetime.now(UTC):%Y-%m-%d %H:%M:%S}"
    with tempfile.TemporaryDirectory() as folder:
        package = Path(folder) / "pipeline.yaml"
        chosen.write(loaded, choices, package)
        server = connect(host, ca, namespace)
        show_notes(check_versions(server, loaded))
        run = submission.submit(server, chosen.title, package, experiment or loaded.run.name, title, again)
    sys.stdout.write(f"{for_terminal(run.page)}\n")
    if not run.is_new:
        said = f"submitted before, and {run.state.lower()}; --again starts another run of the same"
        console.STDERR.print(console.inert(said), highlight=False)
    if follow:
        with console.progress_bars("pipeline"):
            following.follow(server, run.identity, chosen.tasks(loaded, choices))
    elif run.state in FINAL:
        following.check_end(server, following.ask_patiently(server, run.identity))


def status(
    run: RunArgument, host: HostOption = None, namespace: NamespaceOption = None, ca: CaOption = None,
    as_json: JsonOption = False,
) -> None:  # fmt: skip
    """Show a run and its tasks. Exit code 0: it succeeded; 8: it failed or was cancelled; 9: it has not ended.

    Examples:

        python -m pipelines status 4b2a7c1e-0f3d-4e57-9c55-1f6f0d3a8e21

        python -m pipelines status 4b2a7c1e-0f3d-4e57-9c55-1f6f0d3a8e21 --json
    """
    from pipelines.connection import connect
    from pipelines.run_state import read_run
    from pipelines.run_tables import run_document, show_run

    server = connect(host, ca, namespace)
    state = read_run(server, run)
    if as_json:
        _print_json(run_document(server, state))
    else:
        show_run(server, state)
    if not state.is_final:
        raise typer.Exit(RUNNING)
    if not state.is_good:
        raise typer.Exit(8)


def logs(
    run: RunArgument,
    step: Annotated[str, typer.Argument(metavar="STEP", help="Such as sft, or parse-shard.")],
    host: HostOption = None,
    namespace: NamespaceOption = None,
    ca: CaOption = None,
) -> None:
    """Print the log of a step, all its attempts; control characters are shown and not obeyed.

    Example:

        python -m pipelines logs 4b2a7c1e-0f3d-4e57-9c55-1f6f0d3a8e21 sft
    """
    from pipelines.connection import connect
    from pipelines.run_state import read_run
    from pipelines.step_logs import step_logs

    server = connect(host, ca, namespace)
    for pod, text in step_logs(server, read_run(server, run), step):
        console.STDERR.print(console.inert(f"{pod}:"), highlight=False)
        sys.stdout.write(f"{for_terminal(text.rstrip(), lines=True)}\n")


def cancel(run: RunArgument, host: HostOption = None, namespace: NamespaceOption = None, ca: CaOption = None) -> None:
    """End a run and wait until it has ended. Exit code 0 as well where it had ended before.

    Example:

        python -m pipelines cancel 4b2a7c1e-0f3d-4e57-9c55-1f6f0d3a8e21
    """
    from pipelines import following
    from pipelines.connection import connect

    server = connect(host, ca, namespace)
    before = following.ask_patiently(server, run)
    state = before if before.is_final else following.cancel(server, run)
    said = f"the run {'had ended before: it ' if before.is_final else ''}is {state.state.lower()}"
    console.STDERR.print(console.inert(said), highlight=False)


def list_(
    experiment: Annotated[
        str | None, typer.Option("--experiment", help="Only its runs; default: all that you may see.")
    ] = None,
    state: Annotated[str | None, typer.Option("--state", help="Only those, such as running or failed.")] = None,
    limit: Annotated[int, typer.Option("--limit", min=1, help="So many, the newest first.")] = 20,
    host: HostOption = None,
    namespace: NamespaceOption = None,
    ca: CaOption = None,
    as_json: JsonOption = False,
) -> None:
    """List runs, the newest first.

    Examples:

        python -m pipelines list --experiment bgl --state running

        python -m pipelines list --namespace kubeflow-user --limit 5 --json
    """
    from pipelines.connection import connect
    from pipelines.run_tables import list_runs, run_document, show_runs

    server = connect(host, ca, namespace)
    runs = list_runs(server, experiment, state, limit)
    if as_json:
        _print_json([run_document(server, one) for one in runs])
    else:
        show_runs(runs)


def _print_json(document: object) -> None:
    import json

    sys.stdout.write(f"{for_terminal(json.dumps(document, indent=2, ensure_ascii=True), lines=True)}\n")


def add_to(app: typer.Typer) -> None:
    """Add the commands to the pipelines' command line."""
    for name, command in (("submit", submit), ("status", status), ("logs", logs), ("cancel", cancel), ("list", list_),
                          ("schedule", schedule)):  # fmt: skip
        app.command(name, rich_help_panel="Runs on a server")(command)
