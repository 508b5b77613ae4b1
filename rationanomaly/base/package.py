"""The base out of a package, with the log adapter in it where there is one."""

from __future__ import annotations

from pathlib import Path

from rationanomaly import artifacts
from rationanomaly.device import runtime
from rationanomaly.model import package
from rationanomaly.model.card import BaseIdentity
from rationanomaly.model.log_adapter import card as log_adapter
from rationanomaly.model.log_adapter.merging import merge
from rationanomaly.params import ModelParams
from rationanomaly.records import BASE, TOKENIZER
from rationanomaly.steps import Metrics


def write_packaged(
    params: ModelParams,
    folder: Path,
    packaged: package.PackagedModel = package.SMOLLM2,
    adapter: Path = log_adapter.FOLDER,
) -> tuple[Metrics, BaseIdentity]:
    """Write weights and tokenizer: bfloat16 where the machine multiplies it fast, else 32-bit floats.

    The same machine writes the same bytes; a file in 4 bits loses nothing by 16, but what the log adapter adds is
    rounded.

    Args:
        params: whether the log adapter is merged.
        folder: of the model.
        packaged: what to read.
        adapter: where the log adapter lies, if there is one.

    Raises:
        InfrastructureError, ArtifactError: see `package.find`, `package.read` and `merging.merge`.
    """
    import torch

    loaded = package.read(package.find(packaged), packaged)
    model, digest = loaded.model, None
    if params.log_adapter and log_adapter.is_there(adapter):
        model, digest = merge(model, adapter, packaged.sha256)
    parameters = sum(weight.numel() for weight in model.parameters())
    bfloat16 = runtime.multiplies_bfloat16()
    model.to(torch.bfloat16 if bfloat16 else torch.float32).save_pretrained(str(folder / BASE))
    loaded.tokenizer.save_pretrained(str(folder / TOKENIZER))
    metrics = {
        "base/parameters": float(parameters),
        "base/vocabulary": float(len(loaded.tokenizer)),
        "base/log_adapter": float(digest is not None),
        "base/bfloat16": float(bfloat16),
    }
    sha256 = artifacts.sha256(folder / BASE)
    return metrics, BaseIdentity(packaged.requirement, None, sha256, copied=True, log_adapter=digest)
