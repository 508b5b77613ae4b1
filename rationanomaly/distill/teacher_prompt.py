"""The teacher's prompt: versioned files in ``prompts/``, read by people and filled in one pass.

To change the prompt, add a file under a new number and name it in params (``distill.prompt``): triplets carry the
version, and answers to an older version are not mixed with those to a newer one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files

from rationanomaly.distill.journal import digest
from rationanomaly.distill.teachers import Question
from rationanomaly.errors import ParamsError
from rationanomaly.params import DistillParams, Params, PromptParams
from rationanomaly.text import prompt
from rationanomaly.text.evidence import NO_EVIDENCE

_SECTION = re.compile(r"^=== (\w+)\n", re.MULTILINE)
_PLACE = re.compile(r"\{(\w+)\}")
_SECTIONS = ("system", "user", "again")
#: UTF-8 bytes that telling a refusal adds to a prompt at most: 240 characters of it, and the words around.
LONGEST_REFUSAL = 240 * 4 + 200


@dataclass(frozen=True)
class TeacherPrompt:
    """One version of the prompt.

    Attributes:
        version: the file's name without its ending.
        text: the whole file.
        settings: for the numbers of words that it asks for.
        prompt: how logs are shown; also how refusals are escaped, for they may quote the log.
    """

    version: str
    text: str
    settings: DistillParams
    prompt: PromptParams

    @cached_property
    def _sections(self) -> dict[str, str]:
        _, *pieces = _SECTION.split(self.text)
        return {name: body.strip() for name, body in zip(pieces[::2], pieces[1::2], strict=True)}

    @property
    def digest(self) -> str:
        """Changes with any letter of the prompt and any number that it states."""
        return digest(self.text, self.settings.min_words, self.settings.max_words)

    def messages(self, question: Question) -> list[dict[str, str]]:
        """The chat messages that ask ``question``."""
        refusal = prompt.show(question.refusal or "", self.prompt.model_copy(update={"normalise": False})).text
        values = {
            "log": question.shown.text,
            "label": question.label,
            "refusal": refusal[:240],
            "no_evidence": NO_EVIDENCE,
            "min_words": str(self.settings.min_words),
            "max_words": str(self.settings.max_words),
        }
        asked = self._sections["user" if question.refusal is None else "again"]
        return [
            {"role": "system", "content": _fill(self._sections["system"], values)},
            {"role": "user", "content": _fill(asked, values)},
        ]


def load_teacher_prompt(params: Params) -> TeacherPrompt:
    """The version of the prompt that params name.

    Raises:
        ParamsError: there is no such version.
    """
    folder = files("rationanomaly.distill") / "prompts"
    known = sorted(file.name.removesuffix(".md") for file in folder.iterdir() if file.name.endswith(".md"))
    version = params.distill.prompt
    if version not in known:
        raise ParamsError(f"there is no teacher prompt `{version}`", hint=f"Set distill.prompt to {' or '.join(known)}")
    text = (folder / f"{version}.md").read_text(encoding="utf-8")
    found = TeacherPrompt(version, text, params.distill, params.prompt)
    assert tuple(found._sections) == _SECTIONS, version  # noqa: S101 - a packaged file, held by a test
    return found


def _fill(form: str, values: dict[str, str]) -> str:
    """Fill every place of ``form`` at once: what is filled in is never searched for places, for a log may hold some."""
    return _PLACE.sub(lambda place: values[place.group(1)], form)
