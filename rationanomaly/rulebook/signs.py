"""What the built-in teacher reads from the words of a log: what failed, whether that was coped with, what goes on.

General knowledge of system operations; nothing here was chosen by looking at test data. Signs are whole lower-case
words, or a few in a row, so a log is read in one pass whatever it holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

#: What the words of a log say by themselves: a failure, a failure that was coped with, or neither.
Tone = Literal["fault", "eased", "plain"]


@dataclass(frozen=True)
class Sign:
    """A kind of event, and the words by which it is known.

    Attributes:
        name: short, for tests.
        implication: what it means, as a clause; ``{topic}`` and ``{harm}`` are those of the log's domain.
        words: lower-case words, or a few words with a space between, that tell of it.
    """

    name: str
    implication: str
    words: frozenset[str]


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


def _sign(name: str, implication: str, words: str, phrases: str = "") -> Sign:
    return Sign(name, implication, _words(words) | frozenset(filter(None, phrases.split(", "))))


#: Failures, the more telling ones first.
FAULTS: tuple[Sign, ...] = (
    _sign(
        "exhausted",
        "there is no room left in {topic}, and {harm}",
        "exhausted oom",
        "out of memory, out of space, no space, no space left, no memory, no spare, no free",
    ),
    _sign(
        "exceeded",
        "a limit of {topic} has been passed, and {harm}",
        "exceeded overflow underflow overrun",
        "too many, too large, too long, out of range, out of bounds, over quota",
    ),
    _sign(
        "corrupt",
        "data of {topic} can no longer be trusted, and {harm}",
        "corrupt corrupted corruption parity mismatch inconsistent damaged malformed uncorrectable uncorrected "
        "tampered misaligned",
        "parity error, data parity error, uncorrectable error, checksum mismatch, checksum error, crc error, ecc "
        "error, bad checksum, bit flip",
    ),
    _sign(
        "stuck",
        "nothing moves on in {topic}, and {harm}",
        "hung hang hangs stuck stalled deadlock lockup softlockup blocked",
        "no progress, soft lockup, hard lockup",
    ),
    _sign(
        "silent",
        "no answer comes from {topic}, and {harm}",
        "timeout timeouts timedout unreachable unresponsive inaccessible",
        "timed out, not responding, no response, no answer, not answer, does not answer, no route, not reachable, "
        "could not contact, cannot contact, cannot connect, could not connect, connection refused",
    ),
    _sign(
        "denied",
        "access was asked for and not given, and {harm}",
        "denied rejected unauthorized forbidden attack spoof violation",
        "permission denied, access denied, failed password, authentication failure, authentication failed, illegal "
        "user, invalid user, not permitted, not allowed",
    ),
    _sign(
        "absent",
        "what {topic} needs is not there, and {harm}",
        "missing unavailable",
        "not found, no such, no such file, no such device, not present, does not exist, not exist, not defined, not "
        "set, not registered, not installed, not available, no longer present, not present any more, unknown user, "
        "unknown host, cannot find, could not find, unable to find, unable to locate, cannot locate, can locate",
    ),
    _sign(
        "stopped",
        "work of {topic} ended before its time, and {harm}",
        "panic panicked abort aborted aborting crash crashed killed terminated halted abnormally fatal died dead "
        "unexpectedly",
        "giving up, gave up, kernel panic, shutting down socket, respawning too fast, not running",
    ),
    _sign(
        "exception",
        "the code met a case that it does not handle, and {harm}",
        "exception exceptions assertion assert bug oops segfault sigsegv trap backtrace",
        "segmentation fault, bus error, illegal instruction, assertion failed, illegal state exception, core dumped",
    ),
    _sign(
        "lost",
        "contact or content of {topic} is gone, and {harm}",
        "lost disconnected dropped offline outage disappeared vanished gone",
        "connection lost, lost connection, lost contact, is down, link down, went down",
    ),
    _sign(
        "invalid",
        "input of {topic} can't be used, and {harm}",
        "invalid illegal unknown unexpected unsupported undefined bad wrong incorrect incorrectly unrecognized "
        "premature spurious ambiguous",
        "not aligned, not supported, not valid, not recognized, premature end, unexpected eof",
    ),
    _sign(
        "degraded",
        "not all of {topic} works as it should, and {harm}",
        "degraded degrading defect defective faulty fault faults broken severe overheated tripped leak collisions",
        "falling back, fell back, too fast, too slow, status fault, no longer",
    ),
    _sign(
        "failed",
        "an operation of {topic} was not carried out, and {harm}",
        "fail fails failed failing failure failures error errors err unable cannot problem problems unrecoverable "
        "refused expired not",
        "could not, can not, unable to, failed to, did not, was not, does not, check condition",
    ),
)

#: How a failure was coped with, or why it is none.
EASINGS: tuple[Sign, ...] = (
    _sign(
        "mended",
        "trouble with {topic} was put right",
        "corrected correctable fixed repaired restored recovered recovering recoverable reconnected resumed "
        "reinstated succeeded rerouted replaced accepted completed continued",
    ),
    _sign(
        "planned",
        "somebody did this to {topic} on purpose",
        "test tests tested testing planned drill exercise expected orderly",
        "by request, on request, as requested",
    ),
    _sign(
        "bounded",
        "within its limits {topic} may do this",
        "",
        "within tolerance, in tolerance, within specification, within limits, within range, below threshold",
    ),
    _sign(
        "repeated",
        "another try is made by {topic}",
        "retry retried retrying repeated resent",
    ),
    _sign(
        "detoured",
        "instead {topic} takes another way",
        "fallback reverting reverted failover instead",
    ),
    _sign(
        "counted",
        "such cases of {topic} are only counted",
        "count counts statistics stats tally today total ratio",
        "counter is",
    ),
    _sign(
        "ignored",
        "this trouble of {topic} is passed over",
        "ignored ignoring masked harmless skipped skipping suppressed",
    ),
    _sign(
        "warned",
        "the line only warns about {topic}",
        "warning warn",
    ),
)

#: What goes on where nothing is said to have failed.
ACTIVITIES: tuple[Sign, ...] = (
    _sign(
        "check",
        "a check of {topic} was made",
        "test tests tested check checked checking verified verifying passed scrub probe probed probing calibration "
        "calibrating inspected",
    ),
    _sign(
        "start",
        "now {topic} comes into use",
        "start starting started starts init initializing initialized initialised initialization loading loaded boot "
        "booting booted mounting mounted register registered registering enabled install installed open opened "
        "opening ready running created creating added adding bringing activated activating up allocated allocating "
        "launched spawned forked available reachable established detected found acquired",
    ),
    _sign(
        "end",
        "{topic} ended a piece of work",
        "stop stopping stopped shutdown shutting close closed closing finished finishing done complete completed "
        "exit exited exiting removed removing unmounted ended cleared deleted deleting released unloaded flushed "
        "expired terminating freeing",
    ),
    _sign(
        "change",
        "a setting of {topic} was changed",
        "set setting changed changing change switched switching updated updating moved raised lowered selected reset "
        "reloaded resized applied rotated enabled disabled configured configure assigned synchronized adjusted "
        "rebuilt restart restarted trimmed split",
    ),
    _sign(
        "exchange",
        "one side asks and {topic} answers",
        "received receiving sent sending request requests response reply replies query connect connected connection "
        "accepted session login logged delivered granted submitted queued command cmd call calls answered returned "
        "acknowledged authenticated authorized",
    ),
    _sign(
        "identity",
        "{topic} tells its name or version",
        "version revision rev copyright model driver release vendor firmware build compiled ver",
    ),
    _sign(
        "figures",
        "figures of {topic} are put on record",
        "status state statistics stats counter counters level percent rate usage size free used average temperature "
        "voltage load count total info report capacity queue length holds reads interval offset limit",
    ),
)

#: What a line tells that names a failure and says that there is none.
RULED_OUT = Sign("ruled out", "looking for trouble in {topic} found none", frozenset())

#: What a line tells that holds far more values than words.
VALUES = Sign("values", "contents of {topic} are printed without a comment", frozenset())

#: Words that carry no meaning of their own; never quoted alone.
STOP_WORDS = _words(
    "a about according after again all also although an and any are as at be because been being but by can caught "
    "could did do does doing due during else for from get given gives got had has have having he her his if in into "
    "is it its let may maybe more most must my near need no nor not now of off on only or other our out over own per "
    "said since so some such than that the their them then there these they this those through to too trying under "
    "until up upon us using via was we were what when where whether which while who whose will with within without "
    "would yes yet you your"
)

#: Behind one of these a failure is said not to be there, if it comes within `_REACH` words.
_DENIALS = _words("no without zero nor")
_REACH = 3
#: Words that most failures are reported with; another word of the same sign says more.
_COMMONPLACE = _words("error errors err fatal not problem problems")
_LONGEST_SIGN = 4
ABSENT = next(sign for sign in FAULTS if sign.name == "absent")


@dataclass(frozen=True)
class Reading:
    """What the words of a log say.

    Attributes:
        tone: see `Tone`.
        event: the failure or else the activity that they tell of; None if they tell of none.
        span: places of the words that do so; None where no single words do.
        easing: how a failure was coped with; None where it was not, or where there is none.
    """

    tone: Tone
    event: Sign | None = None
    span: range | None = None
    easing: Sign | None = None


def read(words: Sequence[str], values: int = 0) -> Reading:
    """Read the lower-case ``words`` of a log, in order, which stand among ``values`` numbers and variable parts.

    An empty word stands where punctuation parts two words, so that they are no phrase.
    """
    faults = _found(words, FAULTS)
    real = [(sign, span) for sign, span in faults if not _denial(words, span)]
    if real:
        event, where = real[0]
        easings = [sign for sign, span in _found(words, EASINGS) if not any(_overlap(span, fault) for _, fault in real)]
        return Reading("eased", event, where, easings[0]) if easings else Reading("fault", event, where)
    if faults:
        where = faults[0][1]
        return Reading("plain", RULED_OUT, range(where.start - _denial(words, where), where.stop))
    if values > 2 * sum(map(bool, words)):
        return Reading("plain", VALUES)
    for event, where in _found(words, ACTIVITIES):
        denied = _denial(words, where)
        if not denied:
            return Reading("plain", event, where)
        if event.name == "start":
            return Reading("fault", ABSENT, range(where.start - denied, where.stop))
    return Reading("plain")


def _found(words: Sequence[str], signs: Sequence[Sign]) -> list[tuple[Sign, range]]:
    """The most telling place of each sign: of most words, no commonplace, the first; in the order of ``signs``."""
    best: dict[str, tuple[int, bool, int]] = {}
    for first in range(len(words)):
        for length in range(1, min(_LONGEST_SIGN, len(words) - first) + 1):
            phrase = " ".join(words[first : first + length])
            rank = (-length, phrase in _COMMONPLACE, first)
            for sign in signs:
                if phrase in sign.words:
                    best[sign.name] = min(rank, best.get(sign.name, rank))
    places = {name: range(first, first - length) for name, (length, _, first) in best.items()}
    return [(sign, places[sign.name]) for sign in signs if sign.name in places]


def _denial(words: Sequence[str], span: range) -> int:
    """How many words before a failure it is said not to be there; 0 if it is not."""
    for distance in range(1, min(_REACH, span.start) + 1):
        word = words[span.start - distance]
        if not word:
            return 0
        if word in _DENIALS:
            return distance
    return 0


def _overlap(one: range, other: range) -> bool:
    return one.start < other.stop and other.start < one.stop
