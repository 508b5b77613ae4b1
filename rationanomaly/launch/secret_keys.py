"""Which pods get which secrets: a key goes where it is used, and nowhere else.

A key of ``cluster.secret_keys`` that nothing here knows goes to every pod, for whoever named it needs it somewhere.
"""

from __future__ import annotations

from collections.abc import Iterable

from rationanomaly.params import Params

#: Looks for what is missing in all pods.
_PREFLIGHT = ("preflight", "preflight-gpu")
#: Tasks that write to MLflow; those that share a step's work out only read and write artifacts.
_UNTRACKED = ("stage", "parse-plan", "parse-shard")
#: Tasks that may download a model.
_HUB = ("distill", "base", "sft", "grpo", "evaluate", "register", "promote")


def secret_keys(params: Params, task: str) -> list[str]:
    """The keys that the pod of a task gets, in the order of ``cluster.secret_keys``.

    Args:
        params: sections ``cluster`` and ``distill``.
        task: its name, such as sft or parse-shard.
    """
    keys = params.cluster.secret_keys
    return list(keys) if task in _PREFLIGHT else [key for key in keys if task in _tasks(params, key, task)]


def _tasks(params: Params, key: str, task: str) -> Iterable[str]:
    """The tasks that use a key; ``task`` alone where every one may."""
    endpoint, uses = params.distill.endpoint, list[str]()
    teacher = {endpoint.key, *endpoint.headers.values(), endpoint.url.removeprefix("env:")}
    if key in teacher or key == "OPENAI_API_KEY":
        uses.append("distill")
    sources = params.cluster.data.values()
    addresses = {source.dvc.repo if source.dvc is not None else str(source.uri) for source in sources}
    from_store = any(source.dvc is not None or str(source.uri).startswith("s3://") for source in sources)
    # Where no raw input comes from a store, whoever named them needs them elsewhere: for an MLflow without a proxy.
    if f"env:{key}" in addresses or (key.startswith("AWS_") and from_store):
        uses.append("stage")
    if key.startswith("HF_"):
        uses += _HUB
    if key.startswith("MLFLOW_") and task not in _UNTRACKED:
        uses.append(task)
    known = bool(uses) or key.startswith("MLFLOW_")
    return uses if known else (task,)
