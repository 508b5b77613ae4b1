"""Params section `watch.drift`."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from rationanomaly.params.section import Section
from rationanomaly.params.values import Address, Positive, Rate, Share, VariableName, Weight


class DriftParams(Section):
    """When the stream has left what the model was trained on.

    Attributes:
        window_hours: of the stream that is compared.
        baseline_hours: first hours of the stream under a model, with which it is compared.
        min_lines: of either, below which nothing is said.
        new_templates: share of lines of templates that neither training nor the baseline holds.
        template_shares: population stability index (PSI) of the templates' shares of lines.
        scores: PSI of the lines' scores.
        abnormal: by how much the share of abnormal lines rises or falls.
        invalid: share of templates on which no analysis came to an end.
        disagreement: share of the model's answers that reviewers have overruled since.
        unsure: an answer whose score is no further from one half goes to the review queue.
        max_queue: rows of the review queue.
        command: words of a command that starts the retraining, such as [make, retrain]; null: none.
        webhook: address that gets the event as JSON; null: none.
        webhook_token: NAME of the environment variable of its bearer token; null: none.
        repeat_hours: so long a drift that lasts is neither reported nor acted upon again.
    """

    window_hours: Rate
    baseline_hours: Rate
    min_lines: Positive
    new_templates: Share
    template_shares: Weight
    scores: Weight
    abnormal: Share
    invalid: Share
    disagreement: Share
    unsure: Share
    max_queue: Positive
    command: Annotated[list[str], Field(min_length=1)] | None
    webhook: Address | None
    webhook_token: VariableName | None
    repeat_hours: Weight
