"""Hostile model folders: always one line of one kind, within bounds, and a private file stays unread."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from jinja2 import TemplateError

from benchmarks import hostile_artifacts, hostile_folders
from benchmarks.hostile_folders import Case
from rationanomaly.model import chat_sandbox
from tests.micro_model import Trained


def problems(model: Path, cases: list[Case], place: Path) -> Iterator[str]:
    """What is wrong with the end of each case; nothing where all were refused."""
    for case, folder, result in hostile_artifacts.tried(model, cases, place):
        if not result.is_refused(folder):
            yield f"{case.family}, {case.name}: {result}"


def sample(model: Path) -> list[Case]:
    """A few cases of every family."""
    found: dict[str, list[Case]] = {}
    for case in hostile_folders.cases(model):
        found.setdefault(case.family, []).append(case)
    return [case for family in found.values() for case in family[:: max(1, len(family) // 3)]]


def test_a_sample_of_every_family_is_refused(trained: Trained, tmp_path: Path) -> None:
    cases = sample(trained.root / "sft")
    assert len(cases) >= 40
    assert list(problems(trained.root / "sft", cases, tmp_path)) == []


@pytest.mark.slow
def test_every_hostile_folder_is_refused(trained: Trained, tmp_path: Path) -> None:
    cases = hostile_folders.cases(trained.root / "sft")
    assert len(cases) > 200
    assert list(problems(trained.root / "sft", cases, tmp_path)) == []


@pytest.mark.parametrize("name", sorted(hostile_folders.TEMPLATES))
def test_a_hostile_chat_template_ends_soon_and_writes_no_prompt(name: str) -> None:
    raised = (TemplateError, ArithmeticError, AttributeError, LookupError, RecursionError, TypeError)
    messages = [{"role": "user", "content": "fan failed"}]
    if name == "leaves the log out":
        assert "fan failed" not in chat_sandbox.render(hostile_folders.TEMPLATES[name], messages, {})
        return
    with pytest.raises(raised):
        chat_sandbox.render(hostile_folders.TEMPLATES[name], messages, {})


TEMPLATES = {
    "messages": "{% for m in messages %}<|{{ m['role'] }}|>{{ m.content | trim }}\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>{% endif %}",
    "positions": "{% for m in messages %}{% if loop.first %}{{ bos_token }}{% endif %}{{ loop.index0 }}"
    "/{{ loop.length }}{{ '[INST] ' ~ m['content'] ~ ' [/INST]' }}{% if not loop.last %},{% endif %}{% endfor %}",
    "names": "{% set n = namespace(last=-1) %}{% for m in messages[::-1] %}{% if m.role == 'user' and n.last < 0 %}"
    "{% set n.last = messages | length - 1 - loop.index0 %}{% endif %}{% endfor %}{{ n.last }}"
    "{{ messages[0] | tojson }}",
    "macros": "{% macro line(m) %}{{ m['role'] + ': ' + m['content'].strip() }}{% endmacro %}"
    "{% for m in messages if m['role'] != 'tool' %}{{ line(m) }}{% else %}none{% endfor %}",
    "blocks": "{%- set text %}a{{ messages[0]['content'].split(' ')[0] }}{% endset -%}{{ text | upper }}"
    "{% for i in range(3) %}{% if i == 1 %}{% continue %}{% endif %}{{ i }}{% endfor %}",
    "own words": "{% generation %}{{ messages[-1]['content'] }}{% endgeneration %}{{ tools is none }}",
}


@pytest.mark.parametrize("name", sorted(TEMPLATES))
def test_other_templates_give_what_transformers_makes_of_them(name: str) -> None:
    from transformers.utils.chat_template_utils import render_jinja_template

    messages = [{"role": "system", "content": " be brief "}, {"role": "user", "content": "fan <b>failed</b> é"}]
    theirs, _ = render_jinja_template(
        [messages], chat_template=TEMPLATES[name], add_generation_prompt=True, bos_token="<s>"
    )
    assert chat_sandbox.render(TEMPLATES[name], messages, {"bos_token": "<s>"}) == theirs[0]
