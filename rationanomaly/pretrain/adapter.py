"""Make the log adapter: corpus, rows, training, evaluation, and the folder that `model/log_adapter` takes."""

from __future__ import annotations

import csv
import hashlib
import importlib.metadata
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rationanomaly import artifacts, regular_files
from rationanomaly.device import runtime
from rationanomaly.errors import ArtifactError, InputError, ParamsError, TrainingError
from rationanomaly.model import hub, package
from rationanomaly.model.loading import load_base, load_tokenizer
from rationanomaly.model.log_adapter import card
from rationanomaly.params import PromptParams
from rationanomaly.pretrain import corpus, evaluation, rows, training
from rationanomaly.pretrain.corpus import Corpus, Sizes
from rationanomaly.pretrain.rows import Encoder, Row
from rationanomaly.text.harvest import PACKAGES
from rationanomaly.text.prompt import Mode
from rationanomaly.training import checkpoints

if TYPE_CHECKING:
    from transformers import PreTrainedModel, PreTrainedTokenizerBase

NAME = "pretrain"
RECIPE, WRITTEN = "recipe.json", "written.jsonl"
_MORE = "Give more --tokens"


@dataclass(frozen=True)
class Recipe:
    """What is asked for.

    Attributes:
        seed: of everything random.
        threads: of torch.
        tokens: of all rows together at most.
        reasoned: share of the rows that ask for an analysis.
        held_out_rows: of either mode, for the evaluations.
        written: held-out messages that the finished adapter writes rationales for; 0: none.
        start: hash of the weights of the adapter that is trained further; None: a fresh one.
        sizes: of the corpus.
        settings: of the training.
    """

    seed: int = 0
    threads: int = 1
    tokens: int = 6_000_000
    reasoned: float = 0.65
    held_out_rows: int = 300
    written: int = 200
    start: str | None = None
    sizes: Sizes = field(default_factory=Sizes)
    settings: training.Settings = field(default_factory=training.Settings)

    @classmethod
    def of(cls, seed: int, threads: int, tokens: int, batch: int, label_weight: float, precision: str) -> Recipe:
        """A recipe with some of its values.

        Raises:
            ParamsError: no such precision.
        """
        if precision not in training.PRECISIONS:
            raise ParamsError(f"`--precision {precision}` is not {' or '.join(training.PRECISIONS)}")
        settings = training.Settings(batch=batch, label_weight=label_weight, precision=training.PRECISIONS[precision])
        return cls(seed=seed, threads=threads, tokens=tokens, settings=settings)


@dataclass(frozen=True)
class Base:
    """The model that the adapter is for; ``name`` and ``sha256`` say which."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    name: str
    sha256: str


def make(
    recipe: Recipe,
    prompt: PromptParams,
    output: Path,
    state: Path,
    base: Path | None = None,
    held_out: Path | None = None,
    start: Path | None = None,
) -> dict[str, float]:
    """Write a folder with the adapter, its card, its recipe, and what it wrote of messages that it has not seen.

    Args:
        recipe: what is asked for.
        prompt: how a log is shown; one that rows were made with is needed to use the adapter.
        output: the folder to write; it appears whole or not at all.
        state: folder of the checkpoints.
        base: a folder with a model and its tokenizer; None takes the packaged one.
        held_out: CSV file with a column ``template``, whose near-duplicates are left out of the corpus.
        start: folder of a log adapter of this base, with its card, that is trained further; None: a fresh one.

    Returns:
        What the last evaluation found.

    Raises:
        ParamsError: all of the corpus, or a negative number of rows, would be held out.
        InputError: ``held_out`` has no such column.
        InfrastructureError, ArtifactError: there is no base, or not the right one; ``start`` is no adapter of it.
        TrainingError: the loss is not a number, or a token budget is too small for one row.
        Interrupted: a signal came; a checkpoint was made.
    """
    # What can be wrong with the arguments is found before messages are harvested, which takes minutes.
    _check_held_out(recipe)
    protected = read_templates(held_out)
    runtime.prepare(recipe.seed, recipe.threads)
    opened = open_base(base)
    earlier = None if start is None else card.read_card(start, opened.sha256)
    recipe = replace(recipe, start=None if earlier is None else earlier.weights_sha256)
    encoder = Encoder(opened.tokenizer, prompt, recipe.seed)
    if recipe.tokens < (shortest := encoder.shortest()):
        raise TrainingError(f"{recipe.tokens} tokens hold no row: the shortest takes {shortest}", hint=_MORE)
    runtime.prepare(recipe.seed, recipe.threads)
    adapted = training.with_adapter(opened.model, recipe.settings, start and start / card.WEIGHTS)
    messages = corpus.build(prompt, recipe.seed, recipe.sizes, protected)
    taught = list(rows.lessons(messages.train, encoder, recipe.reasoned, recipe.tokens, recipe.seed))
    batches = rows.batches(taught, recipe.settings.batch, recipe.seed)
    if not batches:
        raise TrainingError("there is not one row to learn from", hint=_MORE)
    asked = [
        encoder.row(m, mode) for mode in (Mode.DIRECT, Mode.REASON) for m in messages.held_out[: recipe.held_out_rows]
    ]
    document = describe(recipe, prompt, messages, taught, opened)
    trainer = training.Trainer(
        adapted, batches, opened.tokenizer.pad_token_id, recipe.settings, evaluation.choose(encoder, asked),
        state / checkpoints.FOLDER, _key(document),
    )  # fmt: skip
    curve = trainer.train()
    reasoned = [row for row in asked if row.mode is Mode.REASON][: recipe.written]
    shares, texts = evaluation.written(adapted, opened.tokenizer, reasoned, prompt) if reasoned else ({}, [])
    found = {**(curve[-1] if curve else {}), **shares}
    with artifacts.writing(output, NAME) as folder:
        written = {**document, "held_out": shares}
        tokens = trainer.tokens
        if earlier is not None:
            written["earlier"] = earlier.recipe
            tokens += earlier.tokens
        card.write(
            adapted, folder, base=opened.name, base_sha256=opened.sha256, recipe=written, seed=recipe.seed,
            tokens=tokens,
        )  # fmt: skip
        artifacts.write_json(folder / RECIPE, {**written, "curve": curve, "dropped": sorted(messages.dropped)})
        artifacts.write_text(folder / WRITTEN, "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in texts))
    checkpoints.clear(state / checkpoints.FOLDER)
    return found


def _check_held_out(recipe: Recipe) -> None:
    share, count = recipe.sizes.held_out, recipe.held_out_rows
    if share >= 1:
        raise ParamsError(f"a held-out share of {share:g} leaves no message to learn from", hint="Give one below 1")
    if share < 0 or count < 0:
        name, value = ("the held-out share", share) if share < 0 else ("held_out_rows", count)
        raise ParamsError(f"{name} is {value:g}, below 0", hint="Give 0 or more")


def open_base(folder: Path | None) -> Base:
    """The packaged base, or the one in a folder.

    Raises:
        InfrastructureError, ArtifactError: there is none, or none that can be read.
    """
    if folder is None:
        loaded = package.read(package.find())
        return Base(loaded.model, loaded.tokenizer, package.SMOLLM2.requirement, package.SMOLLM2.sha256)
    from safetensors import SafetensorError

    hub.check_folder(folder)
    try:
        return Base(load_base(folder), load_tokenizer(folder), "", artifacts.sha256(folder))
    except (OSError, ValueError, LookupError, TypeError, RuntimeError, SafetensorError) as error:
        problem = "holds no model, or no tokenizer, that can be read"
        raise ArtifactError(problem, file=folder, hint="Name a folder with a whole one") from error


def read_templates(path: Path | None) -> list[str]:
    """The column ``template`` of a CSV file; nothing without one.

    Raises:
        InputError: there is no such file or column, or a row ends before it.
    """
    if path is None:
        return []
    problem, hint = "is not a CSV file with a column `template`", "Name a table of templates"
    try:
        table = csv.DictReader(io.StringIO(regular_files.read_named(path).decode("utf-8-sig"), newline=""))
        named = "template" in (table.fieldnames or ())
        templates = [row["template"] for row in table]
    except (OSError, KeyError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(problem, file=path, hint=hint) from error
    if not named or None in templates:
        raise InputError(problem, file=path, hint=hint)
    return templates


def describe(
    recipe: Recipe, prompt: PromptParams, messages: Corpus, taught: Sequence[Row], base: Base
) -> dict[str, Any]:
    """The recipe as JSON can say it: all that the adapter is a function of, and counts."""
    modes = {mode.value: sum(row.mode is mode for row in taught) for mode in Mode}
    completions = hashlib.sha256()
    for row in taught:
        completions.update(repr((row.prompt, row.completion)).encode())
    asked = {key: value for key, value in asdict(recipe).items() if key != "threads"}
    return {
        **asked,
        "prompt": prompt.model_dump(),
        "base_sha256": base.sha256,
        "packages": installed(),
        "messages": corpus.counts(messages.train),
        "held_out_messages": corpus.counts(messages.held_out),
        "corpus_sha256": messages.digest,
        "rows": modes,
        "rows_sha256": completions.hexdigest(),
        "abnormal_share": round(sum(row.message.label == "abnormal" for row in taught) / len(taught), 4),
        "row_tokens": sum(row.tokens for row in taught),
        "completion_tokens": sum(len(row.completion) for row in taught),
    }


def installed() -> dict[str, str]:
    """The versions of the distributions that messages are harvested from."""
    distributions = importlib.metadata.packages_distributions()
    names = {name for package_ in PACKAGES for name in distributions.get(package_.split("/")[0], [])}
    return {name: importlib.metadata.version(name) for name in sorted(names)}


def _key(document: dict[str, Any]) -> str:
    return hashlib.sha256(json.dumps(document, sort_keys=True).encode()).hexdigest()
