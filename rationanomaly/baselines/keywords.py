"""The keyword rule: a template that holds an alert word is abnormal.

The list is what anyone who has run computers would write down: the severities of syslog, what hardware and programs
do when they break, and what they say when they can't do their work. It comes from general knowledge and was written
when three of the published corrections had been seen. The division into grave and uneasy words and the routine words,
which only the radar uses, came later, when variants of the radar had been measured on the published corrections.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import TYPE_CHECKING

from rationanomaly.baselines.words import split_words

if TYPE_CHECKING:
    from rationanomaly.baselines.scorer import Floats

#: A word that begins so says that something broke, died or was lost: ``fail`` covers fails, failed, failing, failure.
GRAVE_STEMS: tuple[str, ...] = (
    "abend", "abnormal", "abort", "assert", "bad", "broke", "coredump", "corrupt", "crash", "critical", "damage",
    "dead", "deadlock", "defect", "emergenc", "exception", "fail", "fatal", "hang", "hung", "kill", "lost",
    "malfunction", "nmi", "oom", "oops", "overheat", "overtemp", "panic", "segfault", "severe", "sigabrt", "sigbus",
    "sigill", "sigkill", "sigsegv", "terminat", "traceback", "unable", "uncorrect", "unreach", "unrecover",
    "unresponsive",
)  # fmt: skip

#: A word that begins so says that something is not as it should be.
UNEASY_STEMS: tuple[str, ...] = (
    "alert", "bug", "cannot", "conflict", "couldn", "degrad", "denied", "deny", "disallow", "drop", "err", "exceed",
    "expire", "fallback", "fault", "forbid", "illegal", "impossible", "improper", "inaccessib", "incompatib",
    "incomplete", "inconsisten", "incorrect", "insufficient", "interrupted", "invalid", "leak", "malform",
    "misaligned", "mismatch", "missing", "overflow", "overrun", "parity", "problem", "refus", "reject", "retries",
    "retry", "shutdown", "stall", "timedout", "timeout", "trouble", "unavailab", "undefined", "underflow",
    "underrun", "unexpected", "unknown", "unsuccess", "unsupported", "unusable", "violat", "warn", "wrong",
)  # fmt: skip

ALERT_STEMS = GRAVE_STEMS + UNEASY_STEMS

#: Words that mean it only beside each other.
ALERT_PHRASES: tuple[str, ...] = (
    "can not", "can t", "could not", "did not", "does not", "gave up", "giving up", "is down", "link down",
    "low memory", "machine check", "no response", "no route", "no space", "no such", "not available",
    "not connected", "not enough", "not exist", "not found", "not permitted", "not ready", "not respond",
    "not supported", "out of memory", "out of range", "out of space", "power off", "timed out", "time out",
    "too high", "too long", "too low", "too many", "went down", "will not",
)  # fmt: skip

#: Words of start-up, routine and recovery. They do not make a template normal, but speak for it.
ROUTINE_WORDS: tuple[str, ...] = (
    "corrected", "debug", "detected", "enable", "enabled", "ignored", "ignoring", "info", "initialized", "loaded",
    "mounted", "ok", "recover", "recovered", "registered", "resolved", "started", "starting", "succeeded",
    "success", "successful", "successfully", "supported", "using",
)  # fmt: skip

#: What says that there is none of the thing that follows.
_NONE = ("no", "without", "zero")
_DENIABLE = ("err", "error", "fail", "fault", "problem", "exception", "warn")


class KeywordRule:
    """Counts alert words; needs no fitting."""

    def scores(self, templates: Sequence[str]) -> Floats:
        """1 - 2^-n for n distinct alert words: 0 without one, .5 with one, shape (len(templates),)."""
        import numpy as np

        counts = [len(alert_words(template)) for template in templates]
        return np.asarray(1 - 0.5 ** np.array(counts, dtype=np.float64), dtype=np.float64)


@lru_cache(maxsize=32_768)
def alert_words(template: str) -> tuple[str, ...]:
    """The distinct alert words and phrases in ``template``, in lower case, phrases first."""
    words = split_words(template)
    text = " " + " ".join(words)
    found = [phrase for phrase in ALERT_PHRASES if f" {phrase}" in text]
    previous = ""
    for word in words:
        if word.startswith(ALERT_STEMS) and not (previous in _NONE and word.startswith(_DENIABLE)):
            found.append(word)
        previous = word
    return tuple(dict.fromkeys(found))
