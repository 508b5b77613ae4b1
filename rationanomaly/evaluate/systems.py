"""The systems that stand in every table: rules, fitted classifiers, and the models of the steps."""

from __future__ import annotations

from collections.abc import Mapping

KEYWORD, TEACHER_RULE = "keyword", "teacher_rule"
LABELLER, REFERENCE = "labeller", "reference"
#: Fitted to nothing.
RULES = (KEYWORD, TEACHER_RULE)
#: Fitted to the labels that the models may learn from.
CLASSIFIERS = (LABELLER, REFERENCE)
#: Model folders, in the order of the steps; the last is the one that is registered.
TRAINED = ("base", "sft", "grpo")
FINAL = TRAINED[-1]
#: In the order of every table.
SYSTEMS = (*RULES, *CLASSIFIERS, *TRAINED)
#: What the final model is compared with, pair by pair.
RIVALS = (*RULES, *CLASSIFIERS, "sft")
#: What the systems are called in front of people.
TITLES: Mapping[str, str] = {
    KEYWORD: "keyword rule",
    TEACHER_RULE: "teacher's rule",
    LABELLER: "labeller",
    REFERENCE: "reference classifier",
    "base": "base, no label",
    "sft": "SFT",
    "grpo": "SFT + GRPO",
}


def prefix(system: str) -> str:
    """What stands before the names of a system's metrics; nothing for the final model."""
    return "" if system == FINAL else f"{system}/"


def difference_prefix(rival: str) -> str:
    """What stands before the names of the metrics of final model minus ``rival``.

    The reference classifier's have the short name: policies that were written when it was the only rival still hold.
    """
    return "difference/" if rival == REFERENCE else f"difference/{rival}/"
