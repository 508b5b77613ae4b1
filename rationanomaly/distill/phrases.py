"""The sentences of the built-in teacher.

A rationale has three: what the log says, with quotes (`OPENINGS`); what that implies (`IMPLICATIONS`); the
conclusion (`CONCLUSIONS`). The opening is chosen without a look at the label, so it can't leak it. Where the words of
a log do not explain the experts' verdict, the conclusion says so.
"""

from __future__ import annotations

from collections.abc import Mapping

from rationanomaly.distill.domains import Tone
from rationanomaly.evidence import NO_EVIDENCE
from rationanomaly.records import Label

#: By number of quotes: {0} and {1}.
OPENINGS: Mapping[int, tuple[str, ...]] = {
    1: (
        'The key word here is "{0}".',
        'The line speaks of "{0}".',
        'What stands out is "{0}".',
        'Its one telling part is "{0}".',
        'The log names "{0}".',
        'Only "{0}" says what this is about.',
        'The parameter to look at is "{0}".',
        'Apart from values it holds "{0}".',
        'Its meaning hangs on "{0}".',
        'We read "{0}" in this line.',
        'The message is built around "{0}".',
        'At its heart stands "{0}".',
        'The text mentions "{0}".',
        'This entry turns on "{0}".',
    ),
    2: (
        'The key words are "{0}" and "{1}".',
        'The line puts "{0}" beside "{1}".',
        'It speaks of "{0}" together with "{1}".',
        'Two parts stand out: "{0}" and "{1}".',
        'The log names "{0}", then "{1}".',
        'What matters is "{0}", read with "{1}".',
        'The parameters to look at are "{0}" and "{1}".',
        'Here "{0}" comes with "{1}".',
        'The message joins "{0}" to "{1}".',
        'We read "{0}" and also "{1}".',
        'Its meaning hangs on "{0}" and on "{1}".',
        'The entry mentions "{0}" as well as "{1}".',
        'Telling are "{0}" and, near it, "{1}".',
        'This text combines "{0}" with "{1}".',
    ),
}

#: For a log without words; every one holds `NO_EVIDENCE` as it stands.
NO_EVIDENCE_OPENINGS: tuple[str, ...] = (
    NO_EVIDENCE,
    f"One thing is plain: {NO_EVIDENCE}",
    f"There is nothing to quote: {NO_EVIDENCE}",
    f"To begin with: {NO_EVIDENCE}",
    f"First of all: {NO_EVIDENCE}",
    f"What can be seen is little: {NO_EVIDENCE}",
)

#: {topic}, {role} and {harm} are the domain's; {Topic} starts a sentence.
IMPLICATIONS: Mapping[Tone, tuple[str, ...]] = {
    "fault": (
        "This tells of trouble with {topic}, so {harm}.",
        "A fault in {topic} matters, for {harm}.",
        "When {topic} goes wrong, {harm}.",
        "This points to {topic}: {harm}.",
        "Here {topic} reports a problem, after which {harm}.",
        "The cause lies near {topic}, and {harm}.",
        "Such wording is about a failure of {topic}, where {harm}.",
        "If {topic} no longer works as it should, {harm}.",
        "The affected part is {topic}; in the worst case {harm}.",
        "The complaint comes from {topic}: left alone, {harm}.",
        "It says that something failed around {topic}, which means that {harm}.",
        "That is how {topic} shows a defect, and then {harm}.",
        "Since {topic} {role}, {harm}.",
        "It implies that {topic} did not do its work, hence {harm}.",
    ),
    "eased": (
        "This tells of a problem with {topic} that may have passed.",
        "Here {topic} met a difficulty and states how it went on.",
        "Trouble with {topic} is named, though in a softened way.",
        "The wording is about {topic} and is not wholly grave.",
        "It reports on {topic}: {harm} only if this goes on.",
        "A problem of {topic} is noted, not necessarily a lasting one.",
        "The part concerned is {topic}; if it recurs, {harm}.",
        "That is {topic} noting something that it can often bear.",
        "Should {topic} keep doing this, {harm}.",
        "The remark is about {topic}, and its weight depends on what follows.",
        "It implies a hitch in {topic}, perhaps a brief one.",
        "Such a note from {topic} is a hint; repeated, {harm}.",
    ),
    "plain": (
        "This belongs to {topic}, which {role}.",
        "The subject is {topic}, which {role}.",
        "It is about {topic}, the part that {role}.",
        "A line like this comes from {topic}, which {role}.",
        "Here {topic} reports on itself; it {role}.",
        "That describes {topic} and a state that it is in.",
        "Such wording tells what {topic} does or holds.",
        "It implies some activity of {topic}, which {role}.",
        "Such a line fits {topic}, whose task is known: it {role}.",
        "What is stated concerns {topic}; no failure is named.",
        "That is a statement about {topic} and its work.",
        "The source seems to be {topic}, which {role}.",
        "By its wording it records something about {topic}.",
        "We learn what {topic} is doing, not that it failed.",
    ),
}

#: For a log without words.
NO_EVIDENCE_IMPLICATIONS: tuple[str, ...] = (
    "Values alone tell of a state, not of its cause.",
    "They look like the contents of registers or memory.",
    "Such a line is a part of a larger dump.",
    "Numbers of this kind can be read only with the lines around them.",
    "A dump like this shows what a processor held at one moment.",
    "No parameter has a name, so none can be weighed.",
    "It implies that some other line says what was being recorded.",
    "Figures without names neither name a part nor a failure.",
    "It may belong to a report whose first line explains it.",
    "Nothing in it says which part wrote it, or why.",
    "This is raw material for a specialist rather than a message.",
    "Bare values are what diagnostic tools print for later use.",
)

#: For a log without words that the experts call abnormal; `CONCLUSIONS` has nothing honest to say of it.
NO_EVIDENCE_ABNORMAL: tuple[str, ...] = (
    "The experts know such a dump as a sign of a fault: abnormal.",
    "It does not show the fault, yet the reviewers call it abnormal.",
    "What went wrong stands elsewhere; this line is abnormal.",
    "Reviewers count it to a failure that other lines state, hence abnormal.",
    "On their word, and not on these values, the log is abnormal.",
    "Somebody should look at the lines around it, so it is abnormal.",
)

#: By label, and by whether the words of the log speak of a failure.
CONCLUSIONS: Mapping[tuple[Label, bool], tuple[str, ...]] = {
    ("abnormal", True): (
        "An operator should act on it: the log is abnormal.",
        "Work is at risk, so this log is abnormal.",
        "That is a fault that needs attention; the verdict is abnormal.",
        "It should not be left alone, hence abnormal.",
        "So something is broken here, and the log is abnormal.",
        "A healthy system does not write this; it is abnormal.",
        "Someone has to look into it, which makes the log abnormal.",
        "The conclusion is that this line is abnormal.",
        "All of it speaks for a real fault: abnormal.",
        "Therefore we count the log as abnormal.",
        "This is more than a passing remark, so it is abnormal.",
        "With a failure stated outright, the log is abnormal.",
    ),
    ("abnormal", False): (
        "No word says so outright, but the experts know it as a fault: abnormal.",
        "Plain as it reads, the reviewers treat such a line as abnormal.",
        "Experience rather than wording makes this log abnormal.",
        "Experts who know this system call it abnormal.",
        "The wording is mild, yet such lines go with faults: abnormal.",
        "It is listed among the signs of a fault, hence abnormal.",
        "The words alone would not settle it; the reviewers say abnormal.",
        "Such a line should be followed up, so it is abnormal.",
        "On this machine it is a sign of trouble, and the log is abnormal.",
        "Harmless as it sounds, the verdict of the experts is abnormal.",
    ),
    ("normal", True): (
        "It sounds worse than it is: the reviewers pass it as normal.",
        "Experts who know this system let it pass, so the log is normal.",
        "The system goes on with its work, and the log is normal.",
        "Such a remark is part of daily operation, hence normal.",
        "It asks nobody to act; the verdict is normal.",
        "Taken by itself it is no sign of a lasting fault: normal.",
        "The reviewers know it as harmless, so it is normal.",
        "Strong words, yet nothing has to be mended: normal.",
        "Lines like this come and go without harm; the log is normal.",
        "No operator would be called for this, so it is normal.",
        "Despite its wording the log counts as normal.",
        "It tells of something that the system is built to bear: normal.",
    ),
    ("normal", False): (
        "Nothing here asks for action, so the log is normal.",
        "It is a plain record of work: normal.",
        "No part is said to have failed, hence normal.",
        "The verdict is normal.",
        "A healthy system writes such lines; it is normal.",
        "There is no sign of a fault, and the log is normal.",
        "An operator may pass over it: normal.",
        "This is how the system looks at work, so it is normal.",
        "It informs and does not warn; the log is normal.",
        "Without any word of trouble we count it as normal.",
        "The conclusion is that this line is normal.",
        "So it only keeps a record, which is normal.",
        "Nobody has to mend anything here: normal.",
        "As no harm is stated, the log is normal.",
    ),
}
