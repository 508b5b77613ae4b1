"""The real HDFS lines of ../shared/data by block: each block is one session, and none is torn."""

from __future__ import annotations

import csv
import gzip
import re
from collections import Counter
from pathlib import Path

import polars as pl
import pytest

from rationanomaly import records
from rationanomaly.params import Params
from rationanomaly.parse.step import run
from rationanomaly.steps import Outputs

DATA = Path(__file__).parents[3] / "shared" / "data" / "hdfs"
LOG, LABELS = DATA / "HDFS_visible.log.gz", DATA / "labels_visible.csv"


@pytest.mark.skipif(not DATA.is_dir(), reason="../shared/data/hdfs is not on this machine")
def test_each_block_is_a_session_with_all_its_lines(tmp_path: Path, params: Params) -> None:
    with LABELS.open(encoding="utf-8", newline="") as file:
        labelled = {row["block"] for row in csv.DictReader(file)}
    lines: Counter[str] = Counter()
    with gzip.open(LOG, "rt", encoding="utf-8") as log:
        for line in log:
            lines.update(set(re.findall(r"blk_-?[0-9]+", line)))
    sessions = params.parse.sessions.model_copy(update={"kind": "key"})
    own = params.model_copy(
        update={
            "data": params.data.model_copy(update={"format": "auto"}),
            "parse": params.parse.model_copy(update={"sessions": sessions}),
        }
    )
    metrics = run(own, {"logs": LOG}, Outputs(tmp_path, tmp_path / "state"))
    found = records.read_table(tmp_path / records.SESSIONS, records.SESSIONS_SCHEMA)
    assert metrics["rejects"] == 0
    assert metrics["records"] == metrics["lines"]
    of_block = dict(found.filter(pl.col("session").is_in(list(labelled))).select("session", "lines").iter_rows())
    assert len(of_block) == len(labelled) == 8062
    assert of_block == {block: lines[block] for block in labelled}
