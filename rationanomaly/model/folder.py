"""Model folders: what `base`, `sft` and `grpo` write and the detector reads.

    detector.json     stage, prompt settings, threshold and how it was chosen, which base
    base/             config and weights of the base, where it is small enough to be copied
    tokenizer/
    adapter/          the LoRA adapter; not in the output of `base`
    parser/           miner state and settings of `parse`, so that new lines are read as the training lines were
    precedents.jsonl  what experts have settled, but for the test side; not in the output of `base`
    few_shot.jsonl    labelled training templates, where the prompt shows some of them

Weights are safetensors; a folder with pickled weights or with code of its own is refused before anything is loaded.
"""

from __future__ import annotations

import json
import shutil
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from rationanomaly import artifacts
from rationanomaly.device import quantisation, ranks, sharding
from rationanomaly.errors import ArtifactError
from rationanomaly.model.safety import check_safe
from rationanomaly.params import ParseParams, PromptParams, TrainingParams
from rationanomaly.records import ADAPTER, BASE, DETECTOR, FEW_SHOT, MINER, PARSER, PRECEDENTS, TOKENIZER
from rationanomaly.text.prompt import PROMPT_VERSION

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel, PreTrainedTokenizerBase


SCHEMA_VERSION = 1
Stage = Literal["base", "sft", "grpo"]

_WEIGHTS = "*.safetensors"
#: Of `parse`, as params; lies in `records.PARSER`.
PARSER_SETTINGS = "settings.json"


@dataclass(frozen=True)
class BaseIdentity:
    """Which base an adapter belongs to.

    Attributes:
        name: hub id or path; empty for a base from scratch.
        revision: commit on the hub; None for a path or a base from scratch.
        sha256: of its files (`artifacts.sha256` of the folder).
        copied: its files lie in the model folder.
    """

    name: str
    revision: str | None
    sha256: str
    copied: bool


@dataclass(frozen=True)
class Threshold:
    """From which score on a template is abnormal, and how that was chosen."""

    value: float
    rule: str


@dataclass(frozen=True)
class Card:
    """The contents of ``detector.json``.

    Attributes:
        refit_of: digest of the evaluated model that this one is a `refit` of, on all labels; threshold and metrics are
            that one's. None for a model that can be evaluated itself.
        learnt_validation: whether the labels of the validation split were learnt from, so that it measures nothing.
    """

    stage: Stage
    base: BaseIdentity
    threshold: Threshold
    prompt: PromptParams
    prompt_version: str
    max_completion: int
    literal_quotes: bool
    refit_of: str | None = None
    learnt_validation: bool = False


def write_card(folder: Path, card: Card) -> None:
    document = asdict(card) | {"schema": SCHEMA_VERSION, "prompt": card.prompt.model_dump(mode="json")}
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
        values["threshold"] = Threshold(**values["threshold"])
        values["prompt"] = PromptParams.model_validate(values["prompt"])
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


def write_parser(parsed: Path, settings: ParseParams, folder: Path) -> None:
    """Put what `detect` needs to read new lines into a model folder: the miner of ``parsed`` and its settings."""
    artifacts.write_json(folder / PARSER / PARSER_SETTINGS, settings.model_dump(mode="json"))
    shutil.copyfile(parsed / MINER, folder / PARSER / MINER)


def copy_base(source: Path, folder: Path) -> None:
    """Copy what stages share of one model folder into another, as far as it has it: all but adapter and card."""
    for name in (BASE, TOKENIZER, PARSER):
        if (source / name).is_dir():
            shutil.copytree(source / name, folder / name, copy_function=shutil.copyfile)
    for name in (PRECEDENTS, FEW_SHOT):
        if (source / name).is_file():
            shutil.copyfile(source / name, folder / name)


def base_files(folder: Path, card: Card) -> Path:
    """The folder with the files of the base: copied, a local path, or the hub's cache.

    Raises:
        ArtifactError: they are not there, or are not the ones that the adapter was trained on.
    """
    if card.base.copied:
        files = folder / BASE
    else:
        from rationanomaly.model.hub import fetch

        files = fetch(card.base.name, card.base.revision)
    if not any(files.glob(_WEIGHTS)):
        raise ArtifactError("holds no weights (*.safetensors)", file=files, hint="Run `rationanomaly base` again")
    check_safe(files)
    if artifacts.sha256(files) != card.base.sha256:
        hint = "Name the model folder as it was written; adapter and base are a pair"
        raise ArtifactError("is another base than the one that the adapter was trained on", file=files, hint=hint)
    return files


def load_tokenizer(folder: Path) -> PreTrainedTokenizerBase:
    """The tokenizer of a model folder; it pads on the left, as generation and scoring need it."""
    from transformers import AutoTokenizer

    check_safe(folder / TOKENIZER)
    tokenizer: PreTrainedTokenizerBase = AutoTokenizer.from_pretrained(
        str(folder / TOKENIZER), trust_remote_code=False, local_files_only=True
    )
    tokenizer.padding_side = "left"
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def load_base(files: Path, training: TrainingParams | None = None) -> PreTrainedModel:
    """The base model in its stored precision, on the CPU; for a training as its GPU wants it.

    That is in 4 bits where the training says so, else in bf16 where 16-bit floats are stored: the trainers compute in
    bf16, which would convert each weight anew in each pass.
    """
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    options: dict[str, Any] = {"dtype": "auto", **quantisation.load_options(training)}
    if training is not None and torch.cuda.is_available():
        stored = AutoConfig.from_pretrained(str(files), trust_remote_code=False, local_files_only=True).dtype
        options["dtype"] = torch.bfloat16 if stored == torch.float16 else options["dtype"]
    model: PreTrainedModel = AutoModelForCausalLM.from_pretrained(
        str(files), trust_remote_code=False, use_safetensors=True, local_files_only=True, **options
    )
    return model


def read_context(files: Path) -> int:
    """Tokens that the base in ``files`` can see, from its config alone."""
    from transformers import AutoConfig

    config = AutoConfig.from_pretrained(str(files), trust_remote_code=False, local_files_only=True)
    return int(config.max_position_embeddings)


def load_adapted(
    folder: Path, card: Card, *, training: TrainingParams | None = None, files: Path | None = None
) -> PeftModel:
    """The base with the adapter of a model folder on it.

    Args:
        folder: output folder of sft or grpo.
        card: of the folder.
        training: the adapter shall change in a training of this kind; None: it stays as it is.
        files: of the base, where `base_files` has been asked for them: it hashes gigabytes.

    Raises:
        ArtifactError: no adapter, an unsafe one, or one that belongs to another base.
    """
    from peft import PeftModel

    adapter = folder / ADAPTER
    if not (adapter / "adapter_model.safetensors").is_file():
        check_safe(folder)
        raise ArtifactError("holds no adapter", file=folder, hint="Name the output folder of sft or grpo")
    check_safe(adapter)
    files = files or base_files(folder, card)
    _check_pair(adapter, card)
    return PeftModel.from_pretrained(load_base(files, training), str(adapter), is_trainable=training is not None)


def write_adapter(model: PeftModel, folder: Path, card: Card) -> None:
    """Write the adapter; it names its base by content, not by where that happened to lie.

    Every rank has to come, for each may hold a share of it; rank 0 writes.
    """
    with sharding.whole(model):
        if not ranks.is_first():
            return
        # Only ours: GRPO keeps a frozen copy of the SFT adapter beside it, which nobody needs afterwards.
        model.save_pretrained(
            str(folder / ADAPTER), safe_serialization=True, save_embedding_layers=False, selected_adapters=["default"]
        )
    path = folder / ADAPTER / "adapter_config.json"
    document = json.loads(path.read_bytes())
    document["base_model_name_or_path"] = f"sha256:{card.base.sha256}"
    # Sets have no order of their own; sorted, equal adapters give equal files.
    document = {key: sorted(value) if _strings(value) else value for key, value in document.items()}
    artifacts.write_json(path, document)
    (folder / ADAPTER / "README.md").unlink(missing_ok=True)


def _check_pair(adapter: Path, card: Card) -> None:
    path = adapter / "adapter_config.json"
    try:
        named = json.loads(path.read_bytes())["base_model_name_or_path"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ArtifactError("is not the config of an adapter", file=path, hint="Train the model anew") from error
    if named != f"sha256:{card.base.sha256}":
        hint = "Use the adapter with the base that it was trained on"
        raise ArtifactError("belongs to another base than the one in this folder", file=path, hint=hint)


def _strings(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
