"""Application logs: what is read of a line in each of the usual layouts."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rationanomaly.params import Params
from rationanomaly.parse.formats import application
from rationanomaly.parse.formats.first_match import first_match
from rationanomaly.parse.reading import LogReader

LOGHUB = Path(__file__).parents[3] / "shared" / "data" / "loghub"
AT = "2031-03-03 00:00:02,154"
MOMENT = datetime(2031, 3, 3, 0, 0, 2, 154000, UTC)

#: A line, and its level, thread, logger and message.
LINES: list[tuple[str, tuple[str | None, str | None, str | None, str]]] = [
    # Log4j, Logback: level first, or the thread
    (f"{AT} INFO [main] org.shop.Pool: full", ("INFO", "main", "org.shop.Pool", "full")),
    (f"{AT} INFO  [IPC handler 5 on 9000] o.Pool: full", ("INFO", "IPC handler 5 on 9000", "o.Pool", "full")),
    (f"{AT} [main] INFO  o.s.Pool - full", ("INFO", "main", "o.s.Pool", "full")),
    (f"{AT} [ERROR-handler-1] INFO  o.s.Pool - full", ("INFO", "ERROR-handler-1", "o.s.Pool", "full")),
    (f"{AT} WARN [main] Pool - full", ("WARN", "main", "Pool", "full")),
    (f"{AT} [main] WARN  Pool - full", ("WARN", "main", "Pool", "full")),
    (f"{AT} WARN Pool:12 - full", ("WARN", None, "Pool", "full")),
    (f"{AT} WARN CartPool - full", ("WARN", None, "CartPool", "full")),
    (f"{AT} [main] WARN full - or not", ("WARN", "main", "full", "or not")),
    (f"{AT} ERROR [main] o.s.Job (Job.java:go(12)) - full", ("ERROR", "main", "o.s.Job", "full")),
    (f"{AT} INFO o.s.Pool - full", ("INFO", None, "o.s.Pool", "full")),
    (f"{AT} DEBUG [o.s.Pool] full", ("DEBUG", None, "o.s.Pool", "full")),
    (f"{AT} INFO  [o.s.Pool] (a (b) c) full", ("INFO", "a (b) c", "o.s.Pool", "full")),
    (f"{AT} [7] INFO  Shop.Pool [(null)] - full", ("INFO", None, "Shop.Pool", "full")),
    (f"{AT} | INFO  | full | o.s.Pool | main", ("INFO", "main", "o.s.Pool", "full")),
    ("00:00:02.154 [main] INFO  o.s.Pool - full", ("INFO", "main", "o.s.Pool", "full")),
    # Spring Boot
    (f"{AT}  INFO 7 --- [           main] o.s.Pool    : full", ("INFO", "main", "o.s.Pool", "full")),
    (f"{AT}  INFO 7 --- [shop] [nio-8080-exec-1] o.s.Pool  : full", ("INFO", "nio-8080-exec-1", "o.s.Pool", "full")),
    (f"{AT}  INFO [shop,1a,2b] 7 --- [nio-8080-exec-1] Pool : full", ("INFO", "nio-8080-exec-1", "Pool", "full")),
    # Python
    (f"{AT} - shop - ERROR - full", ("ERROR", None, "shop", "full")),
    (f"{AT} - shop.pool - WARNING - full", ("WARNING", None, "shop.pool", "full")),
    (f"{AT}:INFO:shop:full", ("INFO", None, "shop", "full")),
    ("INFO:shop.pool:full", ("INFO", None, "shop.pool", "full")),
    ("INFO:     full", ("INFO", None, None, "full")),
    (f"[{AT}] INFO in pool: full", ("INFO", None, "pool", "full")),
    (f"{AT} | INFO     | shop.pool:fill:42 - full", ("INFO", None, "shop.pool", "full")),
    (f"{AT} [info     ] full     [shop.pool] size=3", ("INFO", None, "shop.pool", "full size=3")),
    (f"{AT} [info     ] full     size=3", ("INFO", None, None, "full     size=3")),
    (f"[{AT}: INFO/ForkPoolWorker-1] full", ("INFO", "ForkPoolWorker-1", None, "full")),
    (f"[{AT} +0000] [7] [INFO] full", ("INFO", None, None, "full")),
    (f"{AT} [shop.pool] INFO: full", ("INFO", None, "shop.pool", "full")),
    (f"[{AT}] {{pool.py:57}} INFO - full", ("INFO", None, "pool.py", "full")),
    (f"INFO {AT} pool 7 140735 full", ("INFO", None, "pool", "full")),
    (f"[I {AT} ServerApp] full", ("INFO", None, "ServerApp", "full")),
    # .NET
    (f"{AT} [WRN] full", ("WARN", None, None, "full")),
    ("[00:00:02 INF] full", ("INFO", None, None, "full")),
    (f"{AT}|INFO|Shop.Pool|full", ("INFO", None, "Shop.Pool", "full")),
    ("fail: Shop.Pool[3]", ("ERROR", None, "Shop.Pool", "")),
    ("info: Shop.Pool[3] full", ("INFO", None, "Shop.Pool", "full")),
    # Go, Rust, Ruby, JavaScript
    (f"{AT}\tinfo\tfull", ("INFO", None, None, "full")),
    (f"{AT}\tINFO\tpool\tshop/pool.go:3\tfull\t{{}}", ("INFO", None, "pool", "full\t{}")),
    (f"{AT}\twarn\tshop/pool.go:3\tfull", ("WARN", None, None, "full")),
    (f"{AT}\tINFO\tfull\t{{}}", ("INFO", None, None, "full\t{}")),
    ("2031/03/03 00:00:02.154000 pool.go:23: full", (None, None, "pool.go", "full")),
    ("2031/03/03 00:00:02.154000 [INFO] pool: full", ("INFO", None, None, "pool: full")),
    (f"{AT}  INFO shop::pool: full", ("INFO", None, "shop::pool", "full")),
    (f"[{AT} INFO  shop::pool] full", ("INFO", None, "shop::pool", "full")),
    (f"I, [{AT} #7]  INFO -- : full", ("INFO", None, None, "full")),
    (f"E, [{AT} #7] ERROR -- pool: full", ("ERROR", None, "pool", "full")),
    (f"{AT} info: full", ("INFO", None, None, "full")),
    (f"[{AT}] INFO (shop/7 on h1): full", ("INFO", None, "shop", "full")),
    (f"[{AT}] [INFO] pool - full", ("INFO", None, "pool", "full")),
    # Servers
    (f"{AT} [INFO]  http: TLS handshake error", ("INFO", None, None, "http: TLS handshake error")),
    (f"{AT} UTC [7] LOG:  full", ("LOG", None, None, "full")),
    (f"{AT} UTC [7] a@b STATEMENT:  select 1", ("STATEMENT", None, None, "select 1")),
    (f"{AT} UTC [7]: [3-1] user=a,db=b,client=h HINT:  full", ("HINT", None, None, "full")),
    (f"{AT} I NETWORK  [conn42] full", ("INFO", "conn42", "NETWORK", "full")),
    (f"{AT} 25746 INFO nova.wsgi [req-1 a b - - -] full", ("INFO", None, "nova.wsgi", "full")),
    (f"{AT} 25746 INFO nova.wsgi [instance: x] full", ("INFO", None, "nova.wsgi", "[instance: x] full")),
    (f"{AT} - INFO  [Peer[id=1]/0:0:2181:Pool@774] - full", ("INFO", "Peer[id=1]/0:0:2181", "Pool", "full")),
    (f"[{AT}][INFO ][o.e.n.Pool    ] [node-1] full", ("INFO", None, "o.e.n.Pool", "full")),
    (f"[{AT}] INFO [Pool 0] full (shop.pool.Pool)", ("INFO", None, "shop.pool.Pool", "[Pool 0] full")),
    (f"INFO  [main] {AT} Pool.java:650 - full", ("INFO", "main", "Pool.java", "full")),
    (f"INFO {AT} main started job 1", ("INFO", None, None, "main started job 1")),
    (f"{AT} INFO  (qtp1-2) [c:a s:b] o.Pool full", ("INFO", "qtp1-2", "o.Pool", "full")),
    (f"{AT} 0 [Note] [MY-010116] [Server] full", ("NOTE", None, "Server", "full")),
    (f"{AT} [info] <0.230.0> full", ("INFO", "0.230.0", None, "full")),
    ("[2031/03/03 00:00:02.154] [ info] [input:tail] full", ("INFO", None, "input:tail", "full")),
    (f"{AT} I! [inputs.cpu] full", ("INFO", None, "inputs.cpu", "full")),
    ("1:M 03 Mar 2031 00:00:02.154 * full", ("NOTICE", None, None, "full")),
    ("31/03/03 00:00:02 INFO Pool: full", ("INFO", None, "Pool", "full")),
    (f"{AT} INFO org.shop.Pool.start full again", ("INFO", None, "org.shop.Pool.start", "full again")),
    # What looks like one of these but is the message
    (f"{AT} INFO core: full", ("INFO", None, None, "core: full")),
    (f"{AT} INFO [OK] full", ("INFO", None, None, "[OK] full")),
    (f"{AT} ERROR java.io.IOException: full", ("ERROR", None, None, "java.io.IOException: full")),
    (f"{AT} ERROR [main] shop.PoolError: full", ("ERROR", "main", None, "shop.PoolError: full")),
    (f"{AT} WARN db.example.org: full", ("WARN", None, None, "db.example.org: full")),
    (f"{AT} WARN pool.yaml: full", ("WARN", None, None, "pool.yaml: full")),
    (f"{AT} INFO retry - attempt 3", ("INFO", None, None, "retry - attempt 3")),
    (f"{AT} pool lost with ERROR code 5", (None, None, None, "pool lost with ERROR code 5")),
    (f"{AT} INFO logger=pool status=full", ("INFO", None, None, "logger=pool status=full")),
    (f"{AT} GET /pool ERRORS", (None, None, None, "GET /pool ERRORS")),
]

TIMES: list[tuple[str, datetime]] = [
    ("2031-03-03T00:00:02.154Z", MOMENT),
    ("2031-03-03T00:00:02,154+00:00", MOMENT),
    ("2031-03-03 02:00:02.154 +0200", MOMENT),
    ("2031-03-03T02:00:02.154+02", MOMENT),
    ("2031-03-02 16:00:02.154-08:00", MOMENT),
    ("2031-03-03 00:00:02.154 UTC", MOMENT),
    ("2031-03-03 01:00:02.154 CET", MOMENT),
    ("2031-03-03 00:00:02.154 IST", MOMENT),
    ("2031-03-03 00:00:02:154", MOMENT),
    ("[2031-03-03 00:00:02.154 +0000]", MOMENT),
    ("2031/03/03 00:00:02.154", MOMENT),
    ("31/03/03 00:00:02.154", MOMENT),
    ("310303 00:00:02.154", MOMENT),
    ("03/Mar/2031:01:00:02.154 +0100", MOMENT),
    ("03-Mar-2031 00:00:02.154", MOMENT),
    ("[03/Mar/2031 00:00:02,154]", MOMENT),
    ("03.03.2031 00:00:02.154", MOMENT),
    ("Mar 3, 2031 1:00:02 PM", datetime(2031, 3, 3, 13, 0, 2, 0, UTC)),
    ("3/4/2031, 12:00:02 AM", datetime(2031, 3, 4, 0, 0, 2, 0, UTC)),
]


def read(*lines: str) -> list[dict[str, Any]]:
    return application.parse(pl.DataFrame({"raw": lines})).to_dicts()


@pytest.mark.parametrize(("line", "expected"), LINES)
def test_a_line_gives_level_thread_logger_and_message(
    line: str, expected: tuple[str | None, str | None, str | None, str]
) -> None:
    (found,) = read(line)
    assert (found["level"], found["thread"], found["logger"], found["message"]) == expected


@pytest.mark.parametrize(("written", "moment"), TIMES)
def test_a_time_is_read_in_any_notation(written: str, moment: datetime) -> None:
    (found,) = read(f"{written} ERROR pool is empty")
    assert (found["time"], found["level"], found["message"]) == (moment, "ERROR", "pool is empty")


@pytest.mark.parametrize(
    "line",
    [
        "once upon a time",
        "\tat org.shop.Pool.take(Pool.java:22)",
        "java.io.IOException: reset",
        "CONTEXT:  while reading",
        "I think so",
        "[E] no",
        "info: it is here",
        "00:00:02 and no level",
        "2031-03-03T00:00:02Zebra INFO x",
        "20310303 INFO x",
        '{"time":"2031-03-03T00:00:02Z","level":"INFO"}',
    ],
)
def test_other_lines_are_refused(line: str) -> None:
    assert read(line)[0]["message"] is None


def test_what_a_line_gives_does_not_depend_on_the_lines_around_it() -> None:
    lines = [line for line, _ in LINES] + [f"{time} INFO x" for time, _ in TIMES] + ["no such line"]
    assert read(*lines) == [row for line in lines for row in read(line)]


@pytest.mark.parametrize(
    ("line", "marked"),
    [
        (f"{AT} INFO full", True),
        (f"{AT} full", False),
        ("2031/03/03 00:00:02 http: full", True),
        ("Mar 3, 2031 1:00:02 PM org.shop.Pool fill", True),
        ("2031-03-03 00:00:02,17,0.41,idle", False),
        ("full", False),
    ],
)
def test_the_mark_of_a_line_is_a_level(line: str, marked: bool) -> None:
    assert application.marks(pl.DataFrame({"raw": [line]})).to_list() == [marked]


def test_two_lines_of_java_util_logging_are_one_record(params: Params, tmp_path: Path) -> None:
    lines = ["Mar 3, 2031 1:00:02 PM org.shop.Pool fill", "WARNING: pool is full"] * 2
    (tmp_path / "x.log").write_text("\n".join(lines), encoding="utf-8")
    records = pl.concat(list(LogReader(tmp_path / "x.log", "auto", params.parse)))
    assert records.select("line", "logger", "message").rows() == [
        (1, "org.shop.Pool", "pool is full"),
        (3, "org.shop.Pool", "pool is full"),
    ]


@pytest.mark.skipif(not LOGHUB.is_dir(), reason="../shared/data/loghub is not on this machine")
def test_the_lines_of_spark_are_read_as_loghub_has_them() -> None:
    table = pl.read_csv(LOGHUB / "Spark" / "Spark_2k.log_structured.csv", infer_schema_length=0)
    lines = (LOGHUB / "Spark" / "Spark_2k.log").read_text(encoding="utf-8").splitlines()
    found = application.parse(pl.DataFrame({"raw": lines}))
    expected = table.select(level="Level", logger="Component", message="Content")
    assert found.select("level", "logger", "message").equals(expected)


@pytest.mark.parametrize("text", ["[", "[a[b]", "a.", "a ", "| ", "[a] ", "INFO ", "INFO a:", "\t", "  [b", "(a.b "])
def test_a_hostile_line_takes_time_in_its_length_only(text: str) -> None:
    long = f"{AT} INFO {text * (2**16 // len(text))}"
    assert read(long)[0]["level"] == "INFO"


def test_the_first_of_the_patterns_that_match_counts() -> None:
    stages = ((r"^a(?<x>[0-9])$", r"^(?<y>[a-z])(?<x>[0-9])$"), (r"^(?<x>.)", r"^.(?<x>.)"), (r"(?<x>)$",))
    found = first_match(pl.Series(["a1", "b2", "c", None, ""]), stages, ("x", "y"))
    assert found.rows() == [(0, "1", None), (1, "2", "b"), (2, "c", None), (None, None, None), (4, "", None)]


@pytest.mark.parametrize("many", [1, 2, 5])
def test_a_stage_of_many_patterns_is_passed_at_once(many: int) -> None:
    stage = [rf"^{letter}(?<x>.*)$" for letter in "abcde"[:many]]
    found = first_match(pl.Series(["a1", "e2", "f3"]), (stage,), ("x",))
    assert found["x"].to_list() == ["1", "2" if many == 5 else None, None]
