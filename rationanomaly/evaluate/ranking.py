"""Whether something simpler is better than the final model; the summary and the report say so in one line."""

from __future__ import annotations

from collections.abc import Mapping

from rationanomaly.evaluate.systems import CLASSIFIERS, FINAL, RULES, SYSTEMS, prefix

_RANKED = {"F1": "template/abnormal/f1", "AP": "template/abnormal/ap"}
_ROWS = "template/rows"


def remarks(metrics: Mapping[str, float]) -> tuple[str, ...]:
    """One sentence for each of F1 and AP whose best value is not the final model's.

    Systems that were measured on fewer templates take no part.

    Args:
        metrics: those of `evaluate`.
    """
    counted = [name for name in SYSTEMS if metrics.get(prefix(name) + _ROWS) == metrics.get(_ROWS)]
    said = []
    for title, key in _RANKED.items():
        values = {name: metrics[prefix(name) + key] for name in counted if prefix(name) + key in metrics}
        best = max(values, key=lambda name: values[name], default=FINAL)
        if FINAL in values and values[best] > values[FINAL]:
            ours, theirs = shorten(values[FINAL]), shorten(values[best])
            said.append(f"The best {title} is {_whose(best)}: {best} {theirs}; ours {ours}.")
    return tuple(said)


def shorten(value: float, digits: int = 3) -> str:
    """``.648`` for 0.648, as tables of shares are printed."""
    text = f"{value:.{digits}f}"
    return text.replace("0.", ".", 1) if text.startswith(("0.", "-0.")) else text


def _whose(name: str) -> str:
    return "a rule's" if name in RULES else "a classifier's" if name in CLASSIFIERS else "an earlier model's"
