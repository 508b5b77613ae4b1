"""The rows of supervised fine-tuning: direct verdicts from gold labels and the pool, rationales from triplets and it.

Whoever wrote a rationale, it ends with the one conclusion whose next word is the verdict (`text.prompt.conclude`).
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from rationanomaly.params import PromptParams, SftParams
from rationanomaly.records import Triplet
from rationanomaly.rulebook.rationale import write_rationale
from rationanomaly.sft.additions import Additions
from rationanomaly.sft.pool import Draw, Pool, draw
from rationanomaly.text.evidence import check_evidence, find_quotes
from rationanomaly.text.prompt import Mode, Shown, conclude, show, write_response, write_verdict
from rationanomaly.training.gold import Gold, draw_group, drop_words

#: Batches among whose rows those of similar length are put together.
_WINDOW = 8


@dataclass(frozen=True)
class Row:
    """One example.

    Attributes:
        text: a log as it is shown.
        mode: what is asked of it.
        completion: to learn.
        weak: a text and a label of the pool, and not of the training split.
        doubt: how probable the other label is than the completion's, by who labelled the text.
    """

    text: str
    mode: Mode
    completion: str
    weak: bool = False
    doubt: float = 0.0


def build_rows(
    gold: Gold, triplets: Sequence[Triplet], pool: Pool | None, prompt: PromptParams, params: SftParams, seed: int
) -> list[Row]:
    """All rows of the training run in their order: ``steps`` batches of ``batch``.

    A batch holds either rationales or verdicts: in a mixed one most of a short row would be padding, and the one token
    that tells a direct verdict would drown in those of the rationales.

    Args:
        gold: the training split.
        triplets: accepted rationales; those of other splits are an error of the caller.
        pool: None trains on gold labels alone.
        prompt: settings of the prompt.
        params: sizes and shares.
        seed: of all draws.
    """
    rng = np.random.default_rng(seed)
    weak_share = 0.0 if pool is None else params.pool.rationales if triplets else float(params.pool.rationales > 0)
    rationale_steps = round(params.steps * params.rationale_share) if triplets or weak_share else 0
    direct_rows = (params.steps - rationale_steps) * params.batch
    from_pool = round(direct_rows * params.pool.share) if pool else 0
    direct = _pool_rows(pool, from_pool, params, rng)
    direct += _gold_rows(gold, direct_rows - from_pool, params, rng)
    reason_rows = rationale_steps * params.batch
    weak = round(reason_rows * weak_share)
    reasons = _rationale_rows(gold, triplets, reason_rows - weak, prompt, params, rng)
    reasons += _pool_rationale_rows(pool, weak, params, rng)
    if params.additions:
        calm = [text for text, label in zip(gold.texts, gold.labels, strict=True) if label == "normal"]
        additions = Additions(calm, prompt)
        direct, reasons = (_with_additions(rows, additions, params.additions, rng) for rows in (direct, reasons))
    batches = _batches(direct, params.batch, rng)
    # Rationale batches are spread evenly, and a batch of verdicts is the last.
    for number, batch in enumerate(_batches(reasons, params.batch, rng)):
        batches.insert(number + number * (params.steps - rationale_steps) // rationale_steps, batch)
    return [row for batch in batches for row in batch]


def _batches(rows: list[Row], size: int, rng: np.random.Generator) -> list[list[Row]]:
    """Shuffle; among the rows of a few batches, put those of similar length together."""
    shuffled = [rows[place] for place in rng.permutation(len(rows))]
    batches: list[list[Row]] = []
    window = size * _WINDOW
    for start in range(0, len(shuffled), window):
        near = sorted(shuffled[start : start + window], key=lambda row: len(row.text) + len(row.completion))
        found = [near[first : first + size] for first in range(0, len(near), size)]
        batches += [found[place] for place in rng.permutation(len(found))]
    return batches


def _pool_rows(pool: Pool | None, count: int, params: SftParams, rng: np.random.Generator) -> list[Row]:
    drawn = draw(pool, count, params.pool, rng) if pool else []
    likelier = [(one, one.likelier) for one in drawn]
    return [
        Row(one.text, Mode.DIRECT, write_verdict(label), weak=True, doubt=one.doubt(label)) for one, label in likelier
    ]


def _pool_rationale_rows(pool: Pool | None, count: int, params: SftParams, rng: np.random.Generator) -> list[Row]:
    """Rationales that the rulebook writes on texts of the pool.

    What each argues for is drawn with the labeller's probability, so that the model turns against the words of a log as
    often as the labels do. Behind the stem it learns that probability whatever was argued: a conclusion that followed
    from the argument alone would be certain, and rank nothing.
    """
    drawn = draw(pool, count, params.pool, rng) if pool and count else []
    wordings = random.Random(int(rng.integers(2**32)))  # noqa: S311 - draws no secret
    return [
        Row(one.text, Mode.REASON, _weak_response(one, wordings), weak=True, doubt=one.doubt(one.drawn))
        for one in drawn
    ]


def _weak_response(draw: Draw, rng: random.Random) -> str:
    return write_response(write_rationale(Shown.as_it_is(draw.text), draw.drawn, rng), draw.drawn)


def _gold_rows(gold: Gold, count: int, params: SftParams, rng: np.random.Generator) -> list[Row]:
    """Gold labels on texts with words dropped; every group of near-duplicates is as likely as any other."""
    groups: dict[str, dict[int, list[int]]] = {"normal": {}, "abnormal": {}}
    for place, (label, group) in enumerate(zip(gold.labels, gold.groups, strict=True)):
        groups[label].setdefault(group, []).append(place)
    members = {label: list(found.values()) for label, found in groups.items()}
    rows = []
    for _ in range(count):
        label = "abnormal" if rng.random() < params.abnormal_share else "normal"
        near = members[label][rng.integers(len(members[label]))]
        text = gold.texts[near[rng.integers(len(near))]]
        thin = drop_words(text.split(), params.word_drop, rng)
        rows.append(Row(thin, Mode.DIRECT, write_verdict(label)))
    return rows


def _rationale_rows(
    gold: Gold,
    triplets: Sequence[Triplet],
    count: int,
    prompt: PromptParams,
    params: SftParams,
    rng: np.random.Generator,
) -> list[Row]:
    """Triplets, abnormal ones with their share, on texts with words dropped that no quote needs.

    A group of near-duplicates is drawn by the square root of its size: of logs with hundreds of register dumps, a model
    that is shown them all learns that logs hold no words, and one that is shown a few has nothing to say of them.
    """
    group_of = dict(zip(gold.texts, gold.groups, strict=True))
    groups: dict[str, dict[int | None, list[Triplet]]] = {"normal": {}, "abnormal": {}}
    for triplet in triplets:
        group = group_of.get(show(triplet.template, prompt).text)
        groups[triplet.label].setdefault(group, []).append(triplet)
    members = {label: list(found.values()) for label, found in groups.items()}
    rows = []
    for _ in range(count):
        wanted = "abnormal" if rng.random() < params.abnormal_share else "normal"
        candidates = members[wanted] or members["normal"] or members["abnormal"]
        near = candidates[draw_group(candidates, rng)]
        triplet = near[rng.integers(len(near))]
        text = _thinned(show(triplet.template, prompt).text, triplet.rationale, params.word_drop, rng)
        rationale = conclude(triplet.rationale, triplet.label)
        rows.append(Row(text, Mode.REASON, write_response(rationale, triplet.label)))
    return rows


def _with_additions(rows: list[Row], additions: Additions, share: float, rng: np.random.Generator) -> list[Row]:
    """Some rows with an addition; label and rationale stay, whose quotes still stand in the log.

    Without quotes a rationale says that there is nothing to be quoted, which an addition would make false.
    """
    chosen = rng.random(len(rows)) < share
    return [
        replace(row, text=additions.add(row.text, rng))
        if wanted and (row.mode is Mode.DIRECT or find_quotes(row.completion))
        else row
        for row, wanted in zip(rows, chosen, strict=True)
    ]


def _thinned(text: str, rationale: str, share: float, rng: np.random.Generator) -> str:
    """Drop words, but keep the text as it is where that would make a quote false."""
    if rng.random() < 0.5:
        return text
    thin = drop_words(text.split(), share, rng)
    return thin if check_evidence(rationale, Shown.as_it_is(thin)).grounded or not find_quotes(rationale) else text
