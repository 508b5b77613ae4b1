"""The loop of the log adapter on a tiny Llama: what it learns from, and that a kill costs nothing."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from peft import get_peft_model_state_dict
from safetensors.torch import load_file

from rationanomaly import artifacts, progress
from rationanomaly.errors import ArtifactError, InputError, ParamsError, TrainingError
from rationanomaly.model.loading import load_base, load_tokenizer
from rationanomaly.model.log_adapter import card
from rationanomaly.params import PromptParams, load_params
from rationanomaly.pretrain import adapter, corpus, evaluation, rows, training
from rationanomaly.pretrain.adapter import Recipe
from rationanomaly.pretrain.corpus import Corpus, Sizes
from rationanomaly.pretrain.rows import Encoder, Row
from rationanomaly.text.prompt import END_ANSWER, Mode
from rationanomaly.training import checkpoints, interruption
from rationanomaly.training.checkpoints import Curve
from tests.conftest import ROOT
from tests.small_chat_model import save_small_chat_model

SIZES = Sizes(searched=0, harvested=0, per_fault=1, per_other=1, held_out=0.02)
SETTINGS = training.Settings(rank=4, alpha=8, batch=2, learning_rate=5e-3, evaluations=2, precision="float32")
RECIPE = Recipe(tokens=9_000, held_out_rows=3, written=0, sizes=SIZES, settings=SETTINGS)


@pytest.fixture(scope="module")
def prompt() -> PromptParams:
    return load_params(ROOT / "params.yaml").prompt


@pytest.fixture(scope="module")
def messages(prompt: PromptParams) -> Corpus:
    return corpus.build(prompt, 0, SIZES)


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_small_chat_model(tmp_path_factory.mktemp("base"), chat_template=False)


@pytest.fixture(scope="module")
def encoder(base: Path, prompt: PromptParams) -> Encoder:
    return Encoder(load_tokenizer(base), prompt, 0)


@pytest.fixture
def make(base: Path, prompt: PromptParams, messages: Corpus, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Pretrain into a folder, with the corpus that was made once."""
    monkeypatch.setattr(corpus, "build", lambda *_: messages)

    def made(output: Path, state: Path, recipe: Recipe = RECIPE, start: Path | None = None) -> dict[str, float]:
        return adapter.make(recipe, prompt, output, state, base, start=start)

    return made


def test_rows_are_reasoned_and_direct_as_asked(messages: Corpus, encoder: Encoder) -> None:
    made = list(rows.lessons(messages.train, encoder, 0.65, 200_000, 0))
    assert made == list(rows.lessons(messages.train, encoder, 0.65, 200_000, 0))
    assert 190_000 < sum(row.tokens for row in made) <= 200_000
    assert sum(row.mode is Mode.REASON for row in made) / len(made) == pytest.approx(0.65, abs=0.06)


def test_the_token_that_tells_the_label_is_found(base: Path, messages: Corpus, encoder: Encoder) -> None:
    tokenizer = load_tokenizer(base)
    for message in messages.train[:20]:
        for mode in Mode:
            row = encoder.row(message, mode)
            before = tokenizer.decode(row.completion[: row.verdict]).rstrip()
            assert before.endswith("So the log is" if mode is Mode.REASON else "<answer>")
            assert row.completion[row.verdict] == getattr(encoder.labels[mode], message.label)
            assert tokenizer.decode(row.completion).endswith(f"{message.label}{END_ANSWER}{tokenizer.eos_token}")


def test_only_completions_are_learnt_and_the_label_counts_more(messages: Corpus, encoder: Encoder) -> None:
    some = [encoder.row(messages.train[0], Mode.REASON), encoder.row(messages.train[1], Mode.DIRECT)]
    batch = training.pad(some, 0, 4.0)
    assert batch.ids.shape[1] % training.WIDTH_STEP == 0
    assert batch.targets.tolist() == [*some[0].completion, *some[1].completion]
    flat = batch.ids.reshape(-1)
    assert flat[batch.sources + 1].tolist() == batch.targets.tolist()
    heavy = torch.nonzero(batch.weights == 4.0).flatten()
    assert heavy.tolist() == batch.verdicts.tolist() == [some[0].verdict, len(some[0].completion) + some[1].verdict]


def test_the_loss_is_that_of_the_whole_model(base: Path, messages: Corpus, encoder: Encoder) -> None:
    row = encoder.row(messages.train[0], Mode.DIRECT)
    adapted = training.with_adapter(load_base(base), SETTINGS)
    batch = training.pad([row], 0, 1.0)
    ours = training.weighted_loss(training.predict(adapted, batch), batch)
    ids = torch.tensor([[*row.prompt, *row.completion]])
    labels = ids.clone()
    labels[:, : len(row.prompt)] = -100
    assert float(ours.detach()) == pytest.approx(float(adapted(input_ids=ids, labels=labels).loss.detach()), rel=1e-5)


def test_batches_hold_every_row_once_and_like_lengths(messages: Corpus, encoder: Encoder) -> None:
    made = list(rows.lessons(messages.train, encoder, 0.65, 150_000, 0))
    batches = rows.batches(made, 8, 0)
    assert sorted((row for batch in batches for row in batch), key=repr) == sorted(made, key=repr)
    padded = sum(len(batch) * max(row.tokens for row in batch) for batch in batches)
    assert padded < 1.1 * sum(row.tokens for row in made)


def test_a_chat_template_that_speaks_first_is_refused(tmp_path: Path, prompt: PromptParams) -> None:
    tokenizer = load_tokenizer(save_small_chat_model(tmp_path))
    with pytest.raises(TrainingError, match="a prompt begins with"):
        Encoder(tokenizer, prompt, 0)


def test_it_learns_and_writes_a_folder_that_says_from_what(
    tmp_path: Path, make: Callable[..., Any], messages: Corpus
) -> None:
    tasks = set[str]()
    with progress.listening(lambda event: tasks.add(event.task)):
        found = make(tmp_path / "made", tmp_path / "state")
    assert training.TASK in tasks
    recipe = json.loads((tmp_path / "made" / "recipe.json").read_text())
    curve: Curve = recipe["curve"]
    assert len(curve) == 2
    assert curve[-1]["stem_loss"] < curve[0]["loss"]
    assert found["tokens"] == recipe["row_tokens"] <= RECIPE.tokens
    assert recipe["corpus_sha256"] == messages.digest
    assert recipe["dropped"] == sorted(messages.dropped)
    assert recipe["packages"]
    weights = load_file(tmp_path / "made" / "adapter_model.safetensors")
    assert {str(value.dtype) for value in weights.values()} == {"torch.bfloat16"}
    assert any(float(value.abs().max()) > 0 for name, value in weights.items() if "lora_B" in name)
    card = json.loads((tmp_path / "made" / "card.json").read_text())
    assert card["weights_sha256"] == artifacts.sha256(tmp_path / "made" / "adapter_model.safetensors")
    assert str(tmp_path) not in "".join(path.read_text() for path in (tmp_path / "made").glob("*.json"))
    assert not list((tmp_path / "state").rglob("checkpoint-*"))


def test_a_run_that_was_stopped_gives_the_same_adapter(
    tmp_path: Path, make: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path / "whole", tmp_path / "state")
    take = training.Trainer._step

    def step(self: training.Trainer, batch: list[Row]) -> float:
        if self.position == 5 and not (tmp_path / "stopped").exists():
            (tmp_path / "stopped").touch()
            os.kill(os.getpid(), signal.SIGTERM)
        return take(self, batch)

    monkeypatch.setattr(training.Trainer, "_step", step)
    with interruption.handle_signals(), pytest.raises(interruption.Interrupted, match="a checkpoint of step 6"):
        make(tmp_path / "cut", tmp_path / "state")
    assert not (tmp_path / "cut").exists()
    with interruption.handle_signals():
        make(tmp_path / "cut", tmp_path / "state")
    for name in ("adapter_model.safetensors", "recipe.json", "card.json", "manifest.json"):
        assert (tmp_path / "cut" / name).read_bytes() == (tmp_path / "whole" / name).read_bytes(), name


def test_a_run_that_was_killed_continues_from_its_last_checkpoint(
    tmp_path: Path, make: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    often = Recipe(**{**vars(RECIPE), "settings": training.Settings(**{**vars(SETTINGS), "checkpoint_minutes": 0.0})})
    make(tmp_path / "whole", tmp_path / "state", often)
    take, steps = training.Trainer._step, list[int]()

    def step(self: training.Trainer, batch: list[Row]) -> float:
        steps.append(self.position)
        if len(steps) == 8:
            raise SystemError("killed")
        return take(self, batch)

    monkeypatch.setattr(training.Trainer, "_step", step)
    with pytest.raises(SystemError):
        make(tmp_path / "cut", tmp_path / "state", often)
    # The newest was being written: it has no marker, and the one before counts.
    (checkpoints.at(tmp_path / "state" / checkpoints.FOLDER, 7) / "complete.json").unlink()
    make(tmp_path / "cut", tmp_path / "state", often)
    assert steps[7:9] == [7, 6]
    assert (tmp_path / "cut" / "manifest.json").read_bytes() == (tmp_path / "whole" / "manifest.json").read_bytes()


def test_an_adapter_is_trained_further(
    tmp_path: Path, make: Callable[..., Any], base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(tmp_path / "made", tmp_path / "state")
    weights = tmp_path / "made" / card.WEIGHTS
    with_adapter, first = training.with_adapter, list[dict[str, torch.Tensor]]()

    def kept(*arguments: Any) -> Any:
        adapted = with_adapter(*arguments)
        first.append({name: value.clone() for name, value in get_peft_model_state_dict(adapted).items()})
        return adapted

    monkeypatch.setattr(training, "with_adapter", kept)
    make(tmp_path / "further", tmp_path / "state", start=tmp_path / "made")
    (found,) = first
    assert any(float(value.abs().max()) > 0 for name, value in found.items() if "lora_B" in name)
    for name, value in load_file(weights).items():
        assert torch.equal(found[name], value.float()), name

    earlier, later = (card.read_card(tmp_path / name, artifacts.sha256(base)) for name in ("made", "further"))
    assert later.weights_sha256 != earlier.weights_sha256
    assert (earlier.recipe["start"], later.recipe["start"]) == (None, earlier.weights_sha256)
    assert "earlier" not in earlier.recipe and later.recipe["earlier"] == earlier.recipe
    assert later.tokens == 2 * earlier.tokens > 0


def test_an_adapter_of_another_shape_is_not_trained_further(tmp_path: Path, make: Callable[..., Any]) -> None:
    make(tmp_path / "made", tmp_path / "state")
    larger = Recipe(**{**vars(RECIPE), "settings": training.Settings(**{**vars(SETTINGS), "rank": 8})})
    with pytest.raises(TrainingError, match=r"adapter_model\.safetensors is an adapter of another shape") as caught:
        make(tmp_path / "further", tmp_path / "state", larger, tmp_path / "made")
    assert "\n" not in str(caught.value) and "same rank" in str(caught.value.hint)
    assert not (tmp_path / "further").exists()


@pytest.fixture
def harvestless(monkeypatch: pytest.MonkeyPatch, base: Path, prompt: PromptParams) -> Callable[..., None]:
    """Pretrain where messages must not be harvested."""

    def build(*_: Any) -> Corpus:
        raise SystemError("messages are harvested")

    monkeypatch.setattr(corpus, "build", build)

    def made(tmp_path: Path, recipe: Recipe = RECIPE, **given: Path) -> None:
        adapter.make(recipe, prompt, tmp_path / "made", tmp_path / "state", **{"base": base, **given})

    return made


def bad_base(folder: Path, kind: str) -> Path:
    """A folder that is no base."""
    if kind == "nothing":
        return folder / "nowhere"
    save_small_chat_model(folder, chat_template=kind == "speaks first")
    if kind == "not a config":
        (folder / "config.json").write_text("{}")
    elif kind == "no weights":
        (folder / "model.safetensors").unlink()
    elif kind == "torn weights":
        (folder / "model.safetensors").write_bytes(b"0" * 100)
    elif kind == "no tokenizer":
        for path in folder.glob("tokenizer*"):
            path.unlink()
    elif kind == "no Llama":
        from transformers import GPT2Config, GPT2LMHeadModel

        GPT2LMHeadModel(GPT2Config(vocab_size=300, n_embd=8, n_layer=1, n_head=1)).save_pretrained(folder)
    return folder


@pytest.mark.parametrize(
    ("kind", "said"),
    [
        ("nothing", "nowhere: holds no readable config"),
        ("not a config", "config.json: is of the architecture None"),
        ("no weights", "holds no weights"),
        ("torn weights", "model.safetensors: is no whole safetensors file"),
        ("no tokenizer", "tokenizer.json: is missing"),
        ("no Llama", "the base has no layers q_proj"),
        ("speaks first", "a prompt begins with"),
    ],
)
def test_a_bad_base_is_one_line_before_messages_are_harvested(
    tmp_path: Path, harvestless: Callable[..., None], kind: str, said: str
) -> None:
    with pytest.raises((ArtifactError, TrainingError), match=said) as caught:
        harvestless(tmp_path, base=bad_base(tmp_path / "base", kind))
    assert "\n" not in str(caught.value)


def test_a_bad_start_is_one_line_before_messages_are_harvested(
    tmp_path: Path, harvestless: Callable[..., None], base: Path
) -> None:
    with pytest.raises(ArtifactError, match="is not the card of a log adapter"):
        harvestless(tmp_path, start=tmp_path / "nowhere")
    large = training.Settings(**{**vars(SETTINGS), "rank": 8})
    adapted = training.with_adapter(load_base(base), large)
    (tmp_path / "start").mkdir()
    card.write(
        adapted, tmp_path / "start", base="", base_sha256=artifacts.sha256(base), recipe={}, seed=0, tokens=1
    )  # fmt: skip
    with pytest.raises(TrainingError, match="an adapter of another shape"):
        harvestless(tmp_path, start=tmp_path / "start")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"sizes": Sizes(held_out=1.0)}, "a held-out share of 1 leaves no message to learn from"),
        ({"sizes": Sizes(held_out=-0.1)}, "the held-out share is -0.1, below 0"),
        ({"held_out_rows": -1}, "held_out_rows is -1, below 0"),
        ({"tokens": 12}, "12 tokens hold no row"),
    ],
)
def test_what_leaves_nothing_to_learn_from_is_one_line_before_messages_are_harvested(
    tmp_path: Path, harvestless: Callable[..., None], change: dict[str, Any], said: str
) -> None:
    with pytest.raises((ParamsError, TrainingError), match=said):
        harvestless(tmp_path, Recipe(**{**vars(RECIPE), **change}))


@pytest.mark.parametrize("table", ["", "text\n", "label,template\nnormal\n"])
def test_a_bad_table_is_one_line_before_messages_are_harvested(
    tmp_path: Path, harvestless: Callable[..., None], table: str
) -> None:
    (tmp_path / "x.csv").write_text(table)
    with pytest.raises(InputError, match="not a CSV file with a column `template`"):
        harvestless(tmp_path, held_out=tmp_path / "x.csv")


def test_no_row_is_shorter_than_the_shortest(messages: Corpus, encoder: Encoder) -> None:
    assert encoder.shortest() <= min(encoder.row(m, mode).tokens for m in messages.train[:300] for mode in Mode)


def test_a_checkpoint_of_another_recipe_is_left_alone(tmp_path: Path, make: Callable[..., Any]) -> None:
    root = tmp_path / "state" / checkpoints.FOLDER
    folder = checkpoints.at(root, 3)
    folder.mkdir(parents=True)
    checkpoints.complete(folder, "another", [])
    make(tmp_path / "made", tmp_path / "state")
    assert json.loads((tmp_path / "made" / "recipe.json").read_text())["curve"][0]["step"] > 3


def test_a_loss_that_is_not_a_number_is_one_line(
    tmp_path: Path, make: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training, "weighted_loss", lambda logits, _: logits.sum() * float("nan"))
    with pytest.raises(TrainingError, match="the loss of step 1 is not a number"):
        make(tmp_path / "made", tmp_path / "state")


def test_a_table_without_templates_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("text\nan error\n")
    with pytest.raises(InputError, match="not a CSV file with a column `template`"):
        adapter.read_templates(tmp_path / "x.csv")
    (tmp_path / "x.csv").write_text("template,label\nan error,abnormal\n")
    assert adapter.read_templates(tmp_path / "x.csv") == ["an error"]


def test_what_is_written_freely_is_measured(prompt: PromptParams) -> None:
    log = "disk sda failed on node 3"
    row: Any = SimpleNamespace(message=SimpleNamespace(log=log, label="abnormal"))
    good = '<think>It says "disk sda" and "failed". So the log is abnormal.</think><answer>abnormal</answer>'
    torn = good.replace("So the log is abnormal", "So the log is normal")
    found = evaluation._shares([row] * 4, [good, torn, "noise", good.replace("sda", "sdb")], prompt)
    assert found == {
        "written_parsed": 0.75, "written_grounded": 0.5, "written_consistent": 0.5, "written_f1": pytest.approx(6 / 7),
    }  # fmt: skip


def test_the_model_writes_freely_what_it_would_alone(base: Path, messages: Corpus, encoder: Encoder) -> None:
    model, tokenizer = load_base(base), load_tokenizer(base)
    adapted = training.with_adapter(model, SETTINGS)
    asked = [encoder.row(message, Mode.REASON) for message in messages.held_out[:3]]
    shares, texts = evaluation.written(adapted, tokenizer, asked, load_params(ROOT / "params.yaml").prompt)
    assert shares["written_parsed"] == 0.0
    for row, found in zip(asked, texts, strict=True):
        made = model.generate(input_ids=torch.tensor([row.prompt]), do_sample=False, max_new_tokens=110)
        alone = tokenizer.decode(made[0, len(row.prompt) :], skip_special_tokens=True)
        assert found == {"log": row.message.text, "label": row.message.label, "text": alone}
