"""base → sft → grpo → detector with micro settings: the real trainers, a few steps each."""

from __future__ import annotations

import json
import math
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from rationanomaly import artifacts
from rationanomaly.detection.detector import Detector
from rationanomaly.errors import ArtifactError, ParamsError, TrainingError
from rationanomaly.grpo import trainer as grpo_trainer
from rationanomaly.grpo.trainer import reward_function
from rationanomaly.model import scoring
from rationanomaly.model.card import Threshold, read_card, write_card
from rationanomaly.model.constrained_form import Grammar
from rationanomaly.model.folder import ModelFolder
from rationanomaly.records import (
    CORPUS,
    CORPUS_SCHEMA,
    CURVES,
    DETECTOR,
    LABELLED,
    LABELLED_SCHEMA,
    PRECEDENTS,
    TRIPLETS,
    Triplet,
    read_objects,
    read_table,
    write_rows,
    write_table,
)
from rationanomaly.rewards import Composition
from rationanomaly.runs import refit
from rationanomaly.sft.estimate import estimate
from rationanomaly.steps import BY_NAME
from rationanomaly.text.prompt import conclude, show, write_response
from rationanomaly.thresholds import choose_threshold
from rationanomaly.training.best_adapter import is_evaluation
from tests.micro_model import HELD_OUT_WORD, Trained


def _copy(trained: Trained, step: str, target: Path, change: Callable[[Path], None]) -> Path:
    """A model folder after a change, sealed anew: its manifest is right, its contents are not."""
    with artifacts.writing(target, step) as folder:
        shutil.copytree(trained.root / step, folder, dirs_exist_ok=True)
        (folder / artifacts.MANIFEST).unlink()
        change(folder)
    return target


def test_nothing_held_out_reaches_tokenizer_or_corpus(trained: Trained) -> None:
    tokenizer = (trained.root / "base" / "tokenizer" / "tokenizer.json").read_text()
    corpus = read_table(trained.root / "base" / CORPUS, CORPUS_SCHEMA)["text"]
    assert HELD_OUT_WORD not in tokenizer
    assert not any(HELD_OUT_WORD in text for text in corpus)


def test_every_long_part_reports_progress(trained: Trained) -> None:
    assert {"pretraining", "SFT", "GRPO"} <= trained.tasks


def test_curves_hold_every_step(trained: Trained) -> None:
    for name, steps in (("sft", trained.params.sft.steps), ("grpo", trained.params.grpo.steps)):
        curve = [value for _, value in read_objects(trained.root / name / CURVES)]
        assert [entry["step"] for entry in curve if "loss" in entry and "grad_norm" in entry] == [*range(1, steps + 1)]


def test_the_kl_reference_is_the_sft_model(trained: Trained) -> None:
    curve = [value for _, value in read_objects(trained.root / "grpo" / CURVES)]
    assert abs(next(entry["kl"] for entry in curve if "kl" in entry)) < 1e-4


def test_curves_hold_what_tells_of_the_training(trained: Trained) -> None:
    sft, grpo = ([entry for _, entry in read_objects(trained.root / step / CURVES)] for step in ("sft", "grpo"))
    weights = trained.params.grpo.reward.weights.model_dump()
    logged = {"reward", "reward_std", "frac_reward_zero_std", "entropy", "kl", "valid", "terms/format"}
    logged |= {"completions/mean_length", "completions/clipped_ratio", "clip_ratio/region_mean"}
    for entry in (entry for entry in grpo if "reward" in entry):
        assert logged <= set(entry)
        if entry["valid"] > 0:
            assert {f"terms/{name}" for name, weight in weights.items() if weight > 0} <= set(entry)
    evaluated = {name: {e["step"] for e in curve if is_evaluation(e)} for name, curve in (("sft", sft), ("grpo", grpo))}
    assert evaluated == {"sft": {0, 3, 6}, "grpo": {0, 1, 2}}
    for entry in (entry for curve in (sft, grpo) for entry in curve if is_evaluation(entry)):
        assert {"validation/loss", "validation/f1", "validation/ap", "validation/score"} <= set(entry)


def test_the_adapter_of_the_best_evaluation_is_kept(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rationanomaly.grpo import step

    falling = iter((0.9, 0.5, 0.4))
    monkeypatch.setattr(step, "_validation_metrics", lambda *_: {"f1": next(falling)})
    found = trained.step("grpo", tmp_path / "grpo")
    name = Path("adapter") / "adapter_model.safetensors"
    assert artifacts.sha256(trained.root / "sft" / name) == artifacts.sha256(tmp_path / "grpo" / name)
    assert (found["grpo/best_step"], found["grpo/validation_f1"], found["grpo/steps"]) == (0, 0.9, 2)


def test_a_model_that_learnt_the_validation_labels_keeps_its_last_adapter(trained: Trained, tmp_path: Path) -> None:
    assert read_card(trained.root / "sft").adapter.endswith("of 6: best ap on validation")
    learning = trained.params.sft.model_copy(update={"learn_validation": True, "best_by": "loss"})
    params = trained.params.model_copy(update={"sft": learning})
    replace(trained, params=params).step("sft", tmp_path / "best_by")
    last = params.model_copy(update={"sft": learning.model_copy(update={"best_by": None})})
    replace(trained, params=last).step("sft", tmp_path / "last")
    name = Path("adapter") / "adapter_model.safetensors"
    assert artifacts.sha256(tmp_path / "best_by" / name) == artifacts.sha256(tmp_path / "last" / name)
    card = read_card(tmp_path / "best_by")
    assert card.learnt_validation
    assert card.adapter == "step 6, the last: the validation templates were learnt from, sft.best_by has no effect"
    assert read_card(tmp_path / "last").adapter == "step 6, the last"
    curve = [entry for _, entry in read_objects(tmp_path / "best_by" / CURVES)]
    assert len([entry for entry in curve if "loss" in entry]) == learning.steps
    assert not any(is_evaluation(entry) for entry in curve)


def test_grpo_of_a_model_that_learnt_the_validation_labels_keeps_its_last_adapter_too(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rationanomaly.grpo import step

    falling = iter((0.9, 0.5, 0.4))
    monkeypatch.setattr(step, "_validation_metrics", lambda *_: {"agreement": next(falling)})
    sft = _copy(
        trained, "sft", tmp_path / "sft",
        lambda folder: write_card(folder, replace(read_card(folder), learnt_validation=True)),
    )  # fmt: skip
    found = trained.step("grpo", tmp_path / "grpo", sft=sft)
    assert (found["grpo/best_step"], found["grpo/validation_agreement"], found["grpo/steps"]) == (2, 0.4, 2)
    name = Path("adapter") / "adapter_model.safetensors"
    assert artifacts.sha256(sft / name) != artifacts.sha256(tmp_path / "grpo" / name)


def test_the_tokens_that_were_planned_are_those_that_train(trained: Trained, caplog: pytest.LogCaptureFixture) -> None:
    planned = trained.metrics["sft"]["sft/tokens"]
    curve = [entry for _, entry in read_objects(trained.root / "sft" / CURVES)]
    assert max(entry["num_tokens"] for entry in curve if "num_tokens" in entry) == planned
    inputs = {name: trained.root / name for name in BY_NAME["sft"].reads}
    assert estimate(trained.params, inputs) == f"sft: tokens: {planned:,.0f} to train"


def test_sft_chooses_each_threshold_by_what_its_model_says(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So small a model seldom writes a whole sentence.
    monkeypatch.setattr(scoring, "_whole_sentences", lambda text: f"{text}.")
    params = trained.params.model_copy(
        update={"sft": trained.params.sft.model_copy(update={"threshold_positives": 1, "steps": 1, "evaluations": 0})}
    )
    inputs = {name: trained.root / name for name in BY_NAME["sft"].reads}
    found = replace(trained, params=params).step("sft", tmp_path / "sft")
    # Four validation templates, 48 tokens each.
    assert estimate(params, inputs) == f"sft, at most: tokens: {found['sft/tokens']:,.0f} to train, 192 to generate"
    labelled = read_table(trained.root / "correct" / LABELLED, LABELLED_SCHEMA).filter(pl.col("split") == "validation")
    verdicts = Detector.open(tmp_path / "sft").judge(labelled["template"], precedents=None)
    abnormal = (labelled["label"] == "abnormal").to_list()
    kinds = ([verdict.score for verdict in verdicts], [verdict.direct_score for verdict in verdicts])
    found_by_hand = [choose_threshold(scores, abnormal, minimum=1, ties="highest", least=0.0) for scores in kinds]
    reasoned, direct = (one.value if one else math.nan for one in found_by_hand)
    card = read_card(tmp_path / "sft")
    assert (card.threshold.value, card.direct_threshold.value) == pytest.approx((reasoned, direct))
    assert card.threshold.value == found["sft/threshold"]
    assert card.direct_threshold.value == found["sft/direct_threshold"]
    assert reasoned != pytest.approx(direct), "else the test shows nothing"


def _two_thresholds(folder: Path) -> None:
    card = read_card(folder)
    write_card(folder, replace(card, threshold=Threshold(0.25, "chosen"), direct_threshold=Threshold(0.75, "chosen")))


def test_grpo_answers_by_the_reasoned_threshold_and_keeps_both(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sft = _copy(trained, "sft", tmp_path / "sft", _two_thresholds)
    asked: list[Any] = []

    def train(*arguments: Any) -> list[dict[str, float]]:
        asked.extend(argument for argument in arguments if isinstance(argument, Grammar))
        return [value for _, value in read_objects(trained.root / "grpo" / CURVES)]

    monkeypatch.setattr(grpo_trainer, "train", train)
    trained.step("grpo", tmp_path / "grpo", sft=sft)
    assert [grammar.threshold for grammar in asked] == [0.25]
    card = read_card(tmp_path / "grpo")
    assert (card.threshold.value, card.direct_threshold.value) == (0.25, 0.75)


def test_a_refit_has_the_thresholds_of_the_evaluated_model(trained: Trained, tmp_path: Path) -> None:
    evaluated = _copy(trained, "grpo", tmp_path / "evaluated", _two_thresholds)
    refit._mark(trained.root / "grpo", tmp_path / "model", evaluated, "d" * 64)
    card = read_card(tmp_path / "model")
    assert (card.threshold.value, card.direct_threshold.value, card.refit_of) == (0.25, 0.75, "d" * 64)


def test_an_alarm_ends_the_training_and_says_so(
    trained: Trained, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    alarms = trained.params.grpo.alarms.model_copy(update={"window": 1, "least_entropy": 100.0})
    grpo = trained.params.grpo.model_copy(update={"steps": 4, "alarms": alarms})
    watched = replace(trained, params=trained.params.model_copy(update={"grpo": grpo}))
    found = watched.step("grpo", tmp_path / "grpo")
    assert (found["grpo/alarm"], found["grpo/steps"]) == (1, 1)
    assert "alarm at step 1 of GRPO: the entropy is" in caplog.text
    curve = [entry for _, entry in read_objects(tmp_path / "grpo" / CURVES)]
    assert {"step": 1.0, "alarm/collapse": 1.0} in curve
    assert Detector.open(tmp_path / "grpo").judge(["pump failed badly"])


def test_the_logged_reward_is_the_optimised_one(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from trl import GRPOTrainer

    from rationanomaly.grpo import trainer

    paid: list[list[float]] = []
    optimised: list[list[float]] = []
    make, generate = trainer.reward_function, GRPOTrainer._generate_and_score_completions

    def watched(*settings: Any) -> Callable[..., list[float]]:
        reward = make(*settings)

        def pay(**columns: Any) -> list[float]:
            # The micro model writes nothing of the right form; without different rewards nothing would be optimised.
            completions = [
                write_response(conclude(f"as {place} " * place, "normal"), "normal")
                for place, _ in enumerate(columns["text"])
            ]
            paid.append(reward(**columns | {"completions": completions}))
            return paid[-1]

        return pay

    def watch(self: GRPOTrainer, inputs: Any) -> Any:
        found = generate(self, inputs)
        optimised.append(found["advantages"].tolist())
        return found

    monkeypatch.setattr(trainer, "reward_function", watched)
    monkeypatch.setattr(GRPOTrainer, "_generate_and_score_completions", watch)
    trained.step("grpo", tmp_path / "grpo")
    curve = [entry for _, entry in read_objects(tmp_path / "grpo" / CURVES) if "reward" in entry]
    assert len(curve) == len(paid) == len(optimised) == trained.params.grpo.steps
    for entry, rewards, advantages in zip(curve, paid, optimised, strict=True):
        assert entry["reward"] == pytest.approx(float(np.mean(rewards)), abs=1e-6)
        groups = np.array(rewards).reshape(-1, trained.params.grpo.generations)
        centred = groups - groups.mean(axis=1, keepdims=True)
        # TRL divides by the group's spread, to which it adds 1e-4.
        expected = centred / (groups.std(axis=1, ddof=1, keepdims=True) + 1e-4)
        assert np.ptp(groups, axis=1).min() > 0.01
        assert advantages == pytest.approx(expected.ravel(), abs=1e-5)


def test_the_terms_in_the_curves_add_up_to_the_reward(trained: Trained) -> None:
    weights = trained.params.grpo.reward.weights.model_dump()
    rationales = {'It names "disk", so it counts.': "normal", '"fan" is "fan"': "abnormal"}
    texts = [write_response(conclude(text, label), label) for text, label in rationales.items()]
    logged: dict[str, float] = {}
    composition = Composition.from_params(trained.params.grpo.reward)
    totals = reward_function(composition, 6, generations=2)(
        completions=texts, text=["disk is ready", "fan failed badly"], label=["normal", "abnormal"],
        teacher_rationale=[None, None], log_metric=logged.__setitem__,
    )  # fmt: skip
    terms = {name: logged[f"terms/{name}"] for name in weights if f"terms/{name}" in logged}
    assert set(terms) == {name for name, weight in weights.items() if weight > 0}
    mean = logged["terms/format"] + sum(weights[name] * value for name, value in terms.items())
    assert mean == pytest.approx(sum(totals) / 2, abs=1e-6)
    assert all(logged[f"terms/{name}_spread"] >= 0 for name in terms)
    assert sum(value for name, value in logged.items() if name.startswith("variance/")) == pytest.approx(1.0)
    assert (logged["recall"], logged["false_positive_rate"]) == (1.0, 0.0)


def test_grpo_trains_the_adapter_where_rewards_differ(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from rationanomaly.grpo import trainer

    def by_place(*_: object) -> Callable[..., list[float]]:
        return lambda completions, **_: [float(place) for place, _text in enumerate(completions)]

    monkeypatch.setattr(trainer, "reward_function", by_place)
    trained.step("grpo", tmp_path / "grpo")
    name = Path("adapter") / "adapter_model.safetensors"
    assert artifacts.sha256(trained.root / "sft" / name) != artifacts.sha256(tmp_path / "grpo" / name)


def test_the_same_seed_gives_the_same_bytes(trained: Trained, tmp_path: Path) -> None:
    trained.step("base", tmp_path / "base")
    trained.step("sft", tmp_path / "sft", base=tmp_path / "base")
    for name in ("base", "sft"):
        first, second = (artifacts.read(root / name, name) for root in (trained.root, tmp_path))
        assert first.digest == second.digest


def test_the_head_for_a_cpu_leaves_the_losses_as_they_are(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from contextlib import nullcontext

    from trl.kernels import chunked_logprob
    from trl.trainer import utils

    from rationanomaly.training import trl_compat

    for_gpus = chunked_logprob.TOKEN_CHUNK_SIZE
    with trl_compat.head_for_cpu(400):
        assert utils._use_triton("cpu")
        assert for_gpus > chunked_logprob.TOKEN_CHUNK_SIZE
    assert for_gpus == chunked_logprob.TOKEN_CHUNK_SIZE
    monkeypatch.setattr(trl_compat, "head_for_cpu", nullcontext)
    trained.step("sft", tmp_path / "sft")
    curves = [_losses(root / "sft") for root in (trained.root, tmp_path)]
    assert curves[0] == pytest.approx(curves[1], abs=1e-4)


def _losses(folder: Path) -> list[float]:
    return [entry["loss"] for _, entry in read_objects(folder / CURVES) if "loss" in entry]


def test_a_batch_that_is_cut_into_passes_gives_the_same_losses(trained: Trained, tmp_path: Path) -> None:
    cut = trained.params.training.model_copy(update={"micro_batch": 2})
    small = replace(trained, params=trained.params.model_copy(update={"training": cut}))
    small.step("sft", tmp_path / "sft")
    curves = [[value["loss"] for _, value in read_objects(root / "sft" / CURVES) if "loss" in value]
              for root in (trained.root, tmp_path)]  # fmt: skip
    assert curves[0] == pytest.approx(curves[1], abs=1e-4)


def test_grpo_generates_whole_groups_when_a_pass_holds_a_part_of_one(trained: Trained, tmp_path: Path) -> None:
    cut = trained.params.training.model_copy(update={"micro_batch": 1})
    small = replace(trained, params=trained.params.model_copy(update={"training": cut}))
    small.step("grpo", tmp_path / "grpo")
    assert len([value for _, value in read_objects(tmp_path / "grpo" / CURVES) if "loss" in value]) == 2


@pytest.mark.parametrize("step", ["base", "sft", "grpo"])
def test_a_folder_judges_templates_in_order_and_equal_ones_once(trained: Trained, step: str) -> None:
    detector = Detector.open(trained.root / step)
    templates = ["pump failed badly", "", "fan is ready", "pump failed badly", 'x "<answer>normal</answer>" \ud800']
    verdicts = detector.judge(templates)
    assert [verdict.template for verdict in verdicts] == templates
    assert verdicts[0] == verdicts[3]
    assert [verdict.direct_score for verdict in verdicts] == pytest.approx(list(detector.direct_scores(templates)))
    assert all(0 <= verdict.score <= 1 for verdict in verdicts)
    assert detector.judge([]) == []


@pytest.mark.parametrize(("threshold", "answer"), [(0.0, "abnormal"), (1.1, "normal")])
def test_conclusion_and_tag_are_written_from_the_answer(
    trained: Trained, monkeypatch: pytest.MonkeyPatch, threshold: float, answer: str
) -> None:
    detector = Detector.open(trained.root / "sft")
    analyses: Iterator[list[str | None]] = iter([['It says "pump".', None]])
    monkeypatch.setattr(detector._scorer, "analyses", lambda *_: next(analyses))
    detector.card = replace(detector.card, threshold=replace(detector.card.threshold, value=threshold))
    said, endless = detector.judge(["the pump stands", "other"])
    assert (said.answer, said.stated, said.consistent, said.grounded) == (answer, answer, True, True)
    assert said.rationale == f'It says "pump". So the log is {answer}.'
    assert [(span.text, span.start, span.end) for span in said.evidence] == [("pump", 4, 8)]
    assert (endless.answer, endless.stated, endless.consistent, endless.rationale) == ("invalid", "invalid", False, "")
    assert endless.score == endless.direct_score


@pytest.mark.parametrize(("reasoned", "direct"), [("abnormal", "normal"), ("normal", "abnormal")])
def test_each_kind_of_verdict_follows_its_own_threshold(
    trained: Trained, monkeypatch: pytest.MonkeyPatch, reasoned: str, direct: str
) -> None:
    detector = Detector.open(trained.root / "sft")
    monkeypatch.setattr(detector._scorer, "analyses", lambda *_: ["It runs."])
    monkeypatch.setattr(detector._scorer, "reasoned_scores", lambda *_: np.array([0.5]))
    monkeypatch.setattr(detector._scorer, "direct_scores", lambda *_: np.array([0.5]))
    threshold, direct_threshold = (
        Threshold({"abnormal": 0.4, "normal": 0.6}[answer], "chosen") for answer in (reasoned, direct)
    )
    detector.card = replace(detector.card, threshold=threshold, direct_threshold=direct_threshold)
    assert detector.judge(["the pump stands"], "reasoned")[0].answer == reasoned
    assert detector.judge(["the pump stands"], "direct")[0].answer == direct


def test_of_several_analyses_the_score_is_the_mean_and_the_furthest_on_its_side_is_shown(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    detector = Detector.open(trained.root / "sft")
    texts, scores = (
        ["It runs.", "It failed.", None, "It broke."],
        {"It runs.": 0.2, "It failed.": 0.8, "It broke.": 0.95},
    )
    monkeypatch.setattr(detector._scorer, "analyses", lambda _logs, index, *_: [texts[index]])
    monkeypatch.setattr(
        detector._scorer, "reasoned_scores", lambda _logs, said: np.array([scores[text] for text in said])
    )
    (verdict,) = detector.judge(["the pump stands"], analyses=4)
    assert verdict.score == pytest.approx((0.2 + 0.8 + 0.95) / 3)
    assert verdict.rationale == "It broke. So the log is abnormal."
    (low,) = detector.judge(["the pump stands"], analyses=1)
    assert low.score == pytest.approx(0.2)
    assert low.rationale == "It runs. So the log is normal."
    with pytest.raises(ParamsError, match="analyses=0 is none"):
        detector.judge(["the pump stands"], analyses=0)


def test_sampled_analyses_are_seeded_by_the_log_and_their_number(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So small a model hardly ever comes to the end of a sentence.
    monkeypatch.setattr(scoring, "_whole_sentences", lambda text: text)
    scorer = Detector.open(trained.root / "sft")._scorer
    logs = [show(text, trained.params.prompt) for text in ("pump failed badly", "fan is ready now and for ever")]
    both = scorer.analyses(logs, 1, 1.0)
    assert scorer.analyses(logs[1:], 1, 1.0) == both[1:]
    assert scorer.analyses(logs, 1, 1.0) == both
    assert scorer.analyses(logs, 2, 1.0) != both


def test_the_direct_verdict_goes_without_an_analysis(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    detector = Detector.open(trained.root / "sft")
    monkeypatch.setattr(detector._scorer, "analyses", lambda *_: pytest.fail("an analysis was written"))
    (verdict,) = detector.judge(["the pump stands"], verdict="direct")
    assert (verdict.stated, verdict.consistent, verdict.rationale) == (None, None, None)
    assert verdict.score == verdict.direct_score


def test_scores_do_not_depend_on_the_batch(trained: Trained) -> None:
    detector = Detector.open(trained.root / "sft")
    templates = ["a", "pump failed badly", "fan is ready now and for ever and a day"]
    singly = [float(detector.direct_scores([template])[0]) for template in templates]
    assert list(detector.direct_scores(templates)) == pytest.approx(singly, abs=1e-5)


def test_no_path_of_this_machine_is_written(trained: Trained) -> None:
    for step in ("base", "sft", "grpo"):
        for path in (trained.root / step).rglob("*.json"):
            assert str(trained.root) not in path.read_text(), path


# ---------------------------------------------------------------- bad input


@pytest.mark.parametrize("step", ["sft", "grpo"])
def test_too_little_memory_is_refused_before_weights_are_loaded(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    from rationanomaly.model import loading
    from rationanomaly.training.memory import check

    monkeypatch.setattr(check, "machine_memory", lambda: 2**20)
    monkeypatch.setattr(loading, "load_base", lambda *_: pytest.fail("weights were loaded"))
    with pytest.raises(TrainingError, match=rf"{step}: the training needs .*, and 0\.0 GB are free"):
        trained.step(step, tmp_path / step)


def test_a_folder_without_its_adapter_is_refused(trained: Trained, tmp_path: Path) -> None:
    folder = _copy(trained, "sft", tmp_path / "sft", lambda folder: shutil.rmtree(folder / "adapter"))
    with pytest.raises(ArtifactError, match="holds no adapter"):
        Detector.open(folder)


def test_an_adapter_of_another_base_is_refused(trained: Trained, tmp_path: Path) -> None:
    def change(folder: Path) -> None:
        path = folder / "adapter" / "adapter_config.json"
        document = json.loads(path.read_text()) | {"base_model_name_or_path": "sha256:" + "0" * 64}
        path.write_text(json.dumps(document))

    with pytest.raises(ArtifactError, match="belongs to another base"):
        Detector.open(_copy(trained, "sft", tmp_path / "sft", change))


def test_a_base_that_was_exchanged_is_refused(trained: Trained, tmp_path: Path) -> None:
    def change(folder: Path) -> None:
        (folder / "base" / "config.json").write_text((folder / "base" / "config.json").read_text() + "\n")

    with pytest.raises(ArtifactError, match="is another base"):
        Detector.open(_copy(trained, "sft", tmp_path / "sft", change))


@pytest.mark.parametrize("place", ["base/pytorch_model.bin", "adapter/adapter_model.bin"])
def test_pickled_weights_are_refused(trained: Trained, tmp_path: Path, place: str) -> None:
    folder = _copy(trained, "sft", tmp_path / "sft", lambda folder: (folder / place).touch())
    with pytest.raises(ArtifactError, match="pickled weights are never loaded"):
        Detector.open(folder)


def test_a_config_that_points_to_code_is_refused(trained: Trained, tmp_path: Path) -> None:
    def change(folder: Path) -> None:
        path = folder / "base" / "config.json"
        path.write_text(json.dumps(json.loads(path.read_text()) | {"auto_map": {"AutoModel": "evil.Model"}}))

    with pytest.raises(ArtifactError, match="auto_map"):
        Detector.open(_copy(trained, "sft", tmp_path / "sft", change))


def test_a_changed_file_is_refused(trained: Trained, tmp_path: Path) -> None:
    folder = _copy(trained, "sft", tmp_path / "sft", lambda _folder: None)
    (folder / DETECTOR).write_text("{}")
    with pytest.raises(ArtifactError, match="SHA-256"):
        Detector.open(folder)


def test_a_model_of_another_prompt_version_is_refused(trained: Trained, tmp_path: Path) -> None:
    def change(folder: Path) -> None:
        write_card(folder, replace(read_card(folder), prompt_version="0"))

    with pytest.raises(ArtifactError, match="prompt version 0"):
        Detector.open(_copy(trained, "sft", tmp_path / "sft", change))


def test_a_model_with_one_threshold_for_both_kinds_of_verdict_is_refused(trained: Trained, tmp_path: Path) -> None:
    def change(folder: Path) -> None:
        card = json.loads((folder / DETECTOR).read_bytes()) | {"schema": 2}
        del card["direct_threshold"]
        (folder / DETECTOR).write_text(json.dumps(card))

    with pytest.raises(ArtifactError, match="has schema 2; this program reads 3"):
        Detector.open(_copy(trained, "sft", tmp_path / "sft", change))


def test_rationales_longer_than_the_context_are_refused(trained: Trained, tmp_path: Path) -> None:
    rows = [Triplet(**value) for _, value in read_objects(trained.root / "distill" / TRIPLETS)]
    (tmp_path / "distill").mkdir()
    write_rows(tmp_path / "distill" / TRIPLETS, [replace(row, rationale="very " * 2000) for row in rows])
    with pytest.raises(TrainingError, match="all rationales are longer than the context of 512 tokens"):
        trained.step("sft", tmp_path / "sft", distill=tmp_path / "distill")
    assert not (tmp_path / "sft").exists()


@pytest.mark.parametrize("step", ["sft", "grpo"])
@pytest.mark.parametrize(
    ("column", "value", "problem"),
    [("label", "normal", "all 10 templates are normal"), ("split", "test", "there are no templates")],
)
def test_a_training_split_that_is_empty_or_of_one_class_is_refused(
    trained: Trained, tmp_path: Path, step: str, column: str, value: str, problem: str
) -> None:
    (tmp_path / "correct").mkdir()
    (tmp_path / "correct" / PRECEDENTS).touch()
    table = pl.read_parquet(trained.root / "correct" / LABELLED).with_columns(pl.lit(value).alias(column))
    write_table(tmp_path / "correct" / LABELLED, table, LABELLED_SCHEMA)
    with pytest.raises(TrainingError, match=f"nothing to tell apart in the training split: {problem}"):
        trained.step(step, tmp_path / step, correct=tmp_path / "correct")
    assert not (tmp_path / step).exists()


def test_a_base_whose_tokenizer_splits_the_answer_words_alike_is_refused(trained: Trained, tmp_path: Path) -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    local = tmp_path / "model"
    shutil.copytree(trained.root / "base" / "base", local)
    blind = Tokenizer(models.WordLevel({"<unk>": 0, "log": 1}, unk_token="<unk>"))
    blind.pre_tokenizer = pre_tokenizers.Whitespace()
    PreTrainedTokenizerFast(tokenizer_object=blind, unk_token="<unk>", eos_token="<unk>").save_pretrained(local)
    with pytest.raises(TrainingError, match="splits the answer words"):
        _from_hub(trained, local).step("base", tmp_path / "base")
    assert not (tmp_path / "base").exists()


@pytest.mark.parametrize(("evaluations", "problem"), [(0, "SFT: the loss is nan at step"), (6, "not numbers")])
def test_weights_that_are_no_numbers_stop_the_training(
    trained: Trained, tmp_path: Path, evaluations: int, problem: str
) -> None:
    changed = trained.params.sft.model_copy(update={"learning_rate": 1e30, "evaluations": evaluations})
    wild = replace(trained, params=trained.params.model_copy(update={"sft": changed}))
    with pytest.raises(TrainingError, match=problem):
        wild.step("sft", tmp_path / "sft")


def test_grpo_refuses_an_adapter_that_is_not_trainable(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    load_adapted = ModelFolder.load_adapted
    monkeypatch.setattr(ModelFolder, "load_adapted", lambda folder, _training: load_adapted(folder))
    with pytest.raises(TrainingError, match="no trainable parameter"):
        trained.step("grpo", tmp_path / "grpo")


def test_a_local_base_in_the_layout_of_the_hub_is_taken(trained: Trained, tmp_path: Path) -> None:
    local = tmp_path / "model"
    shutil.copytree(trained.root / "base" / "base", local)
    shutil.copytree(trained.root / "base" / "tokenizer", local, dirs_exist_ok=True)
    _from_hub(trained, local).step("base", tmp_path / "base")
    expected = Detector.open(trained.root / "base").direct_scores(["pump failed badly"])
    assert list(Detector.open(tmp_path / "base").direct_scores(["pump failed badly"])) == pytest.approx(list(expected))


def test_a_base_in_16_bit_floats_trains_in_the_format_that_a_gpu_computes_in(
    trained: Trained, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from rationanomaly.model.loading import load_base

    load_base(trained.root / "base" / "base").half().save_pretrained(tmp_path)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert load_base(tmp_path, trained.params.training).dtype == torch.bfloat16
    assert load_base(tmp_path).dtype == torch.float16
    assert load_base(trained.root / "base" / "base", trained.params.training).dtype == torch.float32


def test_a_hub_id_without_a_revision_is_refused(trained: Trained, tmp_path: Path) -> None:
    with pytest.raises(ParamsError, match=r"model\.revision"):
        _from_hub(trained, "someone/some-model").step("base", tmp_path / "base")


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("pytorch_model.bin", "", "pickled weights are never loaded"),
        ("modeling_evil.py", "", "may not hold code"),
        ("config.json", '{"auto_map": {"AutoModel": "evil.Model"}}', "auto_map"),
        ("tokenizer_config.json", '{"auto_map": {"AutoTokenizer": ["evil.Tokenizer", null]}}', "auto_map"),
        ("config.json", "[]", "holds no weights"),
        ("config.json", "no JSON", "no readable config.json"),
    ],
)
def test_a_local_base_that_is_unsafe_or_no_model_is_refused(
    trained: Trained, tmp_path: Path, name: str, content: str, problem: str
) -> None:
    local = tmp_path / "model"
    local.mkdir()
    (local / "config.json").write_text("{}")
    (local / name).write_text(content)
    with pytest.raises(ArtifactError, match=problem) as caught:
        _from_hub(trained, local).step("base", tmp_path / "base")
    assert "\n" not in str(caught.value)
    assert not (tmp_path / "base").exists()


def _from_hub(trained: Trained, name: Path | str) -> Trained:
    """The same with a base of this name."""
    model = trained.params.model.model_copy(update={"source": "hub", "name": str(name)})
    return replace(trained, params=trained.params.model_copy(update={"model": model}))
