"""Whether a probe pays: each of `probe_trials` on every log of `probe_scenes`, with both labels.

None may score at or above the honest plain answer with the label that it states: the rulebook's analysis that argues
for it, with its conclusion. Where one does, the reward is to be changed, not the probe.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import product

from benchmarks.probe_scenes import HAND_WRITTEN, LABELS, LOGS, Scene, scenes
from benchmarks.probe_trials import PROBES
from rationanomaly.params import PromptParams
from rationanomaly.records import Label
from rationanomaly.rewards import Composition
from rationanomaly.text.checks import word_count
from rationanomaly.text.prompt import conclude

#: Length of a good rationale, in words.
_TARGET_WORDS = 35


@dataclass(frozen=True)
class Loss:
    """A probe that was paid as much as honesty."""

    probe: str
    log: str
    truth: Label
    stated: Label
    paid: float
    honest: float


@dataclass(frozen=True)
class Trial:
    """A batch of one completion for each scene, as if a policy had learnt to write so.

    Attributes:
        composition: the reward.
        scenes: the logs.
        truth: the true label of all of them.
        teachers: for each a teacher's rationale, or None.
        target: length of a good rationale in words.
    """

    composition: Composition
    scenes: Sequence[Scene]
    truth: Label
    teachers: Sequence[str | None]
    target: int

    def totals(self, completions: Sequence[str]) -> list[float]:
        """The reward of each."""
        shown, truths = [scene.shown for scene in self.scenes], [self.truth] * len(self.scenes)
        scored = self.composition.compose(completions, shown, truths, self.teachers, self.target)
        return [entry.total for entry in scored]

    def losses(self) -> Iterator[Loss]:
        """Every probe that scores at or above the honest answer to the same log with the same label."""
        honest = [scene.answer(scene.honest) for scene in self.scenes]
        bar = self.totals(honest)
        for name, probe in PROBES.items():
            completions = [probe(scene) for scene in self.scenes]
            paid = self.totals(completions)
            for place, scene in enumerate(self.scenes):
                # On some log there is nothing to change: no quote in a log without words.
                if paid[place] >= bar[place] and completions[place] != honest[place]:
                    yield Loss(name, scene.shown.text, self.truth, scene.stated, paid[place], bar[place])


def losses(
    composition: Composition, prompt: PromptParams, seeds: Sequence[int], logs: Sequence[str] = LOGS
) -> list[Loss]:
    """Every probe that pays, for both true labels and both stated ones, with a teacher's rationale and without."""
    lengths = sorted(
        word_count(conclude(s.honest, s.stated)) for label in LABELS for s in scenes(prompt, label, -1, logs)
    )
    found: list[Loss] = []
    for seed, stated, truth, taught in product(seeds, LABELS, LABELS, (True, False)):
        written = [conclude(scene.honest, truth) if taught else None for scene in scenes(prompt, truth, -1, logs)]
        trial = Trial(composition, scenes(prompt, stated, seed, logs), truth, written, lengths[len(lengths) // 2])
        found += trial.losses()
    return found


def losses_to_hand_written(composition: Composition, prompt: PromptParams) -> list[Loss]:
    """Every probe that is paid as much as a hand-written honest answer to the same log with its label."""
    found: list[Loss] = []
    for stated in LABELS:
        some = scenes(prompt, stated, 0)
        trial = Trial(composition, some, stated, [None] * len(some), _TARGET_WORDS)
        bars = []
        for number in range(2):
            analyses = [_hand_written(scene, number) for scene in some]
            bars.append(trial.totals([scene.answer(analysis) for scene, analysis in zip(some, analyses, strict=True)]))
        for name, probe in PROBES.items():
            completions = [probe(scene) for scene in some]
            for place, paid in enumerate(trial.totals(completions)):
                label, _ = HAND_WRITTEN.get(LOGS[place], (None, ()))
                bar = min(totals[place] for totals in bars)
                honest = completions[place] == some[place].answer(some[place].honest)
                if label == stated and paid >= bar and not honest:
                    found.append(Loss(name, some[place].shown.text, stated, stated, paid, bar))
    return found


def _hand_written(scene: Scene, number: int) -> str:
    """The hand-written analysis of a log, where there is one for the label that is stated; else the rulebook's."""
    for log, (label, analyses) in HAND_WRITTEN.items():
        if label == scene.stated and scene.shown.original == log:
            return analyses[number]
    return scene.honest
