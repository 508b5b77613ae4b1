"""Drain: clusters log messages by a tree of fixed depth.

After He, Zhu, Zheng and Lyu, "Drain: An Online Log Parsing Approach with Fixed Depth Tree", ICWS 2017. One rule
is added: a message that a template covers already (equal words, or a wildcard) joins it and changes nothing.
A message seen before is always covered, so that learning it twice is learning it once: it is enough to learn
each distinct message in the order of its first line, and a log cut in two gives the templates of the whole.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

WILDCARD = "<*>"

#: A leaf holds the numbers of its clusters; an inner node leads on by the next word.
Node = dict[str, Any]


class Fit(NamedTuple):
    """How well a template fits a message.

    Attributes:
        equal: number of words that are equal and no wildcards.
        wildcards: number of words at which the template has a wildcard.
        covers: every word is equal or at a wildcard.
    """

    equal: int
    wildcards: int
    covers: bool


def fit(template: Sequence[str], words: Sequence[str]) -> Fit:
    """Compare a template with a message of as many words (simSeq of the paper, before the division)."""
    equal = wildcards = 0
    for expected, word in zip(template, words, strict=True):
        if expected == WILDCARD:
            wildcards += 1
        elif expected == word:
            equal += 1
    return Fit(equal, wildcards, equal + wildcards == len(words))


class Drain:
    """The tree and its clusters; a cluster's number is its index.

    Args:
        depth: of the tree, the root and the leaves included: ``depth - 3`` words lead to a leaf.
        similarity: share of equal words from which on a message joins a template, in [0, 1].
        max_children: of an inner node; further words share its wildcard branch.
    """

    def __init__(self, depth: int, similarity: float, max_children: int) -> None:
        self.depth, self.similarity, self.max_children = depth, similarity, max_children
        self.tree: Node = {}
        self.templates: list[list[str]] = []
        #: Texts that each cluster's template had before it was generalised, oldest first.
        self.history: list[list[str]] = []

    def learn(self, message: str) -> int:
        """Put a masked message into its cluster, making or generalising one as needed; returns its number."""
        words = message.split(" ")
        covering = self._covering(words)
        if covering is not None:
            return covering
        number = self._most_similar(words)
        if number is None:
            number = len(self.templates)
            self.templates.append(words)
            self.history.append([])
            self._insert(words, number)
            return number
        template = self.templates[number]
        self.history[number].append(" ".join(template))
        self.templates[number] = [old if old == new else WILDCARD for old, new in zip(template, words, strict=True)]
        return number

    def match(self, message: str) -> int | None:
        """The number of the most specific template that covers a masked message; None if none does."""
        return self._covering(message.split(" "))

    def text(self, number: int) -> str:
        """The text of a cluster's template."""
        return " ".join(self.templates[number])

    def _covering(self, words: list[str]) -> int | None:
        best, most = None, -1
        for leaf in self._leaves(words):
            for number in leaf:
                found = fit(self.templates[number], words)
                if found.covers and found.equal > most:
                    best, most = number, found.equal
        return best

    def _most_similar(self, words: list[str]) -> int | None:
        """The cluster of the paper's one leaf that is most similar, if it is similar enough."""
        node = self.tree.get(str(len(words)))
        for word in self._route(words):
            if node is None:
                return None
            node = node.get(word, node.get(WILDCARD))
        best, most = None, (-1, -1)
        for number in node["clusters"] if node else ():
            found = fit(self.templates[number], words)
            if (found.equal, found.wildcards) > most:
                best, most = number, (found.equal, found.wildcards)
        return best if most[0] >= self.similarity * len(words) else None

    def _leaves(self, words: list[str]) -> Iterator[list[int]]:
        """Every leaf at which a message may have been put: branch by word and wildcard branch."""
        root = self.tree.get(str(len(words)))
        nodes = [root] if root is not None else []
        for word in self._route(words):
            branches = (word,) if word == WILDCARD else (word, WILDCARD)
            nodes = [node[branch] for node in nodes for branch in branches if branch in node]
        for node in nodes:
            yield node["clusters"]

    def _insert(self, words: list[str], number: int) -> None:
        node = self.tree.setdefault(str(len(words)), {})
        for word in self._route(words):
            if word not in node:
                # The last free place is kept for the wildcard branch.
                full = len(node) + (WILDCARD not in node) >= self.max_children
                word = WILDCARD if full or _has_digit(word) else word
            node = node.setdefault(word, {})
        node.setdefault("clusters", []).append(number)

    def _route(self, words: list[str]) -> list[str]:
        """The words that lead to a leaf."""
        return words[: max(self.depth - 3, 0)]

    def state(self) -> dict[str, Any]:
        """Everything as plain JSON values; `from_state` makes an equal tree of it."""
        return {
            "depth": self.depth,
            "similarity": self.similarity,
            "max_children": self.max_children,
            "templates": [" ".join(words) for words in self.templates],
            "history": self.history,
            "tree": self.tree,
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Drain:
        """Make the tree that `state` described."""
        drain = cls(state["depth"], state["similarity"], state["max_children"])
        drain.templates = [text.split(" ") for text in state["templates"]]
        drain.history = [list(texts) for texts in state["history"]]
        drain.tree = state["tree"]
        return drain


def _has_digit(word: str) -> bool:
    return any(character.isdigit() for character in word)
