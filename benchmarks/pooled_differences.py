"""Means over seeds with 95 % intervals, by a bootstrap over groups of near-duplicates that all seeds share.

The seeds split the same templates in different ways, so a template is measured in several of them and their results are
not independent. What is drawn, with replacement, is therefore a group out of the union of all seeds' rows, and one draw
serves all seeds: a group that is drawn twice counts twice in every seed that measures it. The statistic is the mean
over the seeds of what each seed's rows come to. Draws differ in templates alone: how much a model owes to the random
numbers of its training shows only in the values by seed.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.kept_seeds import SeedRun
from rationanomaly.evaluate.metrics import Floats, Judged, weighted_metrics
from rationanomaly.evaluate.resampling import interval_ends, resamples
from rationanomaly.evaluate.systems import TITLES, TRAINED

DRAWS = 1000


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds.

    Attributes:
        by_seed: the value of each.
        low, high: ends of the 95 % interval of their mean; NaN where no draw defines it.
    """

    by_seed: tuple[float, ...]
    low: float
    high: float

    @property
    def mean(self) -> float:
        """Of the seeds; NaN if one has no value."""
        return float(np.mean(self.by_seed))


@dataclass(frozen=True)
class Verdicts:
    """One kind of verdict of one system; a rule or classifier has one kind only."""

    system: str
    direct: bool = False

    @property
    def title(self) -> str:
        """For people."""
        kind = (", direct" if self.direct else ", reasoned") if self.system in TRAINED else ""
        return TITLES[self.system] + kind

    def rows(self, run: SeedRun) -> frozenset[int]:
        """The rows that have such a verdict."""
        answers = run.systems[self.system]
        return frozenset(range(len(answers.predictions)) if self.direct else answers.rows)

    def judged(self, run: SeedRun, rows: Sequence[int]) -> Judged:
        """These rows as the metrics want them."""
        answers = run.systems[self.system]
        return answers.judged_directly(run.groups, rows) if self.direct else answers.judged(run.groups, rows)


class Pool:
    """The seeds with one set of draws for all that is estimated of them."""

    def __init__(self, runs: Sequence[SeedRun], draws: int = DRAWS, seed: int = 0) -> None:
        """Draw.

        Args:
            runs: the seeds, at least one.
            draws: bootstrap resamples.
            seed: of the bootstrap.
        """
        self.runs = runs
        groups = sorted({group for run in runs for group in run.groups})
        self._place = {group: place for place, group in enumerate(groups)}
        # Row 0 takes every group once: what it comes to is the value itself, the others are the draws.
        self._times = np.concatenate([np.ones((1, len(groups))), *resamples(groups, draws, seed)])

    def having(self, verdicts: Sequence[Verdicts]) -> tuple[Verdicts, ...]:
        """Those of the verdicts whose system every seed has."""
        return tuple(one for one in verdicts if all(one.system in run.systems for run in self.runs))

    def metric(self, verdicts: Verdicts, key: str, dataset: str | None = None) -> Estimate:
        """A metric such as ``abnormal/f1``, of all rows that have such a verdict or those of one data set."""
        return self._estimate(lambda run: self._metric(run, verdicts, _rows(run, dataset) & verdicts.rows(run), key))

    def difference(self, ours: Verdicts, theirs: Verdicts, key: str) -> Estimate:
        """A metric of ours minus that of theirs, on the rows that have both."""

        def of_seed(run: SeedRun) -> Floats:
            rows = ours.rows(run) & theirs.rows(run)
            return self._metric(run, ours, rows, key) - self._metric(run, theirs, rows, key)

        return self._estimate(of_seed)

    def rate(self, system: str, name: str) -> Estimate:
        """A share of the rows for which the question ``name`` of `text_flags` makes sense."""
        return self._estimate(lambda run: self._share(run, run.flags[system].get(name, {})))

    def rate_difference(self, ours: str, theirs: str, name: str) -> Estimate:
        """Our share minus theirs, of the rows for which the question makes sense of both."""

        def of_seed(run: SeedRun) -> Floats:
            mine, others = (run.flags[system].get(name, {}) for system in (ours, theirs))
            return self._share(run, {row: float(mine[row]) - float(others[row]) for row in mine.keys() & others.keys()})

        return self._estimate(of_seed)

    def _metric(self, run: SeedRun, verdicts: Verdicts, rows: frozenset[int], key: str) -> Floats:
        judged = verdicts.judged(run, sorted(rows))
        return weighted_metrics(judged, self._weights(judged.groups))[key]

    def _share(self, run: SeedRun, values: Mapping[int, float]) -> Floats:
        weights = self._weights([run.groups[row] for row in values])
        with np.errstate(invalid="ignore"):
            return np.asarray(weights @ np.array([*values.values()], dtype=np.float64) / weights.sum(axis=1))

    def _weights(self, groups: Sequence[int]) -> Floats:
        """How often each row is drawn, shape (1 + draws, rows)."""
        return np.asarray(self._times[:, [self._place[group] for group in groups]])

    def _estimate(self, of_seed: Callable[[SeedRun], Floats]) -> Estimate:
        values = np.stack([of_seed(run) for run in self.runs])
        ends = interval_ends({"": values[:, 1:].mean(axis=0)})
        by_seed = tuple(float(value) for value in values[:, 0])
        return Estimate(by_seed, ends.get("/low", np.nan), ends.get("/high", np.nan))


def _rows(run: SeedRun, dataset: str | None) -> frozenset[int]:
    found = run.systems[TRAINED[-1]].predictions
    return frozenset(row for row, one in enumerate(found) if dataset in (None, one.dataset))
