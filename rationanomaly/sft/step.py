"""The step `sft`.

    rationanomaly sft --params params.yaml --input parse=outputs/laptop/parse --input correct=outputs/laptop/correct \\
        --input distill=outputs/laptop/distill --input base=outputs/laptop/base --output outputs/laptop/sft
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import polars as pl

from rationanomaly.baselines.labeller import fit_labeller
from rationanomaly.decisions.precedents import without_test_side
from rationanomaly.device import ranks, runtime
from rationanomaly.errors import ArtifactError
from rationanomaly.launch import start
from rationanomaly.model.budget import TokenBudget, announce
from rationanomaly.model.card import Card, write_card
from rationanomaly.model.folder import ModelFolder, copy_base, write_adapter, write_parser
from rationanomaly.model.views import score_views
from rationanomaly.params import Params, SftParams
from rationanomaly.records import (
    CORPUS,
    CORPUS_SCHEMA,
    CURVES,
    LABELLED,
    LABELLED_SCHEMA,
    PRECEDENTS,
    TEMPLATES,
    TEMPLATES_SCHEMA,
    TRIPLETS,
    Precedent,
    Triplet,
    read_rows,
    read_table,
    write_rows,
)
from rationanomaly.sft import trainer
from rationanomaly.sft.pool import Pool, build_pool
from rationanomaly.sft.rows import build_rows
from rationanomaly.sft.threshold import calibration, choose_thresholds
from rationanomaly.steps import Inputs, Metrics, Outputs
from rationanomaly.text.encoder import Encoder
from rationanomaly.text.prompt import show
from rationanomaly.training.batching import spread
from rationanomaly.training.best_adapter import best_evaluation
from rationanomaly.training.checkpoints import Curve
from rationanomaly.training.gold import Gold, learnt_sides, read_gold
from rationanomaly.training.loop import TrainingRun
from rationanomaly.training.memory import check as memory
from rationanomaly.training.validation import Validation

if TYPE_CHECKING:
    from datasets import Dataset
    from peft import PeftModel


def run(params: Params, inputs: Inputs, outputs: Outputs) -> Metrics:
    """Run `train` in this process or on several ranks, as the params section ``training`` says."""
    return start.start("sft", train, params, inputs, outputs)


def train(params: Params, inputs: Inputs, outputs: Outputs) -> Metrics:
    """Train a LoRA adapter on rationales and verdicts; write a model folder with its thresholds and curves.

    Raises:
        TrainingError: too little memory, one class only,
            no rationale that fits the context, a loss that is not a number.
        ArtifactError: the base is damaged or unsafe.
    """
    passes = spread(params.sft.batch, params.training, "sft.batch")
    runtime.prepare(params.run.seed, params.training.threads)
    plan = Plan.of(params, inputs)
    base, labelled = plan.base, plan.labelled
    announce(plan.budget, base.base_files)
    memory.check("sft", params, base.base_files, memory.sft_work(params, plan.dataset, passes))
    model = trainer.adapt(base.load_base(params.training), params.model, params.training)

    validation = plan.validation

    def scores(model: PeftModel) -> np.ndarray:
        """Of the validation split as a prompt shows it; of none where they would measure nothing."""
        return base.scorer(model, params.training).direct_scores(() if validation.learnt else validation.logs)

    with runtime.quiet():
        curve = trainer.train(
            model, base.tokenizer, plan.dataset, params.sft, passes, TrainingRun.of(params, outputs),
            lambda model: validation.metrics(scores(model)),
        )  # fmt: skip

    # As the detector scores a log, by all its views; during the training the log alone tells as much in less time.
    kept = () if validation.learnt else [log.original for log in validation.logs]
    scorer = base.scorer(model, params.training)
    scored = score_views(scorer, kept, params.prompt, clauses=params.detect.clauses)
    kept_scores = np.array([one.score for one in scored])
    threshold, direct_threshold = choose_thresholds(
        scorer, validation, kept_scores, plan.analysed, params.detect, params.sft
    )
    card = replace(
        base.card,
        stage="sft",
        threshold=threshold,
        direct_threshold=direct_threshold,
        learnt_validation=validation.learnt,
        adapter=_chosen(curve, params.sft, validation),
    )
    write_adapter(model, outputs.folder, card)
    _write_beside(card, params, inputs, labelled, outputs.folder)
    write_rows(outputs.folder / CURVES, curve)
    measured = validation.metrics(kept_scores, direct_threshold.value)
    return {
        "sft/rows": float(len(plan.dataset)),
        "sft/rows_too_long": float(plan.too_long),
        "sft/tokens": float(plan.budget.trained),
        "sft/triplets": float(plan.triplets),
        "sft/pool": float(plan.pool),
        "sft/loss": next(entry["loss"] for entry in reversed(curve) if "loss" in entry),
        "sft/threshold": threshold.value,
        "sft/direct_threshold": direct_threshold.value,
        **{f"sft/validation_{name}": value for name, value in measured.items()},
    }


@dataclass(frozen=True)
class Plan:
    """What the step is going to train on.

    Attributes:
        labelled: the templates of all sides of the split.
        sides: those that are learnt from.
        validation: the whole validation split.
        analysed: the templates of it that get an analysis, by which the reasoned verdict's threshold is chosen.
        completions: tokens of these analyses, at most.
        base: asked as the adapted model will be.
        dataset: every row in its order, encoded.
        too_long: rows that did not fit the context.
        triplets: accepted rationales of the training side.
        pool: texts in the pool.
    """

    labelled: pl.DataFrame
    sides: tuple[str, ...]
    validation: Validation
    analysed: Validation
    completions: int
    base: ModelFolder
    dataset: Dataset
    too_long: int
    triplets: int
    pool: int

    @classmethod
    def of(cls, params: Params, inputs: Inputs) -> Plan:
        """Label the pool, draw the rows and encode them; loads no weights of the base.

        Raises:
            TrainingError: one class only, or no rationale that fits the context.
            ArtifactError: the base is damaged or unsafe.
        """
        labelled = read_table(inputs["correct"] / LABELLED, LABELLED_SCHEMA)
        sides = learnt_sides(labelled, params.sft)
        gold = read_gold(labelled, params.prompt, sides)
        triplets = _training_triplets(inputs["distill"] / TRIPLETS, labelled)
        pool = _pool(params, inputs, labelled, gold, sides) if params.sft.pool.size else None
        rows = build_rows(gold, triplets, pool, params.prompt, params.sft, params.run.seed)
        base = _open_base(params, inputs["base"])
        dataset, too_long = trainer.encode(
            rows, base.tokenizer, params.prompt, base.context, base.few_shot, params.sft.label_weight
        )
        validation = Validation.of(labelled, params.prompt, learnt="validation" in sides)
        analysed = calibration(validation, params.sft.threshold_positives)
        completions = len(analysed.logs) * params.detect.at_most * params.model.max_completion
        size = len(pool.texts) if pool else 0
        return cls(labelled, sides, validation, analysed, completions, base, dataset, too_long, len(triplets), size)

    @property
    def budget(self) -> TokenBudget:
        """Each row is trained on once."""
        name = "sft, at most" if self.completions else "sft"
        return TokenBudget(name, trainer.tokens(self.dataset), self.completions)


def _open_base(params: Params, path: Path) -> ModelFolder:
    """The base, asked from the start as the adapted model will be."""
    base = ModelFolder.of_input(path)
    model = params.model
    card = replace(
        base.card,
        prompt=params.prompt,
        max_completion=model.max_completion,
        literal_quotes=model.literal_quotes,
        detect=params.detect,
    )
    return base.with_card(card)


def _chosen(curve: Curve, params: SftParams, validation: Validation) -> str:
    """Which adapter was kept, and by what rule."""
    best = best_evaluation(curve)
    if best is not None:
        return f"step {best['step']:.0f} of {params.steps}: best {params.best_by} on validation"
    if validation.learnt and params.best_by is not None:
        return f"step {params.steps}, the last: the validation templates were learnt from, sft.best_by has no effect"
    return f"step {params.steps}, the last"


def _write_beside(card: Card, params: Params, inputs: Inputs, labelled: pl.DataFrame, folder: Path) -> None:
    """What makes an adapter a model folder: base, parser, precedents and card."""
    if ranks.is_first():
        copy_base(inputs["base"], folder)
    write_parser(inputs["parse"], params.parse, folder)
    decided = read_rows(inputs["correct"] / PRECEDENTS, Precedent)
    write_rows(folder / PRECEDENTS, without_test_side(decided, labelled))
    write_card(folder, card)


def _training_triplets(path: Path, labelled: pl.DataFrame) -> list[Triplet]:
    """The accepted rationales of training templates, with the label that the experts gave."""
    labels = dict(labelled.filter(pl.col("split") == "train").select("template_id", "label").iter_rows())
    return [row for row in read_rows(path, Triplet) if labels.get(row.template_id) == row.label]


def _pool(params: Params, inputs: Inputs, labelled: pl.DataFrame, gold: Gold, sides: Sequence[str]) -> Pool:
    learnt = pl.col("split").is_in(sides)
    training, held_out = labelled.filter(learnt), labelled.filter(~learnt)["template"]
    examples = (
        read_table(inputs["parse"] / TEMPLATES, TEMPLATES_SCHEMA)
        .join(training.select("template_id"), on="template_id", how="semi", maintain_order="left")["examples"]
        .explode()
        .drop_nulls()
    )
    unlabelled = [show(text, params.prompt).text for text in examples]
    corpus = read_table(inputs["base"] / CORPUS, CORPUS_SCHEMA)
    unlabelled += corpus["text"].to_list()
    forbidden = frozenset(show(template, params.prompt).text for template in held_out)
    encoder = Encoder.chosen(params.model)
    if encoder:
        known = corpus.drop_nulls("vector")
        vectors = known["vector"].to_numpy()
        if not np.isfinite(vectors).all():
            problem, hint = "holds vectors that are not numbers", "Make the folder anew"
            raise ArtifactError(problem, file=inputs["base"] / CORPUS, hint=hint)
        encoder = encoder.knowing(known["text"], vectors)
    teacher = fit_labeller(gold.texts, gold.labels, gold.groups, encoder)
    return build_pool(gold.texts, gold.abnormal, unlabelled, teacher, forbidden, params.sft.pool, params.run.seed)
