"""What was learnt that is most like a tested template: a reader of a verdict wants to see it beside it."""

from __future__ import annotations

from dataclasses import replace

from rationanomaly.evaluate.held_out import HeldOut
from rationanomaly.evaluate.predictions import SystemAnswers
from rationanomaly.text.similarity import SimilarityIndex

_SHOWN = 3


def beside_similar(system: SystemAnswers, held_out: HeldOut) -> SystemAnswers:
    """The same answers, each with the most similar labelled templates that could be learnt from."""
    known, labels = (held_out.fitted_on[name].to_list() for name in ("template", "label"))
    if not known:
        return system
    index = SimilarityIndex(known)
    first: dict[int, int] = {}
    for row, place in enumerate(index.text_of.tolist()):
        first.setdefault(place, row)
    places, similarities = index.nearest([found.template for found in system.predictions], _SHOWN)
    predictions = [
        replace(
            found,
            similar=[
                {
                    "template": known[first[int(place)]],
                    "label": labels[first[int(place)]],
                    "similarity": round(float(share), 3),
                }
                for place, share in zip(mine, shares, strict=True)
                if share > 0
            ],
        )
        for found, mine, shares in zip(system.predictions, places, similarities, strict=True)
    ]
    return replace(system, predictions=predictions)
