"""Syslog: RFC 3164 (``Jun  9 06:06:20 host tag[pid]: message``), the same with ISO 8601 times, and RFC 5424."""

from __future__ import annotations

from collections.abc import Callable

import polars as pl

from rationanomaly.params import ParseParams
from rationanomaly.parse.formats import Format
from rationanomaly.parse.formats.fields import ZONES, groups, iso_time, yearless_time
from rationanomaly.parse.formats.levels import SELECTORS, SYSLOG, any_of, priority_level, syslog_word_level

_LEVEL_WORDS = [word for name in SYSLOG for word in (name, name.lower(), name.capitalize())]
_BSD_TIME = "%b %e %H:%M:%S"

_PRIORITY = r"(?:<(?<priority>[0-9]{1,3})>)?"
_DATE, _CLOCK = "[A-Z][a-z]{2}  ?[0-9]{1,2}", "[0-9]{2}:[0-9]{2}:[0-9]{2}"
_DAY = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
#: What nearly all lines have behind the time. Kept so plain that the regular expression needs one pass.
_USUAL = (
    r" (?<node>[A-Za-z0-9][A-Za-z0-9._@/-]*) (?<tag>[A-Za-z_][A-Za-z0-9._/@-]*(?:\([^() ]*\))?)"
    r"(?:\[(?<pid>[0-9]*)\])?: (?<message>.*)$"
)
_USUAL_BSD = rf"^{_PRIORITY}(?<time>{_DATE} {_CLOCK}){_USUAL}"
_USUAL_ISO = rf"^{_PRIORITY}(?<time>{_DAY}T[0-9:.]+(?:Z|[+-][0-9:]+)){_USUAL}"

_HOST = r"[A-Za-z0-9_](?:[A-Za-z0-9_.:@/%,~+-]*[A-Za-z0-9_.~+-])?|::[0-9A-Fa-f:.]*"
#: Number of the line, host, mark of a clock that is not set, weekday, year, fraction and zone: all may be missing.
_BSD = (
    rf"^{_PRIORITY}(?:[0-9]+: +)?(?:(?<before>{_HOST}): +)?[*.]?(?:[A-Z][a-z]{{2}},? +)?"
    rf"(?:(?<first>[12][0-9]{{3}}) +)?(?<date>{_DATE}) +(?:(?<middle>[12][0-9]{{3}}) +)?"
    rf"(?<time>{_CLOCK})(?:[.,](?<fraction>[0-9]{{1,9}}))?(?: (?<last>[12][0-9]{{3}}))?"
    rf"(?: ?(?<zone>{'|'.join(ZONES)}|[+-][0-9]{{2}}:?[0-9]{{2}}))?(?<remainder>:? .*)$"
)
_UNTIMED = r"^<(?<priority>[0-9]{1,3})>(?<remainder>[^0-9 \t].*|[0-9]+: .*)$"
_ISO = (
    rf"^{_PRIORITY}(?<time>{_DAY}[Tt ]{_CLOCK}(?:[.,][0-9]{{1,9}})?"
    r"(?: ?(?:[Zz]|UTC|GMT|[+-][0-9]{2}:?(?:[0-9]{2})?))?)(?<remainder>:? .*)$"
)
#: Behind a count of bytes (RFC 6587), and without structured data where a sender leaves it out.
_MODERN = (
    r"^(?:[0-9]+ )?<(?<priority>[0-9]{1,3})>[1-9][0-9]? (?<time>[^ ]+) (?<node>[^ ]+) "
    r"(?<logger>[^ ]+) (?<thread>[^ ]+) [^ ]+"
    r'(?: (?:-|(?:\[(?:[^\]"\\]|\\.|"(?:[^"\\]|\\.)*")*\])+)(?: (?<message>.*))?| (?<bare>[^-\[].*))$'
)

#: What wrote a line: ``sshd(pam_unix)``, ``postfix/smtpd``, ``(systemd)``, ``syslogd 1.4.1``.
_NAME = r"(?:[^ \t:\[\](){}<>=;|\"']+(?:\([^() ]*\))?|\([^() ]+\))"
_BEHIND_PID = r"(?: \([^() ]*\))?(?: <(?<level>[A-Za-z]+)>)?: *"
_TAG = rf"(?:-- )?(?<tag>{_NAME})(?:\[(?<pid>[^\]]*)\]{_BEHIND_PID}|(?: [0-9]+\.[0-9]+(?:\.[0-9]+)?)?:(?: +|$))"
#: macOS: names of applications have blanks.
_APPLICATION = rf"(?<application>(?:[A-Z][A-Za-z0-9.-]* ){{1,3}}[A-Za-z0-9.-]+)\[(?<number>[0-9]+)\]{_BEHIND_PID}"
_APPLICATION = _APPLICATION.replace("<level>", "<grade>")
#: Cisco: behind the device's own number, name and time.
_MNEMONIC = (
    rf"(?:[0-9]+: +)?(?:[^ :%]+: +)?(?:[*.]?{_DATE} +(?:[0-9]{{4}} +)?{_CLOCK}[.0-9]*(?: [A-Z]{{2,5}})?: +)?"
    r"(?<mnemonic>%[A-Z0-9_]+-(?:[A-Za-z0-9_]+-)*(?<severity>[0-7])-[A-Za-z0-9_]+) ?: *"
)
_FACILITY = (
    r"(?:kern|user|mail|daemon|auth|syslog|lpr|news|uucp|cron|authpriv|ftp|ntp|security|console|local[0-7])\."
    rf"{any_of(word.lower() for word in SELECTORS)}"
)
#: A colon in front says that no host follows.
_REST = (
    rf"^ *(?:(?<facility>{_FACILITY}) +|(?<node>{_HOST}) +(?:(?<selector>{_FACILITY}) +)?)?(?:: +)?"
    rf"(?:{_MNEMONIC}|{_APPLICATION}|{_TAG})?(?<message>.*)$"
)

_UPTIME = r"^ *\[ *[0-9]+\.[0-9]{6}\](?:\[ *[TC][0-9]+\])? ?"


def formats(_settings: ParseParams | None) -> list[Format]:
    """The three kinds; in RFC 3164 most lines name no year."""
    return [
        Format("syslog-5424", "syslog, RFC 5424", parse_modern),
        Format("syslog", "syslog, RFC 3164", parse_bsd, names_year=False, marks=_bsd_marks),
        Format("rsyslog", "syslog with ISO 8601 times", parse_iso, marks=_iso_marks),
    ]


def without_tag(messages: pl.Expr) -> pl.Expr:
    """Messages without the ``tag[pid]:`` in front."""
    return messages.str.replace(rf"^(?:{_APPLICATION}|{_TAG})", "")


def parse_bsd(lines: pl.DataFrame) -> pl.DataFrame:
    """RFC 3164 and what is written like it: with a year, a fraction, a zone, without a host, or by Cisco.

    A line that has a priority but no time is a message as a whole, but for its tag.
    """
    usual = _usual(groups(lines, _USUAL_BSD), yearless_time(pl.col("time"), _BSD_TIME))
    return _filled(lines, usual, (_any_bsd, _untimed))


def parse_iso(lines: pl.DataFrame) -> pl.DataFrame:
    """The same with ISO 8601 times."""
    return _filled(lines, _usual(groups(lines, _USUAL_ISO), iso_time(pl.col("time"))), (_any_iso,))


def parse_modern(lines: pl.DataFrame) -> pl.DataFrame:
    """RFC 5424; message id and structured data are left out."""
    found = groups(lines, _MODERN)
    given = [pl.when(pl.col(name) != "-").then(name).alias(name) for name in ("node", "logger", "thread")]
    message = pl.coalesce("message", "bare", pl.lit("")).str.strip_prefix("\ufeff").str.strip_chars()
    return found.select(
        *given,
        time=iso_time(pl.col("time")),
        level=priority_level(pl.col("priority")),
        message=pl.when(pl.col("time").is_not_null()).then(message),
    )


def _usual(found: pl.DataFrame, time: pl.Expr) -> pl.DataFrame:
    """The fields of lines with host and tag; nulls for others, which are read with more care."""
    words = pl.col("node").is_in(_LEVEL_WORDS) | pl.col("tag").is_in(_LEVEL_WORDS)
    named = words | pl.col("node").str.contains(f"^{_FACILITY}$")
    return found.select(
        time=time,
        node="node",
        level=priority_level(pl.col("priority")),
        logger="tag",
        thread=pl.when(pl.col("pid") != "").then("pid"),
        message=pl.when(~named).then(_without_uptime(pl.col("tag"), pl.col("message")).str.strip_chars()),
        tagged=pl.lit(True),
    )


def _filled(
    lines: pl.DataFrame, found: pl.DataFrame, others: tuple[Callable[[pl.DataFrame], pl.DataFrame], ...]
) -> pl.DataFrame:
    """Fields found, and in the lines without a message those that other ways of reading find."""
    for read in others:
        left = found["message"].is_null()
        if left.any():
            places = pl.concat([(~left).arg_true(), left.arg_true()])
            found = pl.concat([found.filter(~left), read(lines.filter(left))])[places.arg_sort()]
    return found


def _any_bsd(lines: pl.DataFrame) -> pl.DataFrame:
    found = groups(lines, _BSD)
    zone = pl.col("zone").replace(ZONES).str.replace("^([+-][0-9]{2})([0-9]{2})$", "$1:$2").fill_null("+00:00")
    text = pl.format("{} {}.{} {}", "date", "time", pl.col("fraction").fill_null("0"), zone)
    dated = pl.format("{} {}", pl.coalesce("first", "middle", "last"), text)
    time = dated.str.to_datetime(f"%Y {_BSD_TIME}%.f %:z", time_unit="us", strict=False)
    return _described(
        found.select(
            "priority", "remainder", "before", time=pl.coalesce(time, yearless_time(text, f"{_BSD_TIME}%.f %:z"))
        )
    )


def _untimed(lines: pl.DataFrame) -> pl.DataFrame:
    found = groups(lines, _UNTIMED).with_columns(remainder=pl.lit(": ") + pl.col("remainder"))
    return _described(found.with_columns(time=pl.lit(None, pl.Datetime("us", "UTC")), before=pl.lit(None, pl.String)))


def _any_iso(lines: pl.DataFrame) -> pl.DataFrame:
    found = groups(lines, _ISO).with_columns(iso_time(pl.col("time")), before=pl.lit(None, pl.String))
    return _described(found)


def _described(headers: pl.DataFrame) -> pl.DataFrame:
    """The fields of `formats.FIELDS` that headers and what stands behind them give, and ``tagged``."""
    parts = headers.with_columns(pl.col("remainder").str.extract_groups(_REST).alias("parts")).unnest("parts")
    tag, thread = pl.coalesce("application", "tag"), pl.coalesce("number", "pid")
    # "ERROR disk failed" and "ERROR: disk failed" name neither a host nor a program.
    parts = parts.with_columns(no_host=syslog_word_level(pl.col("node")), no_program=syslog_word_level(tag))
    level = pl.coalesce(
        priority_level(pl.col("priority")),
        syslog_word_level(pl.coalesce("level", "grade", pl.coalesce("facility", "selector").str.extract(r"\.(.*)$"))),
        priority_level(pl.col("severity")),
        "no_host",
        "no_program",
    )
    hosted, programmed = pl.col("no_host").is_null(), pl.col("no_host").is_null() & pl.col("no_program").is_null()
    whole = pl.when(hosted).then(pl.format("{}: {}", tag, "message")).otherwise(pl.col("remainder"))
    logger = pl.coalesce("mnemonic", tag)
    return parts.select(
        "time",
        node=pl.coalesce("before", pl.when(hosted).then("node")),
        level=level,
        logger=pl.when(programmed & ~logger.str.contains("^[0-9]+$")).then(logger),
        thread=pl.when(programmed & (thread != "")).then(thread),
        message=pl.when(programmed).then(_without_uptime(logger, pl.col("message"))).otherwise(whole).str.strip_chars(),
        tagged=programmed & logger.is_not_null(),
    )


def _without_uptime(program: pl.Expr, message: pl.Expr) -> pl.Expr:
    """Messages of the kernel without the seconds since its start, of which the header's time says as much."""
    return pl.when(program == "kernel").then(message.str.replace(_UPTIME, "")).otherwise(message)


def _bsd_marks(lines: pl.DataFrame) -> pl.Series:
    """A time, and a tag, a priority, or what is a host in more lines than this."""
    found = parse_bsd(lines).with_columns(prior=lines["raw"].str.starts_with("<"))
    tagged, timed = pl.col("tagged").fill_null(False), pl.col("time").is_not_null()
    bare = found.filter(timed & ~tagged & pl.col("node").is_not_null())["node"]
    often = bare.value_counts().filter((pl.col("count") > 1) & (2 * pl.col("count") >= bare.len()))["node"]
    # The first word of a message is no host, nor is a number.
    named = often.filter(often.str.contains("[A-Za-z]"))
    hosts = pl.concat([found.filter(tagged)["node"], named]).unique().drop_nulls()
    return found.select(timed & (tagged | pl.col("prior") | pl.col("node").is_in(hosts.implode()))).to_series()


def _iso_marks(lines: pl.DataFrame) -> pl.Series:
    """A time, a host and a tag; with a process number if no ``T`` is in the time, as some application logs have."""
    found = parse_iso(lines).with_columns(lines["raw"])
    hosted = pl.col("time").is_not_null() & pl.col("node").str.contains("[A-Za-z.:]") & pl.col("tagged")
    sure = pl.col("thread").is_not_null() | pl.col("raw").str.contains("^(?:<[0-9]+>)?[0-9-]{10}[Tt]")
    return found.select((hosted & sure).fill_null(False)).to_series()
