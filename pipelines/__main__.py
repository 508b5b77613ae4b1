"""The pipelines' command line.

python -m pipelines run --params params.yaml --output outputs-kfp
python -m pipelines compile --params params.yaml --output pipeline.yaml
python -m pipelines submit --params params.yaml --host https://kubeflow.example.org/pipeline --follow
python -m pipelines status 4b2a7c1e-0f3d-4e57-9c55-1f6f0d3a8e21
python -m pipelines experiment ablation --params profiles/bgl-spirit.yaml --seeds 0,1,2 --output outputs-experiments
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Literal

import typer

from pipelines.commands import add_to
from pipelines.server_options import POLICY, PipelineOption, PolicyOption, SeedsOption, ToOption, read_choices
from rationanomaly.cli import console
from rationanomaly.cli.app import run_app
from rationanomaly.cli.inert_group import InertGroup
from rationanomaly.cli.options import ParamsOption, SetOption, StateOption
from rationanomaly.params import load_params
from rationanomaly.text.untrusted import for_terminal

app = typer.Typer(
    cls=InertGroup,
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


@app.callback()
def _global_options(
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Say what is being done.")] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show the frames of an error.")] = False,
) -> None:
    """DAGs of components: run them here, compile them for a cluster."""
    console.set_up_logging(verbose, debug)


@app.command()
def run(
    output: Annotated[Path, typer.Option("--output", help="Folder to write; one folder per step in it.")],
    params: ParamsOption = Path("params.yaml"),
    settings: SetOption = None,
    runner: Annotated[
        Literal["subprocess", "docker"], typer.Option("--runner", help="docker: containers of cluster.image.")
    ] = "subprocess",
) -> None:
    """Run the training pipeline on this machine through kfp.local; a second start continues where the first stopped.

    Examples:

        python -m pipelines run --params profiles/bgl-spirit.yaml --set run.seed=1 --output outputs-seed1

        python -m pipelines run --params profiles/micro.yaml --runner docker --output outputs-micro
    """
    from pipelines.local_run import Runner, run_training
    from rationanomaly.cli.summary_table import show_summary
    from rationanomaly.evaluate.summary import read_summary

    loaded = load_params(params, settings or ())
    with console.progress_bars("pipeline"):
        run_training(loaded, output, Runner(runner))
    show_summary(read_summary(output), console.STDOUT)


@app.command()
def preflight(
    params: ParamsOption = Path("params.yaml"),
    settings: SetOption = None,
    state: StateOption = Path(".state"),
    output: Annotated[
        Path | None,
        typer.Option("--output", help="Of an earlier run: what a teacher would cost is then known exactly."),
    ] = None,
) -> None:
    """Find out what is wrong with a run before anything of it is paid: ten checks at once, each with what to do.

    It asks as this machine: for its data, its variables, its GPUs. A pipeline's first task asks the same in a pod.

    Examples:

        python -m pipelines preflight --params profiles/llama2-7b.yaml

        python -m pipelines preflight --params profiles/bgl-spirit.yaml --output outputs-bgl-spirit
    """
    from rationanomaly.preflight.run import here
    from rationanomaly.preflight.run import preflight as run_preflight

    setting = here(load_params(params, settings or ()), state, outputs=output)
    run_preflight(setting, lambda text: sys.stdout.write(f"{text}\n"))


@app.command("compile")
def compile_(
    output: Annotated[Path, typer.Option("--output", help="File to write.")] = Path("pipeline.yaml"),
    params: ParamsOption = Path("params.yaml"),
    settings: SetOption = None,
    pipeline: PipelineOption = "training",
    seeds: SeedsOption = "0",
    policy: PolicyOption = POLICY,
    to: ToOption = "champion",
) -> None:
    """Compile a pipeline to IR YAML.

    Examples:

        python -m pipelines compile --params profiles/bgl.yaml --output bgl.yaml

        python -m pipelines compile --pipeline retrain --params profiles/bgl.yaml --output bgl-retrain.yaml
    """
    from pipelines.catalogue import find_pipeline

    choices = read_choices(pipeline, True, seeds, policy, to)
    find_pipeline(pipeline).write(load_params(params, settings or ()), choices, output)


@app.command()
def textfile(
    output: Annotated[Path, typer.Option("--output", help="The file, in the folder of node_exporter's collector.")],
    params: ParamsOption = Path("params.yaml"),
    settings: SetOption = None,
) -> None:
    """Write the state, durations, cost and F1 of the newest run of `run.name`, as MLflow has it, for Prometheus.

    Examples:

        python -m pipelines textfile --output /var/lib/node_exporter/textfile/rationanomaly.prom
    """
    from pipelines.textfile import write_textfile

    write_textfile(load_params(params, settings or ()), output)


@app.command()
def experiment(
    name: Annotated[
        Literal["ablation", "weights", "cross", "pairs", "labels", "order", "teacher"],
        typer.Argument(help="What is compared: pipelines/variants.py.", show_default=False),
    ],
    output: Annotated[Path, typer.Option("--output", help="Folder to write; all experiments may share one.")],
    params: ParamsOption = Path("params.yaml"),
    seeds: Annotated[str, typer.Option("--seeds", help="Of the runs, such as 0,1,2.", metavar="LIST")] = "0",
    only: Annotated[list[str] | None, typer.Option("--only", help="A variant; repeatable; default all.")] = None,
    settings: SetOption = None,
    runs_only: Annotated[bool, typer.Option("--runs-only", help="Leave the table for later; for DVC.")] = False,
    table_only: Annotated[bool, typer.Option("--table-only", help="Of what is done; for DVC.")] = False,
    from_mlflow: Annotated[
        bool, typer.Option("--from-mlflow", help="Of what ran on a cluster: its metrics, by MLFLOW_TRACKING_URI.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the variants and what each changes.")] = False,
    package: Annotated[
        Path | None, typer.Option("--compile", help="Write the experiment as a KFP pipeline and run nothing.")
    ] = None,
) -> None:
    """Run variants of the method side by side: a table and a plot with intervals over the seeds.

    Runs share the outputs of the steps that they have in common; a second start continues where the first stopped.

    Examples:

        python -m pipelines experiment ablation --params profiles/bgl-spirit.yaml --seeds 0,1,2 --output outputs-exp

        python -m pipelines experiment labels --params profiles/micro.yaml --only 5-radar --output outputs-exp
    """
    from pipelines.experiment import TABLE, Request, read_seeds, run_experiment
    from pipelines.variants import EXPERIMENTS

    request = Request(params, tuple(settings or ()), read_seeds(seeds), output, tuple(only or ()))
    if dry_run or package:
        from pipelines.ablation import compile_experiment, described

        if package:
            compile_experiment(EXPERIMENTS[name], request, package)
        if dry_run:
            sys.stdout.write(described(EXPERIMENTS[name], request))
        return
    if from_mlflow:
        from pipelines.tracked_runs import keep_tracked

        for missing in keep_tracked(EXPERIMENTS[name], request):
            sys.stderr.write(f"not finished: {missing}\n")
    with console.progress_bars("experiment"):
        run_experiment(EXPERIMENTS[name], request, runs=not (table_only or from_mlflow), results=not runs_only)
    if runs_only:
        return
    sys.stdout.write(for_terminal((output / name / TABLE).read_text(encoding="utf-8"), lines=True))


add_to(app)


if __name__ == "__main__":
    run_app(app)
