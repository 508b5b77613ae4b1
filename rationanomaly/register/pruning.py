"""Entries of the promotion log that decide nothing are deleted in time: else each refusal would lie there for ever."""

from __future__ import annotations

import logging
import time
from collections.abc import Sequence

from rationanomaly.register.promotion_log import Entry, PromotionLog

logger = logging.getLogger(__name__)

#: Refusals that are kept of an alias; seconds after which a proposal is of a promoter that is no more; deletions of one
#: promotion, each of which is a request.
_KEPT, _DEAD, _AT_ONCE = 100, 3600.0, 20


def prune(log: PromotionLog) -> None:
    """Delete old refusals and dead proposals of an alias; without the permission nothing happens, and nothing is said.

    What counts is never deleted, and numbers are not given out again: the registry keeps the deleted ones.
    """
    from mlflow.exceptions import MlflowException

    try:
        for entry in _superfluous(log.entries())[:_AT_ONCE]:
            log.client.delete_model_version(log.log, str(entry.number))
    except MlflowException as error:
        logger.debug("old entries of %s were not deleted: %s", log.log, error)


def _superfluous(entries: Sequence[Entry]) -> list[Entry]:
    refused = [entry for entry in entries if entry.kind == "refused"]
    dead = [entry for entry in entries if entry.kind == "proposed" and entry.created < time.time() - _DEAD]
    return sorted([*refused[:-_KEPT], *dead], key=lambda entry: entry.number)
