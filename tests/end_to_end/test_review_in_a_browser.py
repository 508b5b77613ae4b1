"""The review page in a real headless browser, by keyboard alone. Needs playwright and Debian's chromium.

    REVIEW_SCREENSHOTS=docs/review python -m pytest tests/end_to_end/test_review_in_a_browser.py

also leaves a picture of each view in that folder.
"""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rationanomaly import artifacts, records
from rationanomaly.correct.reviewers import measure_agreement
from rationanomaly.decisions.labels import assign, resolve
from rationanomaly.decisions.ledger import read_ledger
from tests.browser_page import new_page
from tests.template_table import template_table

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = Path("/usr/bin/chromium")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="Debian's chromium is not installed"),
]

HOSTILE = '<script>document.title="owned"</script> "quoted" \u202egnp.exe\u2069 ' + "x" * 10_000
FAULTS = [f"{thing} <*> failed: {why}" for thing in ("disk", "link", "fan", "node") for why in ("no answer", "timeout")]
ROUTINE = [f"{thing} <*> {what}" for thing in ("job", "user", "queue") for what in ("started", "ended", "is idle")]
TEXTS = [*FAULTS, *ROUTINE, "clock set by <*>", "mail sent to <*>", HOSTILE]
SERVER = """
import logging, sys
from pathlib import Path
from rationanomaly.review.desk import Member
from rationanomaly.review.launch import open_desk, serve
logging.basicConfig(level="WARNING", format="%(message)s")
folder = Path(sys.argv[1])
members = [Member("ada"), Member("bob"), Member("eve", senior=True)]
serve(*open_desk(folder / "parse", folder / "ledger.jsonl"), members, port=0, open_to_all=True)
"""
#: What ada and bob say of each template, by keys; they differ on the three named here.
DIFFER = {FAULTS[1]: ("2", "n"), FAULTS[4]: ("a", "n"), ROUTINE[0]: ("a", "n")}


class Server:
    """The page in a process of its own."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVER, str(folder)], stderr=subprocess.PIPE, text=True, env={**os.environ}
        )
        self.links: dict[str, str] = {}
        assert self.process.stderr is not None
        while len(self.links) < 3:
            line = self.process.stderr.readline()
            assert line, "the server ended"
            found = re.match(r"(\w+) \(\w+\): (http\S+)", line)
            if found:
                self.links[found[1]] = found[2]

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    table = template_table([("site", text, "abnormal" if text in FAULTS[:2] else "normal") for text in TEXTS])
    rows = [
        [number, *[None] * 6, records.template_id(text), ["7"] * text.count("<*>")]
        for number, text in enumerate(TEXTS, 1)
    ]
    lines = type(table)(rows, schema=records.LINES_SCHEMA, orient="row")
    with artifacts.writing(tmp_path / "parse", "parse") as parsed:
        records.write_table(parsed / records.TEMPLATES, table, records.TEMPLATES_SCHEMA)
        records.write_table(parsed / records.LINES, lines, records.LINES_SCHEMA)
    return tmp_path


@pytest.fixture
def server(folder: Path) -> Iterator[Server]:
    running = Server(folder)
    yield running
    running.kill()


@pytest.fixture
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as play:
        running = play.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def enter(server: Server, browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens the page for a member in a context of its own; any message on the console fails the test."""
    troubles: list[str] = []

    def open_page(name: str, **options: Any) -> Any:
        page = new_page(browser, **{"viewport": {"width": 1100, "height": 800}, **options})
        page.on("console", lambda message: troubles.append(message.text))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.goto(server.links[name])
        return page

    yield open_page
    browser.close()
    assert troubles == []


def picture(page: Any, name: str) -> None:
    """A screenshot, if they are wanted."""
    target = os.environ.get("REVIEW_SCREENSHOTS")
    if target:
        page.wait_for_load_state("networkidle")
        page.screenshot(path=str(Path(target) / f"{name}.png"))


def press(page: Any, key: str) -> None:
    """Press a key that decides, and wait until the answer is there."""
    with page.expect_response("**/decide"):
        page.keyboard.press(key)
    page.wait_for_selector("body:not(:has(.htmx-request, .htmx-swapping, .htmx-settling, .htmx-added))")


def text_of(page: Any) -> str:
    """The text of the template on the card, as the table has it."""
    identity = page.locator("#card").get_attribute("data-template")
    return next(text for text in TEXTS if records.template_id(text) == identity)


def key_for(text: str, who: int) -> str:
    return DIFFER[text][who] if text in DIFFER else "3" if text in FAULTS else "n"


def test_two_reviewers_a_panel_and_a_senior(enter: Callable[..., Any], folder: Path) -> None:
    ada, bob = enter("ada"), enter("bob")
    for who, page in enumerate((ada, bob)):
        for number in range(len(TEXTS)):
            text = text_of(page)
            if text == FAULTS[1] and who == 0:
                page.keyboard.press("c")
                page.keyboard.type("an answer is owed")
                page.keyboard.press("Escape")
            if number == 3 and who == 0:
                picture(page, "review")
            press(page, key_for(text, who))
        assert page.locator("h1").inner_text() == f"All {len(TEXTS)} judged"

    for page in (ada, bob):
        page.keyboard.press("p")
        page.wait_for_selector(".votes")
    assert ada.locator(".count").inner_text() == "3"
    while ada.locator("#card").count():
        if text_of(ada) == FAULTS[1]:
            assert "an answer is owed" in ada.locator(".votes").inner_text()
            picture(ada, "panel")
        press(ada, "n" if text_of(ada) == ROUTINE[0] else "2")
    while bob.locator("#card").count():
        press(bob, "2" if text_of(bob) == FAULTS[1] else "n")

    eve = enter("eve")
    eve.keyboard.press("s")
    eve.wait_for_selector(".votes")
    assert text_of(eve) == FAULTS[4]
    picture(eve, "senior")
    press(eve, "3")
    assert eve.locator("h1").inner_text() == "Nothing to settle"

    ada.keyboard.press("d")
    ada.wait_for_selector("#fleiss")
    picture(ada, "agreement")

    table = records.read_table(folder / "parse" / records.TEMPLATES, records.TEMPLATES_SCHEMA)
    ledger = read_ledger(folder / "ledger.jsonl")
    assert not ledger.problems
    assert len(ledger.entries) == 2 * len(TEXTS) + 2 * 3 + 1
    assigned, problems = assign(ledger, table)
    assert not problems
    resolutions = dict(zip(TEXTS, map(resolve, table["label"], assigned), strict=True))
    assert {text for text, resolution in resolutions.items() if resolution.label == "abnormal"} == set(FAULTS)
    assert [resolutions[text].decided_in for text in (FAULTS[0], FAULTS[1], FAULTS[4], ROUTINE[0])] == [
        "independent", "panel", "senior", "panel",
    ]  # fmt: skip
    assert not any(resolution.needs for resolution in resolutions.values())
    # 20 templates, 17 equal. ada: 9 abnormal, bob: 6. p_o = 17/20; p_e = (9 × 6 + 11 × 14) / 400 = .52.
    agreement = measure_agreement(assigned, seed=0)
    assert agreement["pairs"][0]["cohen_kappa"] == pytest.approx((17 / 20 - 0.52) / 0.48)
    # Shares 15/40 and 25/40: p_e = 850/1600.
    assert agreement["fleiss_kappa"] == pytest.approx((17 / 20 - 850 / 1600) / (1 - 850 / 1600))
    assert ada.locator("#fleiss").inner_text().startswith(f"{agreement['fleiss_kappa']:.3f}")


def test_hostile_text_is_inert_and_the_page_fits_a_phone_in_the_dark(enter: Callable[..., Any]) -> None:
    page = enter("ada", viewport={"width": 360, "height": 740}, color_scheme="dark")
    page.keyboard.press("/")
    page.wait_for_selector("input[name=q]:focus")
    page.keyboard.type("<script>")
    page.keyboard.press("Enter")
    page.wait_for_selector(".found li:only-child a")
    picture(page, "find-phone-dark")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_selector("#card")
    page.wait_for_selector("#lines .lines")
    assert text_of(page) == HOSTILE
    assert "owned" not in page.title()
    shown = page.locator(".template")
    assert "U+202E" in shown.inner_text()
    assert shown.inner_text().startswith('<script>document.title="owned"</script> "quoted"')
    assert page.evaluate("document.documentElement.scrollWidth") <= 360
    assert page.evaluate("document.querySelectorAll('main script').length") == 0
    picture(page, "hostile-phone-dark")


@pytest.fixture
def page(server: Server, browser: Any) -> Any:
    """Bob's page, which may complain on the console: these tests take the server away from it."""
    page = new_page(browser)
    page.goto(server.links["bob"])
    return page


def test_kill_9_loses_nothing_that_was_confirmed(folder: Path, page: Any, server: Server) -> None:
    for _ in range(7):
        press(page, "n")
    server.kill()
    ledger = read_ledger(folder / "ledger.jsonl")
    assert len(ledger.entries) == 7
    again = Server(folder)
    try:
        page.goto(again.links["bob"])
        assert page.locator("#progress").inner_text().startswith(f"7 of {len(TEXTS)}")
    finally:
        again.kill()


def test_a_dead_server_is_announced_in_large_letters(page: Any, server: Server) -> None:
    server.kill()
    page.keyboard.press("n")
    page.wait_for_selector(".message")
    page.wait_for_function("document.querySelector('.message').textContent.startsWith('NOT STORED')")


def test_two_tabs_lose_nothing_and_keys_move_and_take_back(enter: Callable[..., Any], folder: Path) -> None:
    one = enter("bob")
    other = one.context.new_page()
    other.goto(one.url.split("/independent")[0] + "/independent")
    press(one, "n")
    press(other, "a")
    press(one, "u")
    assert len(read_ledger(folder / "ledger.jsonl").entries) == 3
    before = text_of(one)
    one.keyboard.press("j")
    one.wait_for_selector(f"#card:not([data-template='{records.template_id(before)}'])")
    one.keyboard.press("z")
    one.wait_for_selector(".message")
    assert "Decide anew" in one.locator(".message").inner_text()
    one.keyboard.press("g")
    one.keyboard.type("12")
    one.keyboard.press("Enter")
    one.wait_for_selector(".place b:text-is('12')")
    one.keyboard.press("?")
    assert one.locator("#keys").is_visible()


def test_forms_and_links_work_before_the_scripts_are_ready(server: Server, browser: Any, folder: Path) -> None:
    # A fast finger meets plain forms; without scripts every finger does. At the open desk nobody has a link.
    page = new_page(browser, java_script_enabled=False)
    page.goto(server.links["ada"].split("/enter")[0])
    page.locator("input[name=name]").fill("zoe")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    first = text_of(page)
    page.locator("textarea").fill("seen it before")
    with page.expect_navigation():
        page.locator("[data-key=n]").click()
    second = text_of(page)
    assert first != second
    page.reload()
    assert text_of(page) == second
    with page.expect_navigation():
        page.locator("[data-key='3']").click()
    with page.expect_navigation():
        page.locator("[data-key=z]").click()
    assert text_of(page) == second
    with page.expect_navigation():
        page.locator("[data-key=j]").click()
    assert text_of(page) not in (first, second)
    page.locator("input[name=number]").fill("12")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    assert page.locator(".place b").inner_text() == "12"
    entries = read_ledger(folder / "ledger.jsonl").entries
    assert [(entry.decision.reviewer, entry.decision.decision, entry.decision.comment) for entry in entries] == [
        ("zoe", "normal", "seen it before"), ("zoe", "abnormal", ""), ("zoe", "unsure", "withdrawn"),
    ]  # fmt: skip
