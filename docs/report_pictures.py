"""Take the pictures of the report for the documentation: light, dark, and on a phone. Needs playwright and chromium.

python -m tests.evaluate_folder /tmp/evaluate
python docs/report_pictures.py /tmp/evaluate docs/images
"""

from __future__ import annotations

import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import sync_playwright

from rationanomaly.evaluate.report import write_report

_CHROMIUM = "/usr/bin/chromium"
#: Name, size in pixels, colours, and the part of the page at the top of the picture.
_PICTURES = (
    ("light", (1100, 1000), "light", "headline"),
    ("dark", (1100, 1000), "dark", "templates"),
    ("phone", (390, 844), "light", "curves"),
)
#: Enough for a page of few colours, and half the size of all of them.
_COLOURS = 128


def take(folder: Path, target: Path) -> None:
    """Write ``report-{light,dark,phone}.png`` of an evaluate folder into ``target``."""
    with tempfile.TemporaryDirectory() as place, sync_playwright() as play:
        page_file = Path(place) / "report.html"
        write_report(folder, target=page_file)
        browser = play.chromium.launch(executable_path=_CHROMIUM, args=["--no-sandbox"])
        for name, (width, height), colours, part in _PICTURES:
            context = browser.new_context(
                viewport={"width": width, "height": height}, color_scheme=colours, device_scale_factor=1
            )
            page = context.new_page()
            page.goto(page_file.as_uri())
            page.locator("#mistakes").check()
            page.locator("#table .open").first.click()
            page.locator(f"#{part}").scroll_into_view_if_needed()
            page.evaluate("part => document.getElementById(part).scrollIntoView()", part)
            path = target / f"report-{name}.png"
            page.screenshot(path=str(path))
            few = Image.open(path).convert("RGB").quantize(_COLOURS, method=Image.Quantize.MAXCOVERAGE)
            few.save(path, optimize=True)
        browser.close()


if __name__ == "__main__":
    take(*map(Path, sys.argv[1:]))
