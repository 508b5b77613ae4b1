"""What the generated texts are like: form, evidence, agreement, and whether they argue for the answer.

Each question is answered row by row, yes or no, or not at all where it makes no sense; a metric is the share of yes.
Row by row, because two models are compared on the rows that both have.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import partial

from rationanomaly.evaluate.predictions import Prediction, SystemAnswers
from rationanomaly.params import PromptParams
from rationanomaly.rulebook.argument import read_argument, supported
from rationanomaly.text.evidence import check_evidence
from rationanomaly.text.prompt import parse_response, show, split_conclusion

#: The shares that tables show, as detected and as written with nothing ruled out.
RATES = ("agreement/rate", "agreement/alarms", "argues/rate", "support/rate", "grounding/rate", "format/rate",
         "free/agreement/rate", "free/grounding/rate", "free/format/rate")  # fmt: skip
#: By row of the predictions.
Flags = Mapping[int, bool]


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
    questions: dict[str, Callable[[Prediction], bool | None]] = {
        "format/rate": _parses,
        "grounding/rate": lambda found: None if found.wordless else found.grounded,
        "agreement/rate": _agrees,
        "agreement/alarms": lambda found: _agrees(found) if found.answer == "abnormal" else None,
        "argues/rate": _argues,
        "support/rate": partial(_is_supported, prompt),
    }
    mine = {row: system.predictions[row] for row in system.reasoned}
    flags = {name: _flags(mine, question) for name, question in questions.items()}
    for row, text in system.free.items():
        for name, flag in _of_free_text(text, system.predictions[row], prompt):
            flags.setdefault(f"free/{name}", {})[row] = flag
    return flags


def text_metrics(system: SystemAnswers) -> dict[str, float]:
    """The shares of `text_flags`, with how many rows each is of, and what can only be counted.

    Returns:
        ``NAME/rate``, ``agreement/alarms``; ``grounding/templates``, ``agreement/alarm_rows``, ``support/rows`` and
        ``free/rows`` for the rows behind them; ``evidence/wordless``: templates without words, and
        ``evidence/wordless_stated`` how many of them are said to be so; ``rationale/words``: mean length.
    """
    flags = text_flags(system)
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


def _flags(rows: Mapping[int, Prediction], question: Callable[[Prediction], bool | None]) -> dict[int, bool]:
    asked = ((row, question(found)) for row, found in rows.items())
    return {row: flag for row, flag in asked if flag is not None}


def _parses(found: Prediction) -> bool:
    return found.stated not in (None, "invalid")


def _agrees(found: Prediction) -> bool:
    """Read off the text itself: that a detector calls itself consistent is no evidence."""
    concluded = split_conclusion(found.rationale or "")[1]
    return bool(found.consistent) and concluded == found.stated == found.answer


def _argues(found: Prediction) -> bool | None:
    if not _parses(found):
        return None
    return read_argument(split_conclusion(found.rationale or "")[0]).side == found.answer


def _is_supported(prompt: PromptParams, found: Prediction) -> bool | None:
    if not _parses(found):
        return None
    analysis = split_conclusion(found.rationale or "")[0]
    return supported(read_argument(analysis), show(found.template, prompt))


def _of_free_text(text: str, found: Prediction, prompt: PromptParams) -> Iterator[tuple[str, bool]]:
    response = parse_response(text)
    yield "format/rate", response.problem is None
    if not found.wordless:
        yield "grounding/rate", check_evidence(response.rationale, show(found.template, prompt)).grounded
    concluded = split_conclusion(response.rationale)[1]
    yield "agreement/rate", response.problem is None and concluded == response.stated == found.answer
