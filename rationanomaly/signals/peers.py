"""Nodes unlike their peers: one writes a message far more or far less often than the nodes that are named alike."""

from __future__ import annotations

from collections.abc import Mapping
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rationanomaly.signals.batch import Batch, Ints, Names, grouped, node_numbers, pair_key, pair_of
from rationanomaly.signals.budget import LEAST_SURPRISE, Budget
from rationanomaly.signals.candidate import Candidate, quote, show_number, show_time
from rationanomaly.signals.deviations import RANDOM, Deviations
from rationanomaly.signals.keyed_table import NO_ROW, Column, KeyedTable
from rationanomaly.signals.last_lines import LastLines
from rationanomaly.signals.pair_table import PairTable

Floats = NDArray[np.float64]
#: Nodes are compared over windows of so many seconds.
WINDOW_SECONDS = 900
#: Windows that a node must have been there before it is compared, and nodes of one name that are peers.
_LEAST_WINDOWS, _LEAST_PEERS = 4, 5
#: Weight of the newest window in what is usual of a node, and how far that may be from its peers.
_WEIGHT, _MOST_RATIO = 0.2, 50.0
#: A difference of fewer lines is none.
_LEAST_LINES = 5
_OFTEN = 3.0
#: Nodes and templates of a family that are compared at once: bounds memory.
_MOST_CELLS = 4_000_000
#: What the names of stored columns begin with.
_OF_NODE, _OF_TEMPLATE = "node_", "template_"


class Peers:
    """Comparison of nodes.

    Args:
        capacity: number of pairs of a template and a node.
        nodes: number of nodes.
        budget: where tests are counted.
        last: the last line of each template.
        names: of templates and nodes.
    """

    def __init__(self, capacity: int, nodes: int, budget: Budget, last: LastLines, names: Names) -> None:
        columns = {
            "ratio": Column(np.float64, (), 1.0),  # lines of the node by those of its peers, as a rule
            "learnt": Column(np.int64),  # windows that the ratio is learnt from
            "lines": Column(np.int64),  # in the open window
        }
        self._pairs = PairTable(capacity, columns, names)
        self._nodes = KeyedTable(nodes, {"windows": Column(np.int64)})
        self._deviations = Deviations(capacity)
        self._names = names
        self._budget = budget
        self._last = LastLines(capacity)
        self._of_template = last
        self._texts: dict[str, str] = {}
        self._window: int | None = None
        #: Number of a node → its family, None for lines without a node.
        self._families: dict[int, str | None] = {}
        self._epoch = names.epoch

    def observe(self, batch: Batch, now: float) -> list[Candidate]:
        """Take in the lines of a batch; see `signals.rates.Rates.observe`."""
        window = batch.minute // (WINDOW_SECONDS // 60)
        first, pairs = int(window.min()), len(batch.templates) * len(batch.nodes)
        keys, counts, lasts = grouped((window - first) * pairs + batch.t * len(batch.nodes) + batch.n)
        windows, pair = keys // pairs + first, keys % pairs
        candidates: list[Candidate] = []
        for number in np.unique(windows).tolist():
            if self._window is None or number > self._window:
                candidates += self._close(number)
            if number == self._window:
                places = windows == number
                self._add(batch, pair[places], counts[places], lasts[places], now)
        return candidates

    def tick(self, now: float) -> list[Candidate]:
        """Close the window that is over."""
        number = int(now // WINDOW_SECONDS)
        return self._close(number) if self._window is not None and number > self._window else []

    def restart(self) -> None:
        """The clock was set back."""
        self._window = None
        self._pairs["lines"][:] = 0
        self._deviations.restart()

    def _add(self, batch: Batch, pairs: Ints, counts: Ints, lasts: Ints, now: float) -> None:
        """Count lines of the open window.

        Args:
            batch: see there.
            pairs: template times number of nodes, plus node; each once.
            counts: of their lines.
            lasts: rows of their last lines.
            now: by the log's clock.
        """
        t, n = np.divmod(pairs, len(batch.nodes))
        named = np.array([node is not None for node in batch.nodes], bool)[n]
        t, n, counts, lasts = t[named], n[named], counts[named], lasts[named]
        if not len(t):
            return
        rows = self._pairs.rows_of(batch, t, n, now)
        kept = rows >= 0
        rows, t, counts, lasts = rows[kept], t[kept], counts[kept], lasts[kept]
        if not len(t):
            return
        self._pairs["lines"][rows] += counts
        self._texts.update(zip(batch.templates, batch.texts, strict=True))
        # A line is kept where it may be needed: of what comes often on a node, and often for this template.
        often = (np.bincount(t, counts) / np.maximum(np.bincount(t), 1))[t]
        needed = np.flatnonzero((self._pairs["lines"][rows] >= _LEAST_LINES) & (counts > _OFTEN * often))
        lines = batch.each_values(lasts[needed])
        self._last.put(zip(map(self._pairs.key, rows[needed].tolist()), lines, strict=True))

    def _close(self, number: int) -> list[Candidate]:
        """Compare the nodes of the open window, and open another."""
        candidates: list[Candidate] = []
        if self._window is not None:
            rows = np.flatnonzero(self._pairs["lines"] > 0)
            codes = self._pairs.codes[rows]
            nodes, of = np.unique(node_numbers(codes), return_inverse=True)
            families, family_of_node = np.unique([self._family(one) for one in nodes.tolist()], return_inverse=True)
            of_family = family_of_node[of] if len(nodes) else of
            for family in range(len(families)):
                candidates += self._compare(rows[of_family == family])
            self._pairs["lines"][:] = 0
        self._window = number
        self._texts = {}
        return candidates

    def _family(self, number: int) -> str:
        if self._epoch != self._names.epoch:
            self._families, self._epoch = {}, self._names.epoch
        if number not in self._families:
            self._families[number] = family_of(self._names.node(number) or "")
        return self._families[number] or ""

    def _compare(self, cells: Ints) -> list[Candidate]:
        """Compare the nodes of one family; ``cells`` are the rows of its pairs."""
        codes = self._pairs.codes[cells]
        numbers, n = np.unique(node_numbers(codes), return_inverse=True)
        nodes = [self._names.node(one) or "" for one in numbers.tolist()]
        templates, t = np.unique(codes - node_numbers(codes), return_inverse=True)
        end = float(((self._window or 0) + 1) * WINDOW_SECONDS)
        rows = self._nodes.rows(nodes, end)
        self._nodes["windows"][rows[rows >= 0]] += 1
        if len(nodes) < _LEAST_PEERS or len(nodes) * len(templates) > _MOST_CELLS:
            return []
        counts = np.zeros((len(nodes), len(templates)))
        counts[n, t] = self._pairs["lines"][cells]
        row_of = np.full(counts.shape, NO_ROW, np.int64)
        row_of[n, t] = cells
        windows = np.where(rows >= 0, self._nodes["windows"][np.maximum(rows, 0)], 0)
        known = windows > _LEAST_WINDOWS
        middle = np.median(counts, axis=0)
        missing = np.nonzero((counts == 0) & (middle >= _LEAST_LINES / 2))
        row_of[missing] = self._pairs.find(templates[missing[1]] + numbers[missing[0]])
        usual = self._learn(row_of, counts, middle, windows <= _LEAST_WINDOWS)
        expected = np.maximum((middle + 0.5) * usual - 0.5, 0)
        self._budget.count("unlike_peers", int(known.sum()) * len(templates))
        distance = np.abs(2 * np.sqrt(counts + 3 / 8) - 2 * np.sqrt(expected + 3 / 8))
        # A pair that never came has no row, but all of a template have the same id.
        ids = [pair_of(self._pairs.key(row))[0] for row in row_of.max(axis=0).tolist()]
        keys = [pair_key(one, self._family(int(numbers[0]))) for one in ids]
        surprise = self._deviations.surprise(keys, distance, known, self._window or 0)
        unusual = known[:, None] & (np.abs(counts - expected) >= _LEAST_LINES) & (distance > RANDOM)
        found = np.argwhere(unusual & (surprise >= LEAST_SURPRISE)).tolist()
        return [
            one
            for node, place in found
            for one in self._candidate(
                nodes, ids[place], node, counts[:, place], float(expected[node, place]), float(surprise[node, place])
            )
        ]

    def _candidate(
        self, nodes: list[str], template: str, node: int, counts: Floats, expected: float, surprise: float
    ) -> list[Candidate]:
        name, key = nodes[node], pair_key(template, nodes[node])
        end = ((self._window or 0) + 1) * WINDOW_SECONDS
        if not self._budget.admit("unlike_peers", key, surprise, float(end)):
            return []
        text = self._texts.get(template, "")
        usual = _median_of_others(counts, node)
        lines = self._last.get(key)
        if not lines:
            example = nodes[int(np.argsort(np.where(np.arange(len(nodes)) == node, -1, counts))[-1])]
            lines = self._last.get(pair_key(template, example)) or self._of_template.get(template)
        return [
            Candidate(
                kind="unlike_peers",
                subject=key,
                time=float(end),
                surprise=surprise,
                text=f"{quote(name)} wrote {quote(text)} {int(counts[node])} times in the 15 minutes up to "
                f"{show_time(end)}, where its {len(nodes) - 1} peers wrote it {show_number(usual)} times in the "
                f"median; of this node {show_number(expected)} were expected.",
                lines=lines,
                template_id=template,
                template=text,
                node=name,
                measures={
                    "observed": float(counts[node]),
                    "expected": round(expected, 3),
                    "peers": usual,
                    "nodes": len(nodes),
                },
            )
        ]

    def _learn(self, row_of: Ints, counts: Floats, middle: Floats, young: NDArray[np.bool_]) -> Floats:
        """What was usual of each node before this window, as a ratio to its peers; this window is learnt then.

        Args:
            row_of: rows of the pairs, by node and template; `NO_ROW` for one that never came.
            counts: of lines, alike.
            middle: median of each template.
            young: of each node, whether it is too new to be compared.
        """
        ratios = np.clip((counts + 0.5) / (middle + 0.5), 1 / _MOST_RATIO, _MOST_RATIO)
        usual = np.ones(counts.shape)
        n, t = np.nonzero(row_of >= 0)
        rows = row_of[n, t]
        usual[n, t] = self._pairs["ratio"][rows]
        # On the logarithm a window without a line weighs as much as one with many.
        learnt = np.exp((1 - _WEIGHT) * np.log(self._pairs["ratio"][rows]) + _WEIGHT * np.log(ratios[n, t]))
        new = self._pairs["learnt"][rows] == 0
        self._pairs["ratio"][rows] = np.where(new & young[n], ratios[n, t], learnt)
        self._pairs["learnt"][rows] += 1
        return usual

    def dump(self) -> tuple[Any, Mapping[str, NDArray[Any]]]:
        """Values for JSON, and arrays."""
        keys, arrays = self._pairs.dump()
        nodes, of_nodes = self._nodes.dump()
        templates, of_templates = self._deviations.table.dump()
        values = {"keys": keys, "nodes": nodes, "window": self._window, "texts": self._texts}
        values |= {"last": self._last.dump(), "templates": templates}
        arrays |= {f"{_OF_NODE}{name}": one for name, one in of_nodes.items()}
        return values, arrays | {f"{_OF_TEMPLATE}{name}": one for name, one in of_templates.items()}

    def load(self, values: Any, arrays: Mapping[str, NDArray[Any]], complete: bool) -> None:
        """Continue from what `dump` gave; see `signals.broken_sessions.BrokenSessions.load`."""
        self._pairs.load(values["keys"], arrays)
        for table, keys, prefix in (
            (self._nodes, values["nodes"], _OF_NODE),
            (self._deviations.table, values["templates"], _OF_TEMPLATE),
        ):
            table.load(
                keys, {name.removeprefix(prefix): one for name, one in arrays.items() if name.startswith(prefix)}
            )
        self._last.load(values["last"])
        if complete:
            self._window, self._texts = values["window"], dict(values["texts"])
        else:
            self._pairs["lines"][:] = 0


def _median_of_others(counts: Floats, one: int) -> float:
    """The median without one of the values; numpy's own takes long for few."""
    others = counts.tolist()
    del others[one]
    found: float = median(others)
    return found


def family_of(node: str) -> str:
    """Nodes whose names differ in numbers alone are peers: ``web-07`` and ``web-12`` are ``web-#``."""
    letters: list[str] = []
    for letter in node:
        if not letter.isdigit():
            letters.append(letter)
        elif not letters or letters[-1] != "#":
            letters.append("#")
    return "".join(letters)
