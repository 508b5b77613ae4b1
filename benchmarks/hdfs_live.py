"""Blocks of HDFS that are flagged live, held against what `evaluate` says of the same blocks with the same model.

    python -m benchmarks.hdfs_live --run outputs-hdfs [--params profiles/hdfs.yaml]

The run is one of `profiles/hdfs.yaml` with the steps from parse to evaluate. The lines of its tested blocks are played
in their order through the loop of `detect --follow`, ten minutes of the log's clock at a time, while our clock shows
the log's; before the next ten minutes the model has answered. A block that is quiet is judged before its last lines are
in: its verdict is the last one that was given, and the first one is shown beside it.
"""

from __future__ import annotations

import argparse
import gzip
import json
import re
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import polars as pl

from rationanomaly.detection.session_verdicts import SessionVerdict
from rationanomaly.params import Params, load_params
from rationanomaly.records import SESSION_PREDICTIONS, SESSIONS, SESSIONS_SCHEMA, read_table
from rationanomaly.sources.chunk import Chunk, Position
from rationanomaly.stream.engine import Engine, Taken
from rationanomaly.stream.run import StreamRun, Writers

#: The name under which `evaluate` writes what the model folder's session model says.
SYSTEM = "session_model"
_BLOCK = re.compile(r"blk_-?[0-9]+")
#: "081109 203531": the first characters of a line are its time, the first ten of them its ten minutes.
_TIME, _TEN_MINUTES = 13, 10
#: Ten minutes are what the model has before the next lines come.
_ANSWER_SECONDS = 600.0


class Replay:
    """A source that gives the lines of a log by its own clock.

    Attributes:
        now: the log's time of what came last, seconds since 1970.
        wait: is called when what came was taken, and returns when the model has answered.
    """

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = lines
        self.now = 0.0
        self.wait: Callable[[], object] = list

    def chunks(self, positions: Mapping[str, Position]) -> Iterator[Chunk | None]:  # noqa: ARG002 - it begins once
        """Ten minutes of the log at a time, each stored by itself."""
        for number, (_, group) in enumerate(groupby(self._lines, lambda line: line[:_TEN_MINUTES])):
            lines = list(group)
            self.now = datetime.strptime(lines[-1][:_TIME], "%y%m%d %H%M%S").replace(tzinfo=UTC).timestamp()
            yield Chunk("hdfs.log", "".join(lines).encode(), number, format="hdfs")
            yield None
            self.wait()
            yield None

    def close(self) -> None:
        """Nothing is open."""


@dataclass
class Flagged:
    """What was said live.

    Attributes:
        verdicts: on each block, in the order in which they came.
        alerted: blocks whose verdict raised an alert; where a line of a block is called abnormal and says
            it all, the line has the alert.
        signalled: blocks that break a rule of the stream's own sessions, which is another matter.
        lines: that came out.
    """

    verdicts: dict[str, list[SessionVerdict]] = field(default_factory=dict)
    alerted: set[str] = field(default_factory=set)
    signalled: set[str] = field(default_factory=set)
    lines: int = 0

    def take(self, taken: Taken) -> None:
        """Note what comes out of the engine."""
        self.lines += taken.lines.height
        for one in taken.sessions:
            self.verdicts.setdefault(one.session, []).append(one)
        for alert in taken.alerts:
            if alert.kind == "session" and alert.session is not None:
                (self.alerted if "score" in alert.measures else self.signalled).add(alert.session)

    def answers(self, place: int) -> dict[str, str]:
        """The first (0) or the last (-1) answer on each block."""
        return {name: found[place].answer for name, found in self.verdicts.items()}

    @property
    def ever(self) -> dict[str, str]:
        """Abnormal for each block that was called so once, as those who are alerted see it."""
        said = {name: {one.answer for one in found} for name, found in self.verdicts.items()}
        return {name: "abnormal" if "abnormal" in answers else "normal" for name, answers in said.items()}


def tested_lines(log: Path, blocks: frozenset[str]) -> list[str]:
    """The lines of some blocks, in their order."""
    with gzip.open(log, "rt", encoding="utf-8") as file:
        return [line for line in file if not blocks.isdisjoint(_BLOCK.findall(line))]


def play(model: str, lines: Sequence[str], params: Params) -> Flagged:
    """Let a model folder judge lines live."""
    found, source = Flagged(), Replay(lines)
    with tempfile.TemporaryDirectory() as folder:
        engine = Engine.open(model, Path(folder) / "state", params, log_format="hdfs", clock=lambda: source.now)
        source.wait = lambda: engine.service.wait(engine.unsettled(), _ANSWER_SECONDS)
        try:
            writers = Writers(found.take, lambda _: None)
            StreamRun(engine, source, writers, params.watch.stream.commit_seconds, patient=False).run()
        finally:
            engine.close()
    return found


def evaluated(folder: Path) -> list[dict[str, Any]]:
    """The rows of `evaluate` on the tested blocks."""
    with (folder / SESSION_PREDICTIONS).open(encoding="utf-8") as file:
        rows = [row for row in map(json.loads, file) if row["model"] == SYSTEM]
    if not rows:
        raise SystemExit(f"the model of {folder.parent} carries no session model, so that evaluate has none to compare")
    return rows


def measures(answers: Mapping[str, str], truth: Mapping[str, str]) -> tuple[float, float, float, int]:
    """Precision, recall and F1 of the abnormal blocks, and how many are flagged."""
    flagged = {name for name, answer in answers.items() if answer == "abnormal"}
    abnormal = {name for name, label in truth.items() if label == "abnormal"}
    hits = len(flagged & abnormal)
    precision, recall = hits / max(len(flagged), 1), hits / max(len(abnormal), 1)
    return precision, recall, 2 * hits / max(len(flagged) + len(abnormal), 1), len(flagged)


def main() -> int:
    """Play, print both tables and the targets; 1 if one is short."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--run", type=Path, default=Path("outputs-hdfs"), help="output of the pipeline")
    parser.add_argument("--params", type=Path, default=Path("profiles/hdfs.yaml"), help="that it ran with")
    parser.add_argument(
        "--set", action="append", default=[], metavar="KEY=VALUE", help="of the stream, such as watch.…"
    )
    arguments = parser.parse_args()
    params = load_params(arguments.params, arguments.set)
    sessions = read_table(arguments.run / "parse" / SESSIONS, SESSIONS_SCHEMA)
    blocks = frozenset(sessions.filter(pl.col("split") == "test")["session"])
    lines = tested_lines(Path(params.data.logs), blocks)
    expected = evaluated(arguments.run / "evaluate")
    found = play(str(arguments.run / "grpo"), lines, params)
    return report(expected, found, len(lines))


def report(expected: Sequence[Mapping[str, Any]], found: Flagged, lines: int) -> int:
    """Print both tables and the targets; 1 if one is short.

    Args:
        expected: rows of `evaluate`.
        found: live.
        lines: of the tested blocks.
    """
    truth = {row["session"]: row["truth"] for row in expected}
    answers = {row["session"]: row["answer"] for row in expected}
    first, last = found.answers(0), found.answers(-1)
    rows = {"evaluate": answers, "live": last, "live, first verdict": first, "live, any verdict": found.ever}
    print(f"{len(expected):,} tested blocks with {lines:,} lines, {list(truth.values()).count('abnormal')} abnormal")
    print(f"{'':20} {'precision':>9} {'recall':>7} {'F1':>7} {'flagged':>8}")
    table = {name: measures(said, truth) for name, said in rows.items()}
    for name, (precision, recall, f1, flagged) in table.items():
        print(f"{name:20} {precision:9.4f} {recall:7.4f} {f1:7.4f} {flagged:8}")
    again = sum(len(one) > 1 for one in found.verdicts.values())
    changed = sum(first[name] != last[name] for name in last)
    print(f"{again:,} blocks were judged more than once, {changed} of them otherwise than at first")
    print(f"{len(found.alerted)} blocks have an alert of their own, {len(found.signalled)} one of the signal `session`")
    different = [name for name in answers.keys() | last.keys() if answers.get(name) != last.get(name)]
    for name in sorted(different)[:10]:
        print(f"  {name}: evaluate {answers.get(name)}, live {last.get(name)}")
    scores = {row["session"]: row["score"] for row in expected}
    apart = max(
        (abs(one[-1].score - scores[name]) for name, one in found.verdicts.items() if name in scores), default=0
    )
    print(f"scores differ by {apart:.2g} at most")
    judged = sum(one[-1].lines for one in found.verdicts.values())
    f1, live = table["evaluate"][2], table["live"][2]
    checks = [
        (f"HDFS_LIVE_LINES = {judged} (target {lines})", judged == lines == found.lines),
        (f"HDFS_LIVE_F1 = {live:.4f} (target {f1:.4f})", live == f1),
        (f"HDFS_LIVE_DIFFERENT_BLOCKS = {len(different)} (target 0)", not different),
    ]
    for text, reached in checks:
        print(f"{text} {'ok' if reached else 'short'}")
    return 0 if all(reached for _, reached in checks) else 1


if __name__ == "__main__":
    sys.exit(main())
