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
            "the error was corrected on the spot",
            "the trouble has been put right since",
            "{topic} recovered and works again",
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
            "this was done deliberately and by plan",
            "it was requested as part of a test",
            "somebody triggered it on purpose",
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
            "the value stays within its permitted limits",
            "the configured limits still hold",
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
            "the operation is tried again right away",
            "{topic} makes another attempt at once",
        ),
        words_of("retry retried retrying repeated resent"),
        "nfs(5): retry",
        "dhclient(8)",
        "HTTP: Retry-After",
    ),
    _easing(
        "detoured",
        (
            "another path was taken instead",
            "{topic} switched to a substitute that still works",
            "a fallback takes over the work",
        ),
        words_of("fallback reverting reverted failover instead"),
        "bonding driver: failover",
        "Linux drivers: using fallback",
    ),
    _easing(
        "counted",
        (
            "such cases are merely counted for statistics",
            "the entry only sums up how often it occurs",
            "this is a counter and not a single event",
        ),
        words_of("count counts statistics stats tally total ratio"),
        "ip-link(8), netstat(8): statistics",
        "sar(1)",
    ),
    _easing(
        "ignored",
        (
            "it was skipped as harmless",
            "{topic} ignores the case and carries on",
            "nothing depends on this one case",
        ),
        words_of("ignored ignoring masked harmless skipped skipping suppressed"),
        "rsyslogd(8): messages suppressed",
        "systemd.syntax(7): ignoring",
    ),
    _easing(
        "warned",
        (
            "the entry is only a warning so far",
            "this warns in good time before any loss",
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
            "{topic} was checked or tested",
            "a test of {topic} was carried out",
            "a routine check looks at the state of {topic}",
        ),
        (
            "such checks run all the time",
            "testing belongs to daily operation",
            "a check without a complaint is good news",
        ),
        words_of(
            "test tests tested check checked checking verified verifying passed scrub probe probed probing "
            "calibration calibrating inspected"
        ),
        "smartd(8)",
        "md(4): check, scrub",
        "fsck(8)",
    ),
    _activity(
        "start",
        (
            "{topic} is being started or set up",
            "a component of {topic} was brought into service",
            "{topic} gets ready to take up its work",
            "something was opened or created in {topic}",
        ),
        (
            "this happens at every start",
            "starting up takes many such steps",
            "components are brought up like this every day",
        ),
        words_of(
            "start starting started starts init initializing initialized initialised initialization loading loaded "
            "boot booting booted mounting mounted register registered registering enabled install installed open "
            "opened opening ready running created creating added adding bringing activated activating up allocated "
            "allocating launched spawned forked available reachable established detected found acquired"
        ),
        "systemctl(1)",
        "dmesg(1)",
        "mount(8)",
    ),
    _activity(
        "end",
        (
            "{topic} finished a piece of work",
            "a component of {topic} was closed in good order",
            "{topic} releases what it no longer needs",
            "a task of {topic} came to its planned end",
        ),
        (
            "work that was begun has to end at some time",
            "closing down in order belongs to the work",
            "it ended without a complaint",
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
            "{topic} now works with another value",
            "an adjustment was applied to {topic}",
            "{topic} took over a new configuration",
        ),
        (
            "settings change in the course of operation",
            "such an adjustment is made on purpose",
            "changes are recorded so that they can be traced",
        ),
        words_of(
            "set setting changed changing change switched switching updated updating moved raised lowered selected "
            "reset reloaded resized applied rotated enabled disabled configured configure assigned synchronized "
            "adjusted rebuilt restart restarted trimmed split"
        ),
        "sysctl(8)",
        "logrotate(8)",
        "ntpd(8)",
    ),
    _activity(
        "exchange",
        (
            "{topic} handled a request or message",
            "a request to {topic} was received and served",
            "{topic} exchanged data with its other end",
            "work was handed over through {topic}",
        ),
        (
            "requests like this come in all day",
            "both sides did their part",
            "serving such requests is its daily work",
        ),
        words_of(
            "received receiving sent sending request requests response reply replies query connect connected "
            "connection accepted session login logged delivered granted submitted queued command cmd call calls "
            "answered returned acknowledged authenticated authorized"
        ),
        "sshd(8)",
        "syslog of postfix, httpd and named",
        "RFC 2131 (DHCP)",
    ),
    _activity(
        "identity",
        (
            "{topic} states its name, model or version",
            "a component of {topic} identifies itself",
            "version details of {topic} are printed",
        ),
        (
            "such a line is printed once at each start",
            "names and versions are kept for the inventory",
            "identification says nothing about a failure",
        ),
        words_of(
            "version revision rev copyright model driver release vendor firmware build compiled ver manufacturer "
            "serial product"
        ),
        "dmesg(1)",
        "modinfo(8)",
        "dmidecode(8)",
    ),
    _activity(
        "readings",
        (
            "measurements of {topic} are put on record",
            "{topic} reports how much it holds or does",
            "the current state of {topic} is written down",
            "a counter or level of {topic} is reported",
        ),
        (
            "such readings are taken at regular times",
            "no limit is said to be passed",
            "these values feed the daily statistics",
        ),
        words_of(
            "status state statistics stats counter counters level percent rate usage size free used average "
            "temperature voltage load count total info report capacity queue length holds reads interval offset limit"
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
        "a search for trouble in {topic} found none",
        "{topic} was examined and turned out clean",
        "the failure that {topic} might have had did not occur",
    ),
    frozenset(),
    ordinary=(
        "a clean result is what one hopes for",
        "the search came back empty",
        "this is good news rather than a complaint",
    ),
)

#: What a line tells that holds far more values than words.
VALUES = Sign(
    "values",
    None,
    (
        "contents of {topic} are printed without comment",
        "a row of raw values from {topic} was written out",
        "{topic} shows its contents as plain numbers",
    ),
    frozenset(),
    ordinary=(
        "numbers alone complain of nothing",
        "such rows are printed for later analysis",
        "other lines say what they belong to",
    ),
)

#: What a line tells whose words name a part and nothing that happens to it.
MENTION = Sign(
    "mention",
    None,
    (
        "{topic} wrote a remark about its own work",
        "the entry speaks of {topic} without any complaint",
        "{topic} left a note on what it is doing",
        "details of {topic} are named in passing",
    ),
    frozenset(),
    ordinary=(
        "remarks like this come and go all day",
        "such notes help to follow the course of work",
        "no word in it complains of anything",
    ),
)
