"""The prompts of GRPO: every training template, those without an accepted rationale too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from rationanomaly.model.few_shot import FewShotExamples
from rationanomaly.params import GrpoParams
from rationanomaly.text.evidence import check_evidence
from rationanomaly.text.prompt import Shown
from rationanomaly.training.gold import Gold, draw_group, drop_words


@dataclass(frozen=True)
class Task:
    """One prompt: the log as it is shown, its label, the teacher's rationale where there is one, its few_shot."""

    text: str
    label: str
    teacher_rationale: str | None
    few_shot: tuple[tuple[str, str], ...] = ()

    @property
    def shown(self) -> Shown:
        return Shown.as_it_is(self.text, self.few_shot)

    def beside(self, few_shot: FewShotExamples) -> Task:
        """This task with the few_shot of its log."""
        return replace(self, few_shot=few_shot.beside(self.shown, in_training=True).few_shot)


def build_tasks(gold: Gold, teacher_rationales: Mapping[str, str], params: GrpoParams, seed: int) -> list[Task]:
    """``steps`` × ``prompts`` tasks: abnormal ones with their share, groups of near-duplicates by `draw_group`.

    Args:
        gold: the training split.
        teacher_rationales: the teacher's rationale by the text as shown.
        params: sizes and shares.
        seed: of all draws.
    """
    rng = np.random.default_rng(seed)
    members: dict[str, dict[int, list[str]]] = {"normal": {}, "abnormal": {}}
    for text, label, group in zip(gold.texts, gold.labels, gold.groups, strict=True):
        members[label].setdefault(group, []).append(text)
    groups = {label: list(found.values()) for label, found in members.items()}
    tasks = []
    for _ in range(params.steps * params.prompts):
        label = "abnormal" if rng.random() < params.abnormal_share else "normal"
        near = groups[label][draw_group(groups[label], rng)]
        tasks.append(_task(near[rng.integers(len(near))], label, teacher_rationales, params.word_drop, rng))
    return tasks


def batches(tasks: Sequence[Task], size: int) -> list[Sequence[Task]]:
    """The tasks of each step."""
    return [tasks[start : start + size] for start in range(0, len(tasks), size)]


def _task(
    text: str, label: str, teacher_rationales: Mapping[str, str], word_drop: float, rng: np.random.Generator
) -> Task:
    teacher_rationale = teacher_rationales.get(text)
    if not text or rng.random() < 0.5:
        return Task(text, label, teacher_rationale)
    thin = Task(drop_words(text.split(), word_drop, rng), label, teacher_rationale)
    if teacher_rationale is not None and not check_evidence(teacher_rationale, thin.shown).grounded:
        return Task(thin.text, label, None)
    return thin
