"""What the generated texts are like: form, evidence, agreement, and whether they argue for the answer.

Each question is answered row by row, yes or no, or not at all where it makes no sense; a metric is the share of yes.
Row by row, because two models are compared on the rows that both have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from rationanomaly.evaluate.predictions import Prediction, SystemAnswers
from rationanomaly.rulebook.written_text import WrittenText
from rationanomaly.text.pieces import show_whole

#: The shares that tables show, as detected and as written with nothing ruled out.
RATES = ("agreement/rate", "agreement/alarms", "argues/rate", "support/rate", "grounding/rate", "format/rate",
         "free/agreement/rate", "free/agreement/alarms", "free/support/rate", "free/grounding/rate",
         "free/format/rate")  # fmt: skip
#: By row of the predictions.
Flags = Mapping[int, bool]
#: What is asked of a prediction and its text; None: it makes no sense here.
Question = Callable[[Prediction, WrittenText], bool | None]


def text_flags(system: SystemAnswers) -> Mapping[str, Flags]:
    """By metric, what is true of which row.

    Returns:
        ``format/rate``: the text parses. ``grounding/rate``: its quotes hold, of templates that have words.
        ``agreement/rate``: conclusion, answer tag and answer agree; ``agreement/alarms``: of those called abnormal.
        ``argues/rate``: the analysis argues for the answer, as the rulebook reads it. ``support/rate``: what it claims
        is supported by the log's words, of those that claim something that the rulebook knows. ``free/…``: the same of
        the texts that were written with nothing ruled out. Without rows where no text was asked for.
    """
    prompt = system.prompt
    if prompt is None:
        return {}
    shown = {row: show_whole(system.predictions[row].template, prompt) for row in {*system.reasoned, *system.free}}
    mine = {row: system.predictions[row] for row in system.reasoned}
    texts = {row: WrittenText(shown[row], found.rationale or "", found.stated) for row, found in mine.items()}
    flags = {
        name: {row: flag for row, found in mine.items() if (flag := question(found, texts[row])) is not None}
        for name, question in _QUESTIONS.items()
    }
    for row, text in system.free.items():
        for name, flag in _of_free_text(WrittenText.read(text, shown[row]), system.predictions[row]):
            flags.setdefault(f"free/{name}", {})[row] = flag
    return flags


def text_metrics(system: SystemAnswers, flags: Mapping[str, Flags] | None = None) -> dict[str, float]:
    """The shares of `text_flags`, with how many rows each is of, and what can only be counted.

    Args:
        system: whose texts they are.
        flags: its `text_flags`, if they are known: reading texts takes time.

    Returns:
        ``NAME/rate``, ``agreement/alarms``; ``grounding/templates``, ``agreement/alarm_rows``, ``support/rows`` and
        ``free/rows`` for the rows behind them; ``evidence/wordless``: templates without words, and
        ``evidence/wordless_stated`` how many of them are said to be so; ``rationale/words``: mean length.
    """
    flags = text_flags(system) if flags is None else flags
    found = {name: sum(rows.values()) / len(rows) for name, rows in flags.items() if rows}
    if not found:
        return {}
    generated = [system.predictions[row] for row in system.reasoned]
    wordless = [one for one in generated if one.wordless]
    found |= {
        "grounding/templates": float(len(flags["grounding/rate"])),
        "agreement/alarm_rows": float(len(flags["agreement/alarms"])),
        "support/rows": float(len(flags["support/rate"])),
        "free/rows": float(len(system.free)),
        "evidence/wordless": float(len(wordless)),
        "evidence/wordless_stated": float(sum(one.grounded for one in wordless)),
    }
    lengths = [len(one.rationale.split()) for one in generated if one.rationale]
    if lengths:
        found["rationale/words"] = sum(lengths) / len(lengths)
    return found


def _agrees(found: Prediction, text: WrittenText) -> bool:
    """Read off the text itself: that a detector calls itself consistent is no evidence."""
    return bool(found.consistent) and text.label == found.answer


_QUESTIONS: Mapping[str, Question] = {
    "format/rate": lambda _, text: text.parses,
    "grounding/rate": lambda found, _: None if found.wordless else found.grounded,
    "agreement/rate": _agrees,
    "agreement/alarms": lambda found, text: _agrees(found, text) if found.answer == "abnormal" else None,
    "argues/rate": lambda found, text: text.argument.side == found.answer if text.parses else None,
    "support/rate": lambda _, text: text.supported if text.parses else None,
}


def _of_free_text(text: WrittenText, found: Prediction) -> Iterator[tuple[str, bool]]:
    yield "format/rate", text.parses
    if text.parses and (supported := text.supported) is not None:
        yield "support/rate", supported
    if not found.wordless:
        yield "grounding/rate", text.grounded
    agrees = text.label == found.answer
    yield "agreement/rate", agrees
    if found.answer == "abnormal":
        yield "agreement/alarms", agrees
