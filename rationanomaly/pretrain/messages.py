"""The pretraining catalogue: templates of system log messages, written from general knowledge, and how they get values.

One text file per domain in ``catalogue/``. Its first line, ``heads: a | b``, names what may stand before a message;
every other line is a template behind one letter: ``F`` a fault that needs attention, ``E`` a fault that was coped with
or words that only sound like one, ``P`` an ordinary message. In a template ``{name}`` is a value of `values.VALUES`
and ``{a|b}`` one of some wordings, which may hold values.

Nothing here was taken from a data set, and none of it is in the catalogue of `simulate`.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from dataclasses import dataclass
from importlib import resources

from rationanomaly.pretrain.values import VALUES
from rationanomaly.records import Label
from rationanomaly.text.canonical import WILDCARD

_KINDS = ("F", "E", "P")
_HEADS = "heads: "
_INNERMOST = re.compile(r"\{([^{}]*)\}")
#: Names that miners often keep as words, for few of them occur in a log.
_WORDLIKE = frozenset(("user", "program", "daemon", "module", "symbol", "class", "topic", "table", "unit", "library"))
_HEAD_SHARE, _SEVERITY_SHARE, _MINED_SHARE, _HIDDEN_SHARE = 0.35, 0.1, 0.5, 0.85
_SEVERITIES = {
    "F": ("ERROR", "FATAL", "error:", "CRITICAL", "E", "WARNING", "INFO", "SEVERE"),
    "E": ("INFO", "WARN", "notice:", "I", "WARNING", "DEBUG"),
    "P": ("INFO", "info:", "DEBUG", "I", "NOTICE", "TRACE"),
}


@dataclass(frozen=True)
class Template:
    """One kind of message.

    Attributes:
        domain: name of its file.
        kind: F fault, E eased or harmless, P ordinary.
        text: with slots.
        heads: what may stand before it.
    """

    domain: str
    kind: str
    text: str
    heads: tuple[str, ...]

    @property
    def label(self) -> Label:
        """The truth: abnormal if it is a sign of a fault that needs attention."""
        return "abnormal" if self.kind == "F" else "normal"

    def write(self, rng: random.Random) -> str:
        """One message: as a program writes it, or with ``<*>`` for most of its values as a miner leaves it."""
        mined = rng.random() < _MINED_SHARE

        def value(name: str) -> str:
            hidden = mined and rng.random() < (_HIDDEN_SHARE / 2 if name in _WORDLIKE else _HIDDEN_SHARE)
            return WILDCARD if hidden else VALUES[name](rng)

        text = self.text
        if rng.random() < _HEAD_SHARE:
            text = f"{rng.choice(self.heads)} {text}"
        if rng.random() < _SEVERITY_SHARE:
            text = f"{rng.choice(_SEVERITIES[self.kind])} {text}"
        return " ".join(_fill(text, rng, value).split())

    def skeleton(self) -> str:
        """The template as a miner would find it: the first of each wording, a wildcard for each value."""
        first = random.Random(0)  # noqa: S311 - draws no secret
        return " ".join(_fill(self.text, first, lambda _: WILDCARD).split())


def load_templates() -> tuple[Template, ...]:
    """All templates, by file name and then in file order.

    Raises:
        ValueError: a line is not of the form described above; names file and line.
    """
    files = resources.files("rationanomaly.pretrain.catalogue")
    templates: list[Template] = []
    for file in sorted(files.iterdir(), key=lambda entry: entry.name):
        domain, _, suffix = file.name.partition(".")
        if suffix == "txt":
            templates += _read(domain, file.read_text(encoding="utf-8").splitlines())
    return tuple(templates)


def _read(domain: str, lines: list[str]) -> list[Template]:
    if not lines[0].startswith(_HEADS):
        raise ValueError(f"catalogue/{domain}.txt: the first line must begin with {_HEADS!r}")
    heads = tuple(filter(None, (head.strip() for head in lines[0].removeprefix(_HEADS).split(" | "))))
    found = []
    for number, line in enumerate(lines[1:], start=2):
        kind, _, text = line.partition(" ")
        if kind not in _KINDS or not text:
            raise ValueError(f"catalogue/{domain}.txt, line {number}: a line must begin with F, E or P and a space")
        if unknown := _unknown(text, *heads):
            raise ValueError(f"catalogue/{domain}.txt, line {number}: no such value: {unknown}")
        found.append(Template(domain, kind, text, heads))
    return found


def _unknown(*texts: str) -> list[str]:
    """What stands in braces and is neither a value nor a choice."""
    found = []
    for text in texts:
        while match := _INNERMOST.search(text):
            if "|" not in match[1] and match[1] not in VALUES:
                found.append(match[1])
            text = text[: match.start()] + text[match.end() :]
        if "{" in text or "}" in text:
            found.append("a brace without its pair")
    return found


def _fill(text: str, rng: random.Random, value: Callable[[str], str]) -> str:
    """Choose wordings and draw values, the innermost braces first."""
    while match := _INNERMOST.search(text):
        options = match[1].split("|")
        drawn = rng.choice(options) if len(options) > 1 else value(match[1])
        text = text[: match.start()] + drawn + text[match.end() :]
    return text
