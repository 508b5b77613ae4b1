"""The split into training, validation and test: by template, near-duplicates on one side, audited.

Templates, not lines, are split; a near-duplicate group goes to one side as a whole. Stratified, each data set and
label is shared out by itself, so that every side has its part of the rare class; chronological, each data set is cut
in the order in which its templates first appeared, as a deployed model would meet them. Where sessions have a split of
their own, that of the templates follows it (`follow_sessions`).
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import Literal

import numpy as np
import polars as pl

from rationanomaly.errors import GateError, InputError
from rationanomaly.params import SplitParams
from rationanomaly.records import Label
from rationanomaly.text.similarity import SimilarityIndex, normalise

SIDES = ("train", "validation", "test")
#: Training templates that `SplitParams.anomaly_share` leaves out, and near-duplicates of training templates that only
#: test sessions have; no step learns from them or is tested on them.
LEFT_OUT = "left out"


def split_templates(templates: pl.DataFrame, settings: SplitParams, seed: int) -> list[str]:
    """Share the templates out.

    Args:
        templates: columns ``dataset``, ``label``, ``group``, ``first_line``, ``first_seen``.
        settings: shares, order, anomaly share.
        seed: of every draw.

    Returns:
        the side of each row: train, validation, test or "left out".

    Raises:
        InputError: one class only, or no time to order by.
    """
    _check_classes(templates["label"].to_list(), "the labels")
    draw = np.random.default_rng(seed)
    sides = _share_out(templates, settings, draw)
    labels: list[Label] = templates["label"].to_list()
    _check_training(sides, labels)
    if settings.anomaly_share:
        _leave_normals_out(sides, labels, settings.anomaly_share, draw)
    return sides


def follow_sessions(templates: pl.DataFrame, learnable: pl.Series, settings: SplitParams, seed: int) -> list[str]:
    """Share the templates out as their sessions are.

    What occurs in training or validation sessions is train or validation; all else is test, unless it is a
    near-duplicate of one of these: then its label, which test sessions may have told, is neither learnt nor tested. Its
    group trains, so that no other side has anything like it. The test side may be empty.

    Args:
        templates: as for `split_templates`.
        learnable: ids of the templates that occur in sessions that are not tested.
        settings: the shares of train and validation relative to each other; order, anomaly share.
        seed: of every draw.

    Raises:
        InputError: one class only, or no time to order by.
    """
    known = templates["template_id"].is_in(learnable.implode())
    groups = templates["group"]
    beside_known = groups.is_in(groups.filter(known).implode())
    beside_unknown = groups.is_in(groups.filter(~known).implode())
    drawn = known & ~beside_unknown
    labels: list[Label] = templates["label"].to_list()
    sides = pl.Series(["test"] * len(templates), dtype=pl.String)
    found = sides.set(beside_known & ~known, LEFT_OUT).set(known & beside_unknown, "train").to_list()
    _check_classes([label for label, mine in zip(labels, known, strict=True) if mine], "the labels of known templates")
    if drawn.any():
        shares = settings.model_copy(update={"test": 0.0, "anomaly_share": None})
        mine = iter(_share_out(templates.filter(drawn), shares, np.random.default_rng(seed)))
        found = [next(mine) if is_drawn else side for is_drawn, side in zip(drawn, found, strict=True)]
    _check_training(found, labels)
    if settings.anomaly_share:
        _leave_normals_out(found, labels, settings.anomaly_share, np.random.default_rng(seed))
    return found


def audit_leakage(templates: Sequence[str], sides: Sequence[str], threshold: float) -> None:
    """Refuse a split in which a template, or a near-duplicate of it, stands on two sides.

    Looks at the finished split and not at how it was made. Templates left out count as training templates.

    Raises:
        GateError: equal normalised texts or a pair with a similarity of ``threshold`` or more across two sides.
    """
    seen: dict[str, str] = {}
    by_side: dict[str, list[str]] = defaultdict(list)
    for template, raw_side in zip(templates, sides, strict=True):
        side, text = "train" if raw_side == LEFT_OUT else raw_side, normalise(template)
        if seen.setdefault(text, side) != side:
            _refuse(f"{text[:80]!r} stands on the {seen[text]} and on the {side} side")
        by_side[side].append(template)
    index = SimilarityIndex(templates)
    sides_of_texts = np.array([seen[text] for text in index.texts])
    pairs = index.similar(threshold).tocoo()
    across = sides_of_texts[pairs.row] != sides_of_texts[pairs.col]
    if across.any():
        first = int(np.flatnonzero(across)[0])
        one, other = index.texts[pairs.row[first]], index.texts[pairs.col[first]]
        _refuse(f"{one[:80]!r} and {other[:80]!r} are near-duplicates on two sides")


def _share_out(templates: pl.DataFrame, settings: SplitParams, draw: np.random.Generator) -> list[str]:
    if _order(templates, settings.order) == "time":
        return _by_time(templates, settings)
    return _stratified(templates, settings, draw)


def _refuse(problem: str) -> None:
    raise GateError(f"the split leaks: {problem}", hint="This is a fault of the program, please report it")


def _check_training(sides: Sequence[str], labels: Sequence[Label]) -> None:
    training = [label for label, side in zip(labels, sides, strict=True) if side == "train"]
    _check_classes(training, "the labels of the training side")


def _check_classes(labels: Sequence[Label], what: str) -> None:
    found = set(labels)
    if len(found) < 2:
        only = f"are all {labels[0]}" if labels else "are empty"
        raise InputError(
            f"{what} {only}, so there is nothing to tell apart",
            hint="Take a longer log, add decisions to the ledger (data.ledger), or set correct.split.order: stratified",
        )


def _order(templates: pl.DataFrame, wanted: Literal["auto", "time", "stratified"]) -> Literal["time", "stratified"]:
    timed = templates["first_seen"].null_count() == 0
    if wanted == "stratified" or (wanted == "auto" and not timed):
        return "stratified"
    if not timed and (templates["lines"].sum() or 0) == 0:
        raise InputError("a table of templates has no order in time", hint="Set correct.split.order: stratified")
    return "time"


def _stratified(templates: pl.DataFrame, settings: SplitParams, draw: np.random.Generator) -> list[str]:
    """Large groups first, each drawn to a side that has room for it in the group's data set and label.

    The chance of a side is the room it has left, so every group can come to lie anywhere, and the many small groups
    at the end fill the sides exactly. Groups with an abnormal member go before all others: the normal rows that
    they bring are made up for.
    """
    cells = list(zip(templates["dataset"].to_list(), templates["label"].to_list(), strict=True))
    shares = {side: share for side, share in _shares(settings).items() if share > 0}
    total = Counter(cells)
    room = {side: {cell: share * count for cell, count in total.items()} for side, share in shares.items()}
    sides = [""] * len(cells)
    members = _members(templates)
    draw.shuffle(members)
    for rows in sorted(members, key=lambda rows: (all(cells[row][1] == "normal" for row in rows), -len(rows))):
        brings = Counter(cells[row] for row in rows)
        main = min(brings, key=lambda cell: (cell[1] == "normal", -brings[cell]))
        fits = [side for side in shares if all(room[side][cell] >= count for cell, count in brings.items())]
        if fits:
            weights = np.array([room[side][main] for side in fits])
            side = fits[draw.choice(len(fits), p=weights / weights.sum())]
        else:
            side = max(shares, key=lambda side: room[side][main])
        for row in rows:
            sides[row] = side
            room[side][cells[row]] -= 1
    return sides


def _by_time(templates: pl.DataFrame, settings: SplitParams) -> list[str]:
    """Groups by the first appearance of their first member, each data set cut by itself."""
    members = _members(templates)
    seen = templates["first_seen"] if templates["first_seen"].null_count() == 0 else templates["first_line"]
    first = list(zip(seen.to_list(), templates["first_line"].to_list(), range(len(templates)), strict=True))
    datasets: list[str] = templates["dataset"].to_list()
    by_dataset: dict[str, list[list[int]]] = defaultdict(list)
    for rows in sorted(members, key=lambda rows: min(first[row] for row in rows)):
        by_dataset[datasets[min(rows, key=first.__getitem__)]].append(rows)
    shares = _shares(settings)
    used = [side for side, share in shares.items() if share > 0]
    bounds = np.cumsum([shares[side] for side in used])
    sides = [""] * len(templates)
    for groups in by_dataset.values():
        total, before = sum(len(rows) for rows in groups), 0
        for rows in groups:
            # By the middle of the group, so that a large one overshoots a bound by no more than half.
            position = int(np.searchsorted(bounds, (before + len(rows) / 2) / total, side="left"))
            for row in rows:
                sides[row] = used[min(position, len(used) - 1)]
            before += len(rows)
    return sides


def _leave_normals_out(sides: list[str], labels: Sequence[Label], share: float, draw: np.random.Generator) -> None:
    """Leave out as many normal training templates as make the abnormal ones ``share`` of the rest."""
    training = [row for row, side in enumerate(sides) if side == "train"]
    normal = [row for row in training if labels[row] == "normal"]
    keep = round((len(training) - len(normal)) * (1 - share) / share)
    for position in draw.permutation(len(normal))[max(keep, 1) :]:
        sides[normal[position]] = LEFT_OUT


def _members(templates: pl.DataFrame) -> list[list[int]]:
    members: dict[int, list[int]] = defaultdict(list)
    for row, group in enumerate(templates["group"].to_list()):
        members[group].append(row)
    return list(members.values())


def _shares(settings: SplitParams) -> dict[str, float]:
    """Shares of the sides, which add up to 1 whatever the settings add up to."""
    shares = {"train": settings.train, "validation": settings.validation, "test": settings.test}
    whole = sum(shares.values())
    return {side: share / whole for side, share in shares.items()}
