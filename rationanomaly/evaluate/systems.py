"""The systems that stand in every table: rules, fitted classifiers, and the models of the steps."""

from __future__ import annotations

from collections.abc import Mapping

KEYWORD, TEACHER_RULE = "keyword", "teacher_rule"
NEAREST, WORDS, FREE_SIGNALS = "nearest", "words", "free_signals"
LABELLER, REFERENCE = "labeller", "reference"
ZERO_SHOT, LOGPROMPT_COT, LOGPROMPT_IN_CONTEXT = "zero_shot", "logprompt_cot", "logprompt_in_context"
#: Fitted to nothing.
RULES = (KEYWORD, TEACHER_RULE)
#: Fitted to the labels that the models may learn from.
CLASSIFIERS = (NEAREST, WORDS, FREE_SIGNALS, LABELLER, REFERENCE)
#: The base, asked through its chat template with nothing trained; where it has one.
PROMPTED = (ZERO_SHOT, LOGPROMPT_COT, LOGPROMPT_IN_CONTEXT)
#: Model folders, in the order of the steps; the last is the one that is registered.
TRAINED = ("base", "sft", "grpo")
FINAL = TRAINED[-1]
#: The model in service, where params name one; its session model, where its folder carries one.
CHAMPION, CHAMPION_SESSIONS = "champion", "champion_session_model"
#: In the order of every table; a run, and above all one that was recorded earlier, need not have all of them.
SYSTEMS = (*RULES, *CLASSIFIERS, *PROMPTED, *TRAINED)
#: What the final model is compared with, pair by pair, as far as a run has them.
RIVALS = (*RULES, *CLASSIFIERS, *PROMPTED, "sft", CHAMPION)
#: Those of the rivals that a promotion policy asks about: every version that was ever registered has its difference.
POLICY_RIVALS = (*RULES, LABELLER, REFERENCE, "sft")
#: Those that judge whole sessions and no template, where sessions are tested whole; the deep ones on demand.
COUNTED = ("new_event", "next_event", "pca", "isolation_forest", "edit_distance", "count_neighbours",
           "count_regression", "event_regression")  # fmt: skip
DEEP = ("deeplog", "loganomaly", "logrobust")
SESSION_SYSTEMS = (*COUNTED, *DEEP)
#: The final model with the session model that its folder carries.
SESSION_MODEL = "session_model"
#: What the systems are called in front of people.
TITLES: Mapping[str, str] = {
    KEYWORD: "keyword rule",
    TEACHER_RULE: "teacher's rule",
    NEAREST: "edit distance",
    WORDS: "TF-IDF of words",
    FREE_SIGNALS: "free signals",
    LABELLER: "labeller",
    REFERENCE: "reference classifier",
    ZERO_SHOT: "zero-shot",
    LOGPROMPT_COT: "LogPrompt, CoT",
    LOGPROMPT_IN_CONTEXT: "LogPrompt, in context",
    "new_event": "new-event rule",
    "next_event": "next event, n-grams",
    "pca": "event counts, PCA",
    "isolation_forest": "isolation forest",
    "edit_distance": "edit distance of sessions",
    "count_neighbours": "event counts, kNN",
    "count_regression": "event counts, logistic",
    "event_regression": "TF-IDF of sessions",
    "deeplog": "DeepLog",
    "loganomaly": "LogAnomaly",
    "logrobust": "LogRobust",
    "base": "base, no label",
    "sft": "SFT",
    CHAMPION_SESSIONS: "champion, session model",
    CHAMPION: "champion",
    "grpo": "SFT + GRPO",
    SESSION_MODEL: "SFT + GRPO, session model",
}


def prefix(system: str) -> str:
    """What stands before the names of a system's metrics; nothing for the final model."""
    return "" if system == FINAL else f"{system}/"


def difference_prefix(rival: str) -> str:
    """What stands before the names of the metrics of final model minus ``rival``.

    The reference classifier's have the short name: policies that were written when it was the only rival still hold.
    """
    return "difference/" if rival == REFERENCE else f"difference/{rival}/"
