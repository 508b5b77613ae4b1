"""Whether something simpler is better than the final model; the summary and the report say so in one line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rationanomaly.evaluate.systems import (
    CHAMPION,
    CHAMPION_SESSIONS,
    CLASSIFIERS,
    FINAL,
    PROMPTED,
    RULES,
    SESSION_MODEL,
    TITLES,
    TRAINED,
    prefix,
)

#: Where a system's verdicts are read off, the first that it has: of sessions those with a threshold of their own.
TEMPLATES, SESSIONS = ("template",), (SESSION_MODEL, "session_tuned", "session")
#: What is ranked: its title, levels and metric.
_RANKED = (
    ("F1", TEMPLATES, "abnormal/f1"),
    ("AP", TEMPLATES, "abnormal/ap"),
    ("session F1", SESSIONS, "abnormal/f1"),
    ("session AP", SESSIONS, "abnormal/ap"),
)
_WHOSE = {RULES: "a rule's", CLASSIFIERS: "a classifier's", PROMPTED: "a prompt's", TRAINED: "an earlier model's",
          (CHAMPION, CHAMPION_SESSIONS): "the champion's"}  # fmt: skip


def remarks(metrics: Mapping[str, float]) -> tuple[str, ...]:
    """One sentence for each of F1 and AP, of templates and of sessions, whose best value is not the final model's.

    Systems that were measured on fewer items take no part.

    Args:
        metrics: those of `evaluate`.
    """
    said = []
    for title, levels, metric in _RANKED:
        places = comparable(metrics, levels)
        keys = {name: f"{place}/{metric}" for name, place in places.items()}
        values = {name: metrics[key] for name, key in keys.items() if key in metrics}
        best = max(values, key=lambda name: values[name], default=FINAL)
        if FINAL in values and values[best] > values[FINAL]:
            ours, theirs = shorten(values[FINAL]), shorten(values[best])
            said.append(f"The best {title} is {_whose(best)}: {TITLES[best]} {theirs}; ours {ours}.")
    return tuple(said)


def comparable(metrics: Mapping[str, float], levels: Sequence[str]) -> dict[str, str]:
    """By system, what stands before its metrics at the first of the levels that it has; only of those that were
    measured on as many items as the final model.

    Args:
        metrics: those of `evaluate`.
        levels: from the one that is taken where a system has it.
    """
    found = {}
    for name in TITLES:
        places = [f"{prefix(name)}{level}" for level in levels if f"{prefix(name)}{level}/rows" in metrics]
        if places and name != SESSION_MODEL:
            found[name] = places[0]
    rows = metrics.get(f"{found[FINAL]}/rows") if FINAL in found else None
    return {name: place for name, place in found.items() if metrics[f"{place}/rows"] == rows}


def shorten(value: float, digits: int = 3) -> str:
    """``.648`` for 0.648, as tables of shares are printed."""
    text = f"{value:.{digits}f}"
    return text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text


def _whose(name: str) -> str:
    return next((whose for names, whose in _WHOSE.items() if name in names), "a session model's")
