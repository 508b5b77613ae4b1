"""The schema of everything that flows between steps, and how it is read and written.

Wide tables are Parquet, small texts JSON Lines. File names stand here once; a step's output folder is flat but
for model folders.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, ClassVar, Literal, Protocol, TypeVar

import polars as pl
from pydantic import TypeAdapter, ValidationError

from rationanomaly.errors import ArtifactError, InputError

Label = Literal["normal", "abnormal"]
Answer = Literal["normal", "abnormal", "invalid"]
Split = Literal["train", "validation", "test"]
LABELS: tuple[Label, ...] = ("normal", "abnormal")

# ---------------------------------------------------------------- parse

LINES = "lines.parquet"
#: One row per log line that fits the format, in file order.
LINES_SCHEMA = pl.Schema(
    {
        "line": pl.Int64(),  # 1-based in the input
        "time": pl.Datetime("us", "UTC"),  # null where the format has none
        "node": pl.String(),  # null where the format has none
        "alert": pl.Boolean(),  # the line's own alert tag; null where the format has none
        "level": pl.String(),  # these three: null where the format has none
        "logger": pl.String(),
        "thread": pl.String(),
        "template_id": pl.String(),
        "parameters": pl.List(pl.String()),  # what stands at the template's wildcards
    }
)

TEMPLATES = "templates.parquet"
#: One row per template, in the order of its first line (or of the table it came from).
TEMPLATES_SCHEMA = pl.Schema(
    {
        "template_id": pl.String(),
        "template": pl.String(),
        "name": pl.String(),  # that a user gave it (parse.named_templates), or null
        "dataset": pl.String(),
        "label": pl.String(),  # ORIGINAL label: normal, abnormal, or null where the lines carry no tags
        "lines": pl.Int64(),  # 0 for a table of templates
        "alert_lines": pl.Int64(),  # null without tags
        "mixed": pl.Boolean(),  # holds alert and other lines: no verdict on it can be right for both
        "first_line": pl.Int64(),
        "last_line": pl.Int64(),
        "first_seen": pl.Datetime("us", "UTC"),
        "last_seen": pl.Datetime("us", "UTC"),
        "examples": pl.List(pl.String()),  # up to three messages
        "parameters": pl.List(pl.List(pl.String())),  # of each example: what stands at the template's wildcards
        "parameter_types": pl.List(pl.String()),  # what stands at each wildcard: a mask's name, text, or mixed
        "supersedes": pl.List(pl.String()),  # ids that this template had before masks changed or mining generalised it
    }
)

SESSIONS = "sessions.parquet"
#: One row per session; empty for a table of templates.
SESSIONS_SCHEMA = pl.Schema(
    {
        "session": pl.String(),
        "first_line": pl.Int64(),
        "last_line": pl.Int64(),
        "lines": pl.Int64(),
        "alert": pl.Boolean(),  # any alert line, or the session's own label; null where neither is known
        "template_ids": pl.List(pl.String()),  # of each line, in order
        "split": pl.String(),  # train, validation, test; null: sessions are tested as the split of templates says
    }
)

MINER = "miner.json"
REJECTS = "rejects.jsonl"

# ---------------------------------------------------------------- correct

LABELLED = "labelled.parquet"
#: The templates of `parse` with what the experts made of their labels and the side of the split they are on.
LABELLED_SCHEMA = pl.Schema(
    {
        "template_id": pl.String(),
        "template": pl.String(),
        "dataset": pl.String(),
        "original_label": pl.String(),  # normal, abnormal, or null where the log has no tags
        "label": pl.String(),  # corrected: normal or abnormal
        "corrected": pl.Boolean(),  # label differs from original_label
        "category": pl.String(),  # of the correction; null if none was stated
        "history": pl.List(pl.String()),  # readable decisions, oldest first
        "mixed": pl.Boolean(),
        "lines": pl.Int64(),
        "first_line": pl.Int64(),
        "group": pl.Int64(),  # near-duplicates share a number
        "split": pl.String(),  # train, validation, test; or "left out" (anomaly_share)
    }
)
AGREEMENT = "agreement.json"
REVIEW_QUEUE = "review_queue.jsonl"
#: In the output of `correct`: all of them. In a model folder: those that are not on the test side.
PRECEDENTS = "precedents.jsonl"


@dataclass(frozen=True)
class Precedent:
    """What experts have settled about one template.

    Attributes:
        template_id: which template.
        template: its text; empty where a ledger names only the id.
        label: normal or abnormal.
        decided_by: the reviewers who carried the decision.
        round: the round that had the last word: independent, panel or senior.
        time: of the newest of these decisions, ISO 8601; None where the ledger has none.
    """

    template_id: str
    template: str
    label: Label
    decided_by: list[str]
    round: str
    time: str | None


# ---------------------------------------------------------------- distill

TRIPLETS = "triplets.jsonl"
REJECTED = "rejected.jsonl"
COST = "cost.json"
DISTILL_REPORT = "report.md"


@dataclass(frozen=True)
class Triplet:
    """An accepted (log, rationale, label): what SFT learns from."""

    template_id: str
    template: str
    rationale: str
    label: Label
    teacher: str
    prompt_version: str


@dataclass(frozen=True)
class Rejected:
    """A rationale that did not pass the checks, with the reason code of the check that refused it."""

    template_id: str
    template: str
    rationale: str
    label: Label
    teacher: str
    reason: str
    detail: str


@dataclass(frozen=True)
class Cost:
    """What distillation took. ``target_words`` is the median length of the accepted rationales, for R_brevity."""

    calls: int
    prompt_tokens: int
    completion_tokens: int
    currency: str
    spent: float
    accepted: int
    rejected: int
    target_words: int


# ---------------------------------------------------------------- base, sft, grpo

#: Inside a model folder.
DETECTOR = "detector.json"
ADAPTER = "adapter"
BASE = "base"
TOKENIZER = "tokenizer"
PARSER = "parser"
#: Training templates with their labels, of which a prompt shows the most similar; only where it does.
FEW_SHOT = "few_shot.jsonl"
CURVES = "curves.jsonl"


@dataclass(frozen=True)
class LabelledText:
    """A training template as a prompt shows it, with its corrected label."""

    text: str
    label: Label


#: In the output of `base`: unlabelled logs as a prompt shows them.
CORPUS = "corpus.parquet"
CORPUS_SCHEMA = pl.Schema(
    {
        "text": pl.String(),
        "vector": pl.Array(pl.Float32(), 384),  # of the sentence encoder; null where none was asked
    }
)

# ---------------------------------------------------------------- evaluate, register

METRICS = "metrics.json"
PREDICTIONS = "predictions.jsonl"
SESSION_PREDICTIONS = "session_predictions.jsonl"
#: In the output of `evaluate`, of `register`, and beside the model folder of a registered version.
MODEL_CARD = "model_card.md"
REGISTERED = "registered.json"
#: Step name → manifest digest of the model folder that `evaluate` judged: its metrics are of no other.
JUDGED_MODELS = "judged_models.json"


class _Row(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Any]]


R = TypeVar("R", bound=_Row)


def template_id(template: str) -> str:
    """The identity of a template: the first 16 hex digits of the SHA-256 of its text."""
    return hashlib.sha256(template.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def write_rows(path: Path, rows: Iterable[Mapping[str, Any] | _Row]) -> None:
    """Write JSON Lines: dictionaries or dataclasses, one object a line, keys in their order."""
    with path.open("w", encoding="utf-8", newline="\n") as file:
        for row in rows:
            document = row if isinstance(row, Mapping) else asdict(row)
            file.write(json.dumps(document, ensure_ascii=False, allow_nan=False) + "\n")


def read_objects(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """The objects of a JSON Lines file with their 1-based line numbers; empty lines are passed over.

    Raises:
        InputError: no such file, or a line that is not a JSON object; names file and line.
    """
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if not line.strip():
                    continue
                try:
                    value = json.loads(line)
                except ValueError as error:
                    raise InputError(
                        "is not JSON", file=path, line=number, hint="Correct or remove the line"
                    ) from error
                if not isinstance(value, dict):
                    raise InputError("is not a JSON object", file=path, line=number, hint="Correct or remove the line")
                yield number, value
    except (FileNotFoundError, IsADirectoryError) as error:
        raise InputError("no such file", file=path, hint="Check the path") from error


def read_rows(path: Path, row: type[R], typed: bool = False) -> list[R]:
    """Read JSON Lines that `write_rows` wrote from dataclasses of the type ``row``.

    Args:
        path: the file.
        row: a dataclass.
        typed: the values are checked against its types: others may have written the file.

    Raises:
        ArtifactError: an object with other fields, or values of other types; names the line.
        InputError: as `read_objects`.
    """
    names = {field.name for field in fields(row)}
    adapter = TypeAdapter(row) if typed else None
    found = []
    for number, value in read_objects(path):
        if set(value) != names:
            problem = f"does not hold the fields of {row.__name__}: {', '.join(sorted(set(value) ^ names))}"
            raise ArtifactError(problem, file=path, line=number, hint="Make the folder anew with this version")
        try:
            found.append(row(**value) if adapter is None else adapter.validate_python(value))
        except ValidationError as error:
            named = ".".join(map(str, error.errors()[0]["loc"]))
            problem = f"holds no {row.__name__}: its `{named}` has another type"
            raise ArtifactError(problem, file=path, line=number, hint="Make the folder anew") from error
    return found


def write_table(path: Path, table: pl.DataFrame, schema: pl.Schema) -> None:
    """Write Parquet with exactly the columns of ``schema``, in its order."""
    table.select(pl.col(name).cast(kind) for name, kind in schema.items()).write_parquet(path, compression="zstd")


def read_table(path: Path, schema: pl.Schema) -> pl.DataFrame:
    """Read Parquet and check its columns against ``schema``."""
    try:
        table = pl.read_parquet(path, glob=False)
    except FileNotFoundError as error:
        raise ArtifactError(
            "no such file", file=path, hint="Name the output folder of the step that writes it"
        ) from error
    except (OSError, pl.exceptions.PolarsError) as error:
        raise ArtifactError("can't be read as Parquet", file=path, hint="Make the folder anew") from error
    if table.schema != schema:
        raise ArtifactError("has other columns than this version writes", file=path, hint="Make the folder anew")
    return table
