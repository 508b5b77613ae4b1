"""A file from the network, resumable, with its checksum kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import httpx

from rationanomaly import artifacts, progress
from rationanomaly.errors import InfrastructureError, InputError, brief

#: Beside the downloads: file name → SHA-256 of its first download.
CHECKSUMS = "checksums.json"
_TIMEOUT = httpx.Timeout(30.0)


def download(address: str, target: Path, announce: Callable[[int | None], None], by_hand: str) -> None:
    """Download a file; an interrupted download is resumed.

    Args:
        address: of the file.
        target: where it goes; ``target.part`` while it comes.
        announce: is told the size in bytes, or None if the server does not say, before the first byte.
        by_hand: what a person can do where there is no network.

    Raises:
        InfrastructureError: no network, or the server refuses.
    """
    part = target.with_name(f"{target.name}.part")
    part.parent.mkdir(parents=True, exist_ok=True)
    try:
        with artifacts.translated_disk_errors(target), httpx.Client(follow_redirects=True, timeout=_TIMEOUT) as client:
            _receive(client, address, part, announce)
    except httpx.HTTPError as error:
        problem = f"can't be downloaded: {brief(str(error))}" if str(error) else "can't be downloaded: no answer"
        raise InfrastructureError(problem, file=address, hint=by_hand) from error
    part.replace(target)


def _receive(client: httpx.Client, address: str, part: Path, announce: Callable[[int | None], None]) -> None:
    already = part.stat().st_size if part.exists() else 0
    headers = {"Accept-Encoding": "identity"} | ({"Range": f"bytes={already}-"} if already else {})
    with client.stream("GET", address, headers=headers) as response:
        if response.status_code == httpx.codes.REQUESTED_RANGE_NOT_SATISFIABLE:
            return  # The part is the whole already.
        response.raise_for_status()
        resumed = response.status_code == httpx.codes.PARTIAL_CONTENT
        done = already if resumed else 0
        length = response.headers.get("Content-Length")
        total = done + int(length) if length else None
        announce(total)
        with part.open("ab" if resumed else "wb") as file:
            # As they come: what a buffer holds would be lost where the connection breaks.
            for chunk in response.iter_raw():
                file.write(chunk)
                done += len(chunk)
                progress.report(f"downloading {part.stem}", done, total, "bytes")
    if total is not None and done != total:
        raise httpx.ReadError(f"broke off at {done} of {total} bytes; run the same command to continue from there")


def check(file: Path) -> None:
    """Hold a download against the checksum of its first time; keep it if this is the first.

    Raises:
        InputError: the file is another one than at its first download.
    """
    kept = file.with_name(CHECKSUMS)
    known: dict[str, str] = json.loads(kept.read_bytes()) if kept.exists() else {}
    found = artifacts.sha256(file)
    expected = known.setdefault(file.name, found)
    if expected != found:
        hint = f"Delete it to download it again; delete its entry in {CHECKSUMS} if the publisher has changed it"
        raise InputError(f"has the SHA-256 {found}, not {expected} of its first download", file=file, hint=hint)
    artifacts.write_json(kept, known)
