"""Existing reasoning as a teacher: JSON Lines with ``input`` (a template) and ``reasoning`` (the whole answer).

    rationanomaly distill --set distill.teacher=import --input reasoning=FILE

Such reasoning was written about logs as they are; where the prompt shows them normalised, its quotes are rewritten in
the same way. All checks are made as for any teacher: an answer that contradicts the corrected label is refused whatever
the policy on evidence.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rationanomaly.artifacts import sha256
from rationanomaly.distill.answer_form import in_asked_form
from rationanomaly.distill.teachers import Answer, Bill, Question, Teacher
from rationanomaly.errors import InputError
from rationanomaly.params import Params, PromptParams
from rationanomaly.records import read_objects
from rationanomaly.steps import Inputs
from rationanomaly.text.prompt import show

#: Typographic double quotes, and the backquotes of Markdown.
_STRAIGHT = str.maketrans({"“": '"', "”": '"', "„": '"', "`": '"'})

#: Reason code of a template that the file does not know.
ABSENT = "absent"


@contextmanager
def open_import(params: Params, inputs: Inputs, _: Path) -> Iterator[Teacher]:
    """The reasoning in the raw input ``reasoning``."""
    yield ImportTeacher(inputs["reasoning"], params.prompt)


class ImportTeacher:
    """Looks answers up by the text of the template; the second line about a template is its second sample.

    Raises:
        InputError: no such file, or a line without the two fields; names file and line.
    """

    name = "import"
    bill = Bill()

    def __init__(self, file: Path, prompt: PromptParams) -> None:
        self.prompt_version = f"import-{sha256(file)[:12]}" if file.is_file() else "import"
        self._prompt = prompt
        self._answers: dict[str, list[str]] = defaultdict(list)
        for number, row in read_objects(file):
            template, reasoning = row.get("input"), row.get("reasoning")
            if not isinstance(template, str) or not isinstance(reasoning, str):
                hint = "Give each line `input` (a template) and `reasoning` (<think>…</think><answer>…</answer>)"
                raise InputError("lacks `input` or `reasoning`", file=file, line=number, hint=hint)
            self._answers[template].append(in_asked_form(reasoning))

    def answers(self, questions: Sequence[Question]) -> list[Answer]:
        """See `Teacher`. There is no second try: what is in the file is all there is."""
        return [self._answer(question) for question in questions]

    def _answer(self, question: Question) -> Answer:
        found = self._answers.get(question.template, [])
        if question.attempt > 0 or question.sample >= len(found):
            return Answer("", ABSENT, "the file holds no reasoning about this template", final=True)
        return Answer(self._as_shown(found[question.sample], question.shown.text), final=True)

    def _as_shown(self, reasoning: str, shown: str) -> str:
        """Set quotes as this program does: straight, without the comma behind them, as the prompt shows the log."""
        pieces = reasoning.translate(_STRAIGHT).split('"')
        for number in range(1, len(pieces) - 1, 2):
            quote = pieces[number].strip()
            behind = quote[len(quote.rstrip(".,;")) :]
            for spelling, following in ((quote, ""), (quote.removesuffix(behind), behind)):
                as_shown = next((text for text in (spelling, show(spelling, self._prompt).text) if text in shown), "")
                if as_shown:
                    pieces[number], pieces[number + 1] = as_shown, following + pieces[number + 1]
                    break
        return '"'.join(pieces)
