"""Prompts as a given tokenizer wants them: plain for a base without a chat template, as messages for one with."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rationanomaly.params import PromptParams
from rationanomaly.text.prompt import THINK, Mode, Shown, write_messages, write_prompt

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase


def render(tokenizer: PreTrainedTokenizerBase, shown: Shown, mode: Mode, settings: PromptParams) -> str:
    """The text that a completion follows, to be tokenised with the tokenizer's own special tokens.

    A chat template's beginning-of-text token is cut off where the tokenizer adds one itself, and a think section
    that the template opens is taken back: a completion has to hold both of its tags.
    """
    if tokenizer.chat_template is None:
        return write_prompt(shown, mode, settings)
    messages = write_messages(shown, mode, settings)
    text = str(tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))
    if tokenizer.bos_token_id is not None and tokenizer("")["input_ids"][:1] == [tokenizer.bos_token_id]:
        text = text.removeprefix(tokenizer.bos_token)
    bare = text.rstrip()
    return bare[: -len(THINK)] if bare.endswith(THINK) else text
