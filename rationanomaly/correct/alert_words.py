"""The plainest radar: alert words in a template that is labelled normal. Needs no fitting, so it is there at once."""

from __future__ import annotations

from collections.abc import Sequence

from rationanomaly.baselines.keywords import alert_words
from rationanomaly.records import Label


def rank_by_alert_words(templates: Sequence[str], labels: Sequence[Label | None]) -> list[float]:
    """How suspicious each label is: the number of alert words if it says normal, else 0."""
    return [
        float(len(alert_words(template))) if label == "normal" else 0.0
        for template, label in zip(templates, labels, strict=True)
    ]


def reasons_by_words(template: str, label: Label | None) -> list[str]:
    """What alert words, or their absence, say against a label."""
    alerts = alert_words(template)
    if label == "normal" and alerts:
        return ["alert words in a normal template: " + ", ".join(alerts)]
    if label == "abnormal" and not alerts:
        return ["an abnormal template without an alert word"]
    return []
