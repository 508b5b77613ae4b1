"""Why a template has its label: who decided it, when, in which round, and what speaks for or against it."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from rationanomaly import artifacts, records
from rationanomaly.baselines.keywords import alert_words
from rationanomaly.correct.report import cell
from rationanomaly.errors import InputError
from rationanomaly.text.similarity import SimilarityIndex, normalise

_SUGGESTIONS = 3


def explain_label(folder: Path, template: str) -> str:
    """The history of a template's label, for `rationanomaly ledger why TEMPLATE`.

    Args:
        folder: the output folder of the step `correct`.
        template: its text, its id, or a text that differs from it in numbers only.

    Returns:
        readable lines, one paragraph for each data set that has the template.

    Raises:
        ArtifactError: no output of `correct`, or somebody has edited it.
        InputError: no such template; names the most similar ones.
    """
    artifacts.read(folder, "correct", only=[records.LABELLED])
    labelled = records.read_table(folder / records.LABELLED, records.LABELLED_SCHEMA)
    wanted = template.strip()
    found = labelled.filter((pl.col("template_id") == wanted) | (pl.col("template").str.strip_chars() == wanted))
    if found.is_empty():
        alike = pl.Series([normalise(text) == normalise(wanted) for text in labelled["template"]], dtype=pl.Boolean)
        found = labelled.filter(alike)
    if found.is_empty():
        raise InputError(f"no such template: {cell(wanted)}", file=folder, hint=_suggestions(labelled, wanted))
    return "\n\n".join(_paragraph(row, labelled) for row in found.iter_rows(named=True))


def _paragraph(row: dict[str, object], labelled: pl.DataFrame) -> str:
    history = row["history"]
    lines = [
        f"{cell(str(row['template']))}",
        f"  id {row['template_id']}, data set {cell(str(row['dataset']))}, {row['split']} side",
        f"  label {row['label']}; originally {row['original_label'] or 'none'}"
        + (", corrected" if row["corrected"] else "")
        + (f"; category {cell(str(row['category']))}" if row["category"] else ""),
    ]
    if isinstance(history, list) and history:
        lines += ["  decisions:", *(f"    {cell(str(line))}" for line in history)]
    else:
        lines.append("  nobody has decided on it; the label is the log's own")
    if row["mixed"]:
        lines.append("  its lines bear both labels: no verdict on it can be right for all of them")
    alerts = alert_words(str(row["template"]))
    lines.append("  alert words: " + (", ".join(alerts) if alerts else "none"))
    relatives = labelled.filter((pl.col("group") == row["group"]) & (pl.col("template_id") != row["template_id"]))
    if len(relatives):
        abnormal = int((relatives["label"] == "abnormal").sum())
        lines.append(f"  near-duplicates: {len(relatives)}, {abnormal} of them abnormal")
    return "\n".join(lines)


def _suggestions(labelled: pl.DataFrame, wanted: str) -> str:
    index = SimilarityIndex(labelled["template"].to_list())
    positions, similarities = index.nearest([wanted], _SUGGESTIONS)
    close = [index.texts[at] for at, how in zip(positions[0], similarities[0], strict=True) if how > 0]
    quoted = "; ".join(repr(text[:80]) for text in close)
    return f"Similar are {quoted}" if quoted else "Give the text as templates.parquet has it, or its id"
