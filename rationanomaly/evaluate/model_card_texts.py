"""Text of strangers on its way into a model card: Markdown that shows it and can do nothing.

A code span holds no markup, no link and no HTML, whatever is in it, so all that comes out of data stands in one unless
it is plainly harmless. Characters that act or can't be seen are written out (`text.untrusted`).
"""

from __future__ import annotations

import re

from rationanomaly.text.untrusted import for_terminal

_LONGEST = 120
#: Words and figures of our own tables: nothing here begins markup in the middle of a line.
_HARMLESS = re.compile(r"[A-Za-z0-9 ,.;:%()\[\]+=/–∞'’-]*", re.ASCII)
#: What readers make a link of, or the end of one, without any markup.
_LINK = re.compile(r"://|www\.|\]\(|\]:|\]\[", re.IGNORECASE)


def inert(text: object) -> str:
    """``text`` as it is where it is harmless in the middle of a line, else as `code_span`."""
    plain = str(text)
    harmless = _HARMLESS.fullmatch(plain) and not _LINK.search(plain) and len(plain) <= _LONGEST
    return plain if harmless else code_span(plain)


def code_span(text: str) -> str:
    """``text`` on one line as Markdown's code, cut where it is long; fit for a cell of a table, too."""
    line = for_terminal(text if len(text) <= _LONGEST else text[:_LONGEST] + " …").replace("|", "¦")
    if not line.strip():
        return "–"
    runs = [len(run) for run in re.findall("`+", line)]
    fence = "`" * (max(runs, default=0) + 1)
    # A blank on both sides is taken off again by every reader.
    padded = f" {line} " if line[0] in "` " or line[-1] in "` " else line
    return f"{fence}{padded}{fence}"
