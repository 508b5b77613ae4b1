"""Refused answers for the person who reads an error: how one begins, and what can be done about its reason."""

from __future__ import annotations

from rationanomaly.text.untrusted import for_terminal

_EXCERPT = 200
_HINTS = {
    "truncated": "Raise distill.output_tokens: what a reasoning model thinks counts as well",
    "empty": "Raise distill.output_tokens, or see what the server does with what the model thinks",
    "filtered": "Ask another model, or change the filter of the endpoint",
    "language": "Ask a model that answers in English",
    "length": "Change distill.min_words and distill.max_words, or ask another model",
    "evidence": "Set distill.evidence: optional, or ask another model",
    "budget": "Raise distill.budget.max_cost and max_tokens",
    "time": "Raise distill.endpoint.total_seconds",
}
_UNANSWERED = dict.fromkeys(("unreachable", "timeout", "garbled", "refused"), "See whether the endpoint works")
_OTHER = "See whether the model and its chat template follow the prompt in distill/prompts, or ask another model"


def describe(detail: str, text: str) -> str:
    """Why a text was refused, and how it begins: one line that a terminal can only show."""
    shown = " ".join(text.split())
    begins = f", in «{shown[:_EXCERPT]}{' …' if len(shown) > _EXCERPT else ''}»" if shown else ""
    return for_terminal(f"{detail}{begins}")


def hint(reason: str) -> str:
    """What to do where many answers are refused for this reason."""
    return (_HINTS | _UNANSWERED).get(reason, _OTHER)
