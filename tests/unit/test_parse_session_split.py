"""Labels and split of sessions: the test ends last, validation is whole sets of events, each label has its share."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from rationanomaly import records
from rationanomaly.errors import InputError
from rationanomaly.params import Params, SessionParams
from rationanomaly.parse.session_labels import read_session_labels
from rationanomaly.parse.session_split import bags_of, cut_test, draw_validation, label_and_split
from rationanomaly.parse.step import run
from rationanomaly.records import SESSIONS_SCHEMA
from rationanomaly.steps import Metrics, Outputs


def settings(**changes: object) -> SessionParams:
    plain = {"kind": "key", "lines": 3, "seconds": 60, "key": None, "remainder": "drop"}
    return SessionParams.model_validate(plain | changes)


def sessions(rows: list[tuple[str, int, int, bool | None, str]], split: str | None = None) -> pl.DataFrame:
    """From name, first and last line, alert and events, which are letters."""
    return pl.DataFrame(
        [(name, first, last, len(events), alert, list(events), split) for name, first, last, alert, events in rows],
        schema=SESSIONS_SCHEMA,
        orient="row",
    )


# ---------------------------------------------------------------- the cut


@pytest.mark.parametrize(
    ("last_lines", "share", "expected"),
    [
        ([1, 2, 3, 4], 0.25, "ttt*"),
        ([4, 3, 2, 1], 0.5, "**tt"),
        ([10, 2, 9, 4, 5], 0.4, "*t*tt"),
        ([1, 5, 5, 5], 0.25, "t***"),  # a line may end several sessions
        ([1, 2], 0.5, "t*"),
    ],
)
def test_what_ends_last_is_tested(last_lines: list[int], share: float, expected: str) -> None:
    sides = cut_test(pl.Series(last_lines), share)
    assert ["*" if side == "test" else "t" for side in sides] == list(expected)


def test_every_training_session_is_over_when_the_first_of_the_test_ends() -> None:
    last_lines = pl.Series([3, 90, 12, 44, 18, 60, 61, 62, 20, 21])
    sides = cut_test(last_lines, 0.3)
    latest, earliest = last_lines.filter(sides == "train").max(), last_lines.filter(sides == "test").min()
    assert isinstance(latest, int) and isinstance(earliest, int) and latest < earliest


@pytest.mark.parametrize(
    ("last_lines", "share", "problem"),
    [
        ([1, 2], 0.1, "can't be cut"),
        ([1], 0.5, "can't be cut"),
        ([], 0.5, "can't be cut"),
        ([7, 7, 7], 0.4, "all sess"),
    ],
)
def test_too_few_sessions_to_cut_are_refused(last_lines: list[int], share: float, problem: str) -> None:
    with pytest.raises(InputError, match=problem):
        cut_test(pl.Series(last_lines, dtype=pl.Int64), share)


# ---------------------------------------------------------------- validation


def test_bags_are_the_events_whatever_their_order() -> None:
    bags = bags_of(pl.Series([["a", "b", "b"], ["b", "a", "b"], ["a", "b"], ["a", "a", "b"]]))
    assert bags[0] == bags[1]
    assert bags.n_unique() == 3
    # Known beforehand, so that it is the same with every version and on every machine.
    assert bags[2] == "c8687a08aa5d6ed2044328fa"


def drawn(rows: Sequence[tuple[bool | None, str]], share: float) -> list[tuple[str, bool | None, str]]:
    """Side, alert and bag of training sessions."""
    table = pl.DataFrame(rows, schema={"alert": pl.Boolean, "bag": pl.String}, orient="row")
    sides = draw_validation(table.with_columns(split=pl.lit("train")), share)
    return [(side, *row) for side, row in zip(sides, rows, strict=True)]


def names(count: int, prefix: str) -> list[str]:
    """Bags that stand in no order of their hashes."""
    return bags_of(pl.Series([[f"{prefix}{place}"] for place in range(count)])).to_list()


def test_validation_has_its_share_of_the_distinct_bags_of_each_label() -> None:
    # Sorted by label, as the published file is, and each twice.
    rows = [(False, bag) for bag in names(60, "n")] * 2 + [(True, bag) for bag in names(20, "x")] * 2
    found = drawn(rows, 0.15)
    for alert, count in ((False, 9), (True, 3)):
        assert len({bag for side, flag, bag in found if side == "validation" and flag is alert}) == count


def test_a_bag_is_on_one_side() -> None:
    bags = names(30, "n")
    found = drawn([(place % 7 == 0, bags[place % 30]) for place in range(400)], 0.3)
    sides = defaultdict(set)
    for side, _, bag in found:
        sides[bag].add(side)
    assert {len(mine) for mine in sides.values()} == {1}
    assert {side for side, _, _ in found} == {"train", "validation"}


def test_the_draw_is_that_of_the_bags_and_not_of_their_order() -> None:
    rows = [(False, bag) for bag in names(40, "n")]
    there = {row[2] for row in drawn(rows, 0.2) if row[0] == "validation"}
    assert there == {row[2] for row in drawn(rows[::-1], 0.2) if row[0] == "validation"}
    assert there != set(names(8, "n"))


def test_what_most_sessions_are_stays_in_training() -> None:
    rare = names(20, "n")
    for common in names(12, "common"):
        found = drawn([(False, common)] * 200 + [(False, bag) for bag in rare], 0.15)
        assert {side for side, _, bag in found if bag == common} == {"train"}
        assert sum(side == "validation" for side, _, _ in found) == 3


@pytest.mark.parametrize("counts", [(2, 2), (2, 30), (1, 5), (3, 1)])
def test_both_labels_are_on_both_sides_where_there_are_two_bags(counts: tuple[int, int]) -> None:
    normal, abnormal = counts
    found = drawn(
        [(False, bag) for bag in names(normal, "n")] * 9 + [(True, bag) for bag in names(abnormal, "x")] * 9, 0.1
    )
    for alert, count in ((False, normal), (True, abnormal)):
        expected = {"train"} if count == 1 else {"train", "validation"}
        assert {side for side, flag, _ in found if flag is alert} == expected


# ---------------------------------------------------------------- the file


def applied(folder: Path, table: pl.DataFrame, **changes: object) -> pl.DataFrame:
    path = folder / records.SESSIONS
    table.write_parquet(path)
    label_and_split(path, settings(**changes))
    assert [file.name for file in folder.iterdir() if file.suffix != ".csv"] == [records.SESSIONS]
    return records.read_table(path, SESSIONS_SCHEMA)


def test_nothing_changes_where_nothing_is_asked_for(tmp_path: Path) -> None:
    table = sessions([("s1", 1, 2, None, "ab"), ("s2", 3, 4, True, "ab")])
    assert applied(tmp_path, table).equals(table)


def test_the_whole_way(tmp_path: Path) -> None:
    events = [chr(97 + place % 9) + chr(97 + place % 4) for place in range(40)]
    table = sessions([(f"s{place}", place * 2 + 1, place * 2 + 2, None, text) for place, text in enumerate(events)])
    rows = "".join(f"s{place},{'abnormal' if place % 5 == 0 else 'normal'}\n" for place in range(39))
    (tmp_path / "labels.csv").write_text(f"session,label\n{rows}", encoding="utf-8")
    found = applied(tmp_path, table, labels=tmp_path / "labels.csv", test_share=0.25, validation_share=0.2)
    assert found.drop("alert", "split").equals(table.drop("alert", "split"))
    assert found["alert"].to_list() == [place % 5 == 0 for place in range(39)] + [None]
    assert found["split"].to_list()[30:] == ["test"] * 10
    assert set(found["split"][:30]) == {"train", "validation"}
    known = applied(tmp_path, table, labels=tmp_path / "labels.csv", test_share=0.25, validation_share=0)
    assert known["split"].to_list() == ["train"] * 30 + ["test"] * 10


def test_sides_that_came_with_the_sessions_stay(tmp_path: Path) -> None:
    table = sessions([(f"s{place}", place, place, place > 5, "abc"[place % 3]) for place in range(10)])
    given = table.with_columns(split=pl.Series(["test"] * 4 + ["validation"] * 3 + ["train"] * 3))
    assert applied(tmp_path, given, test_share=0.5).equals(given)


def test_more_sessions_than_a_row_group_keep_their_rows(tmp_path: Path) -> None:
    count = 9000
    table = sessions([(f"s{place}", place, place, None, "ab"[place % 2]) for place in range(count)])
    (tmp_path / "l.csv").write_text("session,label\n" + "".join(f"s{n},{n % 2}\n" for n in range(count)))
    found = applied(tmp_path, table, labels=tmp_path / "l.csv", test_share=0.1, validation_share=0)
    assert found["alert"].to_list() == [place % 2 == 1 for place in range(count)]
    assert found["session"].to_list() == table["session"].to_list()


# ---------------------------------------------------------------- labels


@pytest.mark.parametrize(
    "text",
    [
        "session,label\nblk_1,normal\nblk_2,abnormal\n",
        "block,label\r\nblk_1,normal\r\nblk_2,abnormal\r\n",
        "BlockId,Label\nblk_1,Normal\nblk_2,Anomaly\n",
        "label,session,note\n0,blk_1,x\n1,blk_2,\n",
        "\ufeffsession,label\nblk_1, 0 \n blk_2 ,1\n",
        'session,label\n"blk_1","normal"\n"blk_2","abnormal"\n',
    ],
)
def test_labels_are_read_as_they_are_published(tmp_path: Path, text: str) -> None:
    (tmp_path / "l.csv").write_text(text, encoding="utf-8")
    assert list(read_session_labels(tmp_path / "l.csv").iter_rows()) == [("blk_1", False), ("blk_2", True)]


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"session,label\na,normal\nb,odd\n", r"l\.csv:3: holds an unknown label"),
        (b"session,label\na,normal\nb,\n", r"l\.csv:3: holds an unknown label"),
        (b"session,label\na,normal\na,normal\n", r"l\.csv:3: names a session again"),
        (b"session,label\n,normal\n", r"l\.csv:2: names no session"),
        (b"line,label\n1,normal\n", r"l\.csv:1: has the columns line, label"),
        (b"session,label\n", "holds no session"),
        (b"", "can't be read as CSV"),
        (b"session,label\n\xff\xfe,normal\n", "can't be read as CSV"),
        (b"session,label\na,normal,more,fields\n", "can't be read as CSV"),
    ],
)
def test_labels_that_are_none_are_refused(tmp_path: Path, content: bytes, problem: str) -> None:
    (tmp_path / "l.csv").write_bytes(content)
    with pytest.raises(InputError, match=problem):
        read_session_labels(tmp_path / "l.csv")


def test_a_missing_file_and_labels_of_another_log_are_refused(tmp_path: Path) -> None:
    table = sessions([("s1", 1, 2, None, "ab")])
    with pytest.raises(InputError, match=r"no\.csv: no such file"):
        applied(tmp_path, table, labels=tmp_path / "no.csv")
    (tmp_path / "l.csv").write_text("session,label\nblk_9,normal\n")
    with pytest.raises(InputError, match="names none of the log's sessions: it has `blk_9`, the log `s1`"):
        applied(tmp_path, table, labels=tmp_path / "l.csv")


# ---------------------------------------------------------------- raw logs


def hdfs(folder: Path, params: Params, **changes: Any) -> Metrics:
    """Blocks that receive and serve; every fifth fails, and says so."""
    lines = []
    for block in range(40):
        steps = ["Receiving block blk_{}", "Served block blk_{} to /10.0.0.1"]
        steps += ["writeBlock blk_{} received exception java.io.IOException"] if block % 5 == 0 else []
        steps += ["Verification succeeded for blk_{}"] if block % 3 == 0 else []
        lines += [f"081109 2035{block:02d} 1 INFO dfs.DataNode: {step.format(block)}\n" for step in steps]
    (folder / "hdfs.log").write_text("".join(lines))
    rows = [f"blk_{block},{'abnormal' if block % 5 == 0 else 'normal'}\n" for block in range(40)]
    (folder / "labels.csv").write_text("block,label\n" + "".join(rows))
    chosen = {"kind": "key", "labels": folder / "labels.csv", "test_share": 0.25} | changes
    parse = params.parse.model_copy(update={"sessions": params.parse.sessions.model_copy(update=chosen)})
    own = params.model_copy(update={"parse": parse, "data": params.data.model_copy(update={"format": "hdfs"})})
    output = folder / "output"
    output.mkdir()
    return run(own, {"logs": folder / "hdfs.log"}, Outputs(output, folder / "state"))


def test_a_raw_log_with_labels_of_its_blocks_has_labelled_templates(params: Params, tmp_path: Path) -> None:
    metrics = hdfs(tmp_path, params)
    templates = records.read_table(tmp_path / "output" / records.TEMPLATES, records.TEMPLATES_SCHEMA)
    abnormal = templates.filter(pl.col("label") == "abnormal")["template"].to_list()
    assert [text.split()[0] for text in abnormal] == ["writeBlock"]
    assert templates["label"].null_count() == 0 and templates["alert_lines"].null_count() == templates.height
    assert (metrics["sessions"], metrics["sessions/test"], metrics["sessions/test_abnormal"]) == (40, 10, 2)
    assert metrics["abnormal_templates"] == 1


def test_labels_without_a_split_are_the_sessions_alone(params: Params, tmp_path: Path) -> None:
    metrics = hdfs(tmp_path, params, test_share=None)
    found = records.read_table(tmp_path / "output" / records.SESSIONS, SESSIONS_SCHEMA)
    assert int(found["alert"].sum()) == 8 and found["split"].null_count() == 40
    assert metrics["abnormal_templates"] == 0 and "sessions/test" not in metrics
