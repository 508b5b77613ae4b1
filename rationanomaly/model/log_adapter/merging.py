"""Adding a log adapter to the weights of its base."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rationanomaly.device import runtime
from rationanomaly.errors import ArtifactError
from rationanomaly.model.log_adapter.card import HINT, WEIGHTS, read_card

if TYPE_CHECKING:
    from transformers import PreTrainedModel


def merge(model: PreTrainedModel, folder: Path, base_sha256: str) -> tuple[PreTrainedModel, str]:
    """Add the adapter in ``folder`` to a model, which is changed by it; the same sum whenever it is made.

    Args:
        model: of 32-bit floats: products are added before they are rounded.
        folder: the adapter's files with their card.
        base_sha256: of the file that the model was read from.

    Returns:
        The model without any adapter, and the SHA-256 that the adapter is known by.

    Raises:
        ArtifactError: as `card.read_card`, or the adapter fits a model of another shape.
    """
    from peft import PeftModel, get_peft_model_state_dict
    from safetensors import safe_open

    card = read_card(folder, base_sha256)
    with safe_open(str(folder / WEIGHTS), framework="pt") as file:
        stored = set(file.keys())
    try:
        with runtime.quiet():
            adapted = PeftModel.from_pretrained(model, str(folder))
    except (RuntimeError, ValueError, TypeError) as error:
        raise ArtifactError("fits a model of another shape", file=folder / WEIGHTS, hint=HINT) from error
    # peft leaves what it does not find as it was made: without effect, and without a word.
    if set(get_peft_model_state_dict(adapted, save_embedding_layers=False)) != stored:
        raise ArtifactError("fits a model of another shape", file=folder / WEIGHTS, hint=HINT)
    with runtime.quiet():
        merged: PreTrainedModel = adapted.merge_and_unload()
    return merged.eval(), card.weights_sha256
