"""Faults denied and successes undone, and severities swapped: whether a verdict hangs on what a log says.

A denied fault is judged only where the rulebook reads none any more in what is left, so that the answer is known.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from rationanomaly.rulebook.signs import read
from rationanomaly.stress.cases import Case, did_not_fall, did_not_rise, flipped, is_abnormal, is_not_abnormal
from rationanomaly.stress.judging import Tested
from rationanomaly.stress.wording import Exchange

#: What says that a fault is not there, for what says that it is.
_DENIED = Exchange(
    {
        "error": "no error", "errors": "no errors", "failure": "no failure", "failures": "no failures",
        "failed to": "did not fail to", "has failed": "has not failed", "have failed": "have not failed",
        "failed": "did not fail", "fails": "does not fail", "fail": "not fail", "failing": "not failing",
        "failing over": "not failing over", "exception": "no exception", "exceptions": "no exceptions",
        "panic": "no panic", "kernel panic": "no kernel panic", "fault": "no fault", "faults": "no faults",
        "cannot": "can", "can not": "can", "could not": "could", "unable to": "able to", "not found": "found",
        "not responding": "responding", "not ready": "ready", "not available": "available", "unavailable": "available",
        "not reachable": "reachable", "unreachable": "reachable", "timed out": "did not time out",
        "timeout": "no timeout", "lost": "not lost", "is down": "is up", "down": "up", "offline": "online",
        "corrupt": "not corrupt", "corrupted": "not corrupted", "corruption": "no corruption", "denied": "granted",
        "refused": "accepted", "rejected": "accepted", "invalid": "valid", "illegal": "legal", "missing": "present",
        "broken": "intact", "dead": "alive", "crashed": "did not crash", "crash": "no crash",
        "aborted": "was not aborted", "abort": "no abort", "terminated": "was not terminated", "killed": "not killed",
        "exceeded": "not exceeded", "uncorrectable": "no uncorrectable", "unrecoverable": "no unrecoverable",
        "overheated": "not overheated", "full": "not full", "exhausted": "not exhausted", "violation": "no violation",
        "mismatch": "no mismatch", "leak": "no leak", "overflow": "no overflow", "deadlock": "no deadlock",
        "unexpected": "no unexpected", "bad": "good", "critical": "not critical", "fatal": "not fatal",
        "degraded": "not degraded", "hung": "not hung", "stuck": "not stuck", "stopped": "running",
    }
)  # fmt: skip
#: What says that something went wrong, for what says that it went well.
_UNDONE = Exchange(
    {
        "no error": "error", "no errors": "errors", "without error": "with error", "without errors": "with errors",
        "no failure": "failure", "no failures": "failures", "succeeded": "failed", "success": "failure",
        "successful": "failed", "successfully": "unsuccessfully", "successfully started": "failed to start",
        "completed": "failed to complete", "completed successfully": "failed", "accepted": "refused",
        "started": "failed to start", "connected": "failed to connect", "available": "unavailable",
        "ready": "not ready", "online": "offline", "passed": "failed", "restored": "lost", "recovered": "not recovered",
        "corrected": "uncorrectable", "correctable": "uncorrectable", "healthy": "failed", "ok": "failed",
        "mounted": "could not be mounted", "loaded": "failed to load", "opened": "could not be opened",
        "finished": "aborted", "synchronized": "failed to synchronize", "granted": "denied", "up": "down",
        "reachable": "unreachable", "verified": "corrupt", "established": "lost",
    }
)  # fmt: skip
_CALMER = Exchange(dict.fromkeys(("fatal", "error", "err", "severe", "critical", "crit", "emergency", "alert"), "info"))
_LOUDER = Exchange(dict.fromkeys(("info", "notice", "debug", "trace", "information"), "fatal"))
#: A severity is a claim about a message, where it stands in front of it or in brackets.
_SEVERITY = re.compile(r"^\W*[A-Za-z]+(?=[\]:|])|(?<=\[)[A-Za-z]+(?=\])|(?<=level=)[A-Za-z]+|(?<=severity=)[A-Za-z]+")
_RUN = re.compile(r"[^\W\d_]+")


def negation_cases(alarms: Sequence[Tested], normals: Sequence[Tested], rows: int) -> Iterator[Case]:
    """Denied faults of alarms, undone successes of normal logs, so many of each.

    Rates: ``negation/still_alarm``: a denied fault is still called abnormal; ``negation/not_lowered``: its score did
    not even fall. ``negation/still_normal`` and ``negation/not_raised``: the same of an undone success.
    """
    denied = ((log, _DENIED.apply(log.template)) for log in alarms)
    for log, altered in _first(((log, text) for log, (text, times) in denied if times and _is_calm(text)), rows):
        yield Case(("negation/still_alarm",), "negation/fault denied", altered, is_abnormal, "normal", log)
        yield Case(("negation/not_lowered",), "negation/fault denied", altered, did_not_fall, "a lower score", log)
    undone = ((log, _UNDONE.apply(log.template, 1)) for log in normals)
    for log, altered in _first(((log, text) for log, (text, times) in undone if times and not _is_calm(text)), rows):
        yield Case(("negation/still_normal",), "negation/success undone", altered, is_not_abnormal, "abnormal", log)
        yield Case(("negation/not_raised",), "negation/success undone", altered, did_not_rise, "a higher score", log)


def severity_cases(alarms: Sequence[Tested], normals: Sequence[Tested], rows: int) -> Iterator[Case]:
    """Alarms that call themselves information, and normal logs that call themselves fatal, so many of each.

    A severity that a log has is swapped; one that has none gets one in front. What happened stays what it was, and so
    should the answer. Rates: ``severity/missed`` and ``severity/false_alarms``.
    """
    for log in alarms[:rows]:
        altered = _with_severity(log.template, _CALMER, "INFO")
        yield Case(("severity/missed",), "severity/lowered", altered, flipped, "as before", log)
    for log in normals[:rows]:
        altered = _with_severity(log.template, _LOUDER, "FATAL")
        yield Case(("severity/false_alarms",), "severity/raised", altered, flipped, "as before", log)


def _with_severity(text: str, exchange: Exchange, instead: str) -> str:
    swapped = _SEVERITY.sub(lambda found: exchange.apply(found.group())[0], text, count=1)
    return swapped if swapped != text else f"{instead}: {text}"


def _is_calm(text: str) -> bool:
    """Whether the rulebook reads no failure in a text that was not denied."""
    words = tuple(word.lower() for word in _RUN.findall(text))
    # The rulebook knows "no" for a denial and "not" only in phrases of its own; here both are ours.
    plain = tuple("no" if word == "not" else word for word in words)
    return read(plain).tone != "fault"


def _first(pairs: Iterator[tuple[Tested, str]], rows: int) -> Iterator[tuple[Tested, str]]:
    for _ in range(rows):
        pair = next(pairs, None)
        if pair is None:
            return
        yield pair
