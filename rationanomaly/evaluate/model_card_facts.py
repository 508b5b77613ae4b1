"""What a model card says beside figures: which data, whose labels, how it was trained. Kept as ``model_card.json``.

Read off the folders of the steps, so it is what was, not what params would ask for now; only the reward, which no
folder holds, comes out of the params. Neither a path nor a time is in it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import polars as pl

from rationanomaly import artifacts, records
from rationanomaly.errors import ArtifactError
from rationanomaly.evaluate.held_out import HeldOut
from rationanomaly.params import Params
from rationanomaly.steps import Inputs

FACTS = "model_card.json"
_SPLITS = ("train", "validation", "test", "left out")
_ADAPTER_SETTINGS = Path(records.ADAPTER) / "adapter_config.json"
_AGREEMENT = ("fleiss_kappa", "fleiss_kappa_interval", "krippendorff_alpha", "krippendorff_alpha_interval", "templates",
              "unanimous")  # fmt: skip


@dataclass(frozen=True)
class CardFacts:
    """All of it; each part as JSON has it, empty where a folder doesn't say.

    Attributes:
        sources: SHA-256 of the raw inputs, by name.
        templates: rows of ``dataset``, ``split``, ``templates``, ``abnormal`` and ``groups`` of near-duplicates.
        sessions: rows of ``use``, ``sessions``, ``abnormal``.
        split: ``rule`` (given, held out, time, stratified), ``near_duplicate``, ``hold_out``, ``test_share`` of
            sessions, ``checks`` of the audit.
        labels: ``origin`` (tags, sessions, none), ``decided`` templates, ``to_abnormal``, ``to_normal``, ``named``
            templates that had no label.
        agreement: of the independent reviewers, as agreement.json has it, and their number.
        model: detector.json of the final model's folder.
        adapter: ``rank``, ``alpha``, ``modules``.
        sft, grpo: metrics of these steps; of sft its ``steps`` too.
        reward: ``preset`` and ``weights`` above 0.
        seed: of the split, the models and the trainers.
    """

    sources: Mapping[str, str]
    templates: Sequence[Mapping[str, Any]]
    sessions: Sequence[Mapping[str, Any]]
    split: Mapping[str, Any]
    labels: Mapping[str, Any]
    agreement: Mapping[str, Any]
    model: Mapping[str, Any]
    adapter: Mapping[str, Any]
    sft: Mapping[str, float]
    grpo: Mapping[str, float]
    reward: Mapping[str, Any]
    seed: int


def gather_facts(params: Params, inputs: Inputs, held_out: HeldOut) -> CardFacts:
    """Read the folders that `evaluate` reads.

    Raises:
        ArtifactError: a file in one of them is no JSON object, or a table has other columns.
    """
    labelled = records.read_table(inputs["correct"] / records.LABELLED, records.LABELLED_SCHEMA)
    final, sft = inputs["grpo"], inputs["sft"]
    adapter = _document(final / _ADAPTER_SETTINGS)
    return CardFacts(
        sources=_sources(inputs),
        templates=_templates(labelled),
        sessions=_sessions(held_out),
        split=_split(params, inputs["parse"], held_out),
        labels=_labels(labelled, inputs["parse"]),
        agreement=_agreement(_document(inputs["correct"] / records.AGREEMENT)),
        model=_document(final / records.DETECTOR),
        adapter={"rank": adapter.get("r"), "alpha": adapter.get("lora_alpha"),
                 "modules": sorted(adapter.get("target_modules") or ())} if adapter else {},
        sft=_of_sft(sft),
        grpo=_document(final / records.METRICS),
        reward=_reward(params),
        seed=params.run.seed,
    )  # fmt: skip


def write_facts(folder: Path, facts: CardFacts) -> None:
    """Keep them beside the metrics, so that the card can be made again."""
    artifacts.write_json(folder / FACTS, {field.name: getattr(facts, field.name) for field in fields(facts)})


def read_facts(folder: Path) -> CardFacts:
    """Read what `write_facts` kept.

    Raises:
        ArtifactError: no such file, or it holds something else.
    """
    document = _document(folder / FACTS)
    if set(document) != {field.name for field in fields(CardFacts)}:
        hint = "Run `rationanomaly evaluate` again with this version"
        raise ArtifactError("holds no facts for a model card", file=folder / FACTS, hint=hint)
    return CardFacts(**document)


def _document(path: Path) -> dict[str, Any]:
    """A JSON object; empty without the file."""
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_bytes())
    except (RecursionError, ValueError) as error:
        raise ArtifactError("is not JSON", file=path, hint="Make the folder anew") from error
    if not isinstance(found, dict):
        raise ArtifactError("is not a JSON object", file=path, hint="Make the folder anew")
    return found


def _sources(inputs: Inputs) -> dict[str, str]:
    """Of all that lies behind the final model and the tested templates, and the truth."""
    found: dict[str, str] = {}
    for name in ("parse", "correct", "grpo"):
        found |= _document(inputs[name] / artifacts.MANIFEST).get("sources", {})
    return dict(sorted((found | {"truth": artifacts.sha256(inputs["truth"])}).items()))


def _templates(labelled: pl.DataFrame) -> list[dict[str, Any]]:
    counted = labelled.group_by("dataset", "split").agg(
        templates=pl.len(), abnormal=(pl.col("label") == "abnormal").sum(), groups=pl.col("group").n_unique()
    )
    rows = counted.select("dataset", "split", "templates", "abnormal", "groups").to_dicts()
    return sorted(rows, key=lambda row: (str(row["dataset"]), _SPLITS.index(row["split"])))


def _sessions(held_out: HeldOut) -> list[dict[str, Any]]:
    """How many teach, choose a threshold and are tested; a table of templates has none."""
    learnt = held_out.teaching.filter(pl.col("side") == "train")
    counted = {
        "the session model learns from": learnt["abnormal"],
        "chooses thresholds": held_out.calibration["corrected"],
        "tested": held_out.sessions.table["truth"],
    }
    return [
        {"use": use, "sessions": len(truth), "abnormal": int(truth.fill_null(False).sum())}
        for use, truth in counted.items()
        if len(truth)
    ]


def _split(params: Params, parse: Path, held_out: HeldOut) -> dict[str, Any]:
    settings = params.correct.split
    given = pl.read_parquet(parse / records.SESSIONS, columns=["split"], glob=False)["split"].is_not_null().any()
    seen = pl.read_parquet(parse / records.TEMPLATES, columns=["first_seen"], glob=False)["first_seen"]
    by_time = settings.order == "time" or (settings.order == "auto" and not seen.null_count())
    return {
        "rule": "held out" if settings.hold_out else "given" if given else "time" if by_time else "stratified",
        "hold_out": list(settings.hold_out),
        "near_duplicate": settings.near_duplicate,
        "test_share": params.parse.sessions.test_share,
        "checks": len([check for check in held_out.checks if check.found is not None]),
    }


def _labels(labelled: pl.DataFrame, parse: Path) -> dict[str, Any]:
    """Where labels come from, and what reviewers made of them."""
    alerts = pl.scan_parquet(parse / records.LINES, glob=False).select(pl.col("alert").is_not_null().any())
    sessions = pl.read_parquet(parse / records.SESSIONS, columns=["alert"], glob=False)["alert"]
    tagged = bool(alerts.collect().item())
    by_sessions = not tagged and bool(sessions.is_not_null().any())
    corrected = labelled.filter("corrected")
    return {
        "origin": "tags" if tagged else "sessions" if by_sessions else "table",
        "decided": int((labelled["history"].list.len() > 0).sum()),
        "to_abnormal": int((corrected["label"] == "abnormal").sum()),
        "to_normal": int((corrected["label"] == "normal").sum()),
        "named": labelled["original_label"].null_count(),
    }


def _agreement(document: Mapping[str, Any]) -> dict[str, Any]:
    if not document:
        return {}
    return {name: document.get(name) for name in _AGREEMENT} | {"reviewers": len(document.get("reviewers", ()))}


def _of_sft(folder: Path) -> dict[str, float]:
    found = _document(folder / records.METRICS)
    if (folder / records.CURVES).is_file():
        found["steps"] = max(
            (row.get("step", 0.0) for _, row in records.read_objects(folder / records.CURVES)), default=0
        )
    return found


def _reward(params: Params) -> dict[str, Any]:
    reward = params.grpo.reward
    weights = {name: value for name, value in reward.weights.model_dump().items() if value}
    return {"preset": reward.preset, "weights": weights}
