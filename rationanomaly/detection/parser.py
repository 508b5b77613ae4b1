"""The parser that a model folder carries: new lines are read as the training lines were."""

from __future__ import annotations

from pathlib import Path

from rationanomaly.errors import ArtifactError
from rationanomaly.model.folder import PARSER_SETTINGS, ModelFolder
from rationanomaly.params import ParseParams
from rationanomaly.parse.mining import Miner
from rationanomaly.records import MINER, PARSER

#: Relative to the model folder.
PARSER_FILES = (f"{PARSER}/{PARSER_SETTINGS}", f"{PARSER}/{MINER}")


def read_parser(folder: ModelFolder) -> tuple[Miner, ParseParams]:
    """The miner and settings that `write_parser` left.

    Raises:
        ArtifactError: there are none, or they are damaged.
    """
    with folder.part(*PARSER_FILES) as place:
        return read_parser_of(place)


def read_parser_of(folder: Path) -> tuple[Miner, ParseParams]:
    """The same of a copy of its files (`boundary.some`).

    Raises:
        ArtifactError: as `read_parser`.
    """
    place = folder / PARSER
    try:
        settings = ParseParams.model_validate_json((place / PARSER_SETTINGS).read_bytes())
    except (OSError, ValueError) as error:
        hint = "Name the output folder of sft or grpo, made with this version"
        raise ArtifactError("holds no parser, so it can't read log lines", file=folder, hint=hint) from error
    return Miner.load(place / MINER), settings
