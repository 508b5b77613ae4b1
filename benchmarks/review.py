"""How fast the review page is: 5 reviewers, 3,000 templates, nearly 15,000 decisions in the ledger.

    python -m benchmarks.review

`rationanomaly review` runs in a process of its own and is asked over HTTP. Opening is everything between the last
import and the first card in the reviewer's hands: templates and ledger are read, the links are printed, the one-time
link is followed, and the card has come as a whole. Python and its imports are the same for one template or a million;
what they add is shown beside it.

The last reviewer then decides, one card after the other, each with its lines and its near-duplicates as a browser
fetches them, while the radar still works out the order. Every decision is synced to the disk before it is answered.
Times are those of the wall clock, so run it on a machine that is otherwise idle.
"""

from __future__ import annotations

import argparse
import re
import statistics
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import polars as pl

from rationanomaly import artifacts, records
from rationanomaly.decisions.appending import append_decisions
from rationanomaly.decisions.ledger import Decision

TEMPLATES, REVIEWERS, DECISIONS, STARTS = 3_000, 5, 200, 3
TARGET_OPEN_S, TARGET_DECISION_MS = 1.0, 50.0
#: The command line, with a word to us when everything is imported that the page needs.
COMMAND = """
import sys
import uvicorn
import rationanomaly.review.launch
from rationanomaly.cli import main
print("imported", file=sys.stderr, flush=True)
main()
"""


@dataclass(frozen=True)
class Opened:
    """A page that has been opened: seconds from the start of the process and from its last import to the first card."""

    from_nothing: float
    from_imports: float
    server: subprocess.Popen[str]
    client: httpx.Client
    card: str

    def close(self) -> None:
        self.client.close()
        self.server.kill()
        self.server.wait()


def write_folder(folder: Path) -> None:
    """A table of made-up templates, and a ledger in which all but the last reviewer have judged all of them."""
    texts = [
        f"unit {n // 40} part {n} {'failed in' if n % 15 == 0 else 'reports'} state {n * 7919 % 9973} of <*>"
        for n in range(TEMPLATES)
    ]
    ids = [records.template_id(text) for text in texts]
    table = pl.DataFrame({"template_id": ids, "template": texts}).with_columns(
        dataset=pl.lit("bench"), name=None, lines=3, alert_lines=0, mixed=False, first_line=1, last_line=1,
        label=pl.Series(["abnormal" if n % 30 == 0 else "normal" for n in range(TEMPLATES)]),
        first_seen=None, last_seen=None, examples=pl.lit([], dtype=pl.List(pl.String)),
        parameters=pl.lit([], dtype=pl.List(pl.List(pl.String))), parameter_types=pl.lit([], dtype=pl.List(pl.String)),
        supersedes=pl.lit([], dtype=pl.List(pl.String)),
    )  # fmt: skip
    lines = pl.DataFrame({"template_id": 3 * ids}).with_columns(
        line=pl.int_range(1, 3 * TEMPLATES + 1), time=None, node=None, alert=False,
        level=None, logger=None, thread=None,
        parameters=pl.lit(["7"], dtype=pl.List(pl.String)),
    )  # fmt: skip
    with artifacts.writing(folder / "parse", "parse") as parsed:
        records.write_table(parsed / records.TEMPLATES, table, records.TEMPLATES_SCHEMA)
        records.write_table(parsed / records.LINES, lines, records.LINES_SCHEMA)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    append_decisions(
        folder / "ledger.jsonl",
        (
            Decision(
                identity, text, f"reviewer-{who}", "abnormal" if (row * 31 + who) % 17 == 0 else "normal", None, "",
                (start + timedelta(seconds=7 * row + who)).isoformat(timespec="milliseconds"), "independent", "bench",
            )
            for who in range(REVIEWERS)
            for row, (identity, text) in enumerate(zip(ids, texts, strict=True))
            if not (who == REVIEWERS - 1 and row < DECISIONS)
        ),
    )  # fmt: skip


def open_page(folder: Path) -> Opened:
    """Start the command, follow the last reviewer's link, and take the first card."""
    words = ["review", "--parse", str(folder / "parse"), "--ledger", str(folder / "ledger.jsonl"), "--port", "0"]
    started = imported = time.perf_counter()
    server = subprocess.Popen(
        [sys.executable, "-c", COMMAND, *words, "--reviewer", f"reviewer-{REVIEWERS - 1}"],
        stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    assert server.stderr is not None
    link = ""
    while not link:
        line = server.stderr.readline()
        assert line, "the server ended"
        imported = time.perf_counter() if line == "imported\n" else imported
        found = re.search(r"http://\S+", line)
        link = found[0] if found else ""
    client = httpx.Client(follow_redirects=True, base_url=link.split("/enter")[0], timeout=30)
    card = client.get(link).text
    shown = time.perf_counter()
    return Opened(shown - started, shown - imported, server, client, card)


def decide(page: Opened) -> list[float]:
    """Decide on card after card; milliseconds for each decision, until the next card is there."""
    card, times = page.card, []
    for number in range(DECISIONS):
        shown = re.search(r'data-template="([\w-]+)"', card)
        assert shown, "no card"
        for part in ("lines", "near-duplicates"):
            assert page.client.get(f"/{part}/{shown[1]}").status_code == 200
        choice = "abnormal" if number % 9 == 0 else "normal"
        fields = {"template": shown[1], "round": "independent", "choice": choice}
        start = time.perf_counter()
        card = page.client.post("/decide", data=fields, headers={"HX-Request": "true"}).text
        times.append(1000 * (time.perf_counter() - start))
    return times


def main() -> int:
    """Measure, print the targets; 1 if one is short."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        write_folder(Path(name))
        openings = []
        for _ in range(STARTS):
            page = open_page(Path(name))
            openings.append(page)
            if len(openings) < STARTS:
                page.close()
        times = decide(page)
        page.close()
        kept = len((Path(name) / "ledger.jsonl").read_bytes().splitlines())
    assert kept == REVIEWERS * TEMPLATES
    print(f"{REVIEWERS} reviewers, {TEMPLATES:,} templates, {kept:,} decisions in the ledger, all found again")
    typical, slow = statistics.median(times), statistics.quantiles(times, n=20)[-1]
    print(f"a decision takes {typical:.1f} ms (median), {slow:.1f} ms (19 of 20 are faster)")
    opened = statistics.median(page.from_imports for page in openings)
    whole = statistics.median(page.from_nothing for page in openings)
    print(
        f"from an empty shell to the first card, Python's start and imports included: {whole:.2f} s ({STARTS} starts)"
    )
    fast, prompt = opened < TARGET_OPEN_S, slow < TARGET_DECISION_MS
    print(f"REVIEW_OPEN_S = {opened:.3f} (target {TARGET_OPEN_S}) {'ok' if fast else 'short'}")
    print(f"REVIEW_DECISION_MS = {slow:.1f} (target {TARGET_DECISION_MS}) {'ok' if prompt else 'short'}")
    return 0 if fast and prompt else 1


if __name__ == "__main__":
    sys.exit(main())
