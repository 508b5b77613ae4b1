"""Raw inputs that can be read, and a state folder that keeps what it is given."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rationanomaly import artifacts, raw_inputs
from rationanomaly.errors import InfrastructureError, InputError, named_extras
from rationanomaly.params.cluster import DataSource
from rationanomaly.preflight import base_model
from rationanomaly.preflight.asking import SilenceError, ask
from rationanomaly.preflight.findings import Finding, warning
from rationanomaly.preflight.setting import TRAINED, Setting
from rationanomaly.staging import s3_source
from rationanomaly.staging.fetching import address_of
from rationanomaly.steps import STEPS

GIGABYTE = 2**30
#: What a checkpoint holds of each trained weight: the weight, its 32-bit copy and Adam's two moments.
_CHECKPOINT_BYTES = 16
#: Of one training at once: the newest, the best, and the one that is being written.
_CHECKPOINTS = 3
#: Journal, ranks and logs.
_SMALL_FILES = GIGABYTE // 4
#: Files of a folder of logs that are opened.
_OPENED = 1000


def check_data(setting: Setting) -> Iterator[Finding]:
    """Each raw input is there and can be read."""
    for name in sorted({source for step in STEPS for source in step.sources}):
        source = setting.params.cluster.data.get(name)
        if setting.pod and source is not None and source.claim is None:
            yield from _check_source(name, source, setting)
        else:
            yield from _check_input(name, setting.params.data.source(name), setting.pod)


def _check_source(name: str, source: DataSource, setting: Setting) -> Iterator[Finding]:
    """What is to be fetched is there: its first byte is asked for, since a presigned address takes nothing but GET."""
    uri = str(source.uri)
    if uri.startswith("s3://"):
        yield from _check_object(f"cluster.data.{name}.uri", uri, setting.seconds)
    elif source.dvc is not None:
        # What the remote holds is known to a clone only, which may take minutes: that is the task's.
        yield from _check_address(
            f"cluster.data.{name}.dvc.repo", source.dvc.repo, setting, "/info/refs?service=git-upload-pack"
        )
    else:
        yield from _check_address(f"cluster.data.{name}.uri", uri, setting)


def _check_address(key: str, address: str, setting: Setting, suffix: str = "") -> Iterator[Finding]:
    found = address_of(address, setting.environment)
    try:
        reply = ask("GET", found + suffix, setting.seconds, {"Range": "bytes=0-0"})
    except SilenceError as silence:
        # Its text may name an address that is a secret.
        problem = f"{key} {silence}" if not address.startswith("env:") else f"{key} can't be reached"
        yield Finding(problem, f"Check {key} and the network of the pods")
        return
    if reply.status >= 400:
        yield Finding(f"{key} is refused: {reply.status}", f"Correct {key}, or sign it anew")


def _check_object(key: str, uri: str, seconds: float) -> Iterator[Finding]:
    try:
        with named_extras():
            from botocore.exceptions import BotoCoreError, ClientError
        s3_source.client(seconds, tries=1).head_object(**s3_source.named(uri))
    except InfrastructureError as error:
        yield Finding(f"{key}: {error.problem}", str(error.hint))
    except (ClientError, BotoCoreError) as error:
        reason, hint = s3_source.reason_of(error)
        yield Finding(f"{key} can't be read: {reason}", hint or f"Check {key}, AWS_ENDPOINT_URL_S3 and the network")


def _check_input(name: str, path: Path, pod: bool) -> Iterator[Finding]:
    key = f"data.{name}"
    seen = f"Put it on the claim, let cluster.data bring it, or correct {key}" if pod else f"Correct {key}"
    try:
        files = raw_inputs.find_files(path)
    except InputError as error:
        yield Finding(f"{key}: {error.file or path}: {error.problem}", seen)
        return
    if path == raw_inputs.STDIN:
        return
    size = 0
    for file in files[:_OPENED]:
        try:
            if file.is_fifo():
                return
            with file.open("rb") as opened:
                opened.read(1)
            size += file.stat().st_size
        except OSError as error:
            hint = f"Let user {os.geteuid()} read it: `chmod -R a+rX`, or fsGroup on the claim"
            yield Finding(f"{key}: {file}: can't be read: {error.strerror}", hint)
            return
    if name == "logs" and size == 0:
        yield Finding(f"{key}: {path}: is empty", f"Copy the log anew, or correct {key}")


def check_claim(setting: Setting) -> Iterator[Finding]:
    """The state folder takes a file, keeps it, renames it, locks, and has room."""
    folder = setting.state
    owner = f"Let user {os.geteuid()} write there: fsGroup in the pod's security context, or `chown` the volume"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=".preflight-", dir=folder) as place:
            yield from _write(Path(place))
    except OSError as error:
        yield Finding(f"{folder}: can't be written: {error.strerror or error}", owner)
        return
    yield from _check_room(setting)


def _write(place: Path) -> Iterator[Finding]:
    artifacts.write_text(place / "written", "preflight")  # synced and renamed
    (place / "written").replace(place / "renamed")
    if (place / "renamed").read_text(encoding="utf-8") != "preflight":
        yield Finding(f"{place.parent}: a file reads otherwise than it was written", "Check the volume")
    descriptor = os.open(place, os.O_RDONLY)
    try:
        locked = artifacts.try_lock(descriptor)
    finally:
        os.close(descriptor)
    if locked is None:
        problem = f"{place.parent}: its file system has no locks, so that two runs with the same key would damage it"
        yield warning(problem, "Mount it with locks (NFS 4, or nolock left out), or start one run at a time")


def _check_room(setting: Setting) -> Iterator[Finding]:
    parts = needed(setting)
    need, free = sum(parts.values()), shutil.disk_usage(setting.state).free
    if free < need:
        largest = ", ".join(f"{name} {size / GIGABYTE:.1f}" for name, size in parts.items() if size >= need / 20)
        problem = (
            f"{setting.state}: {free / GIGABYTE:.1f} GB are free, about {need / GIGABYTE:.1f} are needed ({largest})"
        )
        yield Finding(problem, "Make the volume larger, or remove what earlier runs left: `rationanomaly clean-state`")


def needed(setting: Setting) -> dict[str, float]:
    """Bytes that a run takes in its state folder at most, by what they are for."""
    parts: dict[str, float] = {"small files": _SMALL_FILES}
    shape = base_model.architecture(setting)
    if shape is None:
        return parts
    model = setting.params.model
    trained = shape.lora_weights(model.lora_rank) + (shape.embedding_weights if model.source == "bootstrap" else 0)
    parts["checkpoints"] = len(TRAINED) * _CHECKPOINTS * _CHECKPOINT_BYTES * trained
    home = setting.environment.get("HF_HOME")
    if model.source == "hub" and home and Path(home).absolute().is_relative_to(setting.state.absolute()):
        cached = base_model.is_cached(setting, model.name, model.revision)
        parts["base of the hub"] = 0.0 if cached else shape.weight_memory(quantised=False)
    return parts
