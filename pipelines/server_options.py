"""Options and arguments of the commands for runs on a server."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from pipelines.catalogue import Choices

HostOption = Annotated[
    str | None, typer.Option("--host", help="The server; default KF_PIPELINES_ENDPOINT.", metavar="URL")
]
CaOption = Annotated[
    Path | None,
    typer.Option(
        "--ca", help="Certificates of a private authority; default KF_PIPELINES_SSL_CA_CERTS.", metavar="FILE"
    ),
]
NamespaceOption = Annotated[
    str | None,
    typer.Option("--namespace", help="Yours, where several share the server; default KF_PIPELINES_NAMESPACE."),
]
RunArgument = Annotated[str, typer.Argument(metavar="RUN", help="Id of the run: the end of its page's address.")]
PipelineOption = Annotated[
    str, typer.Option("--pipeline", help="Such as training, retrain or ablation.", metavar="NAME")
]
SeedsOption = Annotated[str, typer.Option("--seeds", help="Of an ablation, such as 0,1,2.", metavar="LIST")]
POLICY = Path("mlflow/promotion.yaml")
PolicyOption = Annotated[
    Path, typer.Option("--policy", help="What a retrained version must show to be promoted.", metavar="FILE")
]
ToOption = Annotated[str, typer.Option("--to", help="Alias that a retraining moves.")]
JsonOption = Annotated[bool, typer.Option("--json", help="For programs.")]


def read_choices(pipeline: str, cached: bool, seeds: str, policy: Path, to: str) -> Choices:
    """What the options say of a pipeline.

    Raises:
        ParamsError: no such policy, or it is none; no version can have the alias; the seeds are none.
    """
    from pipelines.catalogue import Choices
    from pipelines.experiment import read_seeds

    if pipeline != "retrain":
        return Choices(cached, read_seeds(seeds))
    from rationanomaly.register.policy import read_policy
    from rationanomaly.register.promotion import check_alias

    check_alias(to, f"--to {to}")
    read_policy(policy)
    return Choices(cached, policy=policy.read_text(encoding="utf-8"), alias=to)
