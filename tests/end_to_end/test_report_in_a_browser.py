"""The report in a real headless browser, as a file. Needs playwright and Debian's chromium."""

from __future__ import annotations

import html
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rationanomaly.evaluate.report import REPORT, write_report
from tests.browser_page import new_page, open_summaries
from tests.evaluate_folder import write_evaluate_folder
from tests.hostile import HOSTILE
from tests.report_filters import CHROMIUM, FILTERS, SET_FILTER

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="Debian's chromium is not installed"),
]

ATTACK = f'{HOSTILE} </script><script>document.title="owned"</script><img src=//example.org/x onerror=alert(1)>'
#: Of the page.
MAX_BYTES = 5_000_000


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("large")
    write_evaluate_folder(folder, templates=3000)
    write_report(folder)
    return folder / REPORT


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("hostile")
    write_evaluate_folder(folder, templates=60, hostile=ATTACK)
    write_report(folder)
    return folder / REPORT


@pytest.fixture
def enter() -> Iterator[Callable[..., Any]]:
    """Opens a page; any message on the console and any request but for the page itself fails the test."""
    troubles: list[str] = []
    with playwright.sync_playwright() as play:
        browser = play.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])

        def open_page(path: Path, **options: Any) -> Any:
            page = new_page(browser, **{"viewport": {"width": 1200, "height": 900}, **options})
            page.on("console", lambda message: troubles.append(message.text))
            page.on("pageerror", lambda error: troubles.append(str(error)))
            page.on("dialog", lambda dialog: troubles.append(dialog.message))
            page.on("request", lambda request: troubles.extend({request.url} - {path.as_uri()}))
            page.goto(path.as_uri())
            return page

        yield open_page
        browser.close()
    assert troubles == []


def count(page: Any) -> int:
    return int(page.locator("#count").inner_text().split()[0])


def test_three_thousand_templates_are_filtered(enter: Callable[..., Any], large: Path) -> None:
    assert large.stat().st_size < MAX_BYTES
    page = enter(large)
    assert count(page) == 3000
    for name, value in FILTERS:
        page.evaluate(SET_FILTER, [name, value])
        assert count(page) > 0, "the data have some of each"
    assert count(page) < 1000, "the filters do filter"
    assert page.locator("#table tbody tr").count() <= 30


def test_a_search_finds_what_it_asks_for_and_mistakes_are_mistakes(enter: Callable[..., Any], large: Path) -> None:
    page = enter(large)
    page.locator("#query").fill("LINK 1")
    texts = page.locator("#table tbody code").all_inner_texts()
    assert texts
    assert all("link 1" in text for text in texts)
    page.locator("#query").fill("")
    page.locator("#mistakes").check()
    rows = page.locator("#table tbody tr")
    assert rows.count() == page.locator("#table .wrong").count() == 30
    page.locator("#next").click()
    assert page.locator("#page").inner_text().startswith("Page 2 of ")
    page.locator("[data-sort=score]").click()
    scores = [float(text) for text in page.locator("#table tbody td.figure").all_inner_texts()]
    assert scores == sorted(scores)


def test_a_row_is_opened_by_keyboard(enter: Callable[..., Any], large: Path) -> None:
    page = enter(large)
    page.locator("#table .open").first.focus()
    page.keyboard.press("Enter")
    detail = page.locator(".detail")
    assert detail.locator("code mark").first.inner_text()
    words = detail.inner_text()
    for part in (
        "Rationale",
        "its quotes hold",
        "The teacher's text",
        "Neighbours",
        "keyword rule",
        "reference classifier",
    ):
        assert part in words
    page.keyboard.press("Enter")
    assert detail.count() == 0


def test_what_changed_and_sessions_lead_to_the_template(enter: Callable[..., Any], large: Path) -> None:
    page = enter(large)
    for place in ("#champion", "#session-rows"):
        page.locator(f"{place} [data-find], {place} .quiet").first.click()
        assert count(page) == 1
        assert page.locator(".detail").count() == 1
    assert page.locator(".timeline rect").count() > 40
    page.locator("#session-rows summary").first.click()
    # The lines are made by `toggle`, an event that a browser queues.
    page.locator("#session-rows .lines li").nth(4).wait_for()
    line = page.locator("#session-rows .lines .open").first
    assert line.locator("mark").first.inner_text()
    line.focus()
    page.keyboard.press("Enter")
    words = page.locator("#session-rows .lines .detail").inner_text()
    for part in ("Rationale", "The teacher's text", "Neighbours"):
        assert part in words
    page.keyboard.press("Enter")
    assert page.locator("#session-rows .detail").count() == 0
    page.locator("#session-rows .about .open").first.click()
    assert page.locator("#session-rows .about .detail mark").first.inner_text()


def test_hostile_text_is_inert(enter: Callable[..., Any], hostile: Path) -> None:
    page = enter(hostile)
    for opener in page.locator("#table .open").all()[:3]:
        opener.click()
    open_summaries(page)
    page.locator("#session-rows .lines .open").first.click()
    assert page.title() == "RationAnomaly: evaluation"
    assert page.evaluate("document.querySelectorAll('img, iframe, main script').length") == 0
    assert page.evaluate("document.scripts.length") == 2
    shown = page.locator("#table code").first.inner_text()
    assert '</script><script>document.title="owned"</script>' in shown
    text = page.locator("body").inner_text()
    assert "U+202E" in text
    assert "\u202e" not in text
    assert "\x02" not in text


@pytest.mark.parametrize("path", ["large", "hostile"])
def test_the_page_fits_a_phone_and_the_dark(
    enter: Callable[..., Any], path: str, request: pytest.FixtureRequest
) -> None:
    page = enter(request.getfixturevalue(path), viewport={"width": 390, "height": 844}, color_scheme="dark")
    open_summaries(page, 12)
    page.locator("#table .open").first.click()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    red, green, blue = page.evaluate("getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)")
    assert max(red, green, blue) < 60
    ink = page.evaluate("getComputedStyle(document.body).color.match(/\\d+/g).map(Number)")
    assert min(ink) > 180


#: As the page of Kubeflow shows a report: a frame with scripts and nothing else, which is given the text.
FRAME = '<!doctype html><iframe sandbox="allow-scripts" srcdoc="{}" style="width: 100%; height: 600px"></iframe>'


def test_it_works_in_the_frame_that_kubeflow_gives_it(enter: Callable[..., Any], hostile: Path, tmp_path: Path) -> None:
    around = tmp_path / "around.html"
    around.write_text(FRAME.format(html.escape(hostile.read_text(encoding="utf-8"))), encoding="utf-8")
    page = enter(around)
    frame = page.frames[1]
    frame.locator("#table tbody tr").first.wait_for()
    before = frame.evaluate("scrollY")
    frame.locator('nav a[href="#templates"]').click()
    assert frame.evaluate("scrollY") > before
    assert frame.url == "about:srcdoc"
    assert frame.title() == "RationAnomaly: evaluation"
