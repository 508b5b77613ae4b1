"""Pages of a browser for tests."""

from __future__ import annotations

from typing import Any

#: Milliseconds until a page that doesn't come to what is waited for fails its test; a busy machine is slow to paint.
_PATIENCE = 180_000


def new_page(browser: Any, **options: Any) -> Any:
    """A page in a context of its own."""
    context = browser.new_context(**options)
    context.set_default_timeout(_PATIENCE)
    return context.new_page()


def open_summaries(page: Any, count: int | None = None) -> None:
    """Click on the first so many, or on all; then wait for the lines of the sessions among them.

    They are made by `toggle`, an event that a browser queues: what follows a click may come before it.
    """
    for summary in page.locator("summary").all()[:count]:
        summary.click()
    page.wait_for_function("!document.querySelector('#session-rows details[open]:not(:has(> .lines))')")
