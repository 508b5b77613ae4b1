"""Words that name a state: what something came to, or the condition that it is in.

Messages that differ in such a word say different things, however alike they are: no verdict fits both ``backup
succeeded`` and ``backup failed``. So they never share a template.
"""

from __future__ import annotations

import re
from functools import cache, lru_cache

from rationanomaly.rulebook.events import words_of
from rationanomaly.rulebook.signs import EASINGS, FAULTS

#: States that exclude each other: on the left what is well, or a beginning; on the right what is not, or an end.
OPPOSITES: tuple[tuple[str, str], ...] = (
    ("succeeded success successful successfully", "failed failure fail fails unsuccessful unsuccessfully error"),
    ("passed pass passes", "failed fail rejected refused"),
    ("ok okay good fine normal nominal", "bad abnormal critical faulty error alarm"),
    ("up online alive available reachable", "down offline dead unavailable unreachable"),
    ("on enabled enable", "off disabled disable"),
    ("active", "inactive passive faulty standby"),
    ("started starting running start", "stopped stopping halted terminated crashed killed exited stop"),
    ("begin began", "end ended"),
    ("resumed unpaused resume", "paused suspended frozen suspend pause"),
    ("created added inserted installed create add", "deleted removed uninstalled destroyed evicted delete remove"),
    ("connected attached joined associated paired", "disconnected detached left disassociated unpaired"),
    ("connect attach enter", "disconnect detach leave"),
    ("login logon", "logout logoff"),
    ("opened open", "closed"),
    ("loaded mounted registered subscribed", "unloaded unmounted deregistered unregistered unsubscribed"),
    ("load mount register subscribe", "unload unmount umount deregister unsubscribe"),
    ("locked acquired lock acquire", "unlocked released unlock release"),
    ("allowed permitted granted accepted", "denied forbidden rejected refused blocked revoked disallowed"),
    ("allow permit grant accept", "deny forbid reject refuse block revoke drop"),
    ("authorized authenticated verified", "unauthorized unauthenticated unverified"),
    ("assigned scheduled linked", "unassigned unscheduled unlinked"),
    ("cordoned banned armed", "uncordoned unbanned disarmed"),
    ("committed commit", "rollback"),
    ("busy charging upgraded", "idle discharging downgraded"),
    ("valid correct", "invalid incorrect wrong expired"),
    ("healthy ready stable clean synced synchronized", "unhealthy unready unstable dirty unsynced unsynchronized"),
    ("known recognized supported expected", "unknown unrecognized unsupported unexpected"),
    ("found present", "missing absent notfound"),
    ("completed complete finished done", "aborted incomplete cancelled canceled interrupted pending"),
    ("true yes", "false no"),
    ("plugged", "unplugged"),
    ("restored recovered recovering resolved repaired", "lost degraded degrading damaged broken corrupted"),
    ("accepted delivered sent", "dropped discarded bounced undelivered"),
    ("encrypted trusted secure", "unencrypted untrusted insecure"),
    ("consistent compatible", "inconsistent incompatible"),
    ("responding responsive", "unresponsive stuck hung hanging stalled"),
    ("promoted leader primary master", "demoted follower secondary slave replica"),
    ("null none empty", "timeout full"),
    ("increased rising raised high above", "decreased falling lowered low below"),
)

#: Words of the rulebook's signs that name no state: they count, deny or stand for a thing.
_NO_STATES = words_of(
    "not cannot count counts tally total ratio stats statistics test tests tested testing drill exercise instead "
    "fallback failover bug problem problems attack attacks attacker intrusion parity skew trap violation severe "
    "marginal"
)
#: The same ending in small letters, in CamelCase, behind a hyphen or an underscore.
_LAST_WORD = re.compile(r"[A-Z]?[a-z]+$|[A-Z]+$")
_PARTING = re.compile(r"([,;:|&])")
#: ``logged-in``: the word behind the hyphen is one by itself nowhere else.
_IN_OR_OUT = re.compile(r"[A-Za-z](?:-|_)(in|out)$", re.IGNORECASE)
#: Methods of HTTP say what was done.
_METHODS = frozenset(["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
_LONGEST = 256
_EDGES = "\"'`()[]{}<>,;:.!?*#|"


@cache
def state_words() -> frozenset[str]:
    """All words that name a state, in small letters: `OPPOSITES`, and what the rulebook knows of faults and reliefs."""
    named = {word for sides in OPPOSITES for side in sides for word in side.split()}
    of_signs = {phrase for sign in (*FAULTS, *EASINGS) for phrase in sign.words if " " not in phrase}
    return frozenset(named | (of_signs - _NO_STATES))


@lru_cache(maxsize=65_536)
def state_in(word: str) -> str | None:
    """The state that a word of a message names as it stands there, in small letters; None if it names none.

    Quotes, brackets and punctuation at its ends don't matter, nor what stands before an equals sign or a colon:
    ``(failed)``, ``state=down,``, ``link_up``, ``NodeReady``. A path, an address or a dotted name is none.
    """
    if len(word) > _LONGEST or "/" in word or "\\" in word or "@" in word:
        return None
    return next(filter(None, map(_state, parts_of(word))), None)


def parts_of(word: str) -> list[str]:
    """The parts of a word that may each name a state, and what stands between them; together they are the word."""
    return _PARTING.split(word)


def core(word: str) -> str:
    """A word without quotes, brackets and punctuation at its ends, and without the ``key=`` in front."""
    return word.strip(_EDGES).rpartition("=")[2].strip(_EDGES)


def _state(part: str) -> str | None:
    value = core(part)
    if value in _METHODS:
        return value.lower()
    if in_or_out := _IN_OR_OUT.search(value):
        return in_or_out[1].lower()
    last = None if "." in value else _LAST_WORD.search(value)
    return last.group().lower() if last is not None and last.group().lower() in state_words() else None
