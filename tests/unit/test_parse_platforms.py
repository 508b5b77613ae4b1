"""Logs of platforms: Android, Windows, AWS, PostgreSQL's CSV, OpenStack, and systems known from LogHub."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from docs.format_matrix import first_lines
from rationanomaly.params import Params, ParseParams
from rationanomaly.parse import formats
from rationanomaly.parse.formats import Format
from rationanomaly.parse.formats.fields import NO_YEAR

SAMPLES = Path(__file__).parents[1] / "log_samples"
NAMES = {
    *("logcat", "logcat-year", "windows-servicing", "windows-event", "hpc", "healthapp", "proxifier", "openstack"),
    *("postgresql-csv", "alb", "elb", "s3-access", "cloudfront", "vpc-flow", "cloudwatch", "timestamped"),
}
FILES = [path for path in sorted(SAMPLES.glob("*.log")) if path.name.split(".")[0] in NAMES]
#: Lines of the samples that are no records: heads of files, marks of buffers, the second line of a record.
NO_RECORD = ("---------", "#", "version account-id", "\t ,")

TAG = "0123456789abcdef0123456789abcdef"
UUID = "01234567-89ab-cdef-0123-456789abcdef"
EVENT = "<Event xmlns='http://schemas.microsoft.com/win/2004/08/events/event'><System><Provider Name='Disk'/>"
CREATED = "<TimeCreated SystemTime='2024-05-01T10:00:00Z'/>"
CSV = (
    '2024-05-01 10:00:00 UTC,"a","b",7,"{node}",66.1,1,"SELECT",2024-05-01 09:00:00 UTC,3/4,0,{level},00000,{remainder}'
)
ALB = "https 2024-05-01T10:00:00Z app/x/1 {client} - -1 -1 -1 {status} - 0 7 {remainder}"
S3 = "7b bucket [01/May/2024:10:00:00 +0000]"

LINES: list[tuple[str, str, dict[str, Any]]] = [
    ("logcat", "03-17 16:13:38.811  17  23 D Tag: a: b", {"logger": "Tag", "thread": "17-23", "message": "a: b"}),
    ("logcat", "03-17 16:13:38.811  17  23 W My Tag.x  :   a", {"logger": "My Tag.x", "message": "a"}),
    ("logcat", "03-17 16:13:38.811 1000  17  23 S T: a ", {"level": "SILENT", "thread": "17-23", "message": "a"}),
    ("logcat", "03-17 16:13:38.811  17  23 V T:", {"level": "VERBOSE", "logger": "T", "message": ""}),
    ("logcat", "03-17 16:13:38.811  17  23 E : a", {"level": "ERROR", "logger": None, "message": "a"}),
    ("logcat", "03-17 16:13:38.811  17  23 I ns:Tag: a", {"logger": "ns:Tag", "message": "a"}),
    ("logcat", "03-17 16:13:38.811 F/a (x)(  17): a: b", {"logger": "a (x)", "thread": "17", "message": "a: b"}),
    ("logcat", "03-17 16:13:38.811 17-23/org.shop I/T: a", {"logger": "T", "thread": "17-23", "message": "a"}),
    ("logcat", "02-29 16:13:38.811  17  23 D T: a", {"time": datetime(NO_YEAR, 2, 29, 16, 13, 38, 811000, UTC)}),
    ("logcat", "03-17 16:13:38.811  17  23 D no tag", {"message": None}),
    ("logcat", "03-17 16:13:38.811  17  23 X T: a", {"message": None}),
    ("logcat", "2024-03-17 16:13:38.811  17  23 D T: a", {"message": None}),
    ("logcat", "--------- beginning of main", {"message": None}),
    (
        "logcat-year",
        "2024-03-17 16:13:38.811 +0100  17  23 D T: a",
        {"time": datetime(2024, 3, 17, 15, 13, 38, 811000, UTC)},
    ),
    ("logcat-year", "1700000000.123  17  23 D T: a", {"time": datetime(2023, 11, 14, 22, 13, 20, 123000, UTC)}),
    (
        "logcat-year",
        "2024-03-17 16:13:38.811 17-23 A b  o.s  E  a  b",
        {"logger": "A b", "level": "ERROR", "message": "a  b"},
    ),
    ("logcat-year", "03-17 16:13:38.811  17  23 D T: a", {"message": None}),
    (
        "windows-servicing",
        "2016-09-28 04:30:31, Info                  CSI    00000001@2016/9/27 x",
        {"logger": "CSI", "message": "00000001@2016/9/27 x"},
    ),
    (
        "windows-servicing",
        "2016-09-28 04:30:31, Info                  CBS    Warning: a,  b",
        {"level": "INFO", "message": "Warning: a,  b"},
    ),
    ("windows-servicing", "2016-09-28 04:30:31, Error                 CBS", {"level": "ERROR", "message": ""}),
    (
        "windows-servicing",
        "2016-09-28 04:30:31, Info                         two words",
        {"logger": None, "message": "two words"},
    ),
    (
        "windows-servicing",
        "2016-09-28 04:30:31, Fatal Error [0x0a1] SP     x",
        {"level": "FATAL", "logger": "SP", "message": "x"},
    ),
    ("windows-servicing", "2016-09-28 04:30:31, Info: CBS x", {"message": None}),
    ("windows-servicing", "2016-09-28 04:30:31, Inf", {"message": None}),
    (
        "windows-event",
        f"{EVENT}<EventID>7</EventID>{CREATED}</System></Event>",
        {"logger": "Disk", "message": "EventID 7"},
    ),
    (
        "windows-event",
        f"{EVENT}<EventID Q='1'>7</EventID>{CREATED}</System><EventData><Data Name='a'>&amp;lt;1</Data>"
        "<Data Name=\"b\">2&gt;</Data><Data Name='c'/></EventData>",
        {"message": "EventID 7 a=&lt;1 b=2> c="},
    ),
    (
        "windows-event",
        f"{EVENT}{CREATED}<Computer>h&amp;1</Computer></System><UserData><X xmlns='y'><P>q</P></X></UserData></Event>",
        {"node": "h&1", "message": "EventID P=q"},
    ),
    (
        "windows-event",
        f"{EVENT}<Level>2</Level>{CREATED}</System>"
        "<RenderingInfo Culture='x'><Message>a&#13;&#10;&quot;b&quot;</Message></RenderingInfo></Event>",
        {"level": "ERROR", "message": 'a "b"'},
    ),
    ("windows-event", f"{EVENT}{CREATED}</System><EventData><Data Name='a'>cut <", {"message": "EventID a=cut"}),
    ("windows-event", f"{EVENT}</System></Event>", {"message": None}),
    ("windows-event", f"<Event>{CREATED}</Event>", {"message": None}),
    (
        "hpc",
        r"2557 node-8 node psu 1081186611 1 psu failure\ ambient=29",
        {"node": "node-8", "logger": "node", "message": r"psu failure\ ambient=29"},
    ),
    ("hpc", "1 n-[4-6] boot_cmd new 1081186611 0 a  [::1] ", {"node": "n-[4-6]", "message": "a  [::1]"}),
    ("hpc", "1 n c s 1081186611 1", {"message": "", "time": datetime(2004, 4, 5, 17, 36, 51, 0, UTC)}),
    ("hpc", "1 n c s 1081186611", {"message": None}),
    ("hpc", "1 n c s t 1081186611 1 a", {"message": None}),
    (
        "healthapp",
        "20171223-22:15:29:606|Step_LSC|30002312|a|b 1",
        {"logger": "Step_LSC", "thread": "30002312", "message": "a|b 1"},
    ),
    ("healthapp", "20171224-0:7:2:5|c|1| a ", {"time": datetime(2017, 12, 24, 0, 7, 2, 5000, UTC), "message": " a"}),
    ("healthapp", "20171224-0:7:2:5||1|", {"logger": None, "message": ""}),
    ("healthapp", "20171224-0:7:2:5|c|1", {"message": None}),
    ("healthapp", "20171224-0:7:2|c|1|a", {"message": None}),
    (
        "proxifier",
        "[10.30 16:49:06] chrome.exe *64 - a:1 - b",
        {"logger": "chrome.exe", "thread": None, "message": "a:1 - b"},
    ),
    (
        "proxifier",
        "[10.30 16:49:06] A b (12, C:\\x) *32 - [::1]:1 open",
        {"logger": "A b", "thread": "12", "message": "[::1]:1 open"},
    ),
    ("proxifier", "[02.29 16:49:06] a - ", {"time": datetime(NO_YEAR, 2, 29, 16, 49, 6, 0, UTC), "message": ""}),
    ("proxifier", "[10.30 16:49:06] Welcome to Proxifier", {"logger": None, "message": "Welcome to Proxifier"}),
    ("proxifier", "[10.30 16:49] a - b", {"message": None}),
    (
        "openstack",
        "2017-05-16 00:00:00.008 25 INFO nova.api [req-1 a b - - -] [instance: x] up",
        {"logger": "nova.api", "thread": "25", "message": "[instance: x] up"},
    ),
    (
        "openstack",
        'n-api.log.1 2017-05-16 00:00:00.008 25 INFO nova [-] 1.2.3.4 "GET / [a]"',
        {"level": "INFO", "message": '1.2.3.4 "GET / [a]"'},
    ),
    ("openstack", "2017-05-16 00:00:00.008 25 INFO nova [None req-1 - - default] a", {"message": "a"}),
    (
        "openstack",
        "2017-05-16 00:00:00.008 25 ERROR nova Traceback (most",
        {"logger": "nova", "message": "Traceback (most"},
    ),
    ("openstack", "2017-05-16 00:00:00.008 25 INFO nova [-]", {"message": ""}),
    ("openstack", "2017-05-16 00:00:00.008 25 INFO nova [cut", {"message": "[cut"}),
    ("openstack", "2017-05-16 00:00:00.008 INFO nova [-] a", {"message": None}),
    (
        "postgresql-csv",
        CSV.format(node="1.2.3.4:5", level="ERROR", remainder='"no ""x"", y",,,,'),
        {"node": "1.2.3.4", "thread": "7", "level": "ERROR", "message": 'no "x", y'},
    ),
    (
        "postgresql-csv",
        CSV.format(node="2001:db8::1:5", level="LOG", remainder='"a","b ""c""","h",,'),
        {"node": "2001:db8::1", "message": 'a DETAIL: b "c"'},
    ),
    (
        "postgresql-csv",
        CSV.format(node="[local]", level="DEBUG2", remainder='"cut ""o'),
        {"node": "[local]", "level": "DEBUG", "message": 'cut "o'},
    ),
    ("postgresql-csv", CSV.format(node="h", level="LOG", remainder='"a\n\t b","c\nd"'), {"message": "a b DETAIL: c d"}),
    ("postgresql-csv", CSV.format(node="h", level="LOG", remainder='"",,'), {"message": ""}),
    (
        "postgresql-csv",
        CSV.format(node="h", level="LOG", remainder='"a",').replace('00 UTC,"a', '00 CEST,"a'),
        {"time": datetime(2024, 5, 1, 8, 0, 0, 0, UTC)},
    ),
    (
        "postgresql-csv",
        CSV.format(node="h", level="LOG", remainder='"a",').replace('"a","b"', '"a,""x",'),
        {"message": "a"},
    ),
    ("postgresql-csv", CSV.format(node="h", level="LOG", remainder="")[:80], {"message": None}),
    (
        "alb",
        ALB.format(client="1.2.3.4:5", status="502", remainder='"GET https://x/?a="b" HTTP/1.1" "c" -'),
        {"node": "1.2.3.4", "logger": "app/x/1", "message": 'GET https://x/?a="b" HTTP/1.1 502 Bad Gateway 7'},
    ),
    (
        "alb",
        ALB.format(client="[2001:db8::1]:5", status="460", remainder='"GET / HTTP/1.1" "c'),
        {"node": "2001:db8::1", "message": "GET / HTTP/1.1 460 Client Closed Connection 7"},
    ),
    (
        "alb",
        ALB.format(client="2001:db8::1:5", status="-", remainder='"- http://x:80- " "-" -'),
        {"node": "2001:db8::1", "message": "- http://x:80- - 7"},
    ),
    ("alb", ALB.format(client="-", status="200", remainder='"" "-"'), {"node": None, "message": " 200 OK 7"}),
    ("alb", ALB.format(client="1.2.3.4:5", status="200", remainder='"GET /cut'), {"message": None}),
    ("alb", ALB.format(client="1.2.3.4:5", status="200", remainder='"GET /" "-"')[6:], {"message": None}),
    (
        "elb",
        ALB.format(client="1.2.3.4:5", status="500", remainder='"GET / HTTP/1.1"')[6:],
        {"message": "GET / HTTP/1.1 500 Internal Server Error 7"},
    ),
    (
        "elb",
        ALB.format(client="1.2.3.4:5", status="-", remainder='"- - - " "-" - -')[6:],
        {"node": "1.2.3.4", "message": "- - - - 7"},
    ),
    (
        "s3-access",
        f'{S3} 1.2.3.4 - R REST.GET.OBJECT a "GET /a HTTP/1.1" 404 NoSuchKey 9 - 7 - "-"',
        {"node": "1.2.3.4", "logger": "bucket", "message": "GET /a HTTP/1.1 404 Not Found NoSuchKey 9"},
    ),
    (
        "s3-access",
        f"{S3} - - R S3.EXPIRE.OBJECT a%20b - - - - -",
        {"node": None, "message": "S3.EXPIRE.OBJECT a%20b - -"},
    ),
    ("s3-access", f'{S3} 1.2.3.4 - R REST.GET.OBJECT a "GET /a', {"message": None}),
    (
        "vpc-flow",
        "2 123456789010 eni-1a fe80::1 ::2 1 2 6 3 4 1418530010 1418530070 REJECT OK",
        {"node": "eni-1a", "message": "REJECT OK 6 fe80::1 ::2 1 2 3 4"},
    ),
    ("vpc-flow", "2 123456789010 eni-1a fe80::1 ::2 1 2 6 3 4 1418530010", {"message": None}),
    (
        "cloudwatch",
        f"2024-05-01T10:00:00.1+00:00 2024/05/01/[$LATEST]{TAG} START RequestId: {UUID} Version: 1",
        {"node": f"2024/05/01/[$LATEST]{TAG}", "thread": UUID, "message": f"START RequestId: {UUID} Version: 1"},
    ),
    (
        "cloudwatch",
        f"2024-05-01T10:00:00.123Z [WARN]\t2024-05-01T10:00:00.123Z\t{UUID}\ta\tb",
        {"level": "WARN", "thread": UUID, "message": "a\tb"},
    ),
    (
        "cloudwatch",
        "2024-05-01T10:00:00.123Z 2024-05-01T10:00:00.123Z\tundefined\tINFO\t[ERROR]",
        {"level": "INFO", "thread": None, "message": "[ERROR]"},
    ),
    (
        "cloudwatch",
        f"2024/05/01/[1]{TAG} 2024-05-01T10:00:00.123000 a",
        {"node": f"2024/05/01/[1]{TAG}", "message": "a"},
    ),
    ("cloudwatch", f"2024-05-01T10:00:00.1+00:00 ecs/x/{TAG}", {"node": f"ecs/x/{TAG}", "message": ""}),
    ("cloudwatch", "2024-05-01 10:00:00 a", {"message": None}),
    (
        "timestamped",
        "2024/05/01 10:00:00.5 a: b",
        {"time": datetime(2024, 5, 1, 10, 0, 0, 500000, UTC), "message": "a: b"},
    ),
    ("timestamped", "[2024-05-01T10:00:00+02:00] - a", {"time": datetime(2024, 5, 1, 8, 0, 0, 0, UTC), "message": "a"}),
    ("timestamped", "2024-05-01 10:00:00", {"message": ""}),
    ("timestamped", "2024-05-01 10:00:00x a", {"message": None}),
    ("timestamped", "at 2024-05-01 10:00:00 a", {"message": None}),
]


@pytest.fixture
def settings(params: Params) -> ParseParams:
    return params.parse


def lines_of(path: Path) -> pl.DataFrame:
    return first_lines(path).to_frame("raw")


def marked(form: Format, lines: pl.DataFrame) -> pl.Series:
    return form.read(lines)["message"].is_not_null() if form.marks is None else form.marks(lines)


@pytest.mark.parametrize(("name", "line", "expected"), LINES)
def test_a_line_gives(name: str, line: str, expected: dict[str, Any], settings: ParseParams) -> None:
    row = formats.find(name, settings).read(pl.DataFrame({"raw": [line]})).row(0, named=True)
    assert {key: row[key] for key in expected} == expected


def test_there_are_five_lines_and_two_samples_of_each_format() -> None:
    for name in NAMES - {"elb", "s3-access", "cloudfront", "vpc-flow"}:
        assert sum(of == name for of, _, _ in LINES) >= 5 or name == "logcat-year", name
    for name in NAMES:
        assert len([path for path in FILES if path.name.startswith(f"{name}.")]) >= 2, name


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_each_record_of_a_sample_is_read_with_its_time(path: Path, settings: ParseParams) -> None:
    lines = lines_of(path)
    found = formats.find(path.name.split(".")[0], settings).read(lines)
    records = ~lines["raw"].str.contains("^(?:" + "|".join(NO_RECORD) + ")")
    assert found["message"].is_not_null().to_list() == records.to_list()
    assert found.filter(records)["time"].null_count() == 0


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_sample_bears_the_marks_of_its_format_above_all(path: Path, settings: ParseParams) -> None:
    lines = lines_of(path)
    known = {name: form for name, form in formats.formats(settings).items() if form.detectable}
    shares = {name: int(marked(form, lines).sum()) for name, form in known.items()}
    assert max(shares, key=lambda name: shares[name]) == path.name.split(".")[0], shares


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_lines_cut_off_anywhere_are_read_or_refused(path: Path, settings: ParseParams) -> None:
    form = formats.find(path.name.split(".")[0], settings)
    pieces = [line[:end] for line in lines_of(path)["raw"] for end in range(0, len(line), 7)]
    found = form.read(pl.DataFrame({"raw": pieces}))
    assert found.height == len(pieces)
    behind = found.with_columns(raw=pl.Series(pieces)).filter(pl.col("message").is_not_null())
    # Nothing is made up: a cut line has a message no longer than itself, but for phrases that a format adds.
    assert (behind["message"].str.len_chars() <= behind["raw"].str.len_chars() + 30).all()


@pytest.mark.parametrize("name", sorted(NAMES - {"timestamped", "cloudwatch"}))
def test_no_line_of_another_format_is_marked(name: str, settings: ParseParams) -> None:
    form = formats.find(name, settings)
    for path in sorted(SAMPLES.glob("*.log")):
        if path.name.split(".")[0] != name:
            lines = lines_of(path)
            assert lines.filter(marked(form, lines))["raw"].to_list() == [], path.name
