"""Drain: clusters log messages by a tree of fixed depth.

After He, Zhu, Zheng and Lyu, "Drain: An Online Log Parsing Approach with Fixed Depth Tree", ICWS 2017, with three
additions:

* A message that a template covers already (equal words, or a wildcard) joins it and the tree stays as it is. A
  message seen before is always covered, so learning it twice is learning it once: it is enough to learn each
  distinct message in the order of its first line, and a log cut in two gives the templates of the whole.
* Masked words tell nothing and are left out of the similarity, above and below the fraction.
* A wildcard at which only a few plain words occur (``started``, ``stopped``) is a choice, not a parameter: each of
  the words makes a template of its own, until there are too many of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from operator import eq, itemgetter
from typing import Any

WILDCARD = "<*>"

#: An inner node leads on by the next word; a leaf holds the numbers of its clusters under ``clusters``.
Node = dict[str, Any]


@dataclass
class Cluster:
    """Messages of one shape.

    Attributes:
        words: the template's words.
        choices: place of a wildcard → the few plain words that occur there. Wildcards at other places are parameters.
        variants: texts of the templates that this cluster makes, by first appearance.
        weight: number of words that are no wildcards; the more, the more specific the template.
    """

    words: list[str]
    choices: dict[int, list[str]] = field(default_factory=dict)
    variants: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._look()

    def _look(self) -> None:
        """Make ready for comparisons, of which there are many for each change."""
        places = [place for place, word in enumerate(self.words) if word != WILDCARD]
        self.weight = len(places)
        self._probe: Callable[[list[str]], object] = itemgetter(*places) if places else _nothing
        self._probed = self._probe(self.words)
        self._literals = [None if word == WILDCARD else word for word in self.words]

    def covers(self, words: list[str]) -> bool:
        """Whether every word of a message of as many words is equal or at a wildcard."""
        return self._probe(words) == self._probed

    def equal(self, words: list[str]) -> int:
        """Number of words that are equal and no wildcards."""
        return sum(map(eq, self._literals, words))

    def text(self, words: list[str]) -> str:
        """The text of the template of a message that is covered: choices are filled in."""
        filled = list(self.words)
        for place, choices in self.choices.items():
            if words[place] in choices:
                filled[place] = words[place]
        return " ".join(filled)

    def absorb(self, words: list[str], limit: int) -> bool:
        """Generalise so far that ``words`` are covered; tells whether older texts lost a word by it."""
        generalised = False
        for place, (own, word) in enumerate(zip(self.words, words, strict=True)):
            if own == word != WILDCARD:
                continue
            known = self.choices.pop(place, None) if own == WILDCARD else [own]
            if known is None:
                continue
            self.words[place] = WILDCARD
            known = known if word in known else [*known, word]
            if len(known) <= limit and all(map(_is_plain, known)):
                self.choices[place] = known
            else:
                generalised = True
        self._look()
        return generalised


class Drain:
    """The tree and its clusters; a cluster's number is its index.

    Args:
        depth: of the tree, the root and the leaves included: ``depth - 3`` words lead to a leaf.
        similarity: share of equal words from which on a message joins a cluster, in [0, 1].
        max_children: of an inner node; further words share its wildcard branch.
        max_choices: a wildcard with at most so many different plain words is a choice; 0 for the paper's Drain.
        max_clusters: of a leaf; when it is full, a message joins the most similar one, however little it is.
    """

    def __init__(
        self, depth: int, similarity: float, max_children: int, max_choices: int = 0, max_clusters: int = 1000
    ) -> None:
        self.depth, self.similarity, self.max_children = depth, similarity, max_children
        self.max_choices, self.max_clusters = max_choices, max_clusters
        self.tree: Node = {}
        self.clusters: list[Cluster] = []
        #: Text of a template that was generalised → the text that it became.
        self.successors: dict[str, str] = {}

    def learn(self, message: str) -> int:
        """Put a masked message into its cluster, making or generalising one as needed; returns its number."""
        words = message.split(" ")
        number = self._covering(words)
        if number is None:
            number = self._most_similar(words)
        if number is None:
            number = len(self.clusters)
            self.clusters.append(Cluster(words))
            self._insert(words, number)
        self._absorb(self.clusters[number], words)
        return number

    def name(self, message: str) -> str | None:
        """The text of a masked message's template: the most specific one that covers it; None if none does."""
        words = message.split(" ")
        number = self._covering(words)
        return None if number is None else self.clusters[number].text(words)

    def superseded(self) -> dict[str, list[str]]:
        """Text of a template → the texts that it had before it was generalised, oldest first."""
        found: dict[str, list[str]] = {}
        current = {text for cluster in self.clusters for text in cluster.variants}
        for old in self.successors:
            new = old
            # Each step has more wildcards than the one before, so this ends.
            while new in self.successors and new not in current:
                new = self.successors[new]
            if new != old:
                found.setdefault(new, []).append(old)
        return found

    def _absorb(self, cluster: Cluster, words: list[str]) -> None:
        generalised = cluster.absorb(words, self.max_choices)
        text = cluster.text(words)
        if text not in cluster.variants:
            cluster.variants.append(text)
        if len(cluster.variants) > max(self.max_choices, 1) ** 2:
            cluster.choices.clear()
            generalised = True
        if generalised:
            renamed = {text: cluster.text(text.split(" ")) for text in cluster.variants}
            self.successors |= {old: new for old, new in renamed.items() if old != new}
            cluster.variants = list(dict.fromkeys(renamed.values()))

    def _covering(self, words: list[str]) -> int | None:
        best, most = None, -1
        for leaf in self._leaves(words):
            for number in leaf:
                cluster = self.clusters[number]
                if cluster.weight > most and cluster.covers(words):
                    best, most = number, cluster.weight
        return best

    def _most_similar(self, words: list[str]) -> int | None:
        """The cluster of the paper's one leaf that is most similar, if it is similar enough or the leaf is full."""
        node = self.tree.get(str(len(words)), {})
        for word in self._route(words):
            node = node.get(word, node.get(WILDCARD, {}))
        leaf = node.get("clusters", ())
        telling = sum(word != WILDCARD for word in words)
        best, most = None, (-1, 0)
        for number in leaf:
            cluster = self.clusters[number]
            rank = (cluster.equal(words), -cluster.weight)
            if rank > most:
                best, most = number, rank
        return best if most[0] >= self.similarity * telling or len(leaf) >= self.max_clusters else None

    def _leaves(self, words: list[str]) -> Iterator[list[int]]:
        """Every leaf at which a message may have been put: branches by word and wildcard branches."""
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
            "max_choices": self.max_choices,
            "max_clusters": self.max_clusters,
            "clusters": [
                {
                    "template": " ".join(cluster.words),
                    "choices": {str(place): words for place, words in cluster.choices.items()},
                    "variants": cluster.variants,
                }
                for cluster in self.clusters
            ],
            "superseded": self.successors,
            "tree": self.tree,
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Drain:
        """Make the tree that `state` described."""
        settings = ("depth", "similarity", "max_children", "max_choices", "max_clusters")
        drain = cls(*(state[name] for name in settings))
        for entry in state["clusters"]:
            choices = {int(place): list(words) for place, words in entry["choices"].items()}
            drain.clusters.append(Cluster(entry["template"].split(" "), choices, list(entry["variants"])))
        drain.successors = dict(state["superseded"])
        drain.tree = state["tree"]
        return drain


def _nothing(_words: list[str]) -> object:
    return None


def _is_plain(word: str) -> bool:
    """A word of letters only: a name of something, hardly a value."""
    return word.isalpha()


def _has_digit(word: str) -> bool:
    return any(character.isdigit() for character in word)
