"""The card of a model folder, ``detector.json``: stage, prompt settings, thresholds and which base."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any, Literal

from rationanomaly import artifacts
from rationanomaly.errors import ArtifactError
from rationanomaly.params import DetectParams, PromptParams
from rationanomaly.records import DETECTOR
from rationanomaly.text.prompt import PROMPT_VERSION

SCHEMA_VERSION = 3
#: Settings that cards of this schema didn't hold at first, and what a model folder without them was made with.
_LATER = {"attempts": 1}
Stage = Literal["base", "sft", "grpo"]


@dataclass(frozen=True)
class BaseIdentity:
    """Which base an adapter belongs to.

    Attributes:
        name: hub id or path; the requirement of a package; empty for a base from scratch.
        revision: commit on the hub; None for all others.
        sha256: of its files (`artifacts.sha256` of the folder).
        copied: its files lie in the model folder.
        log_adapter: SHA-256 of the log adapter that was merged into it; None: none was.
    """

    name: str
    revision: str | None
    sha256: str
    copied: bool
    log_adapter: str | None = None


@dataclass(frozen=True)
class Threshold:
    """From which score on a template is abnormal, and how that was chosen."""

    value: float
    rule: str


@dataclass(frozen=True)
class Card:
    """The contents of ``detector.json``.

    Attributes:
        threshold: of the reasoned verdict; GRPO, too, answers by it.
        direct_threshold: of the direct verdict, whose scores are calibrated differently.
        detect: how verdicts are reached, unless whoever asks says otherwise.
        refit_of: digest of the evaluated model that this one is a `refit` of, on all labels; thresholds and figures
            are that one's. None for a model that can be evaluated itself.
        learnt_validation: whether the labels of the validation split were learnt from, so that it measures nothing.
        adapter: of which step the adapter is, and by what rule that was chosen; empty for a base.
    """

    stage: Stage
    base: BaseIdentity
    threshold: Threshold
    direct_threshold: Threshold
    prompt: PromptParams
    prompt_version: str
    max_completion: int
    literal_quotes: bool
    detect: DetectParams
    refit_of: str | None = None
    learnt_validation: bool = False
    adapter: str = ""


def write_card(folder: Path, card: Card) -> None:
    settings = {name: getattr(card, name).model_dump(mode="json") for name in ("prompt", "detect")}
    document = asdict(card) | {"schema": SCHEMA_VERSION} | settings
    artifacts.write_json(folder / DETECTOR, document)


def read_card(folder: Path) -> Card:
    """Read ``detector.json``.

    Raises:
        ArtifactError: it is missing, damaged, of another version or made with another prompt.
    """
    path = folder / DETECTOR
    again = "Train the model anew with this version"
    try:
        document: dict[str, Any] = json.loads(path.read_bytes())
        if document["schema"] != SCHEMA_VERSION:
            raise ArtifactError(
                f"has schema {document['schema']}; this program reads {SCHEMA_VERSION}", file=path, hint=again
            )
        values = {field.name: document[field.name] for field in fields(Card)}
        values["base"] = BaseIdentity(**values["base"])
        for name in ("threshold", "direct_threshold"):
            values[name] = Threshold(**values[name])
        values["prompt"] = PromptParams.model_validate(values["prompt"])
        values["detect"] = DetectParams.model_validate(_LATER | values["detect"])
        card = Card(**values)
    except FileNotFoundError as error:
        hint = "Name the output folder of base, sft or grpo"
        raise ArtifactError(f"holds no {DETECTOR}, so it is no model folder", file=folder, hint=hint) from error
    except (ValueError, KeyError, TypeError) as error:
        raise ArtifactError("is not the card of a model folder", file=path, hint=again) from error
    if card.prompt_version != PROMPT_VERSION:
        problem = f"was trained with prompt version {card.prompt_version}; this program writes {PROMPT_VERSION}"
        raise ArtifactError(problem, file=path, hint=again)
    return card
