"""The promotion behind `register` as a component: the alias moves only through the gates of a policy."""

from kfp import dsl

from components.contract import step_component


@step_component
def promote(
    policy: str,
    alias: str,
    register: dsl.Input[dsl.Artifact],
    outcome: dsl.Output[dsl.Markdown],
    metrics: dsl.Output[dsl.Metrics],
) -> None:
    """Move an alias to the registered version if the policy lets it; a refusal is an outcome, too.

    Args:
        policy: text of the promotion policy.
        alias: that moves.
        register: output of `register`.
        outcome: what became of the version, for people.
        metrics: whether it was promoted.
    """
    from rationanomaly.kfp_task import run_promotion

    run_promotion(policy, alias, register.path, outcome, metrics)
