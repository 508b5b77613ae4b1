"""GRPO on an SFT adapter, by TRL's GRPOTrainer. The KL is measured against that adapter as it was at the start."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from rationanomaly.device import ranks
from rationanomaly.errors import TrainingError
from rationanomaly.grpo import engine
from rationanomaly.grpo.alarms import watch
from rationanomaly.grpo.generation import in_form
from rationanomaly.grpo.policy import Policy, scoring_places, trainer_class
from rationanomaly.grpo.prompts import Task
from rationanomaly.grpo.sampling import shared_draws
from rationanomaly.grpo.variance import VARIANCE, shares
from rationanomaly.model.chat_template import render
from rationanomaly.model.constrained_form import Grammar
from rationanomaly.model.few_shot import FewShotExamples
from rationanomaly.params import GrpoParams, PromptParams
from rationanomaly.rewards import Composition
from rationanomaly.text.prompt import Mode, Shown
from rationanomaly.training.batching import Passes
from rationanomaly.training.best_adapter import Measure, evaluations, interval, mean_of
from rationanomaly.training.checkpoints import Curve
from rationanomaly.training.loop import TrainingRun, check_trainable, common_arguments, fit, own_optimizer, recorder
from rationanomaly.training.trl_compat import policy_alone_sent

if TYPE_CHECKING:
    from datasets import Dataset
    from peft import PeftModel
    from transformers import PreTrainedTokenizerBase, TrainerCallback
    from trl import GRPOConfig

logger = logging.getLogger(__name__)

#: Before the first update policy and KL reference are the same; more than rounding says that they are not.
MAX_FIRST_KL = 1e-4
#: Where both are computed in 16 bits two kernels may round otherwise: up to here that is a warning, for SFT is paid by
#: then. A wrong reference gives more: .1 and above with dropout, 5.9 with the base in place of the SFT model.
MAX_FIRST_KL_IN_16_BITS = 1e-2
#: The mean of these metrics on the validation split says which adapter is best: the reasoned verdict, and texts that
#: agree with themselves and with the log.
SCORED_BY = ("f1", "agreement", "support")


def reward_function(
    composition: Composition, target_words: int, few_shot: FewShotExamples | None = None, generations: int = 1
) -> Callable[..., list[float]]:
    """The function that TRL calls: total rewards; logged are every term's mean and its share of the signal.

    Of the answers it logs those to abnormal prompts and those to normal ones apart (``recall``,
    ``false_positive_rate``): what an asymmetric answer term changes can then be told from the prompts' class share.

    Similar templates are what prompts show beside a log: words copied from them are none of a completion's own.

    The columns ``text``, ``label`` and ``teacher_rationale`` come from the dataset, one value per completion.
    """

    def reward(
        completions: Sequence[str],
        text: Sequence[str],
        label: Sequence[str],
        teacher_rationale: Sequence[str | None],
        log_metric: Callable[[str, float], None],
        **_: Any,
    ) -> list[float]:
        tasks = [Task(log, name, None) for log, name in zip(text, label, strict=True)]
        shown = [(task.beside(few_shot) if few_shot else task).shown for task in tasks]
        # Some terms look at the whole batch, however many ranks share it.
        beside = ranks.of_others(list(zip(completions, shown, strict=True))) if composition.batch else []
        others = [pair for pairs in beside for pair in pairs]
        scored = composition.compose(completions, shown, label, teacher_rationale, target_words, others)
        log_metric("terms/format", float(np.mean([entry.format for entry in scored])))
        log_metric("valid", float(np.mean([entry.stated != "invalid" for entry in scored])))
        log_metric("accuracy", float(np.mean([e.stated == name for e, name in zip(scored, label, strict=True)])))
        for name, truth in (("recall", "abnormal"), ("false_positive_rate", "normal")):
            alarms = [entry.stated == "abnormal" for entry, real in zip(scored, label, strict=True) if real == truth]
            if alarms:
                log_metric(name, float(np.mean(alarms)))
        # A rank may hold a part of a group only; then another's mean has to speak for it.
        if generations > 1 and len(scored) % generations == 0:
            for name, share in shares([composition.parts(entry) for entry in scored], generations).items():
                log_metric(f"{VARIANCE}{name}", share)
        for name in dict.fromkeys(name for entry in scored for name in entry.terms):
            values = [entry.terms[name] for entry in scored if name in entry.terms]
            log_metric(f"terms/{name}", float(np.mean(values)))
            log_metric(f"terms/{name}_spread", float(np.std(values)))
        return [entry.total for entry in scored]

    return reward


def prompt_lengths(tokenizer: PreTrainedTokenizerBase, tasks: Sequence[Task], prompt: PromptParams) -> list[int]:
    """Tokens of the prompt of each task."""
    texts = [render(tokenizer, task.shown, Mode.REASON, prompt) for task in tasks]
    return [len(ids) for ids in tokenizer(texts)["input_ids"]]


def train(
    model: PeftModel,
    tokenizer: PreTrainedTokenizerBase,
    tasks: Sequence[Task],
    reward: Callable[..., list[float]],
    prompt: PromptParams,
    params: GrpoParams,
    passes: Passes,
    max_completion: int,
    grammar: Grammar | None,
    run: TrainingRun,
    validate: Measure,
) -> Curve:
    """Run the trainer over the tasks once, in their order, or until an alarm stops it.

    The model is left with the adapter of the best evaluation, which may be that of SFT.

    Args:
        passes: how the completions of a step are cut.
        grammar: the form that completions are generated in, as the detector's are; None: freely, as vLLM.
        run: where it keeps what survives a crash, and on how many ranks it runs.
        validate: metrics on the validation split, asked for before, ``params.evaluations`` times during and after it.

    Returns:
        One dictionary per step.

    Raises:
        TrainingError: nothing is trainable, the KL reference is not the SFT model, or a loss that is not a number.
    """
    from trl import GRPOTrainer

    check_trainable(model)
    curve: Curve = []
    prompts = [render(tokenizer, task.shown, Mode.REASON, prompt) for task in tasks]
    logs = {text: task.shown for text, task in zip(prompts, tasks, strict=True)}
    ours = None if grammar is None else trainer_class(Policy(tokenizer, logs, grammar, params.temperature))
    trainer = (ours or GRPOTrainer)(
        model=model,
        args=_arguments(params, passes, max_completion, run),
        reward_funcs=reward,
        train_dataset=_dataset(prompts, tasks),
        processing_class=tokenizer,
        callbacks=_callbacks(model, curve, params, run, validate),
        optimizers=(own_optimizer(model, params.learning_rate), None),
    )
    _in_format_of_policy(model)
    with _sampling(model, tokenizer, logs, grammar), policy_alone_sent(trainer):
        fit(trainer, curve, run)
    return curve


def _callbacks(
    model: PeftModel, curve: Curve, params: GrpoParams, run: TrainingRun, validate: Measure
) -> list[TrainerCallback]:
    """What TRL calls around a step, in this order: alarms last, for they read what the others write into the curve."""
    best_by = mean_of(SCORED_BY if params.keep_best else ())
    every = interval(params.steps, params.evaluations)
    return [
        recorder("GRPO", params.steps, curve, {"reward": "reward", "kl": "KL", "valid": "valid"}),
        _kl_reference_check(params.beta),
        evaluations(model, curve, every, validate, best_by, run.checkpoints, run.key),
        watch(curve, params.alarms),
    ]


@contextmanager
def _sampling(
    model: PeftModel, tokenizer: PreTrainedTokenizerBase, logs: Mapping[str, Shown], grammar: Grammar | None
) -> Iterator[None]:
    """Inside the block completions don't depend on the number of ranks and, with a grammar, have the detector's form.

    Args:
        logs: by the text of its prompt.
    """
    with ExitStack() as stack:
        stack.enter_context(shared_draws(model))
        if grammar is not None:
            stack.enter_context(in_form(model, tokenizer, logs, grammar))
            stack.enter_context(scoring_places(model))
        yield


def _in_format_of_policy(model: PeftModel) -> None:
    """Give TRL's frozen copy of the adapter the number format of the adapter: else the two would round differently."""
    for name, weight in model.named_parameters():
        if ".ref." in name:
            weight.data = weight.data.to(model.get_parameter(name.replace(".ref.", ".default.")).dtype)


def _dataset(prompts: Sequence[str], tasks: Sequence[Task]) -> Dataset:
    """The prompts, each with the columns that the reward reads."""
    from datasets import Dataset

    columns = ("text", "label", "teacher_rationale")
    rows = [{name: getattr(task, name) for name in columns} for task in tasks]
    return Dataset.from_list([{"prompt": text, **row} for text, row in zip(prompts, rows, strict=True)])


def _arguments(params: GrpoParams, passes: Passes, max_completion: int, run: TrainingRun) -> GRPOConfig:
    from trl import GRPOConfig

    return GRPOConfig(
        **common_arguments(run),
        max_steps=params.steps,
        per_device_train_batch_size=passes.rows,
        gradient_accumulation_steps=passes.count,
        num_generations=params.generations,
        steps_per_generation=passes.per_generation(params.generations),
        max_completion_length=max_completion,
        **engine.options(params),
        learning_rate=params.learning_rate,
        beta=params.beta,
        temperature=params.temperature,
        loss_type="dapo",
        # Each pass would draw another policy: the loss compares policy, KL reference and what was sampled from.
        disable_dropout=True,
        shuffle_dataset=False,
    )


def _kl_reference_check(beta: float) -> Any:
    from transformers import TrainerCallback

    class KlReferenceCheck(TrainerCallback):
        def on_log(self, args: Any, state: Any, _control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
            found = abs(logs.get("kl", 0.0)) if beta and state.global_step == 1 and logs else 0.0
            if found < MAX_FIRST_KL:
                return
            if args.bf16 and found < MAX_FIRST_KL_IN_16_BITS:
                logger.warning("the KL at the first step is %.2g, as rounding to 16 bits may make it", found)
                return
            problem = f"the KL at the first step is {found:.2g}, so the KL reference is not the SFT model"
            raise TrainingError(problem, hint="Start from a folder that `sft` wrote")

    return KlReferenceCheck()
