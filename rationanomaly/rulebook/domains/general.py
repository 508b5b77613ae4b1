"""What may be said of a log that names no part that we know."""

from __future__ import annotations

from rationanomaly.rulebook.domains.domain import domain

GENERAL = domain(
    "general",
    "the system",
    ("runs many parts side by side", "keeps a record of its own work"),
    capacity=(
        ("further work may be turned away", "callers may have to wait for room"),
        ("compare use and limits of disk, memory and processes", "see with top what grew in the last hour"),
    ),
    integrity=(
        ("results made from these data are doubtful", "damage may spread to copies"),
        ("compare the data with a known good copy", "look for hardware errors in dmesg at that time"),
    ),
    availability=(
        ("whatever depends on it has to wait", "jobs that call it may hang"),
        ("check whether the part named still responds", "find the first line that reports a wait"),
    ),
    access=(
        ("the caller does not get what it asked for", "somebody may be trying what they may not do"),
        ("see who asked and which rule refused it", "compare the rights of the caller with the wanted ones"),
    ),
    absence=(
        ("work that needs it can't begin", "callers may stop for want of it"),
        ("look for the named item where it should be", "see what was removed or moved lately"),
    ),
    operation=(
        ("a piece of work was left undone", "its caller has to try again or give up"),
        ("read the lines just before this one", "repeat the step by hand and watch it"),
    ),
    degradation=(
        ("work continues more slowly or without a reserve", "a later failure becomes more likely"),
        ("compare its pace with the last days", "see whether the same line comes more often"),
    ),
    words="",
    sources=("Site Reliability Engineering (O'Reilly), chapter on troubleshooting",),
    broad=True,
)
