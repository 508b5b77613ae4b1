"""The step `sft`.

    rationanomaly sft --params params.yaml --input parse=outputs/parse --input correct=outputs/correct \\
        --input distill=outputs/distill --input base=outputs/base --output outputs/sft
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from rationanomaly import runtime
from rationanomaly.baselines.blend import fit_blend
from rationanomaly.inference import Judge
from rationanomaly.model_folder import (
    base_files,
    copy_base,
    load_base,
    load_tokenizer,
    read_card,
    write_adapter,
    write_card,
    write_parser,
)
from rationanomaly.params import Params
from rationanomaly.prompt import show
from rationanomaly.records import (
    CORPUS,
    CURVES,
    LABELLED,
    LABELLED_SCHEMA,
    TEMPLATES,
    TEMPLATES_SCHEMA,
    TRIPLETS,
    Triplet,
    read_objects,
    read_rows,
    read_table,
    write_rows,
)
from rationanomaly.sft import trainer
from rationanomaly.sft.pool import Pool, build_pool
from rationanomaly.sft.rows import Gold, build_rows, read_gold
from rationanomaly.sft.threshold import choose_threshold
from rationanomaly.sft.validation import Validation
from rationanomaly.steps import Inputs, Metrics, Outputs


def run(params: Params, inputs: Inputs, outputs: Outputs) -> Metrics:
    """Train a LoRA adapter on rationales and verdicts; write a model folder with its threshold and curves.

    Raises:
        TrainingError: one class only, no rationale that fits the context, a loss that is not a number.
        ArtifactError: the base is damaged or unsafe.
    """
    runtime.prepare(params.run.seed, params.training.threads)
    labelled = read_table(inputs["correct"] / LABELLED, LABELLED_SCHEMA)
    gold = read_gold(labelled, params.prompt)
    triplets = _training_triplets(inputs["distill"] / TRIPLETS, labelled)
    pool = _pool(params, inputs, labelled, gold) if params.sft.pool.size else None
    rows = build_rows(gold, triplets, pool, params.prompt, params.sft, params.run.seed)

    card = read_card(inputs["base"])
    tokenizer = load_tokenizer(inputs["base"])
    model = trainer.adapt(load_base(base_files(inputs["base"], card)), params.model)
    dataset, too_long = trainer.encode(rows, tokenizer, params.prompt, model.config.max_position_embeddings)

    validation = Validation.of(labelled, params.prompt)

    def scores(model: object) -> np.ndarray:
        return Judge(
            model, tokenizer, params.prompt, params.model.max_completion, params.model.literal_quotes
        ).probabilities(validation.logs)

    with runtime.quiet():
        curve = trainer.train(
            model, tokenizer, dataset, params.sft, outputs.state, params.run.seed,
            lambda model: validation.figures(scores(model)),
        )  # fmt: skip

    threshold = choose_threshold(scores(model), validation.abnormal, params.sft.threshold_positives)
    card = replace(
        card,
        stage="sft",
        threshold=threshold,
        prompt=params.prompt,
        max_completion=params.model.max_completion,
        literal_quotes=params.model.literal_quotes,
    )
    copy_base(inputs["base"], outputs.folder)
    write_parser(inputs["parse"], params.parse, outputs.folder)
    write_adapter(model, outputs.folder, card)
    write_card(outputs.folder, card)
    write_rows(outputs.folder / CURVES, curve)
    return {
        "sft/rows": float(len(rows)),
        "sft/rows_too_long": float(too_long),
        "sft/triplets": float(len(triplets)),
        "sft/pool": float(len(pool.texts)) if pool else 0.0,
        "sft/loss": next(entry["loss"] for entry in reversed(curve) if "loss" in entry),
        "sft/threshold": threshold.value,
        **{
            f"sft/validation_{name}": value
            for name, value in validation.figures(scores(model), threshold.value).items()
        },
    }


def _training_triplets(path: Path, labelled: pl.DataFrame) -> list[Triplet]:
    """The accepted rationales of training templates, with the label that the experts gave."""
    labels = dict(labelled.filter(pl.col("split") == "train").select("template_id", "label").iter_rows())
    return [row for row in read_rows(path, Triplet) if labels.get(row.template_id) == row.label]


def _pool(params: Params, inputs: Inputs, labelled: pl.DataFrame, gold: Gold) -> Pool:
    training = labelled.filter(pl.col("split") == "train")
    held_out = labelled.filter(pl.col("split") != "train")["template"]
    examples = (
        read_table(inputs["parse"] / TEMPLATES, TEMPLATES_SCHEMA)
        .join(training.select("template_id"), on="template_id", how="semi", maintain_order="left")["examples"]
        .explode()
        .drop_nulls()
    )
    unlabelled = [show(text, params.prompt).text for text in examples]
    unlabelled += [row["text"] for _, row in read_objects(inputs["base"] / CORPUS)]
    forbidden = frozenset(show(template, params.prompt).text for template in held_out)
    teacher = fit_blend(gold.texts, gold.labels)
    return build_pool(gold.texts, gold.abnormal, unlabelled, teacher, forbidden, params.sft.pool, params.run.seed)
