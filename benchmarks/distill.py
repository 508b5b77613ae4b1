"""How far the built-in teacher and the published reasoning get through the checks, over the published templates.

    python -m benchmarks.distill        # needs ../shared/data

Every template takes part, as if all of them were training templates: nothing is learnt here, only checked.
"""

from __future__ import annotations

import csv
import json
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

from rationanomaly.distill.checks import Checker
from rationanomaly.distill.rounds import Outcome, teach
from rationanomaly.distill.teachers import Question, Teacher
from rationanomaly.distill.teachers.builtin import BuiltinTeacher
from rationanomaly.distill.teachers.imported import ABSENT, ImportTeacher
from rationanomaly.params import Params, load_params
from rationanomaly.records import Label, Rejected, Triplet, template_id
from rationanomaly.rulebook.domains import DOMAINS
from rationanomaly.text import prompt
from rationanomaly.text.checks import sentences
from rationanomaly.text.evidence import NO_EVIDENCE, required_quotes
from rationanomaly.text.prompt import CONCLUSION

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data"
LARGEST_PATTERN, CONTRADICTIONS = 0.05, 13
STRICT_SHARE, OPTIONAL_SHARE = 0.15, 0.5


def main() -> int:
    """Measure, print the targets; 1 if one is short."""
    if not DATA.is_dir():
        print(f"{DATA} is not on this machine")
        return 1
    results = [*_builtin(), *_imported()]
    for name, value, target, reached in results:
        print(f"{name} = {value:.4g} (target {target}) {'ok' if reached else 'short'}")
    return 0 if all(reached for *_, reached in results) else 1


Result = tuple[str, float, str, bool]


def _builtin() -> Iterator[Result]:
    for shown_as, settings in (("SHOWN_NORMALISED", []), ("SHOWN_AS_WRITTEN", ["prompt.normalise=false"])):
        params = load_params(ROOT / "params.yaml", settings)
        outcomes = _teach(BuiltinTeacher(params.run.seed), params)
        with_words = [end for end in outcomes if required_quotes(end.question.shown) > 0]
        without = [end for end in outcomes if required_quotes(end.question.shown) == 0]
        passed = sum(end.accepted for end in with_words) / len(with_words)
        stated = sum(end.accepted and NO_EVIDENCE in end.record.rationale for end in without) / len(without)
        written = [s for end in outcomes if isinstance(end.record, Triplet) for s in sentences(end.record.rationale)]
        # The conclusion is always the same.
        written = [sentence for sentence in written if not sentence.startswith(CONCLUSION)]
        patterns, forms = Counter(written), Counter(map(_form, written))
        print(f"{shown_as}: {len(with_words)} templates with words, {len(without)} without, {len(written)} sentences")
        print(f"  the most frequent sentence, quotes masked: {patterns.most_common(1)[0]}")
        print(f"  the same, domains masked too: {forms.most_common(1)[0]}")
        yield f"BUILTIN_{shown_as}_PASSED", passed, "1", passed == 1.0
        yield f"BUILTIN_{shown_as}_NO_EVIDENCE_FORM", stated, "1", stated == 1.0
        for name, counts in (("PATTERN", patterns), ("FORM", forms)):
            share = max(counts.values()) / len(written)
            yield f"BUILTIN_{shown_as}_LARGEST_{name}", share, f"{LARGEST_PATTERN} at most", share <= LARGEST_PATTERN


def _imported() -> Iterator[Result]:
    file = DATA / "cot" / "anomaly_reasoning.jsonl"
    for policy, least in (("strict", STRICT_SHARE), ("optional", OPTIONAL_SHARE)):
        changes = [f"distill.evidence={policy}", "distill.max_words=400", "prompt.normalise=false"]
        params = load_params(ROOT / "params.yaml", changes)
        outcomes = [end for end in _teach(ImportTeacher(file, params.prompt), params) if _reason(end) != ABSENT]
        reasons = Counter(_reason(end) or "accepted" for end in outcomes)
        print(f"import, {policy} evidence, of {len(outcomes)}: {dict(reasons.most_common())}")
        share = reasons["accepted"] / len(outcomes)
        contradicting = reasons["label"]
        yield f"IMPORT_{policy.upper()}_LABEL", contradicting, str(CONTRADICTIONS), contradicting == CONTRADICTIONS
        yield f"IMPORT_{policy.upper()}_ACCEPTED", share, f"{least} at least", share >= least


def _teach(teacher: Teacher, params: Params) -> list[Outcome]:
    with (DATA / "templates" / "templates.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    patch = json.loads((DATA / "templates" / "corrections.json").read_text(encoding="utf-8"))
    corrected = {(row["dataset"], row["template"]): row["corrected"] for row in patch}
    questions = []
    for row in rows:
        label: Label = corrected.get((row["dataset"], row["template"]), row["label"])
        shown = prompt.show(row["template"], params.prompt)
        questions.append(Question(template_id(row["template"]), row["template"], shown, label))
    return teach(teacher, questions, Checker(params.distill), params.distill.retries)


def _reason(end: Outcome) -> str | None:
    return end.record.reason if isinstance(end.record, Rejected) else None


def _form(sentence: str) -> str:
    """A sentence with what belongs to its domain masked, too."""
    for domain in DOMAINS:
        known = (*domain.harms.values(), *domain.checks.values())
        for text in (domain.topic, *(text for wordings in known for text in wordings), *domain.roles):
            sentence = sentence.replace(text, "…")
    return sentence


if __name__ == "__main__":
    sys.exit(main())
