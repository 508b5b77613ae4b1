"""The card of a model folder: each field has its type, and a threshold that is no number is none."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from rationanomaly.errors import ArtifactError
from rationanomaly.model.card import BaseIdentity, Card, Threshold, read_card, write_card
from rationanomaly.params import Params
from rationanomaly.records import DETECTOR
from rationanomaly.text.prompt import PROMPT_VERSION


@pytest.fixture
def card(params: Params, tmp_path: Path) -> Card:
    """A card that was written to ``tmp_path``."""
    base = BaseIdentity("package==1", None, "0" * 64, copied=True, log_adapter="f" * 64)
    threshold = Threshold(1.0000000000000002, "calls nothing")
    made = Card("grpo", base, threshold, Threshold(0, "calls all"), params.prompt, PROMPT_VERSION, 96,
                literal_quotes=True, detect=params.detect)  # fmt: skip
    write_card(tmp_path, made)
    return made


def edit(folder: Path, place: str, value: Any) -> None:
    """Write a field of the card, as JSON of Python would."""
    document = json.loads((folder / DETECTOR).read_bytes())
    *parents, key = place.split(".")
    section = document
    for parent in parents:
        section = section[parent]
    section[key] = value
    (folder / DETECTOR).write_text(json.dumps(document))


def test_a_card_that_was_written_is_read(card: Card, tmp_path: Path) -> None:
    assert read_card(tmp_path) == card


#: Fields and what they can't be.
WRONG: list[tuple[str, Any]] = [
    *[("threshold.value", value) for value in (-0.1, 1.1, 1e999, "0.5", "1_0", True, None, [0.5])],
    *[("direct_threshold.value", value) for value in (-1e-9, "nan", ())],
    *[("threshold.rule", value) for value in (1, None)],
    *[("base.sha256", value) for value in ("", "0" * 63, "G" * 64, "0" * 64 + "\n", 5, None)],
    *[("base.copied", value) for value in ("yes", 1, None)],
    *[("base.name", value) for value in (None, 1)],
    ("base.log_adapter", "../adapter"),
    *[("max_completion", value) for value in (0, -1, "96", 1.5, True)],
    *[("literal_quotes", value) for value in ("false", 0)],
    *[("stage", value) for value in ("", "parse", 1)],
    *[("prompt_version", value) for value in (1, None)],
    *[("refit_of", value) for value in ("nobody", "0" * 65, 0)],
    ("learnt_validation", "no"),
    ("adapter", 3),
    ("detect.temperature", -1),
    ("prompt.max_words", 0),
    ("prompt", []),
    ("threshold", 0.5),
]


@pytest.mark.parametrize(("place", "value"), WRONG)
def test_a_field_that_it_can_not_be_is_named(card: Card, tmp_path: Path, place: str, value: Any) -> None:
    edit(tmp_path, place, value)
    with pytest.raises(ArtifactError, match=r"detector\.json: is not the card of a model folder") as caught:
        read_card(tmp_path)
    assert value == 1e999 or f"`{place}`" in str(caught.value)


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity"])
@pytest.mark.parametrize("place", ["threshold.value", "detect.temperature", "max_completion"])
def test_what_is_no_number_is_no_json(card: Card, tmp_path: Path, text: str, place: str) -> None:
    edit(tmp_path, place, "HERE")
    path = tmp_path / DETECTOR
    path.write_text(path.read_text().replace('"HERE"', text))
    with pytest.raises(ArtifactError, match="is not the card of a model folder"):
        read_card(tmp_path)


def test_a_key_that_stands_twice_is_refused(card: Card, tmp_path: Path) -> None:
    path = tmp_path / DETECTOR
    path.write_text(path.read_text().replace('"max_completion": 96', '"max_completion": 96, "max_completion": 1'))
    with pytest.raises(ArtifactError, match="is not the card of a model folder"):
        read_card(tmp_path)


def test_a_field_that_is_missing_is_named(card: Card, tmp_path: Path) -> None:
    document = json.loads((tmp_path / DETECTOR).read_bytes())
    del document["threshold"]
    (tmp_path / DETECTOR).write_text(json.dumps(document))
    with pytest.raises(ArtifactError, match="no 'threshold'"):
        read_card(tmp_path)


@pytest.mark.parametrize("text", ["", "[]", "1", "null", "{}", '{"schema": []}', "[" * 100_000, "\\x00"])
def test_what_is_no_card_is_said_in_one_line(tmp_path: Path, text: str) -> None:
    (tmp_path / DETECTOR).write_text(text)
    with pytest.raises(ArtifactError, match=r"detector\.json") as caught:
        read_card(tmp_path)
    assert "\n" not in str(caught.value)
