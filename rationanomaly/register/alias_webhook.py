"""Tell a web address that an alias has moved: signed as sinks sign, repeated until it is taken.

RATIONANOMALY_ALIAS_WEBHOOK=https://deploy.example/hook rationanomaly promote models:/rationanomaly@candidate

Address and secret are read from the environment, for an address often holds a token. It is told at least once of the
last move: what was not taken is sent again by the next promotion or rollback, under the same id, by which a receiver
drops repeats.
"""

from __future__ import annotations

import json
import logging
import os
import time

from rationanomaly.errors import RationAnomalyError
from rationanomaly.register.promotion_log import Entry, PromotionLog
from rationanomaly.remote.credentials import from_environment, resolve
from rationanomaly.remote.http import Server, UnreachableError
from rationanomaly.remote.signing import read_secret, signed_headers

logger = logging.getLogger(__name__)

#: Names of the variables.
ADDRESS, SECRET = "RATIONANOMALY_ALIAS_WEBHOOK", "RATIONANOMALY_ALIAS_WEBHOOK_SECRET"
_WHO = "the webhook of promotions"
#: Seconds of a request, and between tries.
_SECONDS, _PAUSES = 5.0, (0.5, 2.0)


def announce(log: PromotionLog) -> bool:
    """Tell of the last move unless it has been told; True if there is nothing left to tell.

    A webhook that does not answer undoes no promotion: it is a warning, and the next promotion tries again.
    """
    if not os.environ.get(ADDRESS):
        return True
    head = log.read().head
    if head is None or head.is_announced:
        return True
    try:
        _post(log, head)
    except RationAnomalyError as error:
        logger.warning("%s The next promotion or rollback tells it again.", error)
        return False
    log.announced(head)
    return True


def body_of(log: PromotionLog, entry: Entry) -> bytes:
    """What is sent: which alias of which model moved to which version, from which, why, and the policy's hash."""
    row = {
        "type": f"alias.{entry.kind}",
        "name": log.name,
        "alias": log.alias,
        "version": entry.version,
        "previous": entry.before,
        "model": entry.model or None,
        "entry": entry.number,
        "policy_sha256": entry.tags.get("policy.sha256"),
        "by": entry.tags.get("by"),
    }
    return json.dumps(row).encode()


def _post(log: PromotionLog, entry: Entry) -> None:
    url = resolve(f"env:{ADDRESS}", _WHO)
    secret = read_secret(from_environment(SECRET, _WHO)) if os.environ.get(SECRET) else None
    body = body_of(log, entry)
    headers = {"Content-Type": "application/json", "Idempotency-Key": entry.nonce}
    if secret is not None:
        headers |= signed_headers(secret, entry.nonce, int(time.time()), body)
    server = Server(_WHO, url, _SECONDS, secrets=[url])
    try:
        for pause in (*_PAUSES, None):
            try:
                server.request("POST", content=body, headers=headers)
                return
            except UnreachableError:
                if pause is None:
                    raise
                time.sleep(pause)
    finally:
        server.close()
