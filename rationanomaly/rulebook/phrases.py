"""The sentences of the rulebook's analyses.

An analysis has three: the key parameters, quoted, and what they say; what may follow, or how it may come about where
nothing is wrong; what an operator checks first, or that nothing needs doing. The first is chosen by the words of the
log alone, and says no more than they do. What doesn't stand in the log is put as a possibility. No sentence holds the
verdict: the conclusion alone does (`text.prompt.conclude`).

A small student learns them from examples. So the first words of a sentence show which of the three it is, behind them
the log decides how it goes on, and no beginning promises a second quote, which a log of one word doesn't have.
"""

from __future__ import annotations

from collections.abc import Mapping

from rationanomaly.text.evidence import NO_EVIDENCE

#: By number of quotes, for a log that names a failure: {0} is what failed, {1} the part that it names.
FAULT_OPENINGS: Mapping[int, tuple[str, ...]] = {
    1: (
        'The log reports "{0}": {clause}.',
        'It says "{0}": {clause}.',
    ),
    2: (
        'The log reports "{0}" and names "{1}": {clause}.',
        'It says "{0}" and also names "{1}": {clause}.',
    ),
}

#: For a log that names a failure and says how it was coped with: {0} is what failed, {1} what is said to that.
EASED_OPENINGS: tuple[str, ...] = (
    'The log reports "{0}" together with "{1}": {clause}, but {easing}.',
    'It says "{0}" and also "{1}": {clause}, but {easing}.',
)

#: By number of quotes, for a log that names no failure: {0} is what happens, {1} a part that it names.
PLAIN_OPENINGS: Mapping[int, tuple[str, ...]] = {
    1: (
        'The line says "{0}": {clause}.',
        'The entry reads "{0}": {clause}.',
    ),
    2: (
        'The line says "{0}" and names "{1}": {clause}.',
        'The entry reads "{0}" and also names "{1}": {clause}.',
    ),
}

#: By number of quotes, for a log whose words tell of no event: they are named, and nothing is said of them yet.
MENTION_OPENINGS: Mapping[int, tuple[str, ...]] = {
    1: (
        'The line names "{0}".',
        'The entry is about "{0}".',
        'Here "{0}" is named.',
    ),
    2: (
        'The line names "{0}" and "{1}".',
        'The entry is about "{0}" and "{1}".',
        'Here "{0}" and "{1}" are named.',
    ),
}

#: For a log without words; every one holds `NO_EVIDENCE` as it stands.
NO_EVIDENCE_OPENINGS: tuple[str, ...] = (
    NO_EVIDENCE,
    f"One thing is plain: {NO_EVIDENCE}",
    f"There is nothing to quote: {NO_EVIDENCE}",
    f"First of all: {NO_EVIDENCE}",
)

#: What may follow from a failure.
RISK_FORMS: tuple[str, ...] = (
    "This may mean that {risk}.",
    "It may follow that {risk}.",
    "It matters if {risk}.",
)
#: The same with the part and what it does, where there is room.
HARM_FORMS: tuple[str, ...] = (
    "For {topic}, which {role}, this may mean that {risk}.",
    "It matters for {topic}, which {role}, if {risk}.",
)
#: What such a failure is known to come from in a part, where that is known.
SPECIAL_FORMS: tuple[str, ...] = (
    "For {topic} this often means that {risk}.",
    "In the case of {topic} it often means that {risk}.",
)
#: What may follow from a failure that was coped with and counts all the same.
UNEASED_FORMS: tuple[str, ...] = (
    "Even so, it may be that {risk}.",
    "Yet it may be that {risk}.",
)

#: What an operator does first.
CHECK_FORMS: tuple[str, ...] = (
    "First, {check}.",
    "An operator should {check}.",
    "To begin with, {check}.",
    "As a first step, {check}.",
)

#: What part a log without a failure is about.
PART_FORMS: tuple[str, ...] = (
    "It concerns {topic}, which {role}.",
    "The part concerned is {topic}, which {role}.",
)

#: Why nobody has to act where nothing failed.
ORDINARY_FORMS: tuple[str, ...] = (
    "No action is needed: {ordinary}.",
    "Nothing needs doing, because {ordinary}.",
    "Nobody has to act, since {ordinary}.",
)

#: How a failure was coped with, where the first sentence does not say so.
EASING_FORMS: tuple[str, ...] = (
    "But it also says that {easing}.",
    "It adds that {easing}.",
)

#: That nothing needs doing where a failure was coped with, or where its wording makes too much of it.
LEFT_ALONE: tuple[str, ...] = (
    "Nothing needs doing unless it keeps coming back.",
    "No action is needed as long as it stays a single case.",
    "An operator can leave it at that for now.",
    "Nobody has to act on this line alone.",
)

#: A log that reads like a failure, where it need not be one.
EXCUSE_FORMS: tuple[str, ...] = (
    "By itself it need not be a fault: it may be that {excuse}.",
    "It may only mean that {excuse}.",
    "A harmless reason would be that {excuse}.",
)

#: A log without a word of failure, where it goes with one that is left open; of a part: `SUSPICION_HARM_FORMS`.
SUSPICION_FORMS: tuple[str, ...] = (
    "It may point to a fault that other lines report.",
    "Such a line may come with a fault that is reported elsewhere.",
    "Some fault may have left it behind.",
)
SUSPICION_HARM_FORMS: tuple[str, ...] = (
    "If {topic} is at fault, it may be that {risk}.",
    "Should it go with a fault of {topic}, it may be that {risk}.",
)
#: What is checked there, where the log leaves open what it is about.
SUSPICION_CHECKS: tuple[str, ...] = (
    "read the lines around it for what failed",
    "compare it with what was logged just before",
    "see whether it came at the time of a known fault",
)

#: For a log without words: what can't be read from it.
NO_EVIDENCE_IMPLICATIONS: tuple[str, ...] = (
    "No word says what the values count or which program wrote them.",
    "What they measure, and where they come from, cannot be read from them.",
    "They leave open what was recorded and by which part.",
)

#: For a log without words, where nothing needs doing.
NO_EVIDENCE_CALM: tuple[str, ...] = (
    "Bare values report no trouble; the lines around them tell what they belong to.",
    "Nothing needs doing for numbers alone; neighbouring lines tell what they are part of.",
    "No action is needed, and the program that wrote them is named in lines close by.",
)

#: For a log without words that goes with a fault; nothing more can honestly be said of it.
NO_EVIDENCE_ALARM: tuple[str, ...] = (
    "Such values may be a dump that a fault has left, so read the lines around them first.",
    "Values like these may be written after a fault: first look up what stands before them.",
    "What went wrong would stand elsewhere, so first find the program that wrote them.",
)
