"""Checks on every rationale, whoever wrote it. The first that fails gives the reason. Of text alone: `text.checks`.

Reason codes: `grammar`, `label`, `contradiction`, `leak`, `length`, `repetition`, `language`, `evidence`,
`duplicate`; teachers add their own for answers that never came (`teachers.endpoint`).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field

from rationanomaly.distill.teachers import Question
from rationanomaly.params import DistillParams
from rationanomaly.text.checks import (
    ALIKE,
    MAX_REPEATED,
    contradicts,
    is_english,
    leaked_verdict,
    repeated_share,
    triples,
    word_count,
)
from rationanomaly.text.evidence import check_evidence, words
from rationanomaly.text.prompt import Response, parse_response

_QUOTE_SHOWN = 60


@dataclass(frozen=True)
class CheckResult:
    """What the checks say of one answer.

    Attributes:
        rationale: text of the think section; the whole answer where it does not parse.
        reason: code of the first check that failed; None: accepted.
        detail: one sentence, for people and for the teacher's next try.
    """

    rationale: str
    reason: str | None = None
    detail: str = ""


Check = Callable[[Question, Response, DistillParams], str | None]


@dataclass
class Checker:
    """Checks answers one after the other and remembers the accepted ones, to tell duplicates."""

    settings: DistillParams
    _accepted: list[tuple[str, frozenset[str], frozenset[tuple[str, ...]]]] = field(default_factory=list)
    _by_triple: dict[tuple[str, ...], list[int]] = field(default_factory=lambda: defaultdict(list))

    def check(self, question: Question, text: str) -> CheckResult:
        """Check one answer; an accepted one is remembered."""
        response = parse_response(text)
        if response.problem is not None:
            return CheckResult(text, "grammar", f"the answer does not have the asked form: {response.problem}")
        for reason, find_fault in CHECKS.items():
            detail = find_fault(question, response, self.settings)
            if detail is not None:
                return CheckResult(response.rationale, reason, detail)
        if self._is_duplicate(question, response.rationale):
            return CheckResult(response.rationale, "duplicate", "nearly the same was written about another log")
        return CheckResult(response.rationale)

    def _is_duplicate(self, question: Question, rationale: str) -> bool:
        """Whether nearly the same rationale was accepted for a log with other words, or for the same log.

        Logs that differ in values only (two register dumps) may have the same rationale. A set that is alike to this
        one lacks at most a tenth of its triples, so it holds one of any few more than that: the rarest ones are looked
        up, and few sets are compared.
        """
        log_words, found = frozenset(words(question.shown.text.lower())), frozenset(triples(rationale))
        rarest = sorted(found, key=lambda triple: len(self._by_triple[triple]))
        looked_up = rarest[: len(found) - math.ceil(ALIKE * len(found)) + 1]
        for index in {index for triple in looked_up for index in self._by_triple[triple]}:
            template_id, other_words, other = self._accepted[index]
            alike = len(found & other) >= ALIKE * len(found | other)
            if alike and (template_id == question.template_id or other_words != log_words):
                return True
        for triple in found:
            self._by_triple[triple].append(len(self._accepted))
        self._accepted.append((question.template_id, log_words, found))
        return False


def check_label(question: Question, response: Response, _: DistillParams) -> str | None:
    """The answer section states the corrected label."""
    return None if response.stated == question.label else f"the answer says {response.stated}, not {question.label}"


def check_contradiction(question: Question, response: Response, _: DistillParams) -> str | None:
    """The last sentence does not conclude the opposite of the answer."""
    concluded = contradicts(response.rationale, question.label)
    return f"the analysis concludes {concluded}, the answer says {question.label}" if concluded else None


def check_leak(_: Question, response: Response, __: DistillParams) -> str | None:
    """The first sentence does not give the verdict away; a quote may hold such a word, for the log wrote it."""
    found = leaked_verdict(response.rationale)
    return f"the first sentence gives the verdict away: {found}" if found else None


def check_length(_: Question, response: Response, settings: DistillParams) -> str | None:
    """As many words as params allow."""
    count = word_count(response.rationale)
    if settings.min_words <= count <= settings.max_words:
        return None
    return f"{count} words; {settings.min_words} to {settings.max_words} are asked for"


def check_repetition(_: Question, response: Response, __: DistillParams) -> str | None:
    """No going round in circles: few word triples occur more than once."""
    repeated = repeated_share(response.rationale)
    return f"{repeated:.0%} of its word triples are repeated" if repeated >= MAX_REPEATED else None


def check_language(_: Question, response: Response, __: DistillParams) -> str | None:
    """English prose; see `text.checks.is_english`."""
    return None if is_english(response.rationale) else "not written in English prose"


def check_quotes(question: Question, response: Response, settings: DistillParams) -> str | None:
    """Quotes are literal spans of the log, and enough of them hold words; see `evidence.check_evidence`.

    With the policy ``optional`` a rationale may go without quotes and may quote something else beside the log; it
    is only refused if it quotes and not one of its quotes is to be found.
    """
    evidence = check_evidence(response.rationale, question.shown)
    if evidence.grounded:
        return None
    if settings.evidence == "optional" and (not evidence.quotes or evidence.spans):
        return None
    literal = {span.text for span in evidence.spans}
    strange = next((quote for quote in evidence.quotes if quote not in literal), None)
    if strange is not None:
        return f"the quote '{strange[:_QUOTE_SHOWN]}' does not stand in the log"
    if evidence.required == 0:
        return "the log holds no words and the analysis does not say so"
    return f"{evidence.counted} quotes with words, {evidence.required} are needed"


#: In the order in which they are made: from what makes an answer useless to what makes it poor.
CHECKS: dict[str, Check] = {
    "label": check_label,
    "contradiction": check_contradiction,
    "leak": check_leak,
    "length": check_length,
    "repetition": check_repetition,
    "language": check_language,
    "evidence": check_quotes,
}
