"""What the words of a log tell of beside failures: how one was coped with, and what goes on where none is named.

General knowledge of system operations; nothing here was chosen by looking at labelled data.
"""

from __future__ import annotations

from rationanomaly.rulebook.events import Sign, words_of


def _easing(name: str, meanings: tuple[str, ...], words: frozenset[str], *sources: str) -> Sign:
    return Sign(name, None, meanings, words, sources)


def _activity(
    name: str, meanings: tuple[str, ...], ordinary: tuple[str, ...], words: frozenset[str], *sources: str
) -> Sign:
    return Sign(name, None, meanings, words, sources, ordinary)


#: How a failure was coped with, or why it is none: clauses that follow "but".
EASINGS: tuple[Sign, ...] = (
    _easing(
        "corrected",
        (
            "the trouble was put right on the spot",
            "what was wrong has been set right since",
            "{topic} came back to work by itself",
        ),
        words_of(
            "corrected correctable fixed repaired restored recovered recovering recoverable reconnected resumed "
            "reinstated succeeded rerouted replaced accepted completed continued"
        ),
        "EDAC: corrected errors (CE)",
        "multipathd(8): path reinstated",
        "e2fsck(8): fixed",
    ),
    _easing(
        "planned",
        (
            "somebody did this on purpose",
            "it was done by plan and on request",
            "this was asked for and is part of a test",
        ),
        words_of(
            "test tests tested testing planned drill exercise expected orderly", "by request, on request, as requested"
        ),
        "smartctl(8): self-tests",
        "Linux kernel/reboot.c: orderly_poweroff",
        "shutdown(8)",
    ),
    _easing(
        "bounded",
        (
            "the value stays within its limits",
            "the limits that were set for it still hold",
        ),
        words_of(
            "",
            "within tolerance, in tolerance, within specification, within limits, within range, below threshold",
        ),
        "IPMI 2.0: sensor thresholds",
        "ntpd(8)",
    ),
    _easing(
        "repeated",
        (
            "another try is made at once",
            "{topic} goes about it a second time",
            "the step is simply done again",
        ),
        words_of("retry retried retrying repeated resent"),
        "nfs(5): retry",
        "dhclient(8)",
        "HTTP: Retry-After",
    ),
    _easing(
        "detoured",
        (
            "another way was taken instead",
            "{topic} fell back on what still works",
            "a substitute does the work meanwhile",
        ),
        words_of("fallback reverting reverted failover instead"),
        "bonding driver: failover",
        "Linux drivers: using fallback",
    ),
    _easing(
        "counted",
        (
            "such cases are only counted here",
            "this is a sum kept for statistics",
            "the line only keeps count of such cases",
        ),
        words_of("count counts statistics stats tally total ratio"),
        "ip-link(8), netstat(8): statistics",
        "sar(1)",
    ),
    _easing(
        "ignored",
        (
            "it is passed over as harmless",
            "{topic} leaves the case out and goes on",
            "nothing hangs on this one case",
        ),
        words_of("ignored ignoring masked harmless skipped skipping suppressed"),
        "rsyslogd(8): messages suppressed",
        "systemd.syntax(7): ignoring",
    ),
    _easing(
        "warned",
        (
            "the line is no more than a warning",
            "this warns before anything is lost",
            "a warning is all that came of it",
        ),
        words_of("warning warn"),
        "syslog(3): LOG_WARNING",
    ),
)

#: What goes on where nothing is said to have failed.
ACTIVITIES: tuple[Sign, ...] = (
    _activity(
        "check",
        (
            "a check of {topic} was made",
            "{topic} was put to a test",
            "somebody looks whether {topic} is in order",
            "{topic} is looked over in passing",
        ),
        (
            "such checks run all the time",
            "testing is part of the daily round",
            "a test that reports nothing bad is good news",
        ),
        words_of(
            "test tests tested check checked checking verified verifying passed scrub probe probed probing calibration "
            "calibrating inspected"
        ),
        "smartd(8)",
        "md(4): check, scrub",
        "fsck(8)",
    ),
    _activity(
        "start",
        (
            "{topic} comes into use",
            "a part of {topic} was brought up",
            "{topic} gets ready for its work",
            "something was opened or set going in {topic}",
        ),
        (
            "this happens at every start",
            "it is one step of coming up",
            "parts are set going like this every day",
        ),
        words_of(
            "start starting started starts init initializing initialized initialised initialization loading loaded boot "
            "booting booted mounting mounted register registered registering enabled install installed open opened "
            "opening ready running created creating added adding bringing activated activating up allocated allocating "
            "launched spawned forked available reachable established detected found acquired"
        ),
        "systemctl(1)",
        "dmesg(1)",
        "mount(8)",
    ),
    _activity(
        "end",
        (
            "{topic} ended a piece of work",
            "something in {topic} was closed in good order",
            "a part of {topic} came to its planned end",
            "{topic} puts away what it no longer needs",
        ),
        (
            "what was begun has to end at some time",
            "closing up is part of the work",
            "it ends as it should, without a complaint",
        ),
        words_of(
            "stop stopping stopped shutdown shutting close closed closing finished finishing done complete completed "
            "exit exited exiting removed removing unmounted ended cleared deleted deleting released unloaded flushed "
            "terminating freeing"
        ),
        "systemctl(1)",
        "umount(8)",
        "shutdown(8)",
    ),
    _activity(
        "change",
        (
            "a setting of {topic} was changed",
            "{topic} now works by another value",
            "somebody or something adjusted {topic}",
            "{topic} took over a new setting",
        ),
        (
            "settings are changed in the course of operation",
            "an adjustment like this is made on purpose",
            "such a change is recorded so that it can be traced",
        ),
        words_of(
            "set setting changed changing change switched switching updated updating moved raised lowered selected reset "
            "reloaded resized applied rotated enabled disabled configured configure assigned synchronized adjusted "
            "rebuilt restart restarted trimmed split"
        ),
        "sysctl(8)",
        "logrotate(8)",
        "ntpd(8)",
    ),
    _activity(
        "exchange",
        (
            "one side asks and {topic} answers",
            "a request to {topic} was taken and served",
            "{topic} passed something on to its other end",
            "work was handed over within {topic}",
        ),
        (
            "requests like this come in all day",
            "that is what the two sides are there for",
            "both ends did their part",
        ),
        words_of(
            "received receiving sent sending request requests response reply replies query connect connected connection "
            "accepted session login logged delivered granted submitted queued command cmd call calls answered returned "
            "acknowledged authenticated authorized"
        ),
        "sshd(8)",
        "syslog of postfix, httpd and named",
        "RFC 2131 (DHCP)",
    ),
    _activity(
        "identity",
        (
            "{topic} gives its name or version",
            "a part of {topic} says what it is",
            "this line identifies a piece of {topic}",
        ),
        (
            "such a line is printed once at each start",
            "names and versions are written down for later",
            "it serves as an entry in the inventory",
        ),
        words_of(
            "version revision rev copyright model driver release vendor firmware build compiled ver manufacturer serial "
            "product"
        ),
        "dmesg(1)",
        "modinfo(8)",
        "dmidecode(8)",
    ),
    _activity(
        "figures",
        (
            "readings of {topic} are put on record",
            "{topic} reports how much it holds or does",
            "a state of {topic} was noted down",
            "the line counts or measures something in {topic}",
        ),
        (
            "such readings are taken at set times",
            "no limit is said to be passed",
            "they serve to draw the curves of a day",
        ),
        words_of(
            "status state statistics stats counter counters level percent rate usage size free used average temperature "
            "voltage load count total info report capacity queue length holds reads interval offset limit"
        ),
        "sar(1)",
        "ipmitool(1)",
        "free(1), df(1)",
    ),
)

#: What a line tells that names a failure and says that there is none.
RULED_OUT = Sign(
    "ruled out",
    None,
    (
        "somebody looked for trouble in {topic} and found none",
        "the failure that {topic} might have had did not come about",
        "{topic} was searched and is clear of what was looked for",
    ),
    frozenset(),
    ordinary=("a clean result is what one hopes for", "the search came back empty", "that is a piece of good news"),
)

#: What a line tells that holds far more values than words.
VALUES = Sign(
    "values",
    None,
    (
        "contents of {topic} are printed without a comment",
        "a row of values from {topic} was written out",
        "{topic} shows what it holds as plain numbers",
    ),
    frozenset(),
    ordinary=(
        "numbers alone complain of nothing",
        "such rows are printed for those who want to look",
        "what they belong to stands in other lines",
    ),
)

#: What a line tells whose words name a part and nothing that happens to it.
MENTION = Sign(
    "mention",
    None,
    (
        "the line speaks of {topic} and of nothing that went wrong",
        "{topic} wrote a remark about its own work",
        "this is a note that {topic} left in passing",
        "only {topic} and its details are named",
    ),
    frozenset(),
    ordinary=(
        "remarks like this come and go all day",
        "such notes help to follow what was done when",
        "no word in it complains of anything",
    ),
)
