"""What a log is about that names no part that we know: nothing is said of it but what its signs say themselves."""

from __future__ import annotations

from rationanomaly.rulebook.domains.domain import Domain

GENERAL = Domain("general", "the system", roles=(), harms={}, checks={}, words=frozenset(), sources=())
