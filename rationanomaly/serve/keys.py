"""API keys: who may do what, from one environment variable; only their hashes are kept."""

from __future__ import annotations

import hashlib
import hmac
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, get_args

from rationanomaly.errors import ParamsError

#: ``write``: send lines and logs; ``read``: verdicts, incidents, model, metrics; ``admin``: both, and change the model.
Role = Literal["write", "read", "admin"]
ROLES: tuple[Role, ...] = get_args(Role)
_NAME = re.compile(r"[A-Za-z0-9_.-]{1,40}")
_HASH = re.compile(r"sha256:[0-9a-f]{64}")
_SHORTEST = 16


@dataclass(frozen=True)
class Caller:
    """Who sends a request.

    Attributes:
        name: of the key, or ``local`` where nobody needs one; it stands in metrics and names of streams.
        roles: what the caller may do.
    """

    name: str
    roles: frozenset[Role]

    def may(self, role: Role) -> bool:
        """Whether a role, or ``admin``, is among the caller's."""
        return role in self.roles or "admin" in self.roles


#: Who comes without a key where none is needed.
LOCAL = Caller("local", frozenset(ROLES))


@dataclass(frozen=True)
class Keys:
    """The keys of a service.

    Attributes:
        needed: whether a request needs one.
    """

    _callers: Mapping[bytes, Caller] = field(repr=False)
    needed: bool = True

    @classmethod
    def read(cls, variable: str | None) -> Keys:
        """The keys that an environment variable holds.

        They are separated by commas or blanks, each ``NAME=KEY`` or ``NAME:ROLE+ROLE=KEY``; without roles it is
        ``write+read``. A key has 16 characters or more, or is ``sha256:`` and the hexadecimal SHA-256 of one.

        Args:
            variable: its name; None: nobody needs a key.

        Raises:
            ParamsError: it is not set, or holds something else.
        """
        if variable is None:
            return cls({}, needed=False)
        entries = os.environ.get(variable, "").replace(",", " ").split()
        if not entries:
            hint = f"Set {variable}=NAME=KEY, or set watch.serve.keys to null to ask for none"
            raise ParamsError(f"the environment variable {variable} holds no API keys", hint=hint)
        return cls(dict(_read(entry, number, variable) for number, entry in enumerate(entries, 1)))

    def find(self, key: str | None) -> Caller | None:
        """Whose key it is; takes as long for a wrong one as for a right one."""
        if not self.needed:
            return LOCAL
        digest = hashlib.sha256((key or "").encode("utf-8", "surrogatepass")).digest()
        found = None
        for known, caller in self._callers.items():
            if hmac.compare_digest(known, digest):
                found = caller
        return found


def _read(entry: str, number: int, variable: str) -> tuple[bytes, Caller]:
    """A hash and whose it is. No error may show any part of an entry: it may be a key."""
    who, equals, key = entry.partition("=")
    name, colon, named = who.partition(":")
    wanted = named.split("+") if colon else ["write", "read"]
    roles: frozenset[Role] = frozenset(role for role in ROLES if role in wanted)
    hint = "Write NAME=KEY or NAME:ROLE+ROLE=KEY, with the roles write, read and admin"
    if not equals or _NAME.fullmatch(name) is None or len(roles) != len(wanted):
        raise ParamsError(f"entry {number} of the environment variable {variable} is no API key", hint=hint)
    if key.startswith("sha256:"):
        if _HASH.fullmatch(key) is None:
            hint = "Write sha256: and the 64 hexadecimal digits of `printf %s KEY | sha256sum`"
            raise ParamsError(f"entry {number} of the environment variable {variable} is no SHA-256", hint=hint)
        digest = bytes.fromhex(key.removeprefix("sha256:"))
    elif len(key) < _SHORTEST:
        hint = "Make one with `openssl rand -hex 24`"
        raise ParamsError(f"key {number} of the environment variable {variable} is too short", hint=hint)
    else:
        digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).digest()
    return digest, Caller(name, roles)
