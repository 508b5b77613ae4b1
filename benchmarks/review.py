"""How fast the review page is: 5 reviewers, 3,000 templates, 15,000 decisions in the ledger.

    python benchmarks/review.py

The server is a process of its own, asked over HTTP; every decision is synced to the disk before it is answered.
Times are those of the wall clock, so run it on a machine that is otherwise idle.
"""

from __future__ import annotations

import argparse
import logging
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import httpx
import polars as pl

from rationanomaly import records
from rationanomaly.correct.appending import append_decisions
from rationanomaly.correct.ledger import Decision
from rationanomaly.review.desk import Member
from rationanomaly.review.launch import open_desk, serve

TEMPLATES, REVIEWERS, DECISIONS = 3_000, 5, 200
TARGET_OPEN_S, TARGET_DECISION_MS = 1.0, 50.0


def write_folder(folder: Path) -> None:
    """A table of made-up templates, and a ledger in which all but the last reviewer have judged all of them."""
    texts = [
        f"unit {n // 40} part {chr(97 + n % 26)}{n} reports state {n * 7919 % 9973} of <*>" for n in range(TEMPLATES)
    ]
    ids = [records.template_id(text) for text in texts]
    table = pl.DataFrame({"template_id": ids, "template": texts}).with_columns(
        dataset=pl.lit("bench"), label=pl.lit("normal"), lines=1, alert_lines=0, mixed=False, first_line=1, last_line=1,
        first_seen=None, last_seen=None, examples=pl.lit([], dtype=pl.List(pl.String)),
        supersedes=pl.lit([], dtype=pl.List(pl.String)),
    )  # fmt: skip
    records.write_table(folder / records.TEMPLATES, table, records.TEMPLATES_SCHEMA)
    records.write_table(folder / records.LINES, pl.DataFrame(schema=records.LINES_SCHEMA), records.LINES_SCHEMA)
    records.write_rows(folder / records.REVIEW_QUEUE, ({"template_id": one, "reason": "bench"} for one in ids))
    append_decisions(
        folder / "ledger.jsonl",
        (
            Decision(
                identity, text, f"reviewer-{who}", "abnormal" if (row * 31 + who) % 17 == 0 else "normal", None, "",
                f"2026-01-01T00:00:{row % 60:02d}Z", "independent",
            )
            for who in range(REVIEWERS)
            for row, (identity, text) in enumerate(zip(ids, texts, strict=True))
            if not (who == REVIEWERS - 1 and row < DECISIONS)
        ),
    )  # fmt: skip


def run_server(folder: Path) -> None:
    """Serve the folder until killed; writes the time that opening the desk took, and the link."""
    logging.basicConfig(level="WARNING", format="%(message)s")
    start = time.perf_counter()
    desk, surroundings = open_desk(folder, folder / "ledger.jsonl", correct=folder)
    logging.getLogger().warning("opened %f", time.perf_counter() - start)
    serve(desk, surroundings, [Member(f"reviewer-{REVIEWERS - 1}")], port=0)


def measure(folder: Path) -> tuple[float, list[float]]:
    """Seconds from opening the desk to the first page, and milliseconds for each decision."""
    server = subprocess.Popen([sys.executable, __file__, "--serve", str(folder)], stderr=subprocess.PIPE, text=True)
    try:
        assert server.stderr is not None
        opened = link = ""
        while not link:
            line = server.stderr.readline()
            assert line, "the server ended"
            opened = line.split()[1] if line.startswith("opened") else opened
            found = re.search(r"http://\S+", line)
            link = found[0] if found else ""
        with httpx.Client(follow_redirects=True, base_url=link.split("/enter")[0]) as client:
            client.get(link)
            start = time.perf_counter()
            page = client.get("/independent").text
            first = float(opened) + time.perf_counter() - start
            times = []
            for number in range(DECISIONS):
                shown = re.search(r'data-template="(\w+)"', page)
                assert shown, "no card"
                fields = {
                    "template_id": shown[1],
                    "round": "independent",
                    "choice": "abnormal" if number % 9 == 0 else "normal",
                }
                start = time.perf_counter()
                page = client.post("/decide", data=fields, headers={"HX-Request": "true"}).text
                times.append(1000 * (time.perf_counter() - start))
        return first, times
    finally:
        server.kill()
        server.wait()


def main() -> int:
    """Measure, print the targets; 1 if one is short."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--serve", type=Path, metavar="FOLDER", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve:
        run_server(arguments.serve)
        return 0
    with tempfile.TemporaryDirectory() as name:
        write_folder(Path(name))
        opened, times = measure(Path(name))
        kept = len((Path(name) / "ledger.jsonl").read_bytes().splitlines())
    assert kept == REVIEWERS * TEMPLATES
    print(f"{REVIEWERS} reviewers, {TEMPLATES:,} templates, {kept:,} decisions in the ledger, all found again")
    typical, slow = statistics.median(times), statistics.quantiles(times, n=20)[-1]
    print(f"a decision takes {typical:.1f} ms (median), {slow:.1f} ms (19 of 20 are faster)")
    fast, prompt = opened < TARGET_OPEN_S, slow < TARGET_DECISION_MS
    print(f"REVIEW_OPEN_S = {opened:.3f} (target {TARGET_OPEN_S}) {'ok' if fast else 'short'}")
    print(f"REVIEW_DECISION_MS = {slow:.1f} (target {TARGET_DECISION_MS}) {'ok' if prompt else 'short'}")
    return 0 if fast and prompt else 1


if __name__ == "__main__":
    sys.exit(main())
