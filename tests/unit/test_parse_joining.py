"""Which lines become one record: traces of every language, texts over lines, streams and pieces of containers."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl
import pytest
from hypothesis import given
from hypothesis import settings as settings_of
from hypothesis import strategies as st

from rationanomaly.params import Params, ParseParams
from rationanomaly.parse import formats, joining
from rationanomaly.parse.formats import Format
from rationanomaly.parse.joining import Joined, Joiner

BEFORE = "2031-03-03 00:00:01,000 ERROR call failed"
AFTER = "2031-03-03 00:00:09,000 INFO next call served"


@pytest.fixture(scope="module")
def settings(params: Params) -> ParseParams:
    return params.parse


def frame(texts: Sequence[str], form: Format) -> pl.DataFrame:
    raw = pl.DataFrame({"line": range(1, len(texts) + 1), "raw": texts}, schema_overrides={"line": pl.Int64})
    raw = raw.filter(pl.col("raw") != "")
    return raw.hstack(form.read(raw))


def join(texts: Sequence[str], form: Format, sizes: Sequence[int] = (10**6,)) -> Joined:
    """The lines joined in batches of so many lines each, in turn."""
    joiner, lines, parts = Joiner(hold=True, limit=10**6, form=form), frame(texts, form), list[Joined]()
    while lines.height:
        size = sizes[len(parts) % len(sizes)]
        parts.append(joiner.join(lines.head(size)))
        lines = lines.slice(size)
    if (last := joiner.finish()) is not None:
        parts.append(last)
    found = Joined(
        pl.concat(part.records for part in parts),
        pl.concat(part.rejected for part in parts),
        sum(part.joined for part in parts),
    )
    assert found.records.height + found.rejected.height + found.joined == sum(text != "" for text in texts)
    return found


def starts(found: Joined) -> list[int]:
    return found.records["line"].to_list()


#: What stands between two records of an application, and belongs to the first.
TRACES = {
    "Java": [
        "java.io.IOException: disk full\n\tat a.B.c(B.java:1)\n\tat a.D.<init>(D.java:9) ~[app.jar:1.0]",
        "a.b.CartException\n\tat a.B.c(B.java:1)\nCaused by: java.sql.SQLException: gone\n\t... 12 more",
        "a.B$Inner: odd\n\tat a.B.c(Native Method)\n\tSuppressed: a.X: y\n\t\tat a.B.close(B.java:3)\n\t\t... 1 more",
        "a.QueryException: near\n\nSELECT *\nFROM t\n at the end\n\tat a.B.c(B.java:1)\n\t... 3 common frames omitted",
        "at a.B.c(B.java:1)\nat a.B.d(Unknown Source)\nWrapped by: a.X: y\nat a.B.e(B.java:2)",
        "a.A: one\n\tat a.B.c(B.java:1)\n\t[CIRCULAR REFERENCE: a.A: one]\nCaused by: a.C: two",
    ],
    "Python": [
        'Traceback (most recent call last):\n  File "a.py", line 1, in f\n    g()\nshop.errors.NotFound: cart 7',
        'Traceback (most recent call last):\n  File "a.py", line 1, in f\n    g(x,\n      ^^\nKeyError: 7\n\nDuring '
        "handling of "
        'the above exception, another exception occurred:\n\nTraceback (most recent call last):\n  File "a.py", line '
        "2, "
        "in g\nRuntimeError: no cart",
        '  + Exception Group Traceback (most recent call last):\n  |   File "a.py", line 1, in <module>\n  | '
        "ExceptionGroup: "
        "two (2 sub-exceptions)\n  +-+---------------- 1 ----------------\n    | ValueError: 1\n    +----------------"
        " 2 ----------------\n    | TypeError: 2\n    +------------------------------------",
        '  File "a.py", line 3\n    x = = 3\n        ^\nSyntaxError: invalid syntax',
        'Traceback (most recent call last):\n  File "a.py", line 1, in f\nrequests.exceptions.ConnectTimeout: pool '
        "exhausted\nsee the manual,\nchapter 3",
        'Traceback (most recent call last):\n  File "a.py", line 1, in f\nKeyboardInterrupt\nThe above exception was '
        "the "
        'direct cause of the following exception:\nTraceback (most recent call last):\n  File "b.py", line 1, in g\n'
        "Stop: 1",
    ],
    ".NET": [
        "System.InvalidOperationException: no cart\n   at Shop.Cart.Take() in /src/Cart.cs:line 22\n   at "
        "Shop.Program.Main()",
        "System.AggregateException: One or more errors occurred. (no cart)\n ---> System.Exception: no cart\n   at "
        "A.B()\n"
        "   --- End of inner exception stack trace ---\n   at A.C()",
        "System.IO.IOException: gone\n   at A.B()\n--- End of stack trace from previous location ---\n   at A.D()",
        "Shop.Errors.Missing: cart\n   at A.<>c__DisplayClass3_0.<B>b__0()",
        "Microsoft.Data.SqlClient.SqlException (0x80131904): Timeout expired.\n   at A.B()\nClientConnectionId:7f3e\n"
        "Error "
        "Number:-2,State:0,Class:11",
    ],
    "PHP": [
        "Stack trace:\n#0 /app/x.php(3): f()\n#1 {main}\n  thrown in /app/x.php on line 3",
        "[stacktrace]\n#0 /app/x.php(3): App\\Http\\Kernel->handle(Object(Request))\n#1 [internal function]: f(1)\n"
        '#2 {main}\n"}',
        "App\\Errors\\NotFoundException: cart 7 in /app/x.php:3\nStack trace:\n#0 {main}\n\nNext RuntimeException: "
        "no in /x:4\n"
        "Stack trace:\n#0 {main}",
        "PHP Stack trace:\nPHP   1. {main}() /app/x.php:0\nPHP   2. f($a = 1) /app/x.php:3",
        "#0 phar:///app/tool.phar/x.php(3): f()\n#1 {main}",
    ],
    "Node.js": [
        "Error: no cart\n    at take (/app/x.js:1:2)\n    at async Promise.all (index 0)",
        "TypeError [ERR_INVALID_ARG_TYPE]: The argument must be of type string\n    at new F (node:internal/x:1:2) "
        "{\n  code: 'E'\n}",
        "Error: connect ECONNREFUSED 127.0.0.1:5432\n    at TCPConnectWrap.afterConnect [as oncomplete] "
        "(node:net:1:2)\n"
        "Emitted 'error' event on Socket instance at:\n    at emit (node:events:1:2)\n  errno: -111,\n}\n\nNode.js "
        "v18.12.1",
        "at take (/app/x.js:1:2)\nat /app/y.js:3:4\nat Object.<anonymous> (/app/z.js:1:1)",
        "AggregateError: All promises were rejected\n    at f (file:///app/x.mjs:1:2) {\n  [errors]: [ Error: a ]\n}",
    ],
    "Ruby": [
        "app/models/cart.rb:3:in `take'\napp/controllers/x.rb:7:in `block in show'",
        "\tfrom /app/x.rb:7:in `<main>'\n\tfrom /app/y.rb:1:in `require'",
        "ActiveRecord::RecordNotFound (Couldn't find Cart with 'id'=7):\n\napp/controllers/x.rb:5:in `show'",
        "/app/x.rb:3:in 'Cart#take'\n/app/x.rb:9:in 'block (2 levels) in <main>'",
        "from /app/x.rb:7:in `f'\nfrom (irb):1",
    ],
    "SQL": [
        "SELECT id,\n       name\nFROM cart\nWHERE id = 7",
        "WITH x AS (\n  SELECT 1\n)\nSELECT * FROM x;",
        "INSERT INTO cart VALUES\n(1, 'a'),\n(2, 'b');\nCOMMIT",
        "-- why\nUPDATE cart\nSET n = n + 1\n/* all */",
        "CREATE TABLE cart (\n  id int\n);\nGRANT ALL ON cart TO shop",
    ],
    "JSON": [
        '{\n  "code": 5\n}',
        "[\n1,\n2\n]",
        '{\n"a": {\n"b": [1,\n2]\n}\n}',
        '"code": 5,\n"text": "no cart"\n},',
        "{\n\n'code': 5\n\n}",
    ],
}


@pytest.mark.parametrize("text", [text for texts in TRACES.values() for text in texts])
def test_what_has_no_time_belongs_to_the_record_before(settings: ParseParams, text: str) -> None:
    texts = [BEFORE, *text.split("\n"), AFTER]
    found = join(texts, formats.find("application", settings))
    assert starts(found) == [1, len(texts)]
    words = " ".join(text.split())
    assert " ".join(found.records["message"][0].split()) == f"call failed {words}"


#: Records whose first line says that they are none of the record before.
FIRST_LINES = {
    "Go": [
        "panic: boom\n\ngoroutine 1 [running]:\nmain.f(0xc0)\n\t/app/main.go:18 +0x92\nexit status 2",
        "panic: assignment to entry in nil map [recovered]\n\tpanic: again\n\ngoroutine 7 [running]:\n"
        "main.(*T).f(...)\n\t/a.go:1\n"
        "created by main.start in goroutine 1\n\t/a.go:9 +0x1",
        "fatal error: all goroutines are asleep - deadlock!\n\ngoroutine 1 [chan receive]:\nmain.main()\n\t/a.go:3 "
        "+0x1\n\n"
        "goroutine 18 [select]:\nnet/http.(*conn).serve(0xc0, {0x1, 0x2})\n\t/b.go:3",
        "panic: runtime error: invalid memory address or nil pointer dereference\n[signal SIGSEGV: segmentation "
        "violation "
        "code=0x1 addr=0x0 pc=0x4]\n\ngoroutine 1 [running]:\npanic({0x6a, 0xc0})\n\t/p.go:1\nruntime.goexit()\n"
        "\t/r.s:1",
        "SIGQUIT: quit\nPC=0x46 m=0 sigcode=0\n\ngoroutine 0 [idle]:\nruntime.futex(0x5a, 0x80)\n\t/r.s:1\n\nrax    "
        "0xca\nrip    0x46",
        "WARNING: DATA RACE\nWrite at 0x00c0 by goroutine 7:\n  main.f()\n      /a.go:12 +0x44",
    ],
    "Java": [
        'Exception in thread "main" java.lang.IllegalStateException: closed\n\tat a.B.c(B.java:1)',
        'Exception: java.lang.OutOfMemoryError thrown from the UncaughtExceptionHandler in thread "main"',
        'Full thread dump OpenJDK 64-Bit Server VM:\n\n"main" #1 prio=5 os_prio=0\n   java.lang.Thread.State: RUNNABLE',
        "# A fatal error has been detected by the Java Runtime Environment:\n#\n#  SIGSEGV (0xb)",
        'Exception in thread "pool-1" a.X: y\n\tat a.B.c(B.java:1)\nCaused by: a.Z: w\n\t... 1 more',
    ],
    ".NET": [
        "Unhandled exception. System.Exception: boom\n   at A.B()",
        "Unhandled Exception: System.NullReferenceException: Object reference not set\n  at A.B () [0x00000] in <0>:0",
        "Process terminated. Assertion failed.\n   at A.B()",
        "Unhandled exception. A.X: y\n ---> B.Z: w\n   at A.B()\n   --- End of inner exception stack trace ---",
        "Fatal error: Internal CLR error.\n   at A.B()",
    ],
    "PHP": [
        "PHP Fatal error:  Uncaught Error: boom in /app/x.php:3\nStack trace:\n#0 {main}\n  thrown in /app/x.php on "
        "line 3",
        "PHP Warning:  Undefined variable $a in /app/x.php on line 3",
        "PHP Parse error:  syntax error, unexpected token in /app/x.php on line 3\nPHP Stack trace:\nPHP   1. "
        "{main}() /x.php:0",
        "Fatal error: Uncaught Exception: x in /app/x.php:3\nStack trace:\n#0 {main}",
        "PHP Notice:  Undefined index: a in /app/x.php on line 3",
    ],
    "Node.js": [
        "/app/x.js:3\n  throw new Error('x')\n  ^\n\nError: x\n    at f (/app/x.js:3:9)\n\nNode.js v18.12.1",
        "node:internal/process/promises:246\n      triggerUncaughtException(err, true);\n      ^\n\n[Error: x] {\n  "
        "errno: -2\n}",
        "node:events:491\n      throw er; // Unhandled 'error' event\n      ^\n\nError: x\n    at f (/a.js:1:2)",
        "(node:7) UnhandledPromiseRejectionWarning: Error: x\n    at f (/a.js:1:2)",
        "file:///app/x.mjs:3\nthrow 1\n^\n1\n(Use `node --trace-uncaught ...` to show where the exception was thrown)",
        "FATAL ERROR: Reached heap limit Allocation failed\n 1: 0xb0 node::Abort() [node]",
    ],
    "Ruby": [
        "/app/x.rb:3:in `f': boom (RuntimeError)\n\tfrom /app/x.rb:7:in `<main>'",
        "/app/x.rb:3:in 'Cart#take': undefined method 'x' for nil (NoMethodError)\n\n    a.x\n     ^^\n\tfrom "
        "/app/x.rb:7:in 'f'",
        "(irb):1:in `<main>': boom (RuntimeError)\n\tfrom /b.rb:1:in `f'",
        "#<Thread:0x1 /app/x.rb:1 run> terminated with exception (report_on_exception is true):\n\tfrom a.rb:1:in `f'",
        "bin/rails:4:in `<main>': boom (LoadError)",
    ],
    "Python": [
        'Exception in thread Thread-1 (f):\nTraceback (most recent call last):\n  File "a.py", line 1, in f\n'
        "ValueError: x",
        'Fatal Python error: Segmentation fault\n\nCurrent thread 0x0 (most recent call first):\n  File "a.py", line '
        "1 in f",
        "Exception ignored in: <function f at 0x1>\nTraceback (most recent call last):\nValueError: x",
        "/app/x.py:3: DeprecationWarning: old\n  f()",
        "--- Logging error ---\nTraceback (most recent call last):\nTypeError: not all\nCall stack:\n  File "
        "\"a.py\", line 1\nMessage: 'x'\n"
        "Arguments: (1,)",
    ],
}


@pytest.mark.parametrize("text", [text for texts in FIRST_LINES.values() for text in texts])
def test_a_first_line_begins_a_record_without_a_time(settings: ParseParams, text: str) -> None:
    found = join([BEFORE, *text.split("\n"), AFTER], formats.find("application", settings))
    assert starts(found) == [1, 2, text.count("\n") + 3]
    assert found.rejected.is_empty()
    crash = found.records.row(1, named=True)
    # A level in the first line may have been read as one.
    assert " ".join(text.split()).endswith(" ".join(crash["message"].split()))
    assert (crash["time"], crash["node"]) == (None, None)


@pytest.mark.parametrize(
    ("texts", "records", "rejected"),
    [
        (["junk", BEFORE], [2], [1]),
        (["  junk", "Caused by: x", BEFORE, "more"], [3], [1, 2]),
        (["panic: boom", "main.f()", BEFORE], [1, 3], []),
        (["junk", "Traceback (most recent call last):", "  File", "a.Missing: 7", BEFORE], [2, 5], [1]),
        (["java.io.IOException: x", "\tat a.B.c(B.java:1)", "text", BEFORE], [1, 4], []),
        (["\tat a.B.c(B.java:1)", "a.CartException: x", "\tat a.B.c(B.java:1)"], [2], [1]),
    ],
)
def test_before_the_first_record(
    settings: ParseParams, texts: list[str], records: list[int], rejected: list[int]
) -> None:
    found = join(texts, formats.find("application", settings))
    assert (starts(found), found.rejected["line"].to_list()) == (records, rejected)


def test_text_without_a_time_is_not_swallowed_without_end(settings: ParseParams) -> None:
    texts = [BEFORE, *["text"] * 1500, "  indented", AFTER]
    found = join(texts, formats.find("application", settings))
    assert starts(found) == [1, 1503]
    assert found.rejected["line"].to_list() == list(range(1002, 1502))


def test_a_format_without_times_joins_what_a_rule_says_and_rejects_the_rest(settings: ParseParams) -> None:
    form = Format("x", "x", lambda lines: lines.select(message=pl.col("raw").str.extract("^<(.*)>$")), is_dated=False)
    texts = [
        "<one>",
        "  more",
        "junk",
        "a.b.Missing: 7",
        "<two>",
        "junk",
        "a.b.Missing: 7",
        "panic: x",
        "exit status 2",
    ]
    found = join(texts, form)
    assert found.records["message"].to_list() == ["one more a.b.Missing: 7", "two", "panic: x exit status 2"]
    assert found.rejected["line"].to_list() == [3, 6, 7]


def cri(*lines: str) -> list[str]:
    """``out message`` and ``err message`` as lines of CRI; ``out+`` marks a piece."""
    texts = []
    for number, line in enumerate(lines):
        head, _, message = line.partition(" ")
        stream, tag = f"std{head.rstrip('+')}", "P" if head.endswith("+") else "F"
        texts.append(f"2031-03-03T00:00:{number % 60:02d}.5Z {stream} {tag} {message}" if head != "-" else message)
    return texts


IN_CONTAINERS = [
    # Traces, one a language.
    (
        [
            "err Exception in thread x",
            "err \tat a.B.c(B.java:1)",
            "err Caused by: a.X: y",
            "err \t... 2 more",
            "err ok",
        ],
        [1, 5],
    ),
    (
        ["out ready", "out Traceback (most recent call last):", 'out   File "a.py"', "out a.b.Missing: 7", "out ok"],
        [1, 5],
    ),
    (
        [
            "out ready",
            "out panic: boom",
            "out ",
            "out goroutine 1 [running]:",
            "out main.f(0x1)",
            "out \t/a.go:1",
            "out ok",
        ],
        [1, 2, 7],
    ),
    (
        [
            "out ready",
            "out PHP Fatal error:  x",
            "out Stack trace:",
            "out #0 {main}",
            "out   thrown in /a.php",
            "out ok",
        ],
        [1, 2, 6],
    ),
    (
        [
            "out /a.js:3",
            "out   throw x",
            "out   ^",
            "out ",
            "out Error: x",
            "out     at f (/a.js:1:2)",
            "out Node.js v18.1.0",
            "out ok",
        ],
        [1, 8],
    ),
    (
        [
            "out Unhandled exception. A.X: y",
            "out    at A.B()",
            "out --- End of stack trace from previous location ---",
            "out ok",
        ],
        [1, 4],
    ),
    (["out /x.rb:3:in `f': boom (RuntimeError)", "out \tfrom /x.rb:7:in `g'", "out ok"], [1, 3]),
    # Each stream has its own records.
    (["out a", "err x", "out   b", "err   y", "out c", "err z"], [1, 2, 5, 6]),
    (
        ["err Traceback (most recent call last):", "out a", 'err   File "a.py"', "out b", "err KeyError: 7", "out c"],
        [1, 2, 4, 6],
    ),
    (["out a", "err   first of its stream", "out b"], [1, 2, 3]),
    # Pieces.
    (["out+ a", "err x", "out b", "err+ y", "out c", "err z"], [1, 2, 4, 5]),
    (["out+ a", "out+ b", "out   c", "out d"], [1, 4]),
    (["out a", "out+ b"], [1, 2]),
    (["out+ a", "err+ x", "out+ b", "err+ y", "out c", "err z"], [1, 2]),
    (["out a", "out+   tr", "out ace", "out b"], [1, 4]),
    # What looks like a trace, and is none.
    (
        [
            "out Ready: yes",
            "out TimeoutError: upstream",
            "out TimeoutError: upstream",
            "out handler(7)",
            "out #12 opened",
        ],
        [1, 2, 3, 4, 5],
    ),
    # What is no line of a container belongs to the line before, and does not break a long line.
    (["out a", "- junk", "out+ b", "- junk", "out c", "out d"], [1, 3, 6]),
]


@pytest.mark.parametrize(("lines", "expected"), IN_CONTAINERS)
@pytest.mark.parametrize("sizes", [(100,), (1,), (2, 1, 3)])
def test_behind_the_prefix_of_a_container(
    settings: ParseParams, lines: list[str], expected: list[int], sizes: tuple[int, ...]
) -> None:
    assert starts(join(cri(*lines), formats.find("cri", settings), sizes)) == expected


def test_pieces_are_put_together_without_a_blank_and_records_with_one(settings: ParseParams) -> None:
    lines = cri("out+ one lo", "err odd", "out+ ng li", "out ne", "err   and odder", "out last")
    found = join(lines, formats.find("cri", settings))
    assert found.records["message"].to_list() == ["one long line", "odd and odder", "last"]
    assert found.records["stream"].to_list() == ["stdout", "stderr", "stdout"]


def test_a_line_without_a_prefix_before_all_others_is_rejected(settings: ParseParams) -> None:
    found = join(["junk", *cri("out a"), "junk"], formats.find("cri", settings))
    assert (starts(found), found.rejected["line"].to_list()) == ([2], [1])


INSIDE = [
    (
        [f"out {BEFORE}", "out SELECT id", "out FROM cart", f"out {AFTER}"],
        [1, 4],
        ["call failed SELECT id FROM cart", "next call served"],
    ),
    (
        [f"out {BEFORE}", f"err {BEFORE}", "out one", "err two", f"out {AFTER}"],
        [1, 2, 5],
        ["call failed one", "call failed two", "next call served"],
    ),
    # Before the first record of a stream each line is one.
    (["out starting", "out ready", f"out {BEFORE}", "out text"], [1, 2, 3], ["starting", "ready", "call failed text"]),
    ([f"out {BEFORE}", "err odd", "err odder", "out text"], [1, 2, 3], ["call failed text", "odd", "odder"]),
    # The time of the application may be cut in two.
    ([f"out+ {BEFORE[:9]}", f"err {AFTER}", f"out {BEFORE[9:]}"], [1, 2], ["call failed", "next call served"]),
    ([f"out {BEFORE}", "out panic: boom", "out main.f()", "out exit status 2", f"out {AFTER}"], [1, 2, 5], None),
]


@pytest.mark.parametrize(("lines", "expected", "messages"), INSIDE)
@pytest.mark.parametrize("sizes", [(100,), (1,), (3, 1)])
def test_the_messages_of_a_container_have_a_format(
    settings: ParseParams, lines: list[str], expected: list[int], messages: list[str] | None, sizes: tuple[int, ...]
) -> None:
    found = join(cri(*lines), formats.find("cri+application", settings), sizes)
    assert starts(found) == expected
    if messages is not None:
        assert found.records["message"].to_list() == messages


def test_fields_come_from_within_and_the_time_from_the_container(settings: ParseParams) -> None:
    record = join(cri(f"err {BEFORE}"), formats.find("cri+application", settings)).records.row(0, named=True)
    assert (record["level"], record["stream"], record["time"].isoformat()) == (
        "ERROR",
        "stderr",
        "2031-03-03T00:00:00.500000+00:00",
    )


def test_a_line_that_says_so_is_continued_by_the_next_in_any_format(settings: ParseParams) -> None:
    texts = ["Mar 03, 2031 1:00:00 AM shop.Cart take", "SEVERE: no cart", "\tat a.B.c(B.java:1)", BEFORE]
    found = join(texts, formats.find("application", settings), [1])
    assert found.records.select("line", "level", "logger", "message").rows() == [
        (1, "SEVERE", "shop.Cart", "no cart at a.B.c(B.java:1)"),
        (4, "ERROR", None, "call failed"),
    ]


def test_a_stream_in_json_is_that_of_a_container(settings: ParseParams) -> None:
    rows = [("stderr", "failed"), ("stdout", "fine"), ("stderr", "\\tat a.B.c(B.java:1)"), ("stdout", "fine")]
    texts = [f'{{"message":"{text}","stream":"{stream}","@timestamp":"2031-03-03T00:00:00Z"}}' for stream, text in rows]
    found = join(texts, formats.find("json", settings), [1])
    assert starts(found) == [1, 2, 4]


def test_without_joining_a_message_is_read_by_its_format_all_the_same(settings: ParseParams) -> None:
    form = formats.find("cri+application", settings)
    joiner = Joiner(hold=True, limit=100, form=form)
    found = joiner.split(frame(cri(f"out {BEFORE}", "out text"), form))
    assert found.records["message"].to_list() == ["call failed", "text"]


POOL = [
    *cri("out a", "err x", "out+ p", "err+ q", "out   in", "err \tat a.B.c(B.java:1)", "out ", "err Traceback (most"),
    *cri(
        "out a.b.Missing: 7", "err panic: boom", "err main.f()", f"out {BEFORE}", f"err {AFTER}", "out text", "err text"
    ),
    "junk",
    "  junk",
    "",
    "Traceback (most",
]
DATED_POOL = [
    BEFORE,
    AFTER,
    "text",
    "  in",
    "panic: boom",
    "main.f()",
    "a.b.Missing: 7",
    "Traceback (most",
    "",
    "Caused by:",
]


@settings_of(max_examples=60, deadline=None)
@given(
    st.sampled_from(["cri", "cri+application", "cri+json", "application", "plain"]),
    st.data(),
    st.lists(st.integers(1, 9), min_size=1, max_size=4),
    st.sampled_from([1, 3, 1000]),
)
def test_batches_do_not_matter(params: Params, name: str, data: st.DataObject, sizes: list[int], bound: int) -> None:
    pool = POOL if name.startswith("cri") else DATED_POOL
    texts = data.draw(st.lists(st.sampled_from(pool), min_size=1, max_size=40).filter(any))
    form = formats.find(name, params.parse)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(joining, "_MAX_SILENCE", bound)
        patch.setattr(joining, "_MAX_UNDATED", bound + 1)
        patch.setattr(joining, "_MAX_LINES", 2 * bound + 2)
        whole, parts = join(texts, form), join(texts, form, sizes)
    assert starts(parts) == sorted(starts(parts))
    assert parts.records.equals(whole.records)
    assert parts.rejected.sort("line").equals(whole.rejected.sort("line"))
    assert parts.joined == whole.joined


def test_a_silent_stream_does_not_keep_the_others_waiting(settings: ParseParams) -> None:
    form = formats.find("cri", settings)
    joiner = Joiner(hold=True, limit=100, form=form)
    texts = cri("err odd", *["out fine"] * 5000, "err   more")
    for part in frame(texts, form).iter_slices(500):
        joiner.join(part)
        assert joiner.held < 1600
    assert starts(join(texts, form))[-1] == 5002


def test_an_endless_record_of_one_stream_does_not_keep_the_others_waiting(settings: ParseParams) -> None:
    form = formats.find("cri", settings)
    joiner = Joiner(hold=True, limit=100, form=form)
    texts = cri("err odd", *["out fine", "err   more"] * 15_000)
    for part in frame(texts, form).iter_slices(2000):
        joiner.join(part)
        assert joiner.held <= 10_001


def test_long_lines_count_as_several(settings: ParseParams) -> None:
    texts = cri("err odd", *["out " + "x" * 8192 * 100] * 11, "err   more")
    assert starts(join(texts, formats.find("cri", settings)))[-1] == 13


def test_live_records_do_not_wait_for_other_streams(settings: ParseParams) -> None:
    form = formats.find("cri", settings)
    joiner = Joiner(hold=True, limit=100, form=form, ordered=False)
    found = joiner.join(frame(cri("err odd", "out a", "out b"), form), now=10.0)
    assert starts(found) == [2]
    assert joiner.expire(9.9) is None
    late = joiner.expire(10.0)
    assert late is not None and starts(late) == [1, 3]
    again = joiner.join(frame(cri("err   more"), form), now=11.0)
    assert (again.records.height, again.rejected.height, joiner.held) == (0, 0, 1)


@pytest.mark.parametrize("text", ["\tat a.B.c(B.java:1)", "text", "Caused by: x", "ValueError: 7", "}"])
def test_what_comes_too_late_is_a_record_of_its_own(settings: ParseParams, text: str) -> None:
    form = formats.find("application", settings)
    joiner = Joiner(hold=True, limit=100, form=form)
    assert joiner.join(frame([BEFORE], form), now=1.0).records.is_empty()
    assert joiner.expire(1.0) is not None
    first = joiner.join(frame([text], form), now=2.0)
    second = joiner.join(frame(["text", AFTER], form), now=3.0)
    assert first.rejected.is_empty() and second.rejected.is_empty()
    assert second.records["message"].to_list() == [f"{text.strip()} text"]
