"""Sets the filters of a report in a browser."""

from __future__ import annotations

from pathlib import Path

#: Debian's browser.
CHROMIUM = Path("/usr/bin/chromium")
#: Sets a filter as a person does and gives back the milliseconds until what it shows has its place.
SET_FILTER = """([id, value]) => {
    const control = document.getElementById(id), start = performance.now();
    if (control.type === "checkbox") control.checked = value; else control.value = value;
    control.dispatchEvent(new Event("input", { bubbles: true }));
    document.body.getBoundingClientRect();
    return performance.now() - start;
}"""
#: Controls of the table and what they are set to, one after the other.
FILTERS = (
    ("query", "disk"), ("query", "lost its carrier"), ("truth", "0"), ("answer", "1"), ("query", ""), ("truth", ""),
    ("answer", ""), ("system", "0"), ("mistakes", True), ("dataset", "1"),
)  # fmt: skip
