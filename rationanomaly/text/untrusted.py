r"""Text of strangers on its way to a person: log lines, rationales, comments, file names, answers of a server.

One set of characters, `errors.is_unsafe`, never reaches a terminal, a page or a table as it is. Three renderers write
them out instead, so that nobody is misled about what a text holds: `for_terminal` and `for_csv` as ``\u202e``, the
escape of JSON, `for_html` as ``U+202E`` with a style of its own. An error's sentence drops them (`errors.one_line`).
What a language model is shown is another matter: `prompt.show`.
"""

from __future__ import annotations

import logging
import re
from itertools import groupby
from typing import TYPE_CHECKING

from rationanomaly.errors import is_unsafe
from rationanomaly.text.secrets import strike

if TYPE_CHECKING:
    from markupsafe import Markup

#: What makes a spreadsheet take a cell for a formula, behind blanks too; the wide forms do so in Asian editions.
_FORMULA = re.compile(r"'*[ \u00a0\u3000]*[=+\-@＝＋－＠]")
#: Where a spreadsheet whose list separator is a semicolon takes what lies behind one for a cell that is a formula.
_FORMULA_BEHIND = re.compile(r";(?='*[ \u00a0\u3000]*[=+\-@＝＋－＠])")
#: A backslash that `from_csv` would take for one of ours.
_OWN_ESCAPE = re.compile(r"\\(?=u[0-9a-f]{4})")
_ESCAPED = re.compile(r"(?:\\u[0-9a-f]{4})+")


def for_terminal(text: str, *, lines: bool = False) -> str:
    r"""``text`` with every unsafe character escaped as JSON would.

    JSON stays JSON, and means the same.

    Args:
        text: anything.
        lines: whether line breaks are kept; else they are unsafe too, and the result is one line.
    """
    if lines:
        return "\n".join(map(for_terminal, text.replace("\r\n", "\n").split("\n")))
    if text.isascii() and text.isprintable():
        return text
    return "".join(_escaped(character) if is_unsafe(character) else character for character in text)


def for_html(text: str, variable: str | None = None) -> Markup:
    """HTML that shows ``text`` and can do nothing: no markup of its own, no change of direction, no hidden letters.

    Args:
        text: anything.
        variable: what stands for a variable in it and is marked as one.
    """
    from markupsafe import Markup, escape

    if variable is not None:
        mark = Markup('<mark class="variable">{}</mark>').format(variable)
        return mark.join(for_html(part) for part in text.split(variable))
    shown: list[Markup] = []
    for unsafe, run in groupby(text, is_unsafe):
        if unsafe:
            shown += [_named(character) for character in run]
        else:
            shown.append(escape("".join(run)))
    return Markup("").join(shown)


def for_csv(text: str) -> str:
    r"""A cell of a CSV table that no spreadsheet takes for a formula, without unsafe characters.

    What looks like a formula gets an apostrophe before it, and a semicolon before one, which parts cells in many
    countries, is escaped. `from_csv` gives the text back.
    """
    cell = _FORMULA_BEHIND.sub(r"\\u003b", for_terminal(_OWN_ESCAPE.sub(r"\\u005c", text)))
    return f"'{cell}" if _FORMULA.match(cell) else cell


def from_csv(cell: str) -> str:
    """The text of a cell that `for_csv` wrote."""
    text = cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
    return _ESCAPED.sub(_read, text)


class InertFormatter(logging.Formatter):
    """Log records for a terminal or the log of a pod: the message on one line; only a traceback has several.

    Secrets of the environment are struck: libraries log what they ask for, too.
    """

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - logging's name
        """The line without its traceback."""
        return for_terminal(strike(super().formatMessage(record)))

    def format(self, record: logging.LogRecord) -> str:
        """The whole record."""
        return for_terminal(strike(super().format(record)), lines=True)


def _escaped(character: str) -> str:
    """One or, beyond the basic plane, two escapes of UTF-16."""
    units = character.encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[at : at + 2].hex()}" for at in range(0, len(units), 2))


def _read(escapes: re.Match[str]) -> str:
    units = bytes.fromhex(escapes[0].replace("\\u", ""))
    return units.decode("utf-16-be", "surrogatepass")


def _named(character: str) -> Markup:
    from markupsafe import Markup

    # A tab does no harm on a page, and logs are full of them; as a reference it isn't in the page's source.
    return (
        Markup("&#9;")
        if character == "\t"
        else Markup('<span class="invisible">U+{:04X}</span>').format(ord(character))
    )
