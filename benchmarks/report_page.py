"""How soon the rows of a report of 3,000 templates follow a filter, in a real browser. Needs playwright and chromium.

    python -m benchmarks.report_page [--templates 3000]

The time goes from a change of a control to the laid-out rows; of three times the fastest, of the controls the slowest.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from playwright.sync_api import sync_playwright

from rationanomaly.evaluate.report import REPORT, write_report
from tests.evaluate_folder import write_evaluate_folder
from tests.report_filters import CHROMIUM, FILTERS, SET_FILTER

#: Milliseconds.
TARGET_FILTER = 100
_TIMES = 3


def main() -> int:
    """Measure and print; 1 if the target is missed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--templates", type=int, default=3000)
    arguments = parser.parse_args()
    slowest = 0.0
    with tempfile.TemporaryDirectory() as name, sync_playwright() as play:
        folder = Path(name)
        write_evaluate_folder(folder, templates=arguments.templates)
        write_report(folder)
        browser = play.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1200, "height": 900})
        page.goto((folder / REPORT).as_uri())
        for control, value in FILTERS:
            fastest = min(page.evaluate(SET_FILTER, [control, value]) for _ in range(_TIMES))
            shown = page.locator("#count").inner_text()
            print(f"{control:<10} {value!r:<20} {fastest:6.1f} ms  {shown}")
            slowest = max(slowest, fastest)
        browser.close()
    is_met = slowest <= TARGET_FILTER
    print(f"REPORT_FILTER_MS = {slowest:.1f} (target {TARGET_FILTER}) {'ok' if is_met else 'short'}")
    return 0 if is_met else 1


if __name__ == "__main__":
    sys.exit(main())
