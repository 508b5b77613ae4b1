"""Fetch raw inputs onto the state volume: resumed after a break, verified, there as a whole or not at all."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from rationanomaly import artifacts, raw_inputs
from rationanomaly.errors import InputError, ParamsError
from rationanomaly.params import Params
from rationanomaly.params.cluster import DataSource
from rationanomaly.runs.run_state import leased
from rationanomaly.staging import dvc_source, http_source, s3_source
from rationanomaly.staging.part import Part
from rationanomaly.staging.sources import STATE, pinned, staged_path, to_fetch

logger = logging.getLogger(__name__)


def stage(params: Params, state: Path) -> None:
    """Fetch each raw input that is not there yet, and verify what lies on a claim and has a declared digest.

    Args:
        params: all params.
        state: the state folder: in a pod, `sources.STATE`.

    Raises:
        InfrastructureError: the server refuses or breaks off; the next start continues.
        InputError: it is larger than allowed, has another digest than declared, or is not on its claim.
        ParamsError: a repository has no such path.
    """
    for name, source in to_fetch(params).items():
        if source.claim is not None:
            _verify(name, source, Path(staged_path(source)))
            continue
        target = state / staged_path(source).relative_to(STATE)
        with leased(target.parent):
            if pinned(source) is not None and target.exists():
                logger.info("data.%s: is there: %s", name, target)
                continue
            fetch(name, source, target)


def fetch(name: str, source: DataSource, target: Path) -> None:
    """Fetch one input to ``target``, over what an earlier run left in part; see `stage`."""
    part = Part(name, target.with_name(f"{target.name}.part"), source.max_megabytes)
    with artifacts.translated_disk_errors(target):
        if pinned(source) is None:
            _remove(part.path)  # What it is a part of may have changed.
        _receive(source, part)
        found = raw_inputs.digest(part.path)
        if source.sha256 not in (None, found):
            _remove(part.path)
            raise _mismatch(name, source, found, "Correct the digest, or the address; nothing was kept")
        for path in (part.path, *part.path.rglob("*")):
            artifacts.sync(path)
        if target.is_dir() or part.path.is_dir():
            _remove(target)
        part.path.replace(target)
        artifacts.sync(target.parent)
    logger.info("data.%s: %s, SHA-256 %s", name, target, found)


def _verify(name: str, source: DataSource, path: Path) -> None:
    """Compare what lies on a claim with its digest, by which the cache knows the steps that read it."""
    with artifacts.translated_disk_errors(path):
        found = raw_inputs.digest(path)
    if found != source.sha256:
        raise _mismatch(name, source, found, "Correct the digest, or the path on the claim")


def _mismatch(name: str, source: DataSource, found: str, hint: str) -> InputError:
    problem = f"`cluster.data.{name}` has the SHA-256 {found}, not {source.sha256} as declared"
    return InputError(problem, hint=hint)


def _receive(source: DataSource, part: Part) -> None:
    if source.dvc is not None:
        dvc_source.receive(source.dvc, address_of(source.dvc.repo, os.environ), part)
    elif str(source.uri).startswith("s3://"):
        s3_source.receive(str(source.uri), part)
    else:
        http_source.receive(address_of(str(source.uri), os.environ), part)


def address_of(address: str, environment: Mapping[str, str]) -> str:
    """The address itself, out of the environment where it is a secret.

    Raises:
        ParamsError: the variable is not set, or holds no http(s) address.
    """
    if not address.startswith("env:"):
        return address
    found = environment.get(address.removeprefix("env:"), "").strip()
    if urlsplit(found).scheme not in ("http", "https"):
        hint = "Put it into the secret of cluster.secret and name it in cluster.secret_keys"
        raise ParamsError(f"{address} of cluster.data holds no http(s) address", hint=hint)
    return found


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
