"""Model folders: what `base`, `sft` and `grpo` write and the detector reads.

    detector.json     stage, prompt settings, thresholds and how they were chosen, which base
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
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rationanomaly import artifacts
from rationanomaly.decisions.precedents import Precedents, read_precedents
from rationanomaly.device import ranks, sharding
from rationanomaly.errors import ArtifactError, TrainingError
from rationanomaly.model import adapters, boundary, loading, merging
from rationanomaly.model.boundary import Check
from rationanomaly.model.card import Card, read_card
from rationanomaly.model.few_shot import FewShotExamples, read_few_shot
from rationanomaly.model.private_copy import PrivateCopy, changed
from rationanomaly.model.safety import check_safe
from rationanomaly.model.scoring import Scorer
from rationanomaly.params import ParseParams, TrainingParams
from rationanomaly.records import ADAPTER, BASE, DETECTOR, FEW_SHOT, MINER, PARSER, PRECEDENTS, TOKENIZER
from rationanomaly.regular_files import copy_file, listed

if TYPE_CHECKING:
    from peft import PeftModel
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

_WEIGHTS = "*.safetensors"
#: Of `parse`, as params; lies in `records.PARSER`.
PARSER_SETTINGS = "settings.json"


class ModelFolder:
    """A model folder that was verified once; each part is read when it is first asked for, and then kept.

    folder = ModelFolder.open(Path("outputs/laptop/grpo"))
    scorer = folder.scorer(folder.load())

    Attributes:
        path: where it lies.
        card: the contents of ``detector.json``.
        manifest: what was verified; its digest is the folder's identity. What is loaded is held against it.
    """

    def __init__(self, path: Path, card: Card, manifest: artifacts.Manifest) -> None:
        self.path, self.card, self.manifest = path, card, manifest

    @classmethod
    def open(cls, path: Path) -> ModelFolder:
        """Verify a folder; nothing is loaded from one that does not hold what its manifest says.

        Args:
            path: output folder of base, sft or grpo.

        Raises:
            ArtifactError: no manifest or a wrong one, a card of another stage or version, pickled weights, code.
        """
        return cls._stated(path, artifacts.read(path))

    @classmethod
    def of_input(cls, path: Path) -> ModelFolder:
        """The input of a step, which whoever runs the step has verified.

        Its gigabytes are not hashed again for that, but as they are loaded.

        Raises:
            ArtifactError: as `open`, but for files that nobody loads.
        """
        return cls._stated(path, artifacts.read(path, only=()))

    @classmethod
    def _stated(cls, path: Path, manifest: artifacts.Manifest) -> ModelFolder:
        with boundary.some(path, manifest.files, DETECTOR) as place:
            card = read_card(place)
        if manifest.step != card.stage:
            problem = f"was written by `{manifest.step}` but its card says {card.stage}"
            raise ArtifactError(problem, file=path, hint="Train it anew")
        check_safe(path)
        return cls(path, card, manifest)

    def with_card(self, card: Card) -> ModelFolder:
        """The same folder asked by another card: `sft` asks the base as its own model will be asked."""
        return ModelFolder(self.path, card, self.manifest)

    @property
    def digest(self) -> str:
        """Equal digests, equal folders."""
        return self.manifest.digest

    @cached_property
    def tokenizer(self) -> PreTrainedTokenizerBase:
        """It pads on the left, as generation and scoring need it."""
        return loading.load_tokenizer(self.path / TOKENIZER, self._check_of(TOKENIZER))

    def _check_of(self, part: str) -> Check:
        """Compares the files of a part of the folder, as they are loaded, with the manifest that was verified."""
        expected = self.manifest.files_of(part)
        return lambda copy: copy.check(expected)

    def _check_base(self, copy: PrivateCopy) -> None:
        if copy.digest != self.card.base.sha256:
            raise changed(copy.origin)

    @cached_property
    def base_files(self) -> Path:
        """The folder with the files of the base: copied, a local path, or the hub's cache.

        They are gigabytes: of a copy the manifest knows the hash, others are hashed when they are first asked for.

        Raises:
            ArtifactError: they are not there, or are not the ones that the adapter was trained on.
        """
        base = self.card.base
        if base.copied:
            files, digest = self.path / BASE, self.manifest.digest_of(BASE)
        else:
            from rationanomaly.model.hub import fetch

            files = fetch(base.name, base.revision)
            check_safe(files)
            digest = artifacts.sha256(files)
        if not any(files.glob(_WEIGHTS)):
            raise ArtifactError("holds no weights (*.safetensors)", file=files, hint="Run `rationanomaly base` again")
        if digest != base.sha256:
            hint = "Name the model folder as it was written; adapter and base are a pair"
            raise ArtifactError("is another base than the one that the adapter was trained on", file=files, hint=hint)
        return files

    @cached_property
    def context(self) -> int:
        """Tokens that the base can see."""
        return loading.read_context(self.base_files)

    @cached_property
    def few_shot(self) -> FewShotExamples:
        """The labelled templates that a prompt shows; none where the card's prompt shows none."""
        with self.part(FEW_SHOT) as place:
            return read_few_shot(place, self.card.prompt)

    @cached_property
    def precedents(self) -> Precedents:
        """What experts had settled when the model was trained; none in the output of `base`."""
        with self.part(PRECEDENTS) as place:
            return read_precedents(place)

    @contextmanager
    def part(self, *names: str) -> Iterator[Path]:
        """A private copy of some of the files, as far as they are there: those that the manifest means.

        Args:
            names: paths relative to the folder.

        Raises:
            ArtifactError: they have changed since they were verified; or the block can't read them.
        """
        with boundary.some(self.path, self.manifest.files, *names) as place:
            yield place

    def load_base(self, training: TrainingParams | None = None) -> PreTrainedModel:
        """A fresh base model; see `loading.load_base`."""
        return loading.load_base(self.base_files, training, self._check_base)

    def load_adapted(self, training: TrainingParams | None = None) -> PeftModel:
        """A fresh base model with the adapter on it.

        Args:
            training: the adapter shall change in a training of this kind; None: it stays as it is.

        Raises:
            ArtifactError: no adapter, or one that belongs to another base.
        """
        adapter = self.path / ADAPTER
        if not (adapter / adapters.WEIGHTS).is_file():
            raise ArtifactError("holds no adapter", file=self.path, hint="Name the output folder of sft or grpo")
        with boundary.inside(adapter, "adapter", adapters.FILES.__contains__, self._check_of(ADAPTER)) as place:
            adapters.check(place, self.card.base.sha256)
            return adapters.put_on(self.load_base(training), place, training)

    def load(self, merged: bool = False) -> PreTrainedModel | PeftModel:
        """The model that gives verdicts: the adapted one, or for the output of `base` the base itself.

        Args:
            merged: the adapter shall stay merged where that pays (see `merging`), for many questions and no training;
                without, the scorer merges it for each of its answers, with the same results.
        """
        model = self.load_base() if self.card.stage == "base" else self.load_adapted()
        if merged:
            merging.merge(model)
        return model

    def scorer(self, model: PreTrainedModel | PeftModel, training: TrainingParams | None = None) -> Scorer:
        """Asks a model that was loaded from this folder, or is being trained from it, as the card says.

        Args:
            model: loaded from this folder.
            training: of a run whose ranks ask together, and share what is to be done.

        Raises:
            ArtifactError: a token that the base does not know; or, without a training, a tokenizer or a context that
                verdicts can't be asked with.
        """
        card = self.card
        self._check_tokens(model)
        try:
            made = Scorer(model, self.tokenizer, card.prompt, card.max_completion, card.literal_quotes, self.few_shot)
        except TrainingError as error:
            if training is not None:
                raise
            raise ArtifactError(error.problem, file=self.path / TOKENIZER, hint=error.hint) from error
        if training is not None:
            made.is_shared, made.scoring_bytes = True, int(training.scoring_gigabytes * 2**30)
        return made

    def _check_tokens(self, model: PreTrainedModel | PeftModel) -> None:
        largest = max(self.tokenizer.get_vocab().values(), default=0)
        if largest >= model.config.vocab_size:
            problem = f"has the token {largest}, and the base knows {model.config.vocab_size}"
            raise ArtifactError(problem, file=self.path / TOKENIZER, hint="Use the tokenizer of the base")


def write_parser(parsed: Path, settings: ParseParams, folder: Path) -> None:
    """Put what `detect` needs to read new lines into a model folder: the miner of ``parsed`` and its settings."""
    artifacts.write_json(folder / PARSER / PARSER_SETTINGS, settings.model_dump(mode="json"))
    copy_file(parsed / MINER, folder / PARSER / MINER)


def copy_base(source: Path, folder: Path) -> None:
    """Copy what stages share of one model folder into another, as far as it has it: all but adapter and card.

    Raises:
        ArtifactError: a link, a device or a pipe is among it.
    """
    shared = {BASE, TOKENIZER, PARSER, PRECEDENTS, FEW_SHOT}
    for name, path in listed(source).items():
        if name.partition("/")[0] in shared:
            copy_file(path, folder / name)


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


def _strings(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
