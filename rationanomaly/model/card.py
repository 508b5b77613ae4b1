"""The card of a model folder, ``detector.json``: stage, prompt settings, thresholds and which base."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from functools import cache
from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError

from rationanomaly import artifacts
from rationanomaly.errors import ArtifactError
from rationanomaly.params import DetectParams, PromptParams
from rationanomaly.records import DETECTOR
from rationanomaly.regular_files import read_json
from rationanomaly.text.prompt import PROMPT_VERSION

SCHEMA_VERSION = 3
#: Settings that cards of this schema didn't hold at first, and what a model folder without them was made with.
_LATER = {"attempts": 1, "clauses": True}
Stage = Literal["base", "sft", "grpo"]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
#: Scores are probabilities. One that calls nothing lies a last bit above the highest score.
Score = Annotated[float, Field(ge=0, le=1 + 1e-9, allow_inf_nan=False)]


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
    sha256: Sha256
    copied: bool
    log_adapter: Sha256 | None = None


@dataclass(frozen=True)
class Threshold:
    """From which score on a template is abnormal, and how that was chosen."""

    value: Score
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
    max_completion: Annotated[int, Field(gt=0)]
    literal_quotes: bool
    detect: DetectParams
    refit_of: Sha256 | None = None
    learnt_validation: bool = False
    adapter: str = ""


def write_card(folder: Path, card: Card) -> None:
    settings = {name: getattr(card, name).model_dump(mode="json") for name in ("prompt", "detect")}
    document = asdict(card) | {"schema": SCHEMA_VERSION} | settings
    artifacts.write_json(folder / DETECTOR, document)


def read_card(folder: Path) -> Card:
    """Read ``detector.json``.

    Raises:
        ArtifactError: it is missing, damaged, of another version or made with another prompt; a field is missing, of
            another type or no value that it can have, such as a threshold that is no number.
    """
    path = folder / DETECTOR
    again = "Train the model anew with this version"
    try:
        document = read_json(path, "is not the card of a model folder", again)
        if document["schema"] != SCHEMA_VERSION:
            raise ArtifactError(
                f"has schema {document['schema']}; this program reads {SCHEMA_VERSION}", file=path, hint=again
            )
        values = {field.name: document[field.name] for field in fields(Card)}
        values["detect"] = _LATER | values["detect"]
        # Strict, so that a text is no number; and as JSON, in which a mapping is then a dataclass.
        card = _adapter().validate_json(json.dumps(values), strict=True)
    except FileNotFoundError as error:
        hint = "Name the output folder of base, sft or grpo"
        raise ArtifactError(f"holds no {DETECTOR}, so it is no model folder", file=folder, hint=hint) from error
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        problem = f"is not the card of a model folder: `{'.'.join(map(str, first['loc']))}`: {first['msg']}"
        raise ArtifactError(problem, file=path, hint=again) from error
    except KeyError as error:
        raise ArtifactError(f"is not the card of a model folder: no {error}", file=path, hint=again) from error
    except TypeError as error:
        raise ArtifactError("is not the card of a model folder", file=path, hint=again) from error
    if card.prompt_version != PROMPT_VERSION:
        problem = f"was trained with prompt version {card.prompt_version}; this program writes {PROMPT_VERSION}"
        raise ArtifactError(problem, file=path, hint=again)
    return card


@cache
def _adapter() -> TypeAdapter[Card]:
    return TypeAdapter(Card)
