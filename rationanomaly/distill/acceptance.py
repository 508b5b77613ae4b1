"""What distillation must have come to: a step that asked for rationales and has none has failed, whatever it cost."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from rationanomaly.distill.refusals import describe, hint
from rationanomaly.distill.rounds import Outcome
from rationanomaly.distill.teachers import Bill
from rationanomaly.distill.teachers.imported import ABSENT
from rationanomaly.errors import InputError
from rationanomaly.params import DistillParams
from rationanomaly.records import Rejected, Triplet

log = logging.getLogger(__name__)


def require_match(outcomes: Sequence[Outcome], file: Path) -> None:
    """Say how many templates an imported file is about; it must be about one, whoever writes for the others.

    Raises:
        InputError: it is about none of them.
    """
    templates = {end.question.template_id for end in outcomes}
    taken = {end.question.template_id for end in outcomes if _reason(end) != ABSENT}
    if templates and not taken:
        advice = "The field `input` must be a template letter for letter, as it stands in templates.parquet of parse"
        raise InputError(f"is about none of the {len(templates)} training templates", file=file, hint=advice)
    level = logging.WARNING if len(taken) < len(templates) else logging.INFO
    log.log(level, "%s: reasoning taken for %d of %d training templates", file, len(taken), len(templates))


def require_accepted(
    accepted: Sequence[Triplet], rejected: Sequence[Rejected], bill: Bill, settings: DistillParams
) -> None:
    """See to it that there is a rationale where some were asked for.

    Raises:
        InputError: all were rejected; names the reasons.
    """
    if accepted or not rejected:
        return
    reasons = Counter(record.reason for record in rejected).most_common()
    counts = ", ".join(f"`{reason}` {count}" for reason, count in reasons)
    last = next(record for record in reversed(rejected) if record.reason == reasons[0][0])
    raise InputError(
        f"none of the {len(rejected)} rationales of {last.teacher} was accepted: {counts} "
        f"({bill.calls} calls, {bill.spent:.4f} {settings.budget.currency}); the last of `{last.reason}`: "
        f"{describe(last.detail, last.rationale)}",
        hint=f"{hint(last.reason)}; docs/distill.md explains the reasons",
    )


def _reason(end: Outcome) -> str | None:
    return end.record.reason if isinstance(end.record, Rejected) else None
