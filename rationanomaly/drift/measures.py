"""The measures of drift: how far a stream is from its baseline, each in a sentence that can be checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
import polars as pl
from numpy.typing import NDArray
from scipy.stats import binomtest

from rationanomaly.params.watch.drift import DriftParams
from rationanomaly.records import Label

MeasureName = Literal["new_templates", "template_shares", "scores", "abnormal", "invalid", "disagreement"]

#: Templates with a smaller share of lines in both stretches count as one.
_LEAST_SHARE = 0.005
#: In the place of a share of nothing, whose logarithm has no value.
_FLOOR = 1e-4
_BINS = 10
#: Templates that a sentence names, and characters of each.
_NAMED, _CHARACTERS = 3, 80
_CONFIDENCE = 0.95

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Measured:
    """One measure of drift.

    Attributes:
        name: which one.
        value: None where too little is known to say.
        threshold: from the params.
        drifted: whether it is above, and not by an accident of few rows.
        text: one sentence. It may quote log text, so it is hostile input.
        templates: ids of the templates that contribute most, most first.
    """

    name: MeasureName
    value: float | None
    threshold: float
    drifted: bool
    text: str
    templates: tuple[str, ...] = ()


def measure_drift(
    baseline: pl.DataFrame, window: pl.DataFrame, decided: Mapping[str, Label], settings: DriftParams
) -> list[Measured]:
    """All measures that can be taken; of too few lines the first alone, which says so.

    Args:
        baseline: in `book.STRETCH`; may be empty while there is none.
        window: in `book.STRETCH`.
        decided: template id → label of what reviewers have settled since the model answered.
        settings: thresholds.
    """
    lines = int(window["lines"].sum())
    if lines < settings.min_lines:
        said = f"the stream has {lines:,} lines in {settings.window_hours:g} h, and {settings.min_lines:,} are needed"
        return [_unknown("new_templates", settings.new_templates, said)]
    found = [_new_templates(baseline, window, settings), _invalid(window, settings)]
    found.append(_disagreement(window, decided, settings))
    if int(baseline["lines"].sum()) < settings.min_lines:
        said = f"the baseline, {settings.baseline_hours:g} h of {settings.min_lines:,} lines or more, is not over"
        thresholds: tuple[tuple[MeasureName, float], ...] = (
            ("template_shares", settings.template_shares), ("scores", settings.scores), ("abnormal", settings.abnormal)
        )  # fmt: skip
        return [*found, *(_unknown(name, threshold, said) for name, threshold in thresholds)]
    return [
        *found,
        _template_shares(baseline, window, settings),
        _scores(baseline, window, settings),
        _abnormal(baseline, window, settings),
    ]


def stability_index(expected: Floats, observed: Floats) -> Floats:
    """The terms of the population stability index (PSI), whose sum it is: (q - p) ln(q / p) of each bin.

    Args:
        expected, observed: shares p and q, shape (bins,); a share below 1e-4 counts as that.
    """
    p, q = np.maximum(expected, _FLOOR), np.maximum(observed, _FLOOR)
    return np.asarray((q - p) * np.log(q / p), dtype=np.float64)


def _new_templates(baseline: pl.DataFrame, window: pl.DataFrame, settings: DriftParams) -> Measured:
    known = pl.col("known") | pl.col("template_id").is_in(baseline["template_id"].to_list())
    if baseline.is_empty() and not window["known"].any():
        said = "neither templates of training nor a baseline are known"
        return _unknown("new_templates", settings.new_templates, said)
    new, lines = window.filter(~known), int(window["lines"].sum())
    share = int(new["lines"].sum()) / lines
    text = (
        f"{share:.1%} of {lines:,} lines are of {new.height} templates that the model was not trained on"
        f"{_such_as(new)}; {settings.new_templates:.1%} is the limit"
    )
    drifted = share > settings.new_templates
    return Measured("new_templates", share, settings.new_templates, drifted, text, _first(new))


def _invalid(window: pl.DataFrame, settings: DriftParams) -> Measured:
    answered = window.filter(pl.col("answer").is_not_null())
    invalid = answered.filter(pl.col("answer") == "invalid")
    return _share_of_templates(
        "invalid", invalid, answered.height, settings.invalid, "templates have no analysis that came to an end"
    )


def _disagreement(window: pl.DataFrame, decided: Mapping[str, Label], settings: DriftParams) -> Measured:
    answered = window.filter(pl.col("answer").is_in(["normal", "abnormal"]) & pl.col("template_id").is_in([*decided]))
    labels = [decided[identity] for identity in answered["template_id"]]
    overruled = answered.filter(pl.col("answer") != pl.Series(labels, dtype=pl.String))
    said = "templates that reviewers have decided since were answered otherwise by the model"
    return _share_of_templates("disagreement", overruled, answered.height, settings.disagreement, said)


def _share_of_templates(name: MeasureName, found: pl.DataFrame, of: int, threshold: float, said: str) -> Measured:
    """A share of templates; it is above its threshold if the low end of its 95 % interval is."""
    if not of:
        return _unknown(name, threshold, "there are no such templates")
    share = found.height / of
    low = binomtest(found.height, of).proportion_ci(_CONFIDENCE, method="exact").low
    text = (
        f"{found.height} of {of} {said}{_such_as(found)}; {threshold:.1%} is the limit, and at least {low:.1%} is sure"
    )
    return Measured(name, share, threshold, bool(low > threshold), text, _first(found))


def _template_shares(baseline: pl.DataFrame, window: pl.DataFrame, settings: DriftParams) -> Measured:
    both = baseline.select("template_id", p=_share()).join(
        window.select("template_id", q=_share()), on="template_id", how="full", coalesce=True
    )
    texts = dict(pl.concat([baseline, window]).select("template_id", "template").iter_rows())
    both = both.with_columns(pl.col("p", "q").fill_null(0.0))
    frequent = (pl.col("p") >= _LEAST_SHARE) | (pl.col("q") >= _LEAST_SHARE)
    other = both.filter(~frequent).select(pl.lit("").alias("template_id"), pl.col("p", "q").sum())
    bins = pl.concat([both.filter(frequent), other])
    bins = bins.with_columns(term=pl.Series(stability_index(bins["p"].to_numpy(), bins["q"].to_numpy())))
    bins = bins.sort("term", descending=True)
    index = float(bins["term"].sum())
    largest = bins.filter(pl.col("template_id") != "").head(_NAMED)
    moves = [
        f"{_quoted(texts[i])} {p:.2%} → {q:.2%}" for i, p, q in largest.select("template_id", "p", "q").iter_rows()
    ]
    text = (
        f"the PSI of the templates' shares of lines is {index:.3f}, and {settings.template_shares:g} is the limit; "
        f"the largest changes: {'; '.join(moves)}"
    )
    ids = tuple(largest["template_id"])
    drifted = index > settings.template_shares
    return Measured("template_shares", index, settings.template_shares, drifted, text, ids)


def _scores(baseline: pl.DataFrame, window: pl.DataFrame, settings: DriftParams) -> Measured:
    before, now = _histogram(baseline), _histogram(window)
    if before is None or now is None:
        return _unknown("scores", settings.scores, "the model has given no scores")
    index = float(stability_index(before[0], now[0]).sum())
    text = (
        f"the PSI of the lines' scores is {index:.3f}, and {settings.scores:g} is the limit; "
        f"their mean was {before[1]:.3f} and is {now[1]:.3f}"
    )
    return Measured("scores", index, settings.scores, index > settings.scores, text)


def _abnormal(baseline: pl.DataFrame, window: pl.DataFrame, settings: DriftParams) -> Measured:
    before, now = (int(one["abnormal"].sum()) / int(one["lines"].sum()) for one in (baseline, window))
    text = (
        f"{now:.2%} of the lines are abnormal, and {before:.2%} were in the baseline; "
        f"{settings.abnormal:.1%} is the limit of a change"
    )
    strongest = window.sort("abnormal", descending=True).filter(pl.col("abnormal") > 0)
    return Measured(
        "abnormal", now - before, settings.abnormal, abs(now - before) > settings.abnormal, text, _first(strongest)
    )


def _histogram(stretch: pl.DataFrame) -> tuple[Floats, float] | None:
    """Shares of lines by score in ten bins, and the mean score of lines."""
    scored = stretch.filter(pl.col("score").is_not_null())
    if scored.is_empty():
        return None
    scores, lines = scored["score"].to_numpy(), scored["lines"].to_numpy()
    counts, _ = np.histogram(scores, bins=_BINS, range=(0, 1), weights=lines)
    return counts / counts.sum(), float(np.average(scores, weights=lines))


def _unknown(name: MeasureName, threshold: float, said: str) -> Measured:
    return Measured(name, None, threshold, drifted=False, text=f"not known: {said}")


def _share() -> pl.Expr:
    return pl.col("lines") / pl.col("lines").sum()


def _first(stretch: pl.DataFrame) -> tuple[str, ...]:
    return tuple(stretch["template_id"].head(_NAMED))


def _such_as(stretch: pl.DataFrame) -> str:
    return f", such as {_quoted(stretch['template'][0])}" if stretch.height else ""


def _quoted(template: str) -> str:
    one_line = " ".join(template.split())
    return f'"{one_line if len(one_line) <= _CHARACTERS else one_line[:_CHARACTERS] + "…"}"'
