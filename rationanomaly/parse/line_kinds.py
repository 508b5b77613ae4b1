"""What a line that no format reads is: the beginning of a record, the continuation of one, or neither.

The rules look at how a line begins, know nothing of the lines around it, and are linear in its length.
"""

from __future__ import annotations

from typing import Final

import polars as pl

#: A line of one of these kinds begins a record, belongs to the record before it as a rule says or for want of a time of
#: its own, or can be neither. They are the values of the column ``kind``.
BEGIN, CONTINUATION, UNDATED, STRAY = range(4)


def _begin(*rules: str) -> str:
    return f"^(?:{'|'.join(rules)})"


#: Indented; what follows in this list is not.
_INDENTED: Final = r"[ \t]"
_TRACES: Final = (
    # Java, .NET, Node.js
    r"at (?:async |new )?[^ ]+(?: \[as [^\]]*\])? ?\(|at [^ ]+:[0-9]+(?::[0-9]+)?\)?$|at [^ ]+\(.*\) in ",
    r"\.\.\. ?[0-9]+ (?:more|common frames|lines matching|frames)|\.\.\.additional frames",
    r"Caused by:|Suppressed: |Wrapped by: |--- End of |Node\.js v[0-9]|Emitted '[^']*' event",
    r'"[^"]*" (?:#[0-9]+ )?(?:\[[0-9]+\] )?(?:daemon )?prio=|<--- JS stacktrace|\(Use `node --trace',
    # Python
    r"Traceback \(|During handling of |The above exception |Call stack:$|Arguments: [(\[{]",
    # Go
    r"goroutine [0-9]|created by [^ ]+\.[^ ]+(?: in goroutine [0-9]+)?$|\[signal |\[originating from |runtime stack:$",
    r"(?:r[a-z0-9]{1,5}|eflags|[cdefgs]s) +0x[0-9a-f]+$",
    # PHP
    r"(?:PHP )?Stack trace:$|PHP +[0-9]+\. |Next [A-Za-z_\\]+: |\[stacktrace\]|\[previous exception\]",
    r"#[0-9]+ +(?:/|0x[0-9a-f]|\{main\}|\[internal|[A-Za-z]:\\|phar:|[A-Za-z_][^ ]*\()",
    # Ruby, Rust
    r"[^ ]+:[0-9]+:in [`'][^']*'$|from [^ ]+:[0-9]+:in |stack backtrace:$|note: (?:run with|Some details)",
    # The end of an object or a text that began in the lines before
    r"[\"')\]}]+[,;]?$",
)
_EXCEPTIONS: Final = (
    r"\[?[A-Za-z_][A-Za-z0-9_.$+\\]*(?:Error|Exception|Warning|Interrupt|Exit|Throwable)(?:`[0-9])?"
    r"(?:$|:| \[[A-Z_0-9]+\]:)",
    # Node.js, PHP, Python
    r"\[?(?:Error|Exception)(?::| \[[A-Z_0-9]+\]:)",
)
_GO_FRAMES: Final = (r"[A-Za-z_][^ ()]*(?:\(\*?[^ ()]+\)[^ ()]*)*\((?:[^ ]+, )*[^ ]*\)$", r"exit status [0-9]+$")
#: An exception by any name; only behind an indented line is it one.
_NAMES: Final = (r"(?:[A-Za-z_][A-Za-z0-9_]*\.)*[A-Z][A-Za-z0-9_]*(?:: |:?$)",)
#: The first line of an exception of Ruby.
_RUBY: Final = r"[^ ]+:[0-9]+:in [`'][^']*': "
_FIRST_LINES: Final = (
    # Go
    r"panic: |fatal error: |SIG[A-Z]+: |WARNING: DATA RACE",
    # Java, .NET, Python
    r"Exception in thread |Exception: [^ ]+ thrown from |Exception ignored in|Unhandled [Ee]xception|Full thread dump ",
    r"# A fatal error has been detected|Process terminated\. |Fatal Python error: |--- Logging error ---",
    r"[^ ]+\.py:[0-9]+: [A-Za-z]*Warning: ",
    # PHP
    r"PHP (?:(?:Fatal|Parse|Core|Compile|Recoverable fatal|Catchable fatal) (?:error|warning)|[A-Z][a-z]+): ",
    r"(?:Fatal|Parse) error: ",
    # Node.js, Ruby, Rust, C++
    r"node:[a-z_/]+:[0-9]+$|[^ ]+\.[cm]?[jt]sx?:[0-9]+$|\(node:[0-9]+\) |FATAL ERROR: |<--- Last few GCs|Uncaught ",
    rf"{_RUBY}|#<Thread:|thread '[^']*' (?:\([0-9]+\) )?panicked at |terminate called ",
)

#: How a line begins that fits no format and shows nothing of the log's.
CONTINUES: Final = _begin(_INDENTED, *_TRACES, *_EXCEPTIONS, *_GO_FRAMES)
#: How a record begins whose first line has no time.
FIRST_LINES: Final = _begin(*_FIRST_LINES)
_SURE: Final = _begin(_INDENTED, *_TRACES)
#: Behind a line that opens or continues a trace, a line like this continues it.
_IN_TRACE: Final = _begin(*_EXCEPTIONS, *_GO_FRAMES, *_NAMES)
_OPENS_TRACE: Final = _begin(_INDENTED, "goroutine [0-9]", *_FIRST_LINES)
#: Behind the trace of an exception that was raised while another was handled, Ruby prints that other one, its cause.
_CAUSES: Final = _begin(_RUBY)
_EXPECTS_CAUSE: Final = _begin(
    r"(?:[ \t]+from )?[^ ]+:[0-9]+:in [`'](?:rescue|ensure) in [^']*'",
    # Up to 2.7 at a terminal: numbered, and what was raised stands last.
    r"[ \t]+[0-9]+: from [^ ]+:[0-9]+:in ",
)
#: What stands at the beginning of a log, perhaps behind the end of a record of the log before.
_STARTS: Final = _begin(r"Traceback \(", *_EXCEPTIONS)


def line_kinds(lines: pl.DataFrame, fits: pl.Expr, *, is_dated: bool, is_dated_inside: bool = False) -> pl.DataFrame:
    """The kinds of lines.

    Args:
        lines: ``message`` (null if nothing could be read) and ``raw``.
        fits: lines that begin a record whatever their text says.
        is_dated: whether each record begins with a time.
        is_dated_inside: the same of the messages of a container.

    Returns:
        One row per line: ``kind``; ``in_trace``, whether it is a `CONTINUATION` if it stands behind a line that opens a
        trace; ``opens``, whether it is such a line, null if what was open stays so; ``is_cause`` and ``expects_cause``,
        the same of the first line of an exception and the trace behind which it is a cause; ``starts``, whether a
        continuation may begin a record where there is none before it.
    """
    text, read = pl.col("text"), pl.col("read")
    lines = lines.select(read=pl.col("message").is_not_null(), text=pl.when(~fits).then(pl.coalesce("message", "raw")))
    is_blank = text.str.strip_chars() == ""
    continues = pl.when(read).then(text.str.contains(_SURE) | is_blank).otherwise(text.str.contains(CONTINUES))
    begins, opens = text.str.contains(FIRST_LINES), text.str.contains(_OPENS_TRACE)
    lines = lines.with_columns(begins=begins, opens=opens, continues=continues)
    begins, opens, continues = pl.col("begins"), pl.col("opens"), pl.col("continues")
    # Few lines open a trace, and all that says something of causes is among them.
    opening = pl.when(opens).then(text)
    causes, expects = opening.str.contains(_CAUSES), opening.str.contains(_EXPECTS_CAUSE)
    closes = text.is_null() | begins | (read & ~continues)
    unruled = pl.when(read).then(UNDATED if is_dated_inside else BEGIN).otherwise(UNDATED if is_dated else STRAY)
    return lines.select(
        kind=pl.when(text.is_null() | begins).then(BEGIN).when(continues).then(CONTINUATION).otherwise(unruled),
        in_trace=(text.str.contains(_IN_TRACE) & ~begins).fill_null(False),
        is_cause=causes.fill_null(False),
        opens=pl.when(text.is_null()).then(False).when(opens).then(True).when(read & ~is_blank).then(False),
        expects_cause=pl.when(expects).then(True).when(closes).then(False),
        starts=read | text.str.contains(_STARTS).fill_null(False),
    ).cast({"kind": pl.UInt8})
