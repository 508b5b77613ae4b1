"""The pages of a stream in a real headless browser, by keyboard alone. Needs playwright and Debian's chromium.

    INCIDENT_SCREENSHOTS=docs/incidents python -m pytest -m slow tests/end_to_end/test_incidents_in_a_browser.py

also leaves a picture of each view in that folder.
"""

from __future__ import annotations

import os
import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import uvicorn
from PIL import Image

from rationanomaly.decisions.ledger import read_ledger
from rationanomaly.incidents.book import IncidentBook
from rationanomaly.incidents.incident import Incident
from rationanomaly.incidents.launch import build_app
from rationanomaly.incidents.reading import read_incidents
from rationanomaly.review.access import Access
from rationanomaly.review.desk import Member
from rationanomaly.review.listening import listen
from tests.alerts import DAY, HOUR, alert, judged, settings
from tests.browser_page import new_page
from tests.conftest import ROOT
from tests.incident_stream import HOSTILE, LINK, NFS, write_day

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
CHROMIUM = Path("/usr/bin/chromium")
pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not CHROMIUM.exists(), reason="Debian's chromium is not installed"),
]
SERVER = """
import logging, sys
from pathlib import Path
from rationanomaly.incidents.launch import serve_pages
from rationanomaly.review.desk import Member
from tests.alerts import settings
logging.basicConfig(level="WARNING", format="%(message)s")
folder = Path(sys.argv[1])
members = [Member("ada"), Member("eve", senior=True)]
serve_pages(folder / "stream.db", folder / "ledger.jsonl", members, settings(), port=0)
"""


class Server:
    """The pages in a process of their own, which ends when the test does."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", SERVER, str(folder)], stderr=subprocess.PIPE, text=True, cwd=ROOT
        )
        self.links: dict[str, str] = {}
        assert self.process.stderr is not None
        while len(self.links) < 2:
            line = self.process.stderr.readline()
            assert line, "the server ended"
            found = re.search(r"(\w+): (http\S+)", line)
            if found:
                self.links[found[1]] = found[2]

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_day(tmp_path / "stream.db")
    return tmp_path


@pytest.fixture
def server(folder: Path) -> Iterator[Server]:
    running = Server(folder)
    yield running
    running.kill()


@pytest.fixture
def links(folder: Path) -> Iterator[dict[str, str]]:
    """Links into the pages, which a thread of this process serves: it starts in no time."""
    access = Access([Member("ada"), Member("eve", senior=True)], open_desk=True)
    app = build_app(folder / "stream.db", folder / "ledger.jsonl", access, ["127.0.0.1"], settings())
    listener = listen("127.0.0.1", 0)
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, ws="none", lifespan="off", timeout_graceful_shutdown=1
    )
    running = uvicorn.Server(config)
    thread = Thread(target=running.run, kwargs={"sockets": [listener]})
    thread.start()
    address = f"http://127.0.0.1:{listener.getsockname()[1]}/incidents"
    yield {"": address, **{member.name: f"{address}/enter?once={token}" for token, member in access.links.items()}}
    running.should_exit = True
    thread.join()


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with playwright.sync_playwright() as play:
        running = play.chromium.launch(executable_path=str(CHROMIUM), args=["--no-sandbox"])
        yield running
        running.close()


@pytest.fixture
def enter(links: dict[str, str], browser: Any) -> Iterator[Callable[..., Any]]:
    """Opens the pages for somebody in a context of its own; any message on the console fails the test."""
    troubles: list[str] = []
    opened: list[Any] = []

    def open_page(name: str = "ada", **options: Any) -> Any:
        page = new_page(browser, **{"viewport": {"width": 1100, "height": 900}, **options})
        opened.append(page.context)
        page.on("console", lambda message: troubles.append(message.text))
        page.on("pageerror", lambda error: troubles.append(str(error)))
        page.goto(links[name])
        return page

    yield open_page
    for context in opened:
        context.close()
    assert troubles == []


def picture(page: Any, name: str) -> None:
    """A screenshot, if they are wanted."""
    target = os.environ.get("INCIDENT_SCREENSHOTS")
    if target:
        page.wait_for_load_state("networkidle")
        path = Path(target) / f"{name}.png"
        page.screenshot(path=str(path))
        # Enough for a page of few colours, and half the size of all of them.
        few = Image.open(path).convert("RGB").quantize(256, method=Image.Quantize.MEDIANCUT)
        few.save(path, optimize=True)


def press(page: Any, key: str, part: str) -> None:
    """Press a key that asks the server, and wait until the answer is shown."""
    with page.expect_response(lambda response: part in response.url):
        page.keyboard.press(key)
    page.wait_for_selector("body:not(:has(.htmx-request, .htmx-swapping, .htmx-settling, .htmx-added))")


def incident_of(folder: Path, template: str) -> Incident:
    found = read_incidents(sqlite3.connect(folder / "stream.db"))
    return next(one for one in found if one.first_cause.template == template)


def open_row(page: Any, identity: str) -> None:
    """Open an incident of the list by j and Enter."""
    for _ in range(page.locator("[data-row]").count()):
        page.keyboard.press("j")
        if page.evaluate("document.activeElement.id") == f"row-{identity}":
            break
    page.keyboard.press("Enter")
    page.wait_for_selector(f"[data-incident={identity}]")


def test_an_operator_works_by_keyboard_alone(enter: Callable[..., Any], folder: Path) -> None:
    page = enter()
    incident = incident_of(folder, LINK)
    picture(page, "list")
    assert page.locator(".count").inner_text() == "3"
    open_row(page, incident.id)
    summary = page.locator(".summary").inner_text()
    assert "It began at 2026-03-02 06:00:20 UTC with a new template" in summary
    assert "After rack7-sw2 it showed on node11" in summary
    assert page.locator(".lane").count() >= 7
    picture(page, "incident")

    page.keyboard.press("c")
    page.keyboard.type("the cable came off")
    page.keyboard.press("Escape")
    press(page, "r", "/mark")
    assert "Stored in the ledger: the template is abnormal." in page.locator(".message").inner_text()
    while page.locator("#alert .template").inner_text() != NFS:
        press(page, "j", "?alert=")
    press(page, "w", "/mark")
    assert "the template is normal" in page.locator(".message").inner_text()
    decided = [
        (entry.decision.template, entry.decision.decision) for entry in read_ledger(folder / "ledger.jsonl").entries
    ]
    assert decided == [(LINK, "abnormal"), (NFS, "normal")]
    assert "right, ada" in page.locator(".alerts > li").first.inner_text()
    page.evaluate("window.scrollTo(0, document.querySelector('.alerts').offsetTop - 130)")
    picture(page, "marked")
    press(page, "k", "?alert=")

    page.keyboard.press("d")
    page.keyboard.press("Escape")
    press(page, "m", "/mark")
    assert "The alert is muted until" in page.locator(".message").inner_text()
    press(page, "M", "/mark")
    assert "The incident is muted until" in page.locator(".message").inner_text()
    press(page, "i", "/incidents")
    assert page.locator(f".muted #row-{incident.id}").count() == 1
    page.keyboard.press("?")
    assert page.locator("#keys").is_visible()


def test_the_tail_follows_and_can_be_paused(enter: Callable[..., Any], folder: Path) -> None:
    page = enter()
    press(page, "t", "/tail")
    picture(page, "tail")
    connection = sqlite3.connect(folder / "stream.db", isolation_level=None)
    book = IncidentBook(settings())
    book.observe(connection, judged([(7 * HOUR, "fan <*> stopped")], "abnormal", "node21"))
    page.wait_for_selector("#tail li:first-child:has-text('fan 7 stopped')")
    press(page, "a", "show=abnormal")
    assert "heartbeat" not in page.locator("#tail").inner_text()
    press(page, "p", "paused=1")
    assert page.locator("#tail").get_attribute("hx-trigger") is None
    page.keyboard.press("/")
    page.keyboard.type("node21")
    press(page, "Enter", "q=node21")
    assert page.locator("#tail li").count() == 1


def test_news_are_announced_and_taken_in_by_a_key(enter: Callable[..., Any], folder: Path) -> None:
    page = enter()
    incident = incident_of(folder, LINK)
    open_row(page, incident.id)
    page.keyboard.press("c")
    page.keyboard.type("half a thou")
    connection = sqlite3.connect(folder / "stream.db", isolation_level=None)
    IncidentBook(settings()).add(connection, [alert(6 * HOUR + 430, template=LINK, node="rack7-sw2")])
    page.wait_for_selector("#news .message")
    assert page.locator("#mark textarea").input_value() == "half a thou", "what is being typed stays"
    page.keyboard.press("Escape")
    page.keyboard.press("l")
    page.wait_for_selector(".times:has-text('2')")


def test_a_new_incident_appears_in_the_list_and_the_focus_stays(enter: Callable[..., Any], folder: Path) -> None:
    page = enter()
    page.keyboard.press("j")
    page.keyboard.press("j")
    before = page.evaluate("document.activeElement.id")
    connection = sqlite3.connect(folder / "stream.db", isolation_level=None)
    IncidentBook(settings()).add(connection, [alert(9 * HOUR, template="roof leaks", node="hall")])
    page.wait_for_selector(".incidents li:has-text('roof leaks')")
    assert page.evaluate("document.activeElement.id") == before


def test_hostile_text_is_inert_and_the_pages_fit_a_phone_in_the_dark(enter: Callable[..., Any], folder: Path) -> None:
    page = enter("eve", viewport={"width": 360, "height": 780}, color_scheme="dark")
    picture(page, "list-phone-dark")
    incident = incident_of(folder, HOSTILE)
    for view in ("/incidents", "/incidents/tail", f"/incidents/{incident.id}", f"/incidents/{incident.id}?alert=2"):
        page.goto(page.url.split("/incidents")[0] + view)
        assert page.evaluate("document.documentElement.scrollWidth") <= 360, view
        assert page.evaluate("document.querySelectorAll('main script, main img, main b b, main i').length") == 0
        assert "owned" not in page.title()
    assert "U+202E" in page.locator(".template").inner_text()
    page.evaluate("window.scrollTo(0, document.querySelector('.alerts').offsetTop - 60)")
    picture(page, "hostile-phone-dark")


def test_forms_and_links_work_without_scripts(links: dict[str, str], browser: Any, folder: Path) -> None:
    page = new_page(browser, java_script_enabled=False)
    page.goto(links[""])
    page.locator("input[name=name]").fill("zoe")
    with page.expect_navigation():
        page.keyboard.press("Enter")
    with page.expect_navigation():
        page.locator(f"#row-{incident_of(folder, LINK).id}").click()
    page.locator("#mark textarea").fill("seen it before")
    with page.expect_navigation():
        page.locator("[data-key=r]").click()
    assert "right, zoe" in page.locator(".alerts .chosen").inner_text()
    page.reload()
    with page.expect_navigation():
        page.locator("[data-key=j]").click()
    assert page.locator("#alert").get_attribute("data-number") == "2"
    assert len(read_ledger(folder / "ledger.jsonl").entries) == 1


def test_a_dead_server_is_announced_in_large_letters(server: Server, browser: Any, folder: Path) -> None:
    page = new_page(browser)
    page.goto(server.links["ada"])
    page.goto(page.url + f"/{incident_of(folder, LINK).id}")
    server.kill()
    page.keyboard.press("w")
    page.wait_for_function("document.querySelector('[role=alert]')?.textContent.startsWith('NOT STORED')")
    assert not (folder / "ledger.jsonl").exists()


def test_kill_9_loses_no_mark_that_was_confirmed(server: Server, browser: Any, folder: Path) -> None:
    page = new_page(browser)
    page.goto(server.links["ada"])
    path = f"/{incident_of(folder, LINK).id}"
    page.goto(page.url + path)
    press(page, "r", "/mark")
    server.kill()
    assert len(read_ledger(folder / "ledger.jsonl").entries) == 1
    again = Server(folder)
    try:
        page.goto(again.links["ada"])
        page.goto(page.url + path)
        assert "right, ada" in page.locator(".alerts .chosen").inner_text()
    finally:
        again.kill()
    assert incident_of(folder, LINK).opened > DAY
