"""The step `base`.

rationanomaly base --params params.yaml --input correct=outputs/laptop/correct --output outputs/laptop/base
"""

from __future__ import annotations

from pathlib import Path

import polars as pl

from rationanomaly import artifacts
from rationanomaly.base import corpus, llama
from rationanomaly.base.package import write_packaged
from rationanomaly.base.tokenizer import train_tokenizer
from rationanomaly.device import runtime
from rationanomaly.errors import ArtifactError
from rationanomaly.model import chat_template, hub
from rationanomaly.model.card import BaseIdentity, Card, Threshold, write_card
from rationanomaly.model.constrained_form import Grammar
from rationanomaly.model.few_shot import write_few_shot
from rationanomaly.model.loading import load_tokenizer
from rationanomaly.model.reading import load_tokenizer_as_saved
from rationanomaly.model.safety import check_safe
from rationanomaly.model.scoring import label_tokens
from rationanomaly.params import Params
from rationanomaly.records import (
    BASE,
    CORPUS,
    CORPUS_SCHEMA,
    CURVES,
    LABELLED,
    LABELLED_SCHEMA,
    TOKENIZER,
    read_table,
    write_rows,
    write_table,
)
from rationanomaly.regular_files import copy_file, listed
from rationanomaly.rulebook.sentences import general_sentences
from rationanomaly.steps import Inputs, Metrics, Outputs
from rationanomaly.text.encoder import Encoder, Vectors
from rationanomaly.text.prompt import PROMPT_VERSION

_MEGABYTE = 2**20


def run(params: Params, inputs: Inputs, outputs: Outputs) -> Metrics:
    """Write a model folder without an adapter, and the corpus that `sft` draws unlabelled text from.

    Raises:
        TrainingError: no training templates, or a loss that is not a number.
        ArtifactError: a chat template that leaves the log out.
        ArtifactError, ParamsError, InfrastructureError: see `hub.fetch` and `package.write_packaged`.
    """
    runtime.prepare(params.run.seed, params.training.threads)
    labelled = read_table(inputs["correct"] / LABELLED, LABELLED_SCHEMA)
    harvested = corpus.harvested(params.base.harvest, labelled, params.prompt)
    vectors = None
    match params.model.source:
        case "package":
            metrics, identity = write_packaged(params.model, outputs.folder)
            write_rows(outputs.folder / CURVES, [])
        case "hub":
            metrics, identity = _from_hub(params, outputs.folder)
        case "bootstrap":
            metrics, identity, vectors = _from_scratch(params, labelled, harvested, outputs.folder)
    # `sft` asks the encoder of the same texts, and need not wait for it again.
    known = pl.lit(None) if vectors is None else pl.Series(vectors)
    table = pl.DataFrame({"text": harvested}, schema_overrides={"text": pl.String}).with_columns(vector=known)
    write_table(outputs.folder / CORPUS, table, CORPUS_SCHEMA)
    write_few_shot(labelled, params.prompt, outputs.folder)
    check_safe(outputs.folder)
    tokenizer = load_tokenizer(outputs.folder / TOKENIZER)
    label_tokens(tokenizer)
    Grammar.of(tokenizer, params.model.max_completion, params.model.literal_quotes)
    threshold = Threshold(0.5, "zero-shot: not chosen")
    card = Card(
        "base",
        identity,
        threshold,
        threshold,
        params.prompt,
        PROMPT_VERSION,
        params.model.max_completion,
        params.model.literal_quotes,
        params.detect,
    )
    write_card(outputs.folder, card)
    return metrics


def _from_scratch(
    params: Params, labelled: pl.DataFrame, harvested: list[str], folder: Path
) -> tuple[Metrics, BaseIdentity, Vectors | None]:
    """Pretrain; also the encoder's vectors of the harvested logs, shape (len(harvested), any)."""
    trained_on = corpus.training_logs(labelled, params.prompt)
    tokenizer = train_tokenizer([*trained_on, *harvested, *general_sentences()], params.base.vocabulary)
    logs = [*trained_on, *harvested]
    texts = corpus.pretraining_texts(logs, params.prompt)
    encoder = Encoder.chosen(params.model)
    vectors = encoder.vectors(logs, "reading the corpus") if encoder and params.base.encoder_loss_weight else None
    pretrained = llama.pretrain(tokenizer, texts, params.base, params.run.seed, encoder, vectors)
    pretrained.model.save_pretrained(str(folder / BASE))
    tokenizer.save_pretrained(str(folder / TOKENIZER))
    write_rows(folder / CURVES, ({"step": step, "loss": loss} for step, loss in enumerate(pretrained.losses, start=1)))
    metrics = {
        "base/parameters": float(sum(p.numel() for p in pretrained.model.parameters())),
        "base/vocabulary": float(len(tokenizer)),
        "base/pretraining_texts": float(len(texts)),
        "base/harvested": float(len(harvested)),
        "base/loss": pretrained.losses[-1],
    }
    identity = BaseIdentity("", None, artifacts.sha256(folder / BASE), copied=True)
    return metrics, identity, None if vectors is None else vectors[len(trained_on) :]


def _is_of_model(name: str) -> bool:
    return name.endswith(".safetensors") or (name.endswith(".json") and not name.startswith("tokenizer"))


def _from_hub(params: Params, folder: Path) -> tuple[Metrics, BaseIdentity]:
    files = hub.fetch(params.model.name, params.model.revision)
    tokenizer = load_tokenizer_as_saved(files)
    if problem := chat_template.problem_of(tokenizer):
        hint = "Correct it, or take it out of the folder: a base without one gets the plain prompt"
        raise ArtifactError(problem, file=files, hint=hint)
    tokenizer.save_pretrained(str(folder / TOKENIZER))
    found = listed(files)
    size = sum(path.stat().st_size for path in found.values())
    copied = size <= params.model.copy_megabytes * _MEGABYTE
    if copied:
        for name, path in found.items():
            if "/" not in name and _is_of_model(name):
                copy_file(path, folder / BASE / name)
    digest = artifacts.sha256(folder / BASE if copied else files)
    write_rows(folder / CURVES, [])
    identity = BaseIdentity(params.model.name, params.model.revision, digest, copied)
    return {"base/megabytes": size / _MEGABYTE}, identity
