"""The answers of reasoning models in the one form that is asked for: ``<think>…</think><answer>…</answer>``.

Such a model thinks before it answers, and that reaches us in many ways: beside the answer (`reasoning_content`), as a
think section of its own before the wanted one, without the opening tag because the chat template had written that, in
tags of its own. Which section is which is read off their places alone; an answer that is not in one of these forms
stays as it is, and the checks say what is wrong with it. All searches take linear time, whatever a server writes.
"""

from __future__ import annotations

import re

from rationanomaly.text.prompt import ANSWER, END_ANSWER, END_THINK, TAGS, THINK, write_response

#: Reasoning models' tags around their thinking: DeepSeek and Qwen, Kimi, Magistral, Cohere, OpenThinker, Seed, gpt-oss.
_NAMES = r"(?:\w{1,10}[:_])?(?:think(?:ing)?|thoughts?|reasoning|analysis|begin_of_thought|start_thinking)"
_OPENING = re.compile(
    rf"<\|?[ ]?{_NAMES}[ ]?\|?>|◁think▷|\[(?-i:THINK)\]|<\|channel\|>(?:analysis|thought)<\|message\|>", re.IGNORECASE
)
_CLOSING = re.compile(
    rf"<[ ]?\|?/[ ]?{_NAMES}[ ]?\|?>|<\|end_(?:of_thought|thinking)\|>|◁/think▷|\[/(?-i:THINK)\]"
    r"|<\|end\|>\s?<\|start\|>assistant<\|channel\|>final<\|message\|>",
    re.IGNORECASE,
)
_ANSWER, _END_ANSWER = (
    re.compile(r"<[ ]?answer[ ]?>", re.IGNORECASE),
    re.compile(r"<[ ]?/[ ]?answer[ ]?>", re.IGNORECASE),
)
#: What marks the answer's bounds or the end of the text and says nothing.
_MARKS = re.compile(
    r"<\|(?:(?:begin|end)_of_solution|(?:start|end)_response|im_end|endoftext|eot_id|end|return)\|>|</s>", re.IGNORECASE
)
#: A line of Markdown that opens or closes a block of code.
_FENCE = re.compile(r"^[ \t]*(?:`{3}|~{3})`*~*\w*[ \t\r]*$", re.MULTILINE)
_BLANK = " \t\r\n\v\f\u00a0\u200b\u200c\u200d\u2060\ufeff"
_DECORATION = _BLANK + "`*_~"


def in_asked_form(content: str, reasoning: str = "") -> str:
    """An answer in the form that the prompt asks for, without the model's own thinking; else ``content`` as it is.

    Args:
        content: what the model answered.
        reasoning: what it thought, where the server says that apart. It is the analysis if the answer holds none, and
            the whole answer if ``content`` is blank, as some servers have it when a model does not think.
    """
    if not content.strip(_BLANK):
        return in_asked_form(reasoning) if ANSWER in _with_our_tags(reasoning) else ""
    text = _with_our_tags(content)
    body, opened, tail = text.rpartition(ANSWER)
    stated, closed, behind = tail.partition(END_ANSWER)
    if not opened or not closed or behind.strip(_DECORATION):
        return content
    separate = _with_our_tags(reasoning).strip(_BLANK).removeprefix(THINK).removesuffix(END_THINK).strip(_BLANK)
    analysis = _analysis(body, bool(separate))
    if analysis == "" and not _holds_tags(separate):
        analysis = separate
    return write_response(analysis, _label(stated)) if analysis else content


def _with_our_tags(text: str) -> str:
    """The text with other spellings of our tags replaced by ours, without marks and fences."""
    # What ends a section comes first: `end_of_thought` also looks like a thought with a prefix.
    for pattern, tag in ((_CLOSING, END_THINK), (_OPENING, THINK), (_ANSWER, ANSWER), (_END_ANSWER, END_ANSWER)):
        text = pattern.sub(tag, text)
    return _FENCE.sub("", _MARKS.sub("", text))


def _analysis(body: str, thought_apart: bool) -> str | None:
    """The analysis in what stands before the answer section; empty if there is none, None if it can't be told apart.

    Args:
        body: with our tags.
        thought_apart: whether the model's own thinking came separately.
    """
    before, closed, prose = body.rpartition(END_THINK)
    head, opened, section = before.rpartition(THINK)
    if not prose.strip(_DECORATION):
        if not closed:
            return ""
        # The opening tag may be missing behind a blank section: both were the chat template's.
        if section.lstrip(_BLANK).startswith(END_THINK):
            section = section.lstrip(_BLANK).removeprefix(END_THINK)
        is_behind_own = head.rstrip(_DECORATION).endswith(END_THINK) or not head.strip(_DECORATION)
        return section.strip(_BLANK) if is_behind_own and not _holds_tags(section) else None
    # Words between the sections are the analysis if what the model thought is known to be elsewhere.
    is_blank = bool(opened) and not section.strip(_BLANK) and not head.strip(_DECORATION)
    if _holds_tags(prose) or not (is_blank if closed else thought_apart):
        return None
    return prose.strip(_BLANK)


def _holds_tags(text: str) -> bool:
    return any(tag in text for tag in TAGS)


def _label(stated: str) -> str:
    """``**Abnormal.**`` is abnormal; what is neither label stays, for the checks to refuse."""
    bare = stated.strip(_DECORATION + ".\"'").lower()
    return bare if bare in ("normal", "abnormal") else stated
