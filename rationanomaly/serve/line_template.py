"""Which known template a line has been made from."""

from __future__ import annotations

from collections.abc import Iterable

from rationanomaly.text.canonical import WILDCARD


def find_template(line: str, templates: Iterable[str]) -> str | None:
    """The most specific of some templates whose fixed parts stand in the line, in their order, up to its end.

    What stands before the first part may be a header. Takes linear time whatever the texts hold.
    """
    fitting = [template for template in templates if _fits(line.rstrip(), template)]
    return max(fitting, key=lambda template: len(template.replace(WILDCARD, "")), default=None)


def _fits(line: str, template: str) -> bool:
    parts = template.split(WILDCARD)
    place = 0
    for part in parts[:-1]:
        found = line.find(part, place)
        if found < 0:
            return False
        place = found + len(part)
    last = parts[-1]
    return any(map(str.strip, parts)) and line.endswith(last) and len(line) - len(last) >= place
