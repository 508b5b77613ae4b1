"""Nodes unlike their peers: one writes a message far more or far less often than the nodes that are named alike."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from rationanomaly.signals.batch import Batch, Ints, pair_key
from rationanomaly.signals.budget import LEAST_SURPRISE, Budget
from rationanomaly.signals.candidate import Candidate, quote, show_number, show_time
from rationanomaly.signals.keyed_table import Column, KeyedTable
from rationanomaly.signals.last_lines import LastLines
from rationanomaly.signals.surprise import of_excess

Floats = NDArray[np.float64]
#: Nodes are compared over windows of so many seconds.
WINDOW_SECONDS = 900
#: Windows that a node must have been there before it is compared, and nodes of one name that are peers.
_LEAST_WINDOWS, _LEAST_PEERS = 4, 5
#: Weight of the newest window in what is usual of a node, and how far that may be from its peers.
_WEIGHT, _MOST_RATIO = 0.2, 50.0
#: Difference of square roots of counts that chance alone makes: their standard deviation is 1, whatever the count.
_CHANCE = 2.0
#: A difference of fewer lines is none.
_LEAST_LINES = 10
_OFTEN = 3.0
#: Nodes and templates of a family that are compared at once: bounds memory.
_MOST_CELLS = 4_000_000


class Peers:
    """Comparison of nodes.

    Args:
        capacity: number of pairs of a template and a node.
        nodes: number of nodes.
        budget: where tests are counted.
        last: the last line of each template.
    """

    def __init__(self, capacity: int, nodes: int, budget: Budget, last: LastLines) -> None:
        #: ``ratio``: lines of the node by those of its peers, as a rule.
        self._pairs = KeyedTable(capacity, {"ratio": Column(np.float64, (), 1.0)})
        self._nodes = KeyedTable(nodes, {"windows": Column(np.int64)})
        self._budget = budget
        self._last = LastLines(capacity)
        self._of_template = last
        self._texts: dict[str, str] = {}
        self._window: int | None = None
        #: family → (node, template id) → lines in the open window.
        self._counts: dict[str, dict[tuple[str, str], int]] = {}
        self._open_cells = 0
        self._capacity = capacity

    def observe(self, batch: Batch, now: float) -> list[Candidate]:  # noqa: ARG002 - as all signals
        """Take in the lines of a batch; see `signals.rates.Rates.observe`."""
        candidates: list[Candidate] = []
        families = [None if node is None else family_of(node) for node in batch.nodes]
        windows = batch.cells.minute // (WINDOW_SECONDS // 60)
        for number in np.unique(windows).tolist():
            if self._window is None or number > self._window:
                candidates += self._close(number)
            if number == self._window:
                self._add(batch, families, np.flatnonzero(windows == number))
        return candidates

    def tick(self, now: float) -> list[Candidate]:
        """Close the window that is over."""
        number = int(now // WINDOW_SECONDS)
        return self._close(number) if self._window is not None and number > self._window else []

    def restart(self) -> None:
        """The clock was set back."""
        self._window = None
        self._open_cells = 0
        self._counts.clear()

    def _add(self, batch: Batch, families: list[str | None], places: Ints) -> None:
        """Count lines of the open window.

        Args:
            batch: see there.
            families: of its nodes.
            places: of its cells.
        """
        cells = batch.cells
        t, n = cells.t[places], cells.n[places]
        starts = np.flatnonzero((np.diff(t, prepend=-1) != 0) | (np.diff(n, prepend=-1) != 0))
        counts = np.add.reduceat(cells.count[places], starts)
        lasts = cells.last[places][np.append(starts[1:], len(places)) - 1]
        t, n = t[starts], n[starts]
        # A line is kept where it may be needed: of what comes often on a node, and often for this template.
        often = np.bincount(t, counts)[t] / np.bincount(t)[t]
        for place, node, count, line, usual in zip(
            t.tolist(), n.tolist(), counts.tolist(), lasts.tolist(), often.tolist(), strict=True
        ):
            family, name = families[node], batch.nodes[node]
            if family is None or name is None:
                continue
            of_family = self._counts.setdefault(family, {})
            key = (name, batch.templates[place])
            before = of_family.get(key, 0)
            if not before:
                if self._open_cells >= self._capacity:
                    continue
                self._open_cells += 1
                self._texts[key[1]] = batch.texts[place]
            of_family[key] = before + count
            if before + count >= _LEAST_LINES and (count > _OFTEN * usual):
                self._last.put([(pair_key(key[1], name), batch.ref(line))])

    def _close(self, number: int) -> list[Candidate]:
        """Compare the nodes of the open window, and open another."""
        candidates: list[Candidate] = []
        if self._window is not None:
            for cells in self._counts.values():
                candidates += self._compare(cells)
        self._window = number
        self._counts.clear()
        self._open_cells = 0
        self._texts = {}
        return candidates

    def _compare(self, cells: Mapping[tuple[str, str], int]) -> list[Candidate]:
        """Compare the nodes of one family."""
        nodes = sorted({node for node, _ in cells})
        templates = sorted({template for _, template in cells})
        end = float(((self._window or 0) + 1) * WINDOW_SECONDS)
        rows = self._nodes.rows(nodes, end)
        self._nodes["windows"][rows[rows >= 0]] += 1
        if len(nodes) < _LEAST_PEERS or len(nodes) * len(templates) > _MOST_CELLS:
            return []
        place = {node: index for index, node in enumerate(nodes)}, {one: index for index, one in enumerate(templates)}
        counts = np.zeros((len(nodes), len(templates)))
        for (node, template), count in cells.items():
            counts[place[0][node], place[1][template]] = count
        known = (rows >= 0) & (self._nodes["windows"][np.maximum(rows, 0)] > _LEAST_WINDOWS)
        middle = np.median(counts, axis=0)
        usual = self._learn(nodes, templates, counts, middle)
        expected = np.maximum((middle + 0.5) * usual - 0.5, 0)
        self._budget.count("unlike_peers", int(known.sum()) * len(templates))
        distance = np.abs(2 * np.sqrt(counts + 3 / 8) - 2 * np.sqrt(expected + 3 / 8))
        unusual = known[:, None] & (distance > _CHANCE) & (np.abs(counts - expected) >= _LEAST_LINES)
        return [
            one
            for node, template in zip(*np.nonzero(unusual), strict=True)
            for one in self._test(
                nodes, templates[template], int(node), counts[:, template], expected[:, template], distance[:, template]
            )
        ]

    def _test(
        self, nodes: list[str], template: str, node: int, counts: Floats, expected: Floats, distance: Floats
    ) -> list[Candidate]:
        others = np.delete(distance, node)
        surprise = float(of_excess(distance[[node]], others[None, :], _CHANCE)[0])
        if surprise < LEAST_SURPRISE:
            return []
        name, key = nodes[node], pair_key(template, nodes[node])
        end = ((self._window or 0) + 1) * WINDOW_SECONDS
        text = self._texts.get(template, "")
        usual = np.median(np.delete(counts, node))
        example = nodes[int(np.argsort(np.where(np.arange(len(nodes)) == node, -1, counts))[-1])]
        return [
            Candidate(
                kind="unlike_peers",
                subject=key,
                time=float(end),
                surprise=surprise,
                text=f"{quote(name)} wrote {quote(text)} {int(counts[node])} times in the 15 minutes up to "
                f"{show_time(end)}, where its {len(nodes) - 1} peers wrote it {show_number(float(usual))} times in the "
                f"median; of this node {show_number(float(expected[node]))} were expected.",
                lines=self._last.get(key)
                or self._last.get(pair_key(template, example))
                or self._of_template.get(template),
                template_id=template,
                template=text,
                node=name,
                measures={
                    "observed": float(counts[node]),
                    "expected": round(float(expected[node]), 3),
                    "peers": float(usual),
                    "nodes": len(nodes),
                },
            )
        ]

    def _learn(self, nodes: list[str], templates: list[str], counts: Floats, middle: Floats) -> Floats:
        """What was usual of each node before this window, as a ratio to its peers; this window is learnt then."""
        ratios = np.clip((counts + 0.5) / (middle + 0.5), 1 / _MOST_RATIO, _MOST_RATIO)
        usual = np.ones(counts.shape)
        end = float(((self._window or 0) + 1) * WINDOW_SECONDS)
        n, t = np.nonzero((counts > 0) | (middle >= _LEAST_LINES / 2))
        keys = [pair_key(templates[b], nodes[a]) for a, b in zip(n, t, strict=True)]
        new = np.array([key not in self._pairs for key in keys], bool)
        rows = self._pairs.rows(keys, end)
        kept = rows >= 0
        n, t, rows, new = n[kept], t[kept], rows[kept], new[kept]
        usual[n, t] = self._pairs["ratio"][rows]
        # On the logarithm a window without a line weighs as much as one with many.
        learnt = np.exp((1 - _WEIGHT) * np.log(self._pairs["ratio"][rows]) + _WEIGHT * np.log(ratios[n, t]))
        young = self._nodes["windows"][np.maximum(self._nodes.rows(nodes, end), 0)] <= _LEAST_WINDOWS
        self._pairs["ratio"][rows] = np.where(new & young[n], ratios[n, t], learnt)
        return usual

    def dump(self) -> tuple[Any, Mapping[str, NDArray[Any]]]:
        """Values for JSON, and arrays."""
        keys, arrays = self._pairs.dump()
        nodes, of_nodes = self._nodes.dump()
        counts = [[family, *key, count] for family, cells in self._counts.items() for key, count in cells.items()]
        values = {"keys": keys, "nodes": nodes, "window": self._window, "counts": counts, "texts": self._texts}
        values["last"] = self._last.dump()
        return values, arrays | {f"node_{name}": one for name, one in of_nodes.items()}

    def load(self, values: Any, arrays: Mapping[str, NDArray[Any]], complete: bool) -> None:
        """Continue from what `dump` gave; see `signals.broken_sessions.BrokenSessions.load`."""
        self._pairs.load(values["keys"], arrays)
        prefix = "node_"
        self._nodes.load(
            values["nodes"], {name.removeprefix(prefix): one for name, one in arrays.items() if prefix in name}
        )
        self._last.load(values["last"])
        if not complete:
            return
        self._window, self._texts = values["window"], dict(values["texts"])
        for family, node, template, count in values["counts"]:
            self._counts.setdefault(family, {})[node, template] = count
            self._open_cells += 1


def family_of(node: str) -> str:
    """Nodes whose names differ in numbers alone are peers: ``web-07`` and ``web-12`` are ``web-#``."""
    letters: list[str] = []
    for letter in node:
        if not letter.isdigit():
            letters.append(letter)
        elif not letters or letters[-1] != "#":
            letters.append("#")
    return "".join(letters)
