"""Prompts as a given tokenizer wants them: plain for a base without a chat template, as messages for one with."""

from __future__ import annotations

from functools import lru_cache
from textwrap import shorten
from typing import TYPE_CHECKING

from jinja2 import TemplateError

from rationanomaly.errors import ArtifactError, one_line
from rationanomaly.model import chat_sandbox
from rationanomaly.params import PromptParams
from rationanomaly.text.prompt import THINK, Mode, Shown, write_messages, write_prompt

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

_SILENT = {"role": "system", "content": ""}
_PROBE = "fan failed"
#: What the code in a template can raise.
_RAISED = (
    *(TemplateError, ArithmeticError, AttributeError, LookupError),
    *(MemoryError, RuntimeError, TypeError, ValueError),
)


def render(tokenizer: PreTrainedTokenizerBase, shown: Shown, mode: Mode, settings: PromptParams) -> str:
    """The text that a completion follows, to be tokenised with the tokenizer's own special tokens.

    A chat template's beginning-of-text token is cut off where the tokenizer adds one itself, and a think section
    that the template opens is taken back: a completion has to hold both of its tags. In the compact style a system
    text of the template's own is left out.
    """
    if tokenizer.chat_template is None:
        return write_prompt(shown, mode, settings)
    messages = write_messages(shown, mode, settings)
    if settings.style == "compact" and _has_own_system_text(tokenizer):
        messages = [_SILENT, *messages]
    return render_messages(tokenizer, messages)


def render_messages(tokenizer: PreTrainedTokenizerBase, messages: list[dict[str, str]]) -> str:
    """The text that an answer to chat messages follows; see `render` for what is cut off.

    Args:
        tokenizer: has a chat template.
        messages: with ``role`` and ``content``; logs in them come as `text.prompt.show` leaves them.
    """
    text = render_as_asked(tokenizer, messages)
    if tokenizer.bos_token_id is not None and tokenizer("")["input_ids"][:1] == [tokenizer.bos_token_id]:
        text = text.removeprefix(tokenizer.bos_token)
    bare = text.rstrip()
    return bare[: -len(THINK)] if bare.endswith(THINK) else text


def render_as_asked(tokenizer: PreTrainedTokenizerBase, messages: list[dict[str, str]]) -> str:
    """The text that the chat template makes of messages, nothing cut off.

    Raises:
        ArtifactError: it fails.
    """
    try:
        return _apply(tokenizer, messages)
    except _RAISED as error:
        hint = "Correct it, or take it out of the folder: a base without one gets the plain prompt"
        raise ArtifactError(_failed(error), file=tokenizer.name_or_path, hint=hint) from error


def problem_of(tokenizer: PreTrainedTokenizerBase) -> str | None:
    """Why the chat template of a tokenizer is of no use, in a few words; None where it is, or where there is none."""
    if tokenizer.chat_template is None:
        return None
    messages = [{"role": "user", "content": _PROBE}]
    try:
        texts = [_apply(tokenizer, messages)]
        if _has_own_system_text(tokenizer):
            texts.append(_apply(tokenizer, [_SILENT, *messages]))
    except _RAISED as error:
        return _failed(error)
    return None if all(_PROBE in text for text in texts) else "has a chat template that leaves the log out"


def _failed(error: Exception) -> str:
    return f"has a chat template that can't be rendered: {shorten(one_line(str(error)), 100, placeholder=' ...')}"


def _has_own_system_text(tokenizer: PreTrainedTokenizerBase) -> bool:
    """Whether an empty system message makes a prompt shorter: it then takes the place of the template's own."""
    return _shortened(tokenizer, str(tokenizer.chat_template))


@lru_cache(maxsize=4)  # Of prompts by the thousand each would be rendered three times.
def _shortened(tokenizer: PreTrainedTokenizerBase, _template: str) -> bool:
    user = {"role": "user", "content": "log"}
    try:
        return len(_apply(tokenizer, [_SILENT, user])) < len(_apply(tokenizer, [user]))
    except _RAISED:  # It refuses the role.
        return False


def _apply(tokenizer: PreTrainedTokenizerBase, messages: list[dict[str, str]]) -> str:
    template = tokenizer.chat_template
    template = template if isinstance(template, str) else tokenizer.get_chat_template()
    return chat_sandbox.render(template, messages, tokenizer.special_tokens_map)
