"""Who may open the review page: one-time links on loopback, a session cookie afterwards."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from threading import Lock

from rationanomaly.decisions.reviewer_name import LONGEST_NAME, known_name
from rationanomaly.review.desk import Member

COOKIE = "review"
NO_NAME = f"That is no name: give 1 to {LONGEST_NAME} visible characters."


class Access:
    """Hands out one link for each member, each good for one browser.

    Args:
        members: who reviews.
        open_desk: let anybody who reaches the page enter under a name; only for a network that you trust.
    """

    def __init__(self, members: Sequence[Member], open_desk: bool = False) -> None:
        self.open_desk = open_desk
        self.links: dict[str, Member] = {secrets.token_urlsafe(24): member for member in members}
        self._sessions: dict[str, Member] = {}
        self._seniors = {member.name for member in members if member.senior}
        self._lock = Lock()

    def entrances(self, page: str) -> Iterator[tuple[Member, str]]:
        """Each member's link to a page, whose host, port and path are given.

        Its key is not called a token: what is called so in an address is struck from logs, and these are for them.
        """
        for token, member in self.links.items():
            yield member, f"http://{page}/enter?once={token}"

    def spend(self, token: str) -> str | None:
        """Turn a one-time token into a session key; None if it is unknown or was used before."""
        with self._lock:
            member = self.links.pop(token, None)
            return None if member is None else self._open(member)

    def enter(self, name: str) -> str | None:
        """A session for somebody who gives a name; None unless the desk is open."""
        known = known_name(name)
        if not self.open_desk or known is None:
            return None
        with self._lock:
            return self._open(Member(known, known in self._seniors))

    def member(self, session: str | None) -> Member | None:
        """Who a session belongs to."""
        return self._sessions.get(session or "")

    def _open(self, member: Member) -> str:
        session = secrets.token_urlsafe(24)
        self._sessions[session] = member
        return session
