"""The sentences of the built-in teacher.

A rationale has three: the key parameters, quoted; what they imply, which a sign tells (`signs`) where there is one; the
conclusion. The first two are chosen without a look at the label, so they can't leak it. Where the words of a log do not
explain the experts' verdict, the conclusion says so.

A small student learns them from a few hundred examples. So the first words of a sentence show which of the three it is,
and behind them the log decides how it goes on.
"""

from __future__ import annotations

from collections.abc import Mapping

from rationanomaly.records import Label
from rationanomaly.rulebook.signs import Tone
from rationanomaly.text.evidence import NO_EVIDENCE

#: By number of quotes, for a log that names a failure: {0} is what failed, {1} the part that it concerns.
FAULT_OPENINGS: Mapping[int, tuple[str, ...]] = {
    1: (
        'What happened is "{0}".',
        'Trouble is named by "{0}".',
        'Something went wrong: "{0}".',
        'An operator would note "{0}".',
    ),
    2: (
        'What happened is "{0}", and it concerns "{1}".',
        'Trouble is named by "{0}", its place by "{1}".',
        'Something went wrong: "{0}" with "{1}".',
        'An operator would note "{0}" and "{1}".',
    ),
}

#: By number of quotes, for a log that names no failure: {0} is a part, {1} what is said of it.
PLAIN_OPENINGS: Mapping[int, tuple[str, ...]] = {
    1: (
        'The key parameter is "{0}".',
        'It is about "{0}".',
        'We read "{0}" in this line.',
        'One word tells what this is: "{0}".',
        'Apart from values it holds "{0}".',
    ),
    2: (
        'The key parameters are "{0}" and "{1}".',
        'It is about "{0}" and "{1}".',
        'We read of "{0}" together with "{1}".',
        'Two parameters tell what this is: "{0}" and "{1}".',
        'This line names "{0}" and then "{1}".',
    ),
}

#: For a log without words; every one holds `NO_EVIDENCE` as it stands.
NO_EVIDENCE_OPENINGS: tuple[str, ...] = (
    NO_EVIDENCE,
    f"One thing is plain: {NO_EVIDENCE}",
    f"There is nothing to quote: {NO_EVIDENCE}",
    f"First of all: {NO_EVIDENCE}",
)

#: {implication} is that of the sign, or `PART_IMPLICATION`.
IMPLICATIONS: tuple[str, ...] = (
    "This means that {implication}.",
    "We learn that {implication}.",
    "It follows that {implication}.",
)

#: For a log whose words name a part and nothing that happens to it.
PART_IMPLICATION = "the source is {topic}, which {role}"

#: For a log without words.
NO_EVIDENCE_IMPLICATIONS: tuple[str, ...] = (
    "This means that a part of a larger dump is shown.",
    "We learn that values were printed, but not by which part.",
    "It follows that some other line says what was recorded.",
    "Such values are what diagnostic tools print for later use.",
    "They look like the contents of registers or memory.",
)

#: For a log without words that the experts call abnormal; `CONCLUSIONS` has nothing honest to say of it.
NO_EVIDENCE_ABNORMAL: tuple[str, ...] = (
    "Still, the experts know such a dump as a sign of a fault: abnormal.",
    "Yet what went wrong stands elsewhere, so the reviewers say abnormal.",
    "So somebody should look at the lines around it: abnormal.",
)

#: By label, and by what the words of the log say by themselves.
CONCLUSIONS: Mapping[tuple[Label, Tone], tuple[str, ...]] = {
    ("abnormal", "fault"): (
        "So an operator should act on it: the log is abnormal.",
        "Hence work is at risk, and the log is abnormal.",
        "Therefore it needs attention: the verdict is abnormal.",
        "So somebody has to look into it, which makes the log abnormal.",
    ),
    ("abnormal", "eased"): (
        "Still, the cause has to be found, and the log is abnormal.",
        "Yet that is not enough to the reviewers, who say abnormal.",
    ),
    ("abnormal", "plain"): (
        "Still, the experts know it as a fault: abnormal, though no word says so.",
        "Yet such lines go with faults, and the reviewers say abnormal.",
        "Still, experience makes this log abnormal, not its wording.",
    ),
    ("normal", "fault"): (
        "Still, the reviewers pass it as normal: it sounds worse than it is.",
        "Yet experts who know this system count the log as normal.",
        "Still, despite its wording the log counts as normal.",
    ),
    ("normal", "eased"): (
        "So nobody has to act, and the log is normal.",
        "Hence the trouble is a part of daily work: normal.",
        "Therefore the weight is taken from it: normal.",
    ),
    ("normal", "plain"): (
        "So nothing here asks for action, and the log is normal.",
        "Hence it is a plain record of work: normal.",
        "Therefore we count it as normal, without any word of trouble.",
        "So an operator may pass over it: normal.",
        "Hence this is the system at work, and the log is normal.",
        "Therefore it belongs to a healthy system: normal.",
        "So no harm is stated, and the log is normal.",
        "Hence no part is said to have failed, and the log is normal.",
    ),
}
