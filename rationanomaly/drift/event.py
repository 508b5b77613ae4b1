"""The event that may start retraining: a command or a web address that the params name, once for each drift."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from rationanomaly.errors import InfrastructureError
from rationanomaly.params.watch.drift import DriftParams

#: The command finds the path of the event in this variable.
VARIABLE = "RATIONANOMALY_DRIFT"
_TIMEOUT_SECONDS = 30.0


def start_retraining(settings: DriftParams, event: Path) -> list[str]:
    """Run the command and call the address of the params; what was done, in words.

    The command's words come from the params alone, and no shell reads them; nothing of a log is among them.

    Args:
        settings: section `watch.drift`.
        event: the JSON document that `DriftReport.as_row` made.

    Raises:
        InfrastructureError: the command can't be run or fails, the address refuses, or a variable is not set.
    """
    done = []
    if settings.webhook is not None:
        done.append(_post(_address(settings.webhook), settings.webhook_token, event))
    if settings.command is not None:
        done.append(_run(settings.command, event))
    return done


def _run(command: list[str], event: Path) -> str:
    try:
        code = subprocess.run(command, env=os.environ | {VARIABLE: str(event.resolve())}, check=False).returncode
    except OSError as error:
        hint = "Correct `watch.drift.command`: a list of words, the first of which is a program"
        raise InfrastructureError(f"can't be run: {error.strerror}", file=command[0], hint=hint) from error
    if code:
        hint = f"Run it by hand with {VARIABLE}={event}"
        raise InfrastructureError(f"ended with exit code {code}", file=command[0], hint=hint)
    return f"ran {command[0]}"


def _post(address: str, token: str | None, event: Path) -> str:
    body = event.read_bytes()
    headers = {"Content-Type": "application/json", "Idempotency-Key": _key(json.loads(body))}
    if token is not None:
        headers["Authorization"] = f"Bearer {_variable(token)}"
    try:
        answer = httpx.post(address, content=body, headers=headers, timeout=_TIMEOUT_SECONDS)
    except (httpx.HTTPError, httpx.InvalidURL, ValueError) as error:
        hint = "Check `watch.drift.webhook` and the server behind it; the next run tries again"
        raise InfrastructureError(f"the webhook can't be reached ({type(error).__name__})", hint=hint) from error
    if not answer.is_success:
        hint = "Check `watch.drift.webhook` and its token; the next run tries again"
        raise InfrastructureError(f"the webhook answered {answer.status_code}", hint=hint)
    return f"posted the event, answer {answer.status_code}"


def _key(event: Mapping[str, Any]) -> str:
    """Equal for repeated attempts of one event, so that the receiver acts once."""
    return hashlib.sha256(f"{event['time']} {event['drifted']}".encode()).hexdigest()[:32]


def _address(address: str) -> str:
    return _variable(address.removeprefix("env:")) if address.startswith("env:") else address


def _variable(name: str) -> str:
    value = os.environ.get(name, "").strip()
    if not value:
        raise InfrastructureError(
            f"the environment variable {name} is not set", hint="Set it, and keep it out of files"
        )
    return value
