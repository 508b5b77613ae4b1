"""What a base from scratch learns its language from: training templates, harvested messages, general sentences.

Nothing held out is among it: validation and test templates are only used to keep equal texts away.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from rationanomaly.base.harvest import harvest
from rationanomaly.params import PromptParams
from rationanomaly.text.prompt import Mode, Shown, show, write_prompt


def training_logs(labelled: pl.DataFrame, settings: PromptParams) -> list[str]:
    """The templates of the training split as a prompt shows them, distinct, in order."""
    templates = labelled.filter(pl.col("split") == "train")["template"].to_list()
    return list(dict.fromkeys(show(template, settings).text for template in templates))


def harvested(limit: int, labelled: pl.DataFrame, settings: PromptParams) -> list[str]:
    """Harvested messages as a prompt shows them, without those that equal a template outside the training split."""
    held_out = labelled.filter(pl.col("split") != "train")["template"].to_list()
    forbidden = {show(template, settings).text for template in held_out}
    shown = dict.fromkeys(show(message, settings).text for message in harvest(limit))
    return [text for text in shown if text and text not in forbidden]


def general_sentences() -> list[str]:
    """The sentences that the built-in teacher writes with, so that a rationale is words and not pieces of words."""
    from rationanomaly.rulebook import domains, phrases, signs

    # Python's own names hold texts too, `__builtins__` its documentation, which changes from release to release.
    values = [
        value
        for module in (phrases, domains, signs)
        for name, value in vars(module).items()
        if not name.startswith("__")
    ]
    return [text for value in values for text in _texts(value)]


def pretraining_texts(logs: Sequence[str], settings: PromptParams) -> list[str]:
    """What the language model reads: the prompt of each log, without an answer."""
    return [write_prompt(Shown(text, (), 0), Mode.REASON, settings) for text in logs]


def _texts(value: object) -> list[str]:
    """All strings inside nested mappings, sequences, sets and dataclasses."""
    if isinstance(value, str):
        return [value] if " " in value else []
    if isinstance(value, Mapping):
        return [text for part in value.values() for text in _texts(part)]
    if isinstance(value, tuple | list | frozenset):
        return [text for part in (sorted(value) if isinstance(value, frozenset) else value) for text in _texts(part)]
    fields = getattr(value, "__dataclass_fields__", None)
    if fields and not isinstance(value, type):
        return [text for name in fields for text in _texts(getattr(value, name))]
    return []
