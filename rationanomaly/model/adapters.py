"""A LoRA adapter from checked files, put on its base."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rationanomaly.errors import ArtifactError
from rationanomaly.model import config_keys, loading
from rationanomaly.model.reading import check_numbers
from rationanomaly.model.weights import read_header
from rationanomaly.params import TrainingParams
from rationanomaly.regular_files import read_object

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel

WEIGHTS = "adapter_model.safetensors"
#: Others in its folder are not read.
FILES = frozenset((WEIGHTS, config_keys.ADAPTER_CONFIG))
_HINT = "Train the model anew"


def check(place: Path, base_sha256: str) -> None:
    """Check an adapter's config and header before a library reads them.

    Args:
        place: its folder.
        base_sha256: of its base.

    Raises:
        ArtifactError: it belongs to another base, or as `config_keys.check_adapter` and `weights.read_header`.
    """
    rank = config_keys.check_adapter(place)
    path = place / config_keys.ADAPTER_CONFIG
    named = read_object(path, "is not the config of an adapter", _HINT).get("base_model_name_or_path")
    if named != f"sha256:{base_sha256}":
        hint = "Use the adapter with the base that it was trained on"
        raise ArtifactError("belongs to another base than the one in this folder", file=path, hint=hint)
    header = read_header(place / WEIGHTS)
    if any(".lora_A." in name and tensor.shape[:1] != (rank,) for name, tensor in header.items()):
        raise ArtifactError(f"holds weights of another rank than {rank}", file=place / WEIGHTS, hint=_HINT)


def put_on(base: PreTrainedModel, place: Path, training: TrainingParams | None) -> PeftModel:
    """Put an adapter on its base.

    Args:
        base: fresh.
        place: files that `check` took.
        training: that is going to change it.

    Raises:
        ArtifactError: weights of modules that the base has not, or not all of those that the adapter's config names.
    """
    from peft import PeftModel, get_peft_model_state_dict

    options = loading.adapter_options(base, training)
    adapted: PeftModel = PeftModel.from_pretrained(base, str(place), is_trainable=training is not None, **options)
    # peft leaves what it does not find as it was made: without effect, and without a word.
    if set(get_peft_model_state_dict(adapted, save_embedding_layers=False)) != set(read_header(place / WEIGHTS)):
        raise ArtifactError("fits a model of another shape", file=place / WEIGHTS, hint=_HINT)
    check_numbers(adapted, place / WEIGHTS)
    return adapted
