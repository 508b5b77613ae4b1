"""Claims of a rationale that neither its log nor the rulebook bears out: invented entities among them.

A claim is a quote, a number, a name of a thing, or what the rulebook reads: a failure or activity, a part of the
system, a consequence or check of a kind of failure, how the log is worded, a denial. A sentence of which nothing of
that kind can be read counts once. What is claimed of which log decides `rulebook.support`.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from rationanomaly.rulebook.argument import Argument, read_argument
from rationanomaly.rulebook.signs import STOP_WORDS
from rationanomaly.rulebook.support import supported
from rationanomaly.rulebook.vocabulary import explained_by, stem
from rationanomaly.text.evidence import check_evidence
from rationanomaly.text.prompt import Shown, split_conclusion

#: Kinds of claims, in the order in which they are shown.
KINDS = ("quote", "number", "name", "event", "part", "consequence", "wording", "denial", "sentence")
_TOKEN = re.compile(r"[^\s\"“”,;()\[\]{}]+")
_NUMBER = re.compile(r"\d+(?:[.:,/]\d+)*%?")
_RUN = re.compile(r"[^\W_]+")
#: What makes a token the name of a thing rather than a word: a digit, or a mark between letters.
_MARKED = re.compile(r"(?=.*[^\W\d_])(?:.*\d|.*[^\W\d_][_/.:@\\-]+[^\W\d_]|/)")
#: "and/or", "e.g.".
_SMALL = STOP_WORDS | frozenset(("e", "g", "i"))
_HUMPED = re.compile(r"[a-z][A-Z]|[A-Z]{2}")


@dataclass(frozen=True)
class Claim:
    """One thing that a rationale says of a log.

    Attributes:
        kind: one of `KINDS`.
        text: what is claimed, as written or under the rulebook's name.
        supported: whether the log or the rulebook bears it out.
    """

    kind: str
    text: str
    supported: bool


def claims_of(rationale: str, shown: Shown) -> list[Claim]:
    """All claims of a rationale about the log that was shown, its conclusion left out.

    Args:
        rationale: any text, with or without a conclusion.
        shown: the log as the prompt showed it.
    """
    analysis, _ = split_conclusion(rationale)
    return [*_entities(analysis, shown), *_statements(read_argument(analysis), shown)]


def _entities(analysis: str, shown: Shown) -> Iterator[Claim]:
    found = check_evidence(analysis, shown)
    # As often as it is quoted: a quote that stands in the log twice is found twice.
    held = Counter(span.text for span in found.spans)
    for quote in found.quotes:
        yield Claim("quote", quote, held[quote] > 0)
    log = f"{shown.original or shown.text}\n{shown.text}".lower()
    runs = frozenset(_RUN.findall(log))
    explained = explained_by(tuple(sorted(runs)))
    pieces = analysis.split('"')
    for token in dict.fromkeys(one for piece in pieces[::2] for one in _TOKEN.findall(piece)):
        bare = token.strip(".:!?'…-")
        if _NUMBER.fullmatch(bare):
            yield Claim("number", bare, bare.rstrip("%") in log)
        elif _is_name(bare):
            parts = [part.lower() for part in _RUN.findall(bare) if part.lower() not in _SMALL]
            # `systemctl status` and `ECC` are the rulebook's words, if the log is about what they belong to.
            known = all(part in runs or stem(part) in explained for part in parts)
            yield Claim("name", bare, bare.lower() in log or known)


def _is_name(token: str) -> bool:
    if "-" in token and token.replace("-", "").isalpha() and token.islower():
        return False  # "far-off" is a word.
    return bool(_MARKED.match(token) or _HUMPED.search(token))


def _statements(argument: Argument, shown: Shown) -> Iterator[Claim]:
    """What the rulebook reads, each claim held against the log by itself."""
    for name in sorted(argument.signs):
        yield Claim("event", name, supported(Argument(None, signs=frozenset((name,))), shown) is not False)
    # An engineer infers more than a log says: what is named in other words than the rulebook's counts where the log
    # names it too, and against the text where that is too much.
    too_much = supported(Argument(None, named=argument.named), shown) is False
    for name in sorted(argument.named - argument.signs):
        held = supported(Argument(None, named=frozenset((name,))), shown) is True
        if held or too_much:
            yield Claim("event", name, held)
    for name in sorted(argument.domains - argument.named):
        yield Claim("part", name, supported(Argument(None, domains=frozenset((name,))), shown) is not False)
    for family in sorted(argument.families):
        alone = Argument(None, families=frozenset((family,)))
        yield Claim("consequence", family, supported(alone, shown) is not False)
    for wording in sorted(argument.wordings):
        yield Claim("wording", wording, supported(Argument(None, wordings=frozenset((wording,))), shown) is not False)
    for name in sorted(argument.denied):
        yield Claim("denial", name, supported(Argument(None, denied=frozenset((name,))), shown) is not False)
    unread = argument.unread
    for content in argument.contents:
        foreign = supported(Argument(None, contents=(content,)), shown) is False
        if foreign:
            yield Claim("sentence", " ".join(content), supported=False)
        unread -= foreign
    for _ in range(max(unread, 0)):
        yield Claim("sentence", "nothing that the rulebook knows", supported=True)
