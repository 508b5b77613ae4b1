"""A stream's database with a day in it, for the pages: a fault that spreads, a stopped heartbeat, something hostile.

python -m tests.incident_stream DATABASE
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from rationanomaly.incidents.book import IncidentBook
from rationanomaly.signals.alert import Alert, LineRef
from tests.alerts import DAY, HOUR, alert, judged, open_book, settings
from tests.hostile import HOSTILE as UNSAFE

HOSTILE = f'<script>document.title="owned"</script><img src=x onerror=alert(1)> "quoted" \u202egnp.exe\u2069 {UNSAFE}'
TICK, LEASE, JOB = "heartbeat <*> of <*> seconds", "lease of <*> renewed for <*>", "job <*> started on <*>"
LINK = "port <*> on switch rack7-sw2: link down, no carrier for <*> ms"
NFS = "nfs: server storage-<*> not responding, still trying"
LOST = "lost connection to rack7-sw2 after <*> retries"
DISK = "sd <*> medium error, sector <*> unrecoverable"


def write_day(database: Path) -> None:
    """Six quiet hours, then three incidents, one of them over."""
    connection, _ = open_book(database)
    book = IncidentBook(settings(), clock=lambda: DAY)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("BEGIN")
    for hour in range(6):
        rows = [(hour * HOUR + 30 * place, (TICK, LEASE, JOB)[place % 3]) for place in range(120)]
        book.observe(connection, judged(rows, node=f"node{hour:02}"))
    book.add(connection, [replace(one, time=one.time - 4 * HOUR) for one in _disk()])
    book.tick(connection, DAY + 3 * HOUR)
    start = 6 * HOUR
    book.observe(connection, judged([(start + 20 + 2 * place, LINK) for place in range(30)], "abnormal", "rack7-sw2"))
    book.observe(connection, judged([(start + 60 + 5 * place, NFS) for place in range(40)], "abnormal", "node11"))
    book.observe(connection, judged([(start + 300, TICK), (start + 320, JOB)], node="node12"))
    book.observe(connection, judged([(start + 330, HOSTILE)], "pending", "node13"))
    book.observe(connection, judged([(start + 331, HOSTILE)], "abnormal", "node13"))
    book.add(connection, _spreading(start))
    book.add(connection, [_heartbeat(start + 700)])
    book.add(connection, _hostile(start + 1100))
    connection.execute("COMMIT")
    # All of it in one file, which can be copied.
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    connection.close()


def _spreading(start: float) -> list[Alert]:
    """A switch loses its links; then storage is out of reach, node after node, and one of them falls silent."""
    alerts = [
        alert(start + 20, "new_template", LINK, "rack7-sw2", message="port 14 on switch rack7-sw2: link down, no"
              " carrier for 350 ms", text="A template that was never seen before, on rack7-sw2."),
        alert(start + 21, "line", LINK, "rack7-sw2", lines=30, message="port 14 on switch rack7-sw2: link down, no"
              " carrier for 350 ms", text="The template is abnormal (score 0.97)."),
    ]  # fmt: skip
    for place in range(5):
        at, node = start + 60 + 25 * place, f"node{11 + place}"
        text = f"The template is abnormal (score 0.9{place})."
        message = f"nfs: server storage-{place} not responding, still trying"
        alerts.append(alert(at, "line", NFS, node, lines=8, message=message, text=text))
    alerts.append(alert(start + 100, "line", LOST, "node12", message="lost connection to rack7-sw2 after 5 retries",
                        text="The template is abnormal (score 0.88)."))  # fmt: skip
    alerts.append(alert(start + 190, "burst", NFS, None, subject="burst", lines=40, message="nfs: server storage-2 not"
                        " responding, still trying", text="40 lines in 3 minutes, 0.2 are usual.",
                        measures_more={"expected": 0.2, "observed": 40.0}))  # fmt: skip
    alerts.append(alert(start + 420, "silent_node", None, "node12", evidence=(), text="No line from node12 for 2 min;"
                        " its longest pause in 6 hours was 35 s."))  # fmt: skip
    return alerts


def _heartbeat(at: float) -> Alert:
    evidence = (LineRef("app.log", 741, DAY + at - 90, "node03", "heartbeat 7 of 30 seconds"),)
    text = "Every 30 s for six hours, and now not for 90 s."
    return alert(at, "heartbeat", TICK, "node03", evidence=evidence, text=text)


def _disk() -> list[Alert]:
    return [
        alert(6 * HOUR + 30 * place, "line", DISK, "node08", lines=4, message="sd c medium error, sector 88123"
              " unrecoverable", text="The template is abnormal (score 0.99).")
        for place in range(6)
    ]  # fmt: skip


def _hostile(at: float) -> list[Alert]:
    long = "x" * 3000
    return [
        alert(at, "line", HOSTILE, "<b>node13</b>\u202e", session="<i>s</i>", text=f"{HOSTILE} {long}", lines=2),
        alert(at + 5, "parameter", f"{HOSTILE} <*>", "<b>node13</b>\u202e", subject=HOSTILE, text=HOSTILE),
    ]


if __name__ == "__main__":
    write_day(Path(sys.argv[1]))
