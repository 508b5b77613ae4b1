"""The files of an evaluate folder, as its report reads them.

Those of every evaluation are ``metrics.json``, ``predictions.jsonl``, ``session_predictions.jsonl``, ``examples.jsonl``
and ``setting.json``. The others are read where they are there:

| file | what |
| --- | --- |
| ``audit.json`` | the checks for leaks: a list of `audit.Check`, or an object that has it as ``checks`` |
| ``timelines.jsonl`` | the lines of the sessions that are shown (`report_sessions.timeline_of`) |
| ``stress.jsonl`` | cases of stress tests (`report_stress`); their rates are in the metrics |
| ``ablations.json`` | ``metric``, and ``rows`` of ``title``, ``value``, ``low``, ``high``, ``seeds`` |
| ``champion.json`` | the champion, and whether it had learnt what is tested (`champion.Origin`) |
| ``champion.jsonl`` | answers that changed against the champion (`champion_flips.Flip`) |
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from rationanomaly.artifacts import write_json
from rationanomaly.errors import ArtifactError
from rationanomaly.evaluate.audit import AUDIT
from rationanomaly.evaluate.examples import EXAMPLES
from rationanomaly.evaluate.predictions import Prediction, SystemAnswers
from rationanomaly.evaluate.systems import FINAL, SESSION_MODEL, TITLES
from rationanomaly.records import METRICS, PREDICTIONS, SESSION_PREDICTIONS, read_objects

SETTING = "setting.json"
TIMELINES, STRESS, ABLATIONS = "timelines.jsonl", "stress.jsonl", "ablations.json"
CHAMPION, CHAMPION_ORIGIN = "champion.jsonl", "champion.json"
_FIELDS = frozenset(field.name for field in fields(Prediction))
Row = Mapping[str, Any]
#: What the page asks of a row, where its writer has nothing to say.
_CHECK = {"name": "", "question": "", "found": None, "example": ""}
_ABLATION = {"title": "", "value": None, "low": None, "high": None, "seeds": 1}
_CHANGE = {"template_id": "", "template": "", "truth": None, "before": None, "after": None, "before_score": None,
           "after_score": None, "before_rationale": None, "after_rationale": None, "before_evidence": (),
           "after_evidence": (), "nearest": None, "why": ()}  # fmt: skip
_ORIGIN = {"address": "", "model": "", "remarks": (), "is_favoured": False}


@dataclass(frozen=True)
class Setting:
    """How was tested: the side of the split, whether a truth file was given, how sessions were chosen."""

    side: str
    known: bool
    scope: str


@dataclass(frozen=True)
class Evaluation:
    """What an evaluate folder holds.

    Attributes:
        systems: those with predictions, in the order of every table; ``names`` has those with metrics alone, too.
        answers: each system's rows of predictions.jsonl by template id.
        templates: the tested templates, one row each: the first of predictions.jsonl, with ``teacher_rationale`` and
            ``similar`` of whichever row has them.
        sessions: the final model's rows of session_predictions.jsonl, of its session model where it has one.
        audit, timelines, stress, ablations, champion, champion_origin: as the module says; empty without the file.
    """

    setting: Setting
    metrics: Mapping[str, float]
    systems: tuple[str, ...]
    names: tuple[str, ...]
    answers: Mapping[str, Mapping[str, Row]]
    templates: Mapping[str, Row]
    sessions: Sequence[Row]
    examples: Sequence[Row]
    audit: Sequence[Row]
    timelines: Mapping[str, Row]
    stress: Sequence[Row]
    ablations: Row
    champion: Sequence[Row]
    champion_origin: Row

    @property
    def final(self) -> str:
        """The system that the report is about."""
        return FINAL if FINAL in self.systems or not self.systems else self.systems[-1]


def title_of(system: str) -> str:
    """What a system is called in front of people."""
    return TITLES.get(system, system.replace("_", " "))


def write_setting(folder: Path, setting: Setting) -> None:
    """Keep how was tested beside the metrics."""
    write_json(folder / SETTING, asdict(setting))


def read_evaluation(folder: Path, metrics: Mapping[str, float] | None = None) -> Evaluation:
    """Read an evaluate folder.

    Args:
        folder: with the files of the module's table.
        metrics: those of `evaluate`, while metrics.json isn't there yet.

    Raises:
        ArtifactError: a file that every evaluation has is missing, or holds something else.
    """
    by_name: Mapping[str, float] = _document(folder / METRICS) if metrics is None else metrics
    answers: dict[str, dict[str, Row]] = {}
    templates: dict[str, dict[str, Any]] = {}
    for row in _rows(folder / PREDICTIONS):
        answers.setdefault(row["model"], {})[row["template_id"]] = row
        known = templates.setdefault(row["template_id"], dict(row))
        known |= {key: row[key] for key in ("teacher_rationale", "similar") if row.get(key) and not known.get(key)}
    systems = _in_order(answers)
    titled = {key.split("/")[0] for key in by_name} & {*TITLES} - {SESSION_MODEL}
    measured = _in_order({*answers, *titled})
    return Evaluation(
        setting=_setting(folder, templates),
        metrics=by_name,
        systems=systems,
        names=measured,
        answers=answers,
        templates=templates,
        sessions=_sessions(folder / SESSION_PREDICTIONS),
        examples=_rows(folder / EXAMPLES),
        audit=_checks(folder / AUDIT),
        timelines={str(row["session"]): row for row in _rows(folder / TIMELINES)},
        stress=_rows(folder / STRESS),
        ablations=_ablations(folder / ABLATIONS),
        champion=[_CHANGE | row for row in _rows(folder / CHAMPION)],
        champion_origin=_ORIGIN | found if (found := _document(folder / CHAMPION_ORIGIN)) else {},
    )


def system_answers(evaluation: Evaluation) -> list[SystemAnswers]:
    """The systems as the metrics want them, without what sessions alone need."""
    found = []
    for name in evaluation.systems:
        mine = [_prediction(row) for row in evaluation.answers[name].values()]
        reasoned = [row for row, one in enumerate(mine) if one.stated is not None]
        found.append(SystemAnswers(name, mine, {}, reasoned=reasoned))
    return found


def _prediction(row: Row) -> Prediction:
    return Prediction(**{key: value for key, value in row.items() if key in _FIELDS})


def _in_order(names: Mapping[str, object] | set[str]) -> tuple[str, ...]:
    """In the order of `TITLES`, then those without a title; the final model last."""
    order = [*(name for name in TITLES if name in names), *sorted(set(names) - TITLES.keys())]
    return (*(name for name in order if name != FINAL), *(name for name in (FINAL,) if name in names))


def _sessions(path: Path) -> list[Row]:
    """Of the final model's session model where there is one, with what its template verdicts hang on; else of these."""
    rows = _rows(path, (FINAL, SESSION_MODEL))
    plain: list[Row] = [row for row in rows if row["model"] == FINAL]
    whole = [row for row in rows if row["model"] == SESSION_MODEL]
    because = {row["session"]: row.get("because") for row in plain}
    return [row | {"because": row.get("because") or because.get(row["session"])} for row in whole] or plain


def _setting(folder: Path, templates: Mapping[str, Row]) -> Setting:
    if found := _document(folder / SETTING):
        return Setting(**found)
    side = next((str(row["split"]) for row in templates.values()), "test")
    return Setting(side, known=False, scope="unknown")


def _checks(path: Path) -> list[Row]:
    document = _json(path)
    found = document.get("checks", []) if isinstance(document, dict) else document
    if not isinstance(found, list):
        raise ArtifactError("holds no list of checks", file=path, hint="Make the folder anew")
    return [_CHECK | row for row in found]


def _ablations(path: Path) -> Row:
    document = _document(path)
    rows = [_ABLATION | row for row in document.get("rows", ()) if row.get("value") is not None]
    return {"metric": document.get("metric", ""), "rows": rows} if rows else {}


def _document(path: Path) -> dict[str, Any]:
    document = _json(path)
    if not isinstance(document, dict):
        raise ArtifactError("is not a JSON object", file=path, hint="Make the folder anew")
    return document


def _json(path: Path) -> Any:
    if not path.is_file():
        return {}
    try:
        return json.loads(path.read_bytes())
    except ValueError as error:
        raise ArtifactError("is not JSON", file=path, hint="Make the folder anew") from error


def _rows(path: Path, models: Sequence[str] = ()) -> list[dict[str, Any]]:
    """The objects of a file, those of the ``models`` alone where some are named; none without the file."""
    if not path.is_file():
        return []
    if not models:
        return [row for _, row in read_objects(path)]
    needed = [json.dumps(name).encode() for name in models]
    return [row for row in _chosen(path, needed) if row["model"] in models]


def _chosen(path: Path, needed: Sequence[bytes]) -> Iterator[dict[str, Any]]:
    # Every system's answer on 100,000 sessions is too much to parse for the answers of one.
    with path.open("rb") as file:
        for number, line in enumerate(file, start=1):
            if any(name in line for name in needed):
                try:
                    yield json.loads(line)
                except ValueError as error:
                    raise ArtifactError("is not JSON", file=path, line=number, hint="Make the folder anew") from error
