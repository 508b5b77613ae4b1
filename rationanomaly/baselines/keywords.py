"""The keyword rule: a template that holds an alert word is abnormal.

The list is what anyone who has run computers would write down: the severities of syslog, what hardware and programs
do when they break, and what they say when they can't do their work. It was written before any label or correction
was looked at and is not tuned on data.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from rationanomaly.baselines.scorer import Floats
from rationanomaly.baselines.words import split_words

#: A word that begins so is an alert: ``fail`` covers fails, failed, failing, failure.
ALERT_STEMS: tuple[str, ...] = (
    # Severities.
    "alert", "critical", "emergenc", "err", "fatal", "severe", "warn",
    # Programs that break.
    "abend", "abnormal", "abort", "assert", "bug", "coredump", "crash", "deadlock", "exception", "exceed", "hang",
    "hung", "kill", "leak", "oom", "oops", "overflow", "overrun", "panic", "segfault", "sigabrt", "sigbus", "sigill",
    "sigkill", "sigsegv", "stall", "terminat", "traceback", "underflow", "underrun", "violat",
    # Hardware that breaks.
    "bad", "broke", "corrupt", "damage", "dead", "defect", "degrad", "fail", "fault", "malfunction",
    "nmi", "overheat", "overtemp", "parity", "shutdown", "uncorrect", "unrecover",
    # Work that can't be done.
    "cannot", "conflict", "couldn", "denied", "deny", "disallow", "drop", "expire", "fallback", "forbid", "illegal",
    "impossible", "improper", "inaccessib", "incompatib", "incomplete", "inconsisten", "incorrect", "insufficient",
    "interrupted", "invalid", "lost", "malform", "mismatch", "misaligned", "missing", "problem", "reject", "refus",
    "retry", "retries", "timeout", "timedout", "trouble", "unable", "unavailab", "undefined", "unexpected", "unknown",
    "unreach", "unresponsive", "unsuccess", "unsupported", "unusable", "wrong",
)  # fmt: skip

#: Words that mean it only beside each other.
ALERT_PHRASES: tuple[str, ...] = (
    "can not", "can t", "could not", "did not", "does not", "gave up", "giving up", "is down", "link down",
    "low memory", "machine check", "no response", "no route", "no space", "no such", "not available",
    "not connected", "not enough", "not exist", "not found", "not permitted", "not ready", "not respond",
    "not supported", "out of memory", "out of range", "out of space", "power off", "timed out", "time out",
    "too high", "too long", "too low", "too many", "went down", "will not",
)  # fmt: skip

#: What says that there is none of the thing that follows.
_NONE = ("no", "without", "zero")
_DENIABLE = ("err", "error", "fail", "fault", "problem", "exception", "warn")


class KeywordRule:
    """Counts alert words; needs no fitting."""

    def scores(self, templates: Sequence[str]) -> Floats:
        """1 - 2^-n for n distinct alert words: 0 without one, .5 with one, shape (len(templates),)."""
        counts = [len(alert_words(template)) for template in templates]
        return np.asarray(1 - 0.5 ** np.array(counts, dtype=np.float64), dtype=np.float64)


def alert_words(template: str) -> list[str]:
    """The distinct alert words and phrases in ``template``, in lower case, phrases first."""
    words = split_words(template)
    text = " " + " ".join(words)
    found = [phrase for phrase in ALERT_PHRASES if f" {phrase}" in text]
    previous = ""
    for word in words:
        if word.startswith(ALERT_STEMS) and not (previous in _NONE and word.startswith(_DENIABLE)):
            found.append(word)
        previous = word
    return list(dict.fromkeys(found))
