"""THE list of pipelines: each can be compiled and submitted; tests of compiled pipelines go through all of them.

To add one: a function that compiles it, and an entry here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from rationanomaly.errors import ParamsError
from rationanomaly.params import Params


@dataclass(frozen=True)
class Choices:
    """What a pipeline may be told beside the params.

    Attributes:
        cached: whether the server may take the result of a step from an earlier run with the same inputs.
        seeds: of the runs of an ablation.
        policy: text of the promotion policy of a retraining.
        alias: that a retraining promotes to.
    """

    cached: bool = True
    seeds: tuple[int, ...] = (0,)
    policy: str = ""
    alias: str = "champion"


@dataclass(frozen=True)
class Pipeline:
    """A pipeline.

    Attributes:
        name: for commands.
        summary: what it does.
        compile: writes it as IR YAML; the same bytes every time.
        tasks: name of each task that counts as progress → how often it runs.
    """

    name: str
    summary: str
    compile: Callable[[Params, Choices, Path], None]
    tasks: Callable[[Params, Choices], dict[str, int]]

    def write(self, params: Params, choices: Choices, output: Path) -> None:
        """Compile it for pods.

        Raises:
            ParamsError: a raw input lies where no pod can see it.
        """
        from rationanomaly.staging.sources import pod_params

        self.compile(pod_params(params), choices, output)

    @property
    def title(self) -> str:
        """Its name on a server."""
        return f"rationanomaly-{self.name}"


def _compile_training(params: Params, choices: Choices, output: Path) -> None:
    from pipelines.compiling import compile_training

    compile_training(params, output, choices.cached)


def _training_tasks(params: Params, _choices: Choices) -> dict[str, int]:
    from pipelines.training import task_counts

    return task_counts(params, compiled=True)


def _compile_preflight(params: Params, _choices: Choices, output: Path) -> None:
    from pipelines.compiling import compile_preflight

    compile_preflight(params, output)


def _preflight_tasks(params: Params, _choices: Choices) -> dict[str, int]:
    from pipelines.preparation import preflight_counts

    return preflight_counts(params)


def _compile_ablation(params: Params, choices: Choices, output: Path) -> None:
    from pipelines.ablation import compile_experiment
    from pipelines.experiment import Request
    from pipelines.variants import EXPERIMENTS

    request = Request(Path(params.run.name), (), choices.seeds, output.parent, base=params)
    compile_experiment(EXPERIMENTS["ablation"], request, output, choices.cached)


def _ablation_tasks(params: Params, choices: Choices) -> dict[str, int]:
    from pipelines.ablation import task_counts
    from pipelines.experiment import Request
    from pipelines.variants import EXPERIMENTS

    return task_counts(EXPERIMENTS["ablation"], Request(Path(params.run.name), (), choices.seeds, Path(), base=params))


def _compile_retrain(params: Params, choices: Choices, output: Path) -> None:
    from pipelines.compiling import compile_training
    from pipelines.training import Gate
    from rationanomaly.register.retraining import policy_of

    # The log grows under the same name: what an earlier run made of it is out of date.
    against = params
    if policy_of(choices.policy).paired and params.evaluate.champion is None:
        champion = f"models:/{params.register_.name}@{choices.alias}"
        against = params.model_copy(update={"evaluate": params.evaluate.model_copy(update={"champion": champion})})
    compile_training(against, output, cached=False, gate=Gate(choices.policy, choices.alias))


def _retrain_tasks(params: Params, _choices: Choices) -> dict[str, int]:
    from pipelines.training import task_counts

    return task_counts(params, compiled=True) | {"promote": 1}


PIPELINES: Mapping[str, Pipeline] = {
    one.name: one
    for one in (
        Pipeline("training", "From raw logs to a registered model.", _compile_training, _training_tasks),
        Pipeline("retrain", "The same, and promoted if a policy lets it.", _compile_retrain, _retrain_tasks),
        Pipeline("preflight", "What is wrong, before anything is paid.", _compile_preflight, _preflight_tasks),
        Pipeline("ablation", "The method without each of its parts.", _compile_ablation, _ablation_tasks),
    )
}


def find_pipeline(name: str) -> Pipeline:
    """The pipeline of this name.

    Raises:
        ParamsError: there is none.
    """
    if name not in PIPELINES:
        raise ParamsError(f"there is no pipeline `{name}`", hint=f"There are {', '.join(PIPELINES)}")
    return PIPELINES[name]
