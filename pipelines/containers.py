"""Run the training pipeline in containers on this machine, as a pod would: nobody's user, nothing writable but mounts.

What a pod gets from Kubernetes comes from the Docker daemon here: the image of ``params.cluster``, a read-only
root file system, scratch space at /tmp, the environment. Paths inside are those outside, so params need no change.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from docker.client import DockerClient
from docker.errors import DockerException, ImageNotFound
from docker.types import Mount
from kfp import local

from rationanomaly.errors import InfrastructureError
from rationanomaly.kfp_task import OUTPUTS, PROGRESS, STATE
from rationanomaly.launch.trainjob.manifest import USER
from rationanomaly.params import Params, is_glob

_LABEL = "rationanomaly.output"


@contextlib.contextmanager
def docker_runner(params: Params, output: Path, scratch: Path) -> Iterator[local.DockerRunner]:
    """Give a runner whose containers write to ``output`` and KFP's ``scratch``, and to nothing else.

    Args:
        params: all params; names the image and the raw inputs, which are mounted read-only.
        output: absolute folder of the steps' outputs; MLflow's store lies there too unless a server is named.
        scratch: KFP's folder of task outputs, inside ``output``.

    Raises:
        InfrastructureError: no daemon, no image, or a tracking store that containers can't share.
    """
    image = params.cluster.image
    with _client() as client:
        try:
            client.images.get(image)
        except ImageNotFound as error:
            problem = f"the Docker daemon has no image `{image}`"
            raise InfrastructureError(problem, hint="Build it with `make images`, or pull it") from error
        user = _user(output, scratch)
        try:
            yield local.DockerRunner(
                user=f"{user}:{user}" if os.getuid() == 0 else f"{user}:{os.getgid()}",
                read_only=True,
                tmpfs={"/tmp": "mode=1777"},  # noqa: S108 - in the pod, where it is a mount
                cap_drop=["ALL"],
                security_opt=["no-new-privileges"],
                # A tracking server or a teacher on this machine has the address that it has outside.
                network_mode="host",
                mounts=_mounts(params, output),
                working_dir=str(Path.cwd()),
                environment=_environment(params, output),
                labels={_LABEL: str(output)},
            )
        finally:
            # Ctrl-C ends us, not the container of the step at work.
            for container in client.containers.list(filters={"label": f"{_LABEL}={output}"}):
                with contextlib.suppress(DockerException):
                    container.kill()


@contextlib.contextmanager
def _client() -> Iterator[DockerClient]:
    try:
        client = DockerClient.from_env()
        client.ping()
    except DockerException as error:
        hint = "Start it, set DOCKER_HOST, or take `--runner subprocess`"
        raise InfrastructureError("the Docker daemon does not answer", hint=hint) from error
    with contextlib.closing(client):
        yield client


def _user(output: Path, scratch: Path) -> int:
    """Who the containers run as: who started us; for root the user of the images, who then owns the output."""
    if os.getuid() != 0:
        return os.getuid()
    for path in [output, scratch, *output.rglob("*")]:
        os.chown(path, USER, USER, follow_symlinks=False)
    return USER


def _mounts(params: Params, output: Path) -> list[Mount]:
    """The output folder, and every raw input that exists, read-only; a step names a missing one better than Docker."""
    named = [params.data.logs, params.data.ledger, params.data.truth, params.data.reasoning]
    named += [Path(name) for name in (params.model.name, params.distill.local.model) if name]
    # Normalised, not resolved: inside, the step opens the path that stands in the params.
    there = [path.parent if is_glob(path) else path for path in named]
    inputs = {os.path.abspath(path) for path in there if path.exists()}  # noqa: PTH100
    return [
        Mount(str(output), str(output), type="bind"),
        *(Mount(path, path, type="bind", read_only=True) for path in sorted(inputs)),
    ]


def _environment(params: Params, output: Path) -> dict[str, str]:
    secrets = {name: os.environ[name] for name in params.cluster.secret_keys if name in os.environ}
    return {
        OUTPUTS: str(output),
        STATE: str(output / ".state"),
        PROGRESS: "json",
        "MLFLOW_TRACKING_URI": _tracking_uri(output),
        **secrets,
    }


def _tracking_uri(output: Path) -> str:
    """The server that the environment names, or a sqlite file in the output folder."""
    uri = os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{output / 'mlflow.db'}"
    if not uri.startswith(("http://", "https://", f"sqlite:///{output}/")):
        problem = f"containers can't share the tracking store {uri.split('://')[0]}"
        raise InfrastructureError(problem, hint="Unset MLFLOW_TRACKING_URI, or name a server with it")
    return uri
