"""How far nodes are from their peers as a rule, by template: what makes a deviation of now surprising."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rationanomaly.signals.keyed_table import Column, KeyedTable
from rationanomaly.signals.surprise import LARGEST, left_out, of_excess_over_others

Floats = NDArray[np.float64]
#: Difference of square roots of counts that chance alone makes: their standard deviation is 1, whatever the count.
RANDOM = 2.0
#: Windows whose largest deviations are kept.
_RING = 128
#: A deviation is remembered as at most so many times what was usual: an anomaly doesn't hide the next one.
_MOST_GROWTH = 2.0


class Deviations:
    """The largest deviation of any node in each window, by template and family of nodes.

    Against the peers of one window alone no deviation is very surprising: n peers bear out a probability of 1 / n.
    All windows of a template together bear out much smaller ones.

    Attributes:
        table: one row per template and family.

    Args:
        capacity: number of rows.
    """

    def __init__(self, capacity: int) -> None:
        columns = {
            "largest": Column(np.float32, (_RING,)),
            "count": Column(np.int64),  # of windows with a line
            "since": Column(np.int64, (), -1),  # first window
        }
        self.table = KeyedTable(capacity, columns)

    def restart(self) -> None:
        """The clock was set back: windows are counted anew."""
        self.table["since"][:] = -1

    def surprise(self, keys: Sequence[str], distance: Floats, known: NDArray[np.bool_], window: int) -> Floats:
        """Surprise of the deviations of a window, which is remembered.

        An exponential tail (see `surprise.of_excess`) goes through what is usual: the k-th largest of all windows, or
        of the other nodes now where that is more. Each past value is the largest of all nodes.

        Args:
            keys: of the templates of one family.
            distance: by node and template; at least two nodes.
            known: nodes that are compared.
            window: its number.
        """
        surprise = of_excess_over_others(distance, RANDOM)
        if not known.any():
            return surprise
        rows = self.table.rows(keys, float(window))
        kept = np.flatnonzero(rows >= 0)
        rows, table, nodes = rows[kept], self.table, int(known.sum())
        new = table["since"][rows] < 0
        table["since"][rows[new]] = window
        windows = np.minimum(window - table["since"][rows], _RING)
        k = left_out(windows)
        usual = np.sort(table["largest"][rows], axis=1)[np.arange(len(rows)), _RING - k].astype(np.float64)
        usual = np.maximum(usual, RANDOM)
        pooled = np.log10((windows * nodes + len(distance)) / k) * distance[:, kept] / usual
        # Where the others are unusual too, only they say what is.
        largest = distance[known][:, kept].max(axis=0)
        ordered = np.sort(distance[:, kept], axis=0)
        is_calm = ordered[-1 - int(left_out(np.array(len(distance) - 1)))] <= usual
        surprise[:, kept] = np.where(
            is_calm, np.minimum(np.maximum(pooled, surprise[:, kept]), LARGEST), surprise[:, kept]
        )
        place = table["count"][rows] % _RING
        table["largest"][rows, place] = np.minimum(largest, _MOST_GROWTH * usual)
        table["count"][rows] += 1
        return surprise
