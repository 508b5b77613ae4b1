"""Fetch raw inputs onto the state volume: resumed after a break, verified, there as a whole or not at all."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx

from rationanomaly import artifacts, progress
from rationanomaly.errors import InfrastructureError, InputError, ParamsError
from rationanomaly.params import Params
from rationanomaly.params.cluster import DataSource
from rationanomaly.runs.run_state import leased
from rationanomaly.staging.sources import STATE, staged_path, to_fetch

logger = logging.getLogger(__name__)

_TIMEOUT = httpx.Timeout(30.0)
_REDIRECTS = 5
_MEGABYTE = 10**6
_MOVED = (301, 302, 303, 307, 308)


def stage(params: Params, state: Path) -> None:
    """Fetch each raw input that `cluster.data` names by address and that is not there yet.

    Args:
        params: all params.
        state: the state folder: in a pod, `sources.STATE`.

    Raises:
        InfrastructureError: the server refuses or breaks off; the next start continues.
        InputError: it is larger than allowed, or has another digest than declared.
    """
    for name, source in to_fetch(params).items():
        target = state / staged_path(source).relative_to(STATE)
        with leased(target.parent):
            if source.sha256 is not None and target.exists():
                logger.info("data.%s: is there: %s", name, target)
                continue
            fetch(name, source, target)


def fetch(name: str, source: DataSource, target: Path) -> None:
    """Fetch one input to ``target``, over what an earlier run left in part; see `stage`."""
    part = target.with_name(f"{target.name}.part")
    limit = source.max_megabytes * _MEGABYTE
    try:
        with artifacts.translated_disk_errors(target), httpx.Client(timeout=_TIMEOUT) as client:
            if source.sha256 is None:
                part.unlink(missing_ok=True)  # What it is a part of may have changed.
            _receive(client, address_of(source, os.environ), part, limit, name)
    except httpx.HTTPError as error:
        # The address may be a secret, and httpx names it.
        problem = f"`cluster.data.{name}` can't be fetched: {type(error).__name__}"
        hint = "Check cluster.data and the network; the same run continues from what has come"
        raise InfrastructureError(problem, hint=hint) from None
    found = artifacts.sha256(part)
    if source.sha256 not in (None, found):
        part.unlink()
        problem = f"`cluster.data.{name}` has the SHA-256 {found}, not {source.sha256} as declared"
        raise InputError(problem, hint="Correct the digest, or the address; nothing was kept")
    descriptor = os.open(part, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)
    part.replace(target)
    artifacts.sync(target.parent)
    logger.info("data.%s: %s, SHA-256 %s", name, target, found)


def address_of(source: DataSource, environment: Mapping[str, str]) -> str:
    """The address itself, out of the environment where it is a secret.

    Raises:
        ParamsError: the variable is not set, or holds no https address.
    """
    uri = str(source.uri)
    if uri.startswith("env:"):
        uri = environment.get(uri.removeprefix("env:"), "").strip()
        if urlsplit(uri).scheme not in ("http", "https"):
            hint = "Put it into the secret of cluster.secret and name it in cluster.secret_keys"
            raise ParamsError(f"{source.uri} of cluster.data holds no http(s) address", hint=hint)
    return uri


def _receive(client: httpx.Client, address: str, part: Path, limit: int, name: str) -> None:
    already = part.stat().st_size if part.exists() else 0
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={already}-"} if already else {})
    for _ in range(_REDIRECTS + 1):
        with client.stream("GET", address, headers=headers) as response:
            if response.status_code in _MOVED:
                address = _redirected(address, response.headers.get("Location", ""), name)
                continue
            if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
                return  # The part is the whole already; its digest decides.
            response.raise_for_status()
            _write(response, part, already, limit, name)
            return
    raise InfrastructureError(f"`cluster.data.{name}` is redirected too often", hint="Name the last address itself")


def _redirected(address: str, location: str, name: str) -> str:
    target = urljoin(address, location)
    if urlsplit(target).scheme != "https" and urlsplit(target).netloc != urlsplit(address).netloc:
        problem = f"`cluster.data.{name}` is redirected to an address without https"
        raise InfrastructureError(problem, hint="Name the last address itself")
    return target


def _write(response: httpx.Response, part: Path, already: int, limit: int, name: str) -> None:
    resumed = response.status_code == httpx.codes.PARTIAL_CONTENT
    done = already if resumed else 0
    length = response.headers.get("Content-Length", "")
    total = done + int(length) if length.isdigit() else None
    with part.open("ab" if resumed else "wb") as file:
        for chunk in response.iter_raw():
            done += len(chunk)
            if done > limit:
                break
            file.write(chunk)
            progress.report(f"fetching {name}", done, total, "bytes")
    if done > limit or (total or 0) > limit:
        part.unlink()
        problem = f"`cluster.data.{name}` is larger than {limit // _MEGABYTE} MB"
        raise InputError(problem, hint=f"Raise cluster.data.{name}.max_megabytes, if it is what you want")
    if total is not None and done != total:
        raise httpx.ReadError(f"broke off at {done} of {total} bytes")
