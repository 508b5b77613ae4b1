"""Failures that the words of a log tell of, the more telling ones first.

General knowledge of system operations: every word and phrase stands in the sources that its sign names, or is plain
English for what they describe. Nothing was chosen by looking at labelled data.
"""

from __future__ import annotations

from rationanomaly.rulebook.events import Sign
from rationanomaly.rulebook.faults import availability, limits, operation, trust

#: Where a log names several, the first of these is what it is about.
_ORDER = (
    *("exhausted", "uncorrected", "overheated", "throttled", "powerless", "wearing", "attacked", "unauthenticated"),
    *("expired", "denied", "truncated", "corrupt", "mismatch", "stuck", "reset", "refused", "silent", "exceeded"),
    *("flapping", "disconnected", "unresolved", "misconfigured", "duplicated", "desynchronised", "unreadable"),
    *("unwritable", "absent", "killed", "exception", "stopped", "interrupted", "leaking", "lost", "retried", "delayed"),
    *("invalid", "degraded", "failed"),
)
_BY_NAME = {sign.name: sign for sign in (*limits.FAULTS, *trust.FAULTS, *availability.FAULTS, *operation.FAULTS)}

FAULTS: tuple[Sign, ...] = tuple(_BY_NAME[name] for name in _ORDER)
