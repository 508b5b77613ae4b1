"""The sentences of the rulebook's analyses.

An analysis has three: the key parameters, quoted; what the event means in the part that it happened to, and what
follows; what an operator checks first, or that nothing needs doing. The first is chosen by the words of the log alone.
None holds the verdict: the conclusion alone does (`text.prompt.conclude`).

A small student learns them from examples. So the first words of a sentence show which of the three it is, and behind
them the log decides how it goes on.
"""

from __future__ import annotations

from collections.abc import Mapping

from rationanomaly.text.evidence import NO_EVIDENCE

#: By number of quotes, for a log that names a failure: {0} is what failed, {1} the part that it concerns.
FAULT_OPENINGS: Mapping[int, tuple[str, ...]] = {
    1: (
        'The log reports "{0}".',
        'The failure is named by "{0}".',
        'Something went wrong: "{0}".',
        'An operator would notice "{0}".',
        'The telling words are "{0}".',
        'What failed is put as "{0}".',
    ),
    2: (
        'The log reports "{0}" for "{1}".',
        'The failure is "{0}", seen at "{1}".',
        'Something went wrong: "{0}" at "{1}".',
        'An operator would notice "{0}" and "{1}".',
        'The telling words are "{0}" and "{1}".',
        'A failure, "{0}", concerns "{1}".',
    ),
}

#: For a log that names a failure and says how it was coped with: {0} is what failed, {1} what is said to that.
EASED_OPENINGS: tuple[str, ...] = (
    'The log reports "{0}" together with "{1}".',
    'A failure, "{0}", is qualified by "{1}".',
    'It says "{0}", and it also says "{1}".',
    'Beside "{0}" stands "{1}".',
)

#: By number of quotes, for a log that names no failure: {0} is a part, {1} what is said of it.
PLAIN_OPENINGS: Mapping[int, tuple[str, ...]] = {
    1: (
        'The key parameter is "{0}".',
        'The entry is about "{0}".',
        'This line mentions "{0}".',
        'One word says what this is: "{0}".',
        'Apart from values it holds "{0}".',
    ),
    2: (
        'The key parameters are "{0}" and "{1}".',
        'The entry is about "{0}" and "{1}".',
        'This line mentions "{0}" with "{1}".',
        'Two parameters say what this is: "{0}" and "{1}".',
        'We read of "{0}" together with "{1}".',
    ),
}

#: For a log without words; every one holds `NO_EVIDENCE` as it stands.
NO_EVIDENCE_OPENINGS: tuple[str, ...] = (
    NO_EVIDENCE,
    f"One thing is plain: {NO_EVIDENCE}",
    f"There is nothing to quote: {NO_EVIDENCE}",
    f"First of all: {NO_EVIDENCE}",
)

#: What a failure means and what follows from it.
FAULT_FORMS: tuple[str, ...] = (
    "This means that {meaning}, so {harm}.",
    "It shows that {meaning}, and {harm}.",
    "In other words, {meaning}, so {harm}.",
    "That is, {meaning}, and {harm}.",
    "Here {meaning}, so {harm}.",
    "Evidently {meaning}, and {harm}.",
)

#: What an operator does first; {check} is what a domain has for the family of the failure.
CHECK_FORMS: tuple[str, ...] = (
    "First, {check}.",
    "An operator should {check}.",
    "To begin with, {check}.",
    "As a first step, {check}.",
    "Start with this: {check}.",
)

#: What goes on where nothing failed.
PLAIN_FORMS: tuple[str, ...] = (
    "This means that {meaning}.",
    "It shows that {meaning}.",
    "In other words, {meaning}.",
    "Here {meaning}.",
    "That is, {meaning}.",
)

#: Why that is part of the work, and that nothing needs doing.
ORDINARY_FORMS: tuple[str, ...] = (
    "No action is needed, for {ordinary}.",
    "Nobody has to act on it: {ordinary}.",
    "As {ordinary}, there is nothing to do.",
    "Since {ordinary}, an operator may pass over it.",
    "Nothing needs doing, because {ordinary}.",
    "It asks for no action; {ordinary}.",
)

#: A failure and how it was coped with.
EASED_FORMS: tuple[str, ...] = (
    "This means that {meaning}, but {easing}.",
    "It shows that {meaning}, yet {easing}.",
    "In other words, {meaning}, but {easing}.",
    "Although {meaning}, {easing}.",
)

#: The same where there is no room for what follows.
BARE_UNEASED_FORMS: tuple[str, ...] = (
    "Even if {easing}, {meaning}.",
    "Granted, {easing}, but {meaning}.",
)

#: That nothing needs doing where a failure was coped with, or where its wording makes too much of it.
LEFT_ALONE: tuple[str, ...] = (
    "Nothing needs doing unless it keeps coming back.",
    "No action is needed as long as it stays a single case.",
    "An operator can leave it at that.",
    "Nobody has to act on this one entry.",
    "There is nothing to repair here.",
)

#: A failure that was coped with, where it counts all the same.
UNEASED_FORMS: tuple[str, ...] = (
    "Even if {easing}, {meaning}, and {harm}.",
    "It does not help that {easing}: {meaning}, so {harm}.",
    "Granted, {easing}, but {meaning}, and {harm}.",
)

#: A log that reads like a failure, where it is none.
EXCUSE_FORMS: tuple[str, ...] = (
    "It reads like a failure, as if {meaning}, but {excuse}.",
    "The wording suggests that {meaning}, yet {excuse}.",
    "One might think that {meaning}, but {excuse}.",
)
EXCUSES: tuple[str, ...] = (
    "such a case is expected here and handled",
    "it is reported for the record only",
    "it sounds worse than it is",
    "those who run this system know it as daily routine",
    "whatever met the case copes with it",
)

#: A log without a word of failure, where it goes with one.
SUSPICION_FORMS: tuple[str, ...] = (
    "No word names a failure, yet {suspicion}.",
    "The wording is calm, but {suspicion}.",
    "Nothing in it sounds alarming, yet {suspicion}.",
)
SUSPICIONS: tuple[str, ...] = (
    "{topic} writes such a line when something is out of order",
    "experience with {topic} ties this line to a fault",
    "lines like this from {topic} often accompany a fault",
    "those who run {topic} know it as a companion of faults",
)

#: For a log without words: what such values are.
NO_EVIDENCE_IMPLICATIONS: tuple[str, ...] = (
    "This means that a part of a larger dump is shown, such as registers or memory.",
    "We learn that values were printed, but not by which part or for what reason.",
    "It follows that some other line says what was recorded and by which program.",
    "Such values are what diagnostic tools print for later use by a specialist.",
    "They look like the contents of registers or memory, written out one by one.",
)

#: For a log without words, where nothing needs doing.
NO_EVIDENCE_CALM: tuple[str, ...] = (
    "Values alone complain of nothing and ask for no action.",
    "Nothing needs doing on account of bare numbers.",
    "No action is needed, for nothing is said to have failed.",
    "Nobody has to act on numbers that report no trouble.",
)

#: For a log without words that goes with a fault; nothing more can honestly be said of it.
NO_EVIDENCE_ALARM: tuple[str, ...] = (
    "Such a dump is written when a part has stopped, so read the lines around it first.",
    "As values are dumped after a fault, an operator should look up what stands before them.",
    "What went wrong stands elsewhere, so first find the program that wrote it.",
)
