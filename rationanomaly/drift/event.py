"""The event that may start retraining: a command or a web address that the params name, once for each drift."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rationanomaly.errors import InfrastructureError
from rationanomaly.params.values import Address, VariableName
from rationanomaly.params.watch.drift import DriftParams
from rationanomaly.remote.credentials import from_environment, resolve
from rationanomaly.remote.http import Server

#: The command finds the path of the event in this variable.
VARIABLE = "RATIONANOMALY_DRIFT"
_WHO = "the webhook of drift"
_TIMEOUT_SECONDS = 30.0


def start_retraining(settings: DriftParams, event: Path) -> list[str]:
    """Run the command and call the address of the params; what was done, in words.

    The command's words come from the params alone, and no shell reads them; nothing of a log is among them.

    Args:
        settings: section `watch.drift`.
        event: the JSON document that `DriftReport.as_row` made.

    Raises:
        ParamsError: a variable is not set, or holds no address.
        InfrastructureError: the command can't be run or fails, or the address refuses or doesn't answer.
    """
    done = []
    if settings.webhook is not None:
        done.append(_post(settings.webhook, settings.webhook_token, event))
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


def _post(webhook: Address, token_name: VariableName | None, event: Path) -> str:
    body = event.read_bytes()
    url = resolve(webhook, _WHO)
    token = None if token_name is None else from_environment(token_name, _WHO)
    headers = {"Content-Type": "application/json", "Idempotency-Key": _key(json.loads(body))}
    headers |= {} if token is None else {"Authorization": f"Bearer {token}"}
    server = Server(_WHO, url, _TIMEOUT_SECONDS, headers=headers, secrets=[token or "", url])
    try:
        server.request("POST", content=body)
    finally:
        server.close()
    return "posted the event"


def _key(event: Mapping[str, Any]) -> str:
    """Equal for repeated attempts of one event, so that the receiver acts once."""
    return hashlib.sha256(f"{event['time']} {event['drifted']}".encode()).hexdigest()[:32]
