"""Generate the completions that GRPO pays for in the way the detector writes: in form, in time, with literal quotes.

Otherwise the reward would speak of texts that nobody is ever shown, and a small model would hardly find a grounded
one to learn from. The gradient takes the policy's own probabilities of the tokens that the constraint let through, so
what it learns from a paid completion is also to copy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from rationanomaly.model.constrained_form import FormConstraint, Grammar
from rationanomaly.text.prompt import Shown
from rationanomaly.training.trl_compat import GENERATE, applied

if TYPE_CHECKING:
    from peft import PeftModel
    from torch import Tensor
    from transformers import PreTrainedTokenizerBase


@contextmanager
def in_form(
    model: PeftModel, tokenizer: PreTrainedTokenizerBase, logs: Mapping[str, Shown], grammar: Grammar
) -> Iterator[None]:
    """Inside the block ``model.generate`` writes verdicts in form.

    Args:
        model: its ``generate`` is what TRL calls.
        tokenizer: of the model.
        logs: prompt → the log that it shows, for every prompt that will be asked.
        grammar: of the tokenizer.
    """
    shown = {tuple(tokenizer(prompt)["input_ids"]): log for prompt, log in logs.items()}

    def constrained(generate: Callable[..., Any]) -> Callable[..., Any]:
        def generate_in_form(*, input_ids: Tensor, attention_mask: Tensor, **options: Any) -> Any:
            if "logits_processor" in options:  # An evaluation between the steps, with constraints of its own.
                return generate(input_ids=input_ids, attention_mask=attention_mask, **options)
            rows = zip(input_ids, attention_mask.bool(), strict=True)
            asked = [shown[tuple(ids[mask].tolist())] for ids, mask in rows]
            options["logits_processor"] = [FormConstraint(grammar, asked, input_ids.shape[1])]
            return generate(input_ids=input_ids, attention_mask=attention_mask, **options)

        return generate_in_form

    with applied(GENERATE, constrained, model):
        yield
