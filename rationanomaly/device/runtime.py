"""Prepares torch and its friends: threads, seeds, silence. Called once at the start of a step that needs them."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

#: Read by OpenMP when torch is loaded: threads that spin while they wait slow a busy machine down 6 to 9 times.
_OPENMP = {"OMP_WAIT_POLICY": "PASSIVE", "GOMP_SPINCOUNT": "0"}
#: Read when datasets is loaded, which takes a second and comes with trainings alone.
_SILENT_DATASETS = {"DATASETS_VERBOSITY": "error", "HF_DATASETS_DISABLE_PROGRESS_BARS": "1"}
#: As `torch.cpu.get_capabilities` calls the units of a processor.
_BFLOAT16 = ("avx512_bf16", "amx_bf16")
_CHATTY = ("transformers", "trl", "datasets", "peft", "accelerate", "torch", "huggingface_hub", "tokenizers")


def prepare(seed: int, threads: int) -> None:
    """Set the number of threads, seed every generator and silence the libraries.

    The same seed and number of threads give the same losses, if this is called before a model AND an adapter are
    made.
    """
    for name, value in {**_OPENMP, **_SILENT_DATASETS, "TOKENIZERS_PARALLELISM": "false"}.items():
        os.environ.setdefault(name, value)
    import torch

    if not torch.cuda.is_available():
        os.environ.setdefault("DS_ACCELERATOR", "cpu")  # Else DeepSpeed warns that it has found this out by itself.
    import transformers

    torch.set_num_threads(threads)
    silence_libraries()
    transformers.set_seed(seed)


def device() -> str:
    """``cuda`` where there is a GPU, else ``cpu``."""
    import torch

    return "cuda" if torch.cuda.is_available() else "cpu"


def multiplies_bfloat16() -> bool:
    """Whether this machine has units for products of bfloat16 matrices: AVX512-BF16 or AMX, or a GPU that has them.

    Where it has, these are several times as fast as those of 32-bit floats; elsewhere they are slower.
    """
    import torch

    if torch.cuda.is_available():
        return bool(torch.cuda.is_bf16_supported())
    return any(torch.cpu.get_capabilities().get(name, False) for name in _BFLOAT16)


@contextmanager
def quiet() -> Iterator[None]:
    """Keep the warnings of the libraries inside the block from the user."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


def silence_libraries() -> None:
    """Keep reports and bars of the training libraries from the console, which is the command line's alone."""
    import transformers

    transformers.utils.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    for name in _CHATTY:
        logging.getLogger(name).setLevel(logging.ERROR)
