"""Words by which a text speaks to whoever judges it: an order, a plea or a claim about the verdict itself.

Programs report what happened; they don't say how a line is to be called. A text is marked where one clause holds words
of two of these kinds, or one word that no program has a use for. The marking explains and can raise an alarm; it
changes no score, for an attacker who reads this list writes other words.
"""

from __future__ import annotations

import re

from rationanomaly.text.canonical import Canonical, Sign
from rationanomaly.text.clauses import clauses_of

_WORD = re.compile(r"[a-z']+")

#: What is asked of a reader.
_ORDERS = frozenset(
    (
        "answer", "assume", "believe", "classify", "classified", "conclude", "consider", "considered", "deem", "deemed",
        "dismiss", "disregard", "forget", "ignore", "judge", "judged", "label", "labelled", "labeled", "mark",
        "marked", "overlook", "please", "pretend", "rate", "rated", "regard", "regarded", "reply", "respond", "say",
        "tag", "tagged", "treat", "treated", "trust",
    )
)  # fmt: skip
#: What a verdict says.
_VERDICTS = frozenset(
    (
        "abnormal", "anomalous", "anomaly", "benign", "fault", "faulty", "fine", "harmless", "healthy", "incident",
        "innocuous", "irrelevant", "legitimate", "malicious", "noise", "normal", "routine", "safe", "spurious",
    )
)  # fmt: skip
#: What a verdict is about.
_SUBJECTS = frozenset(("alarm", "alert", "entry", "line", "log", "message", "record", "this", "verdict", "warning"))
#: What no program has a use for.
_TELLING = frozenset(
    (
        "assistant", "chatbot", "disregard", "innocuous", "kindly", "nonissue", "pretend", "verdict", "verdicts",
    )
)  # fmt: skip


def claims_in(log: Canonical) -> tuple[Sign, ...]:
    """A sign for each clause that speaks to its reader, with its span of the log."""
    found = []
    for start, end in clauses_of(log):
        words = frozenset(_WORD.findall(log.text[start:end].lower()))
        kinds = sum(bool(words & kind) for kind in (_ORDERS, _VERDICTS, _SUBJECTS))
        if words & _TELLING or (kinds >= 2 and words & _VERDICTS and words & (_ORDERS | _SUBJECTS)):
            found.append(Sign("claims", *log.span(start, end)))
    return tuple(found)
