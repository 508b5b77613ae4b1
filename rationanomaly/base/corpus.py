"""What a base from scratch learns its language from: training templates, harvested messages, the rulebook's sentences.

Nothing held out is among it: validation and test templates are only used to keep equal texts away.
"""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from rationanomaly.params import PromptParams
from rationanomaly.text.harvest import harvest
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


def pretraining_texts(logs: Sequence[str], settings: PromptParams) -> list[str]:
    """What the language model reads: the prompt of each log, without an answer."""
    return [write_prompt(Shown(text, (), 0), Mode.REASON, settings) for text in logs]
