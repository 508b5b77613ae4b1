"""The prompts of GRPO: every training template, those without an accepted rationale too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from rationanomaly.model.few_shot import LabelledNeighbours
from rationanomaly.params import GrpoParams
from rationanomaly.text.evidence import check_evidence
from rationanomaly.text.prompt import Shown
from rationanomaly.training.gold import Gold, draw_group, drop_words


@dataclass(frozen=True)
class Task:
    """One prompt: the log as it is shown, its label, the teacher's rationale where there is one, its neighbours."""

    text: str
    label: str
    reference: str | None
    neighbours: tuple[tuple[str, str], ...] = ()

    @property
    def shown(self) -> Shown:
        return Shown(self.text, tuple(range(len(self.text))), len(self.text), self.neighbours)

    def beside(self, neighbours: LabelledNeighbours) -> Task:
        """This task with the neighbours of its log."""
        return replace(self, neighbours=neighbours.beside(self.shown, in_training=True).neighbours)


def build_tasks(gold: Gold, references: Mapping[str, str], params: GrpoParams, seed: int) -> list[Task]:
    """``steps`` × ``prompts`` tasks: abnormal ones with their share, groups of near-duplicates by `draw_group`.

    Args:
        gold: the training split.
        references: the teacher's rationale by the text as shown.
        params: sizes and shares.
        seed: of all draws.
    """
    chance = np.random.default_rng(seed)
    members: dict[str, dict[int, list[str]]] = {"normal": {}, "abnormal": {}}
    for text, label, group in zip(gold.texts, gold.labels, gold.groups, strict=True):
        members[label].setdefault(group, []).append(text)
    groups = {label: list(found.values()) for label, found in members.items()}
    tasks = []
    for _ in range(params.steps * params.prompts):
        label = "abnormal" if chance.random() < params.abnormal_share else "normal"
        near = groups[label][draw_group(groups[label], chance)]
        tasks.append(_task(near[chance.integers(len(near))], label, references, params.word_drop, chance))
    return tasks


def batches(tasks: Sequence[Task], size: int) -> list[Sequence[Task]]:
    """The tasks of each step."""
    return [tasks[start : start + size] for start in range(0, len(tasks), size)]


def _task(text: str, label: str, references: Mapping[str, str], word_drop: float, chance: np.random.Generator) -> Task:
    reference = references.get(text)
    if not text or chance.random() < 0.5:
        return Task(text, label, reference)
    thin = Task(drop_words(text.split(), word_drop, chance), label, reference)
    if reference is not None and not check_evidence(reference, thin.shown).grounded:
        return Task(thin.text, label, None)
    return thin
