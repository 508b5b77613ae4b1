"""Drain: clusters log messages by a tree of fixed depth.

After He, Zhu, Zheng and Lyu, "Drain: An Online Log Parsing Approach with Fixed Depth Tree", ICWS 2017, with three
additions:

* A message that a template covers already (equal words, or a wildcard) joins it and the tree stays as it is. A
  message seen before is always covered, so learning it twice is learning it once: it is enough to learn each
  distinct message in the order of its first line, and a log cut in two gives the templates of the whole.
* Masked words tell nothing and are left out of the similarity, above and below the fraction; words that are no plain
  names count half.
* A wildcard at which only a few plain words occur (``web``, ``mail``) is a choice, not a parameter: each of the words
  makes a template of its own, until there are too many of them.
* A word that names a state (``started``, ``state=down``) makes a template of its own wherever it stands, so that
  states that exclude each other never share one. Where one of the words of a choice does, there may be more of them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from rationanomaly.rulebook.states import core, parts_of, state_in

WILDCARD = "<*>"
#: Of the rules by which messages are told apart.
VERSION = 2
#: What a word that is no plain one counts in the similarity; of the LogHub samples, .5 to 1 make no difference.
_IDENTIFIER = 0.5
#: Plain words that make a template each where one of them names a state.
_MAX_STATES = 16
#: Templates of one cluster, after which of a word only the parts that name a state are kept, and after which only the
#: first state of a message is, in small letters.
_MAX_WHOLE, _MAX_VARIANTS = 100, 1000
#: They change with the number in front and say nothing else.
_UNITS = frozenset(["b", "kb", "mb", "gb", "tb", "kib", "mib", "gib", "tib", "ns", "us", "ms", "sec", "secs"])

#: An inner node leads on by the next word; a leaf stands under ``clusters``.
Node = dict[str, Any]


class Leaf(list[int]):
    """The numbers of clusters, with an index of their words: to compare with all is to look up a message's words."""

    def __init__(self) -> None:
        super().__init__()
        self._index: dict[tuple[int, str], list[int]] = {}
        #: Clusters of wildcards only: they cover every message, and have no word in common with any.
        self.blank: list[int] = []

    def put(self, number: int, words: list[str]) -> None:
        """Add a cluster."""
        self.append(number)
        words_there = [(place, word) for place, word in enumerate(words) if word != WILDCARD]
        for key in words_there:
            self._index.setdefault(key, []).append(number)
        if not words_there:
            self.blank.append(number)

    def forget(self, number: int, lost: list[tuple[int, str]], blank: bool) -> None:
        """Words of a cluster, with their places, have become wildcards; ``blank`` if it has no others left."""
        for key in lost:
            self._index[key].remove(number)
        if lost and blank:
            self.blank.append(number)

    def equal(self, words: list[str]) -> dict[int, int]:
        """Cluster → number of words that it has in common with a message; clusters without any are left out."""
        found: dict[int, int] = {}
        for key in enumerate(words):
            for number in self._index.get(key, ()):
                found[number] = found.get(number, 0) + 1
        return found


@dataclass
class Cluster:
    """Messages of one shape.

    Attributes:
        words: the template's words.
        choices: place of a wildcard → the few plain words that occur there. Wildcards at other places are parameters.
        variants: texts of the templates that this cluster makes, by first appearance.
        states: whether words that name a state make templates of their own.
        parted: there were many of them, so that of ``id=x7;state=up`` only the state does.
        crowded: there were too many of them, so that only the first one of a message does.
        weight: number of words that are no wildcards; the more, the more specific the template.
    """

    words: list[str]
    choices: dict[int, list[str]] = field(default_factory=dict)
    variants: dict[str, None] = field(default_factory=dict)
    states: bool = True
    parted: bool = False
    crowded: bool = False

    def __post_init__(self) -> None:
        self.weight = sum(word != WILDCARD for word in self.words)

    def text(self, words: list[str]) -> str:
        """The text of the template of a message that is covered: choices and states are filled in."""
        filled = list(self.words)
        for place, choices in self.choices.items():
            if words[place] in choices:
                filled[place] = words[place]
        if self.states:
            self._fill_states(filled, words)
        return " ".join(filled)

    def _fill_states(self, filled: list[str], words: list[str]) -> None:
        for place, own in enumerate(self.words):
            state = state_in(words[place]) if own == WILDCARD else None
            if state is not None:
                filled[place] = _states_alone(words[place]) if self.parted else words[place]
                if self.crowded:
                    filled[place] = state
                    return

    def knows(self, words: list[str]) -> bool:
        """Whether to absorb the words of a message that is covered would change nothing."""
        chosen = all(words[place] in choices for place, choices in self.choices.items())
        return chosen and self.text(words) in self.variants

    def absorb(self, words: list[str], limit: int) -> tuple[bool, list[tuple[int, str]]]:
        """Generalise so far that ``words`` are covered.

        Args:
            words: of a message.
            limit: so many plain words make a choice; more make a parameter.

        Returns:
            Whether older texts lost a word by it, and the places and words that became wildcards.
        """
        generalised, lost = False, []
        for place, (own, word) in enumerate(zip(self.words, words, strict=True)):
            if own == word != WILDCARD:
                continue
            known = self.choices.pop(place, None) if own == WILDCARD else [own]
            if known is None:
                continue
            if own != WILDCARD:
                lost.append((place, own))
                self.words[place] = WILDCARD
            known = known if word in known else [*known, word]
            if all(map(self._is_plain, known)) and len(known) <= self._limit(known, limit):
                self.choices[place] = known
            else:
                generalised = True
        self.weight -= len(lost)
        return generalised, lost

    def _is_plain(self, word: str) -> bool:
        """A name of something, hardly a value: letters only."""
        if not self.states:
            return word.isalpha()
        value = core(word)
        return value.replace("-", "").isalpha() and value.lower() not in _UNITS

    def _limit(self, choices: list[str], limit: int) -> int:
        """How many words may be a choice: more where one of them names a state."""
        return max(limit, _MAX_STATES) if self.states and limit and any(map(state_in, choices)) else limit


class Drain:
    """The tree and its clusters; a cluster's number is its index.

    Args:
        depth: of the tree, the root and the leaves included: ``depth - 3`` words lead to a leaf.
        similarity: share of equal words from which on a message joins a cluster, in [0, 1].
        max_children: of an inner node; further words share its wildcard branch.
        max_choices: a wildcard with at most so many different plain words is a choice; 0 for the paper's Drain, which
            knows of no states either.
        max_clusters: in all; from then on a message joins the most similar one of its leaf, however little it is.
        max_leaf: the same for one leaf.
        version: of these rules. By 1, for what was learnt by it, no word is a state, and identifiers tell as much as
            names.
    """

    def __init__(
        self,
        depth: int,
        similarity: float,
        max_children: int,
        max_choices: int = 0,
        max_clusters: int = 100_000,
        max_leaf: int = 1000,
        version: int = VERSION,
    ) -> None:
        self.depth, self.similarity, self.max_children = depth, similarity, max_children
        self.max_choices, self.max_clusters, self.max_leaf = max_choices, max_clusters, max_leaf
        self.version, self._states = version, version > 1 and max_choices > 0
        self.tree: Node = {}
        self.clusters: list[Cluster] = []
        self._leaf_of: list[Leaf] = []
        #: Text of a template that was generalised → the text that it became.
        self.successors: dict[str, str] = {}

    def learn(self, message: str) -> int:
        """Put a masked message into its cluster, making or generalising one as needed; returns its number."""
        words = message.split(" ")
        number = self._covering(words)
        if number is None:
            number = self._best_of_leaf(words)
        if number is None:
            number = len(self.clusters)
            self.clusters.append(Cluster(words, states=self._states))
            self._insert(words, number)
        self._absorb(number, words)
        return number

    def name(self, message: str) -> str | None:
        """The text of a masked message's template: the most specific one that covers it; None if none does."""
        words = message.split(" ")
        number = self._covering(words)
        return None if number is None else self.clusters[number].text(words)

    def knows(self, message: str) -> bool:
        """Whether learning a masked message would change nothing."""
        words = message.split(" ")
        number = self._covering(words)
        return number is not None and self.clusters[number].knows(words)

    def texts(self) -> list[str]:
        """The texts of all templates."""
        return [text for cluster in self.clusters for text in cluster.variants]

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

    def _absorb(self, number: int, words: list[str]) -> None:
        cluster = self.clusters[number]
        generalised, lost = cluster.absorb(words, self.max_choices)
        self._leaf_of[number].forget(number, lost, blank=not cluster.weight)
        cluster.variants[cluster.text(words)] = None
        if cluster.choices and len(cluster.variants) > self._most_variants(cluster):
            cluster.choices.clear()
            generalised = True
        if not cluster.parted and len(cluster.variants) > _MAX_WHOLE:
            cluster.parted = generalised = True
        elif not cluster.crowded and len(cluster.variants) > _MAX_VARIANTS:
            cluster.crowded = generalised = True
        if generalised:
            renamed = {text: cluster.text(text.split(" ")) for text in cluster.variants}
            self.successors |= {old: new for old, new in renamed.items() if old != new}
            cluster.variants = dict.fromkeys(renamed.values())

    def _most_variants(self, cluster: Cluster) -> int:
        """So many templates of one cluster are choices; more are parameters."""
        named = self._states and any(any(map(state_in, words)) for words in cluster.choices.values())
        return max(self.max_choices, 1) ** 2 * (_MAX_STATES if named else 1)

    def _covering(self, words: list[str]) -> int | None:
        """The most specific cluster that covers a message; of equally specific ones the oldest."""
        best, rank = None, (-1, 0)
        for leaf in self._leaves(words):
            equal = leaf.equal(words)
            for number in (*equal, *leaf.blank):
                weight = self.clusters[number].weight
                if weight == equal.get(number, 0) and (weight, -number) > rank:
                    best, rank = number, (weight, -number)
        return best

    def _best_of_leaf(self, words: list[str]) -> int | None:
        """The cluster of the paper's one leaf that is most similar, if it is similar enough or there are too many."""
        node = self.tree.get(str(len(words)), {})
        for word in self._route(words):
            node = node.get(word, node.get(WILDCARD, {}))
        leaf: Leaf = node.get("clusters", Leaf())
        full = len(leaf) >= self.max_leaf or len(self.clusters) >= self.max_clusters
        needed = self.similarity * sum(map(self._telling, words))
        equal = leaf.equal(words)
        best, rank = None, (-1, 0, 0)
        for number in equal or (leaf if full or not needed else ()):
            found = (equal.get(number, 0), -self.clusters[number].weight, -number)
            if found > rank:
                best, rank = number, found
        return best if full or rank[0] >= needed else None

    def _leaves(self, words: list[str]) -> Iterator[Leaf]:
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
                word = WILDCARD if full or self._is_value(word) else word
            node = node.setdefault(word, {})
        leaf: Leaf = node.setdefault("clusters", Leaf())
        leaf.put(number, words)
        self._leaf_of.append(leaf)

    def _telling(self, word: str) -> float:
        """What a word counts in the similarity: an identifier such as ``user=ada`` or ``a.b.C`` may be a parameter."""
        if word == WILDCARD:
            return 0.0
        return 1.0 if self.version == 1 or core(word).isalpha() else _IDENTIFIER

    def _is_value(self, word: str) -> bool:
        """Whether a word leads to no branch of its own."""
        return _has_digit(word) or (self.version > 1 and WILDCARD in word)

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
            "max_leaf": self.max_leaf,
            "version": self.version,
            "clusters": [
                {
                    "template": " ".join(cluster.words),
                    "choices": {str(place): words for place, words in cluster.choices.items()},
                    "variants": list(cluster.variants),
                    "parted": cluster.parted,
                    "crowded": cluster.crowded,
                }
                for cluster in self.clusters
            ],
            "superseded": self.successors,
            "tree": self.tree,
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Drain:
        """Make the tree that `state` described."""
        settings = ("depth", "similarity", "max_children", "max_choices", "max_clusters", "max_leaf")
        drain = cls(**{name: state[name] for name in settings}, version=state.get("version", 1))
        for entry in state["clusters"]:
            choices = {int(place): list(words) for place, words in entry["choices"].items()}
            variants = dict.fromkeys(entry["variants"])
            cluster = Cluster(entry["template"].split(" "), choices, variants, drain._states)
            cluster.parted, cluster.crowded = entry.get("parted", False), entry.get("crowded", False)
            drain.clusters.append(cluster)
        drain.successors = dict(state["superseded"])
        drain._leaf_of = [Leaf()] * len(drain.clusters)
        drain.tree = drain._grown(state["tree"])
        return drain

    def _grown(self, node: Node) -> Node:
        """A node of a state with its leaves as such."""
        # A message may begin with the word "clusters"; what it leads to is a node, not a list.
        if not isinstance(node.get("clusters"), list):
            return {word: self._grown(below) for word, below in node.items()}
        leaf = Leaf()
        for number in node["clusters"]:
            leaf.put(number, self.clusters[number].words)
            self._leaf_of[number] = leaf
        return {"clusters": leaf}


def _has_digit(word: str) -> bool:
    return any(character.isdigit() for character in word)


def _states_alone(word: str) -> str:
    """A word with wildcards for its parts that name no state, but for what stands before their equals signs."""
    parts = parts_of(word)
    if len(parts) == 1:
        return word
    return "".join(part if state_in(part) or not core(part) else _without_value(part) for part in parts)


def _without_value(part: str) -> str:
    key, equals, _ = part.rpartition("=")
    return f"{key}{equals}{WILDCARD}"
