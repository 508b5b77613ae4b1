"""GRPO's trainer for completions in form: what nobody chose is not learnt; what was chosen is scored as it was drawn.

A completion is sampled under the constraints of `model.constrained_form`. Where only one token could come, none was
chosen: such tokens stay out of the loss. The label is one of them, for it is answered as the detector answers, by the
threshold: the reward of the answer teaches the analyses that lead to it, and how sure a model is behind them stays what
SFT has taught. Elsewhere the policy that was sampled from is the model's softmax over the
permitted tokens, so the log-probabilities of policy and KL reference are taken over them, too. Otherwise a token that
the constraint made certain would be rewarded as a lucky find.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rationanomaly.model.constrained_form import Choice, Grammar
from rationanomaly.text.prompt import Shown
from rationanomaly.training.trl_compat import FORWARD, applied

if TYPE_CHECKING:
    from peft import PeftModel
    from torch import Tensor
    from transformers import PreTrainedTokenizerBase

#: Places whose logits are held at once.
_TILE = 256

Tokens = tuple[int, ...]


@dataclass(frozen=True)
class Places:
    """The places of a batch of completions at which the model chose.

    Attributes:
        rows, columns: of each place in the completions, shape (places,).
        tokens: that came there, shape (places,).
        choices: what could have come.
        banned: tokens that can't come inside an analysis.
        opening: tokens that open a quote.
        temperature: of the sampling.
    """

    rows: Tensor
    columns: Tensor
    tokens: Tensor
    choices: Sequence[Choice]
    banned: Tensor
    opening: Tensor
    temperature: float

    def forbidden(self, start: int, end: int, vocabulary: int) -> Tensor:
        """Which tokens could not come at the places ``start`` to ``end``, shape (end − start, vocabulary)."""
        import torch

        device, choices = self.tokens.device, list(enumerate(self.choices[start:end]))
        found = torch.zeros((end - start, vocabulary), dtype=torch.bool, device=device)
        found[:, self.banned] = True
        # A few operations in all, however many places: each is a call to a GPU.
        closed = [place for place, choice in choices if choice.allowed is None and not choice.may_open]
        if closed:
            found[torch.tensor(closed, device=device)[:, None], self.opening] = True
        limited = [(place, token) for place, choice in choices for token in choice.allowed or ()]
        if limited:
            places, tokens = torch.tensor(limited, device=device).T
            found[places] = True
            found[places, tokens] = False
        return found


class Policy:
    """What could have come where, for the completions of the prompts of one training.

    Args:
        tokenizer: of the model.
        logs: prompt → the log that it shows, for every prompt that will be asked.
        grammar: the form that completions are sampled in.
        temperature: of the sampling.
    """

    def __init__(
        self, tokenizer: PreTrainedTokenizerBase, logs: Mapping[str, Shown], grammar: Grammar, temperature: float
    ) -> None:
        self._logs = {tuple(tokenizer(prompt)["input_ids"]): log for prompt, log in logs.items()}
        self._grammar, self._temperature = grammar, temperature
        # Policy and reference ask of the same completions, one after the other.
        self._choices = functools.lru_cache(maxsize=4096)(self._find_choices)

    def chosen(self, prompt: Sequence[int], completion: Sequence[int]) -> list[int]:
        """1 where the model chose a token of the completion, 0 where only one could come."""
        return [int(not choice.forced) for choice in self._choices(tuple(prompt), tuple(completion))]

    def places(self, input_ids: Tensor, attention_mask: Tensor, width: int) -> Places:
        """The places of a batch at which the model chose.

        Args:
            input_ids, attention_mask: prompts padded on the left, completions on the right, shape (rows, tokens).
            width: tokens of the completions, padding included.
        """
        import torch

        found: list[tuple[int, int, int, Choice]] = []
        for row, (ids, mask) in enumerate(zip(input_ids, attention_mask.bool(), strict=True)):
            prompt = tuple(ids[:-width][mask[:-width]].tolist())
            completion = tuple(ids[-width:][mask[-width:]].tolist())
            for column, (token, choice) in enumerate(zip(completion, self._choices(prompt, completion), strict=True)):
                if not choice.forced:
                    found.append((row, column, token, choice))
        rows, columns, tokens = (
            torch.tensor(part, device=input_ids.device) for part in zip(*(f[:3] for f in found), strict=True)
        )
        banned = torch.tensor(self._grammar.banned, device=input_ids.device)
        opening = torch.tensor(self._grammar.vocabulary.opening, device=input_ids.device)
        return Places(rows, columns, tokens, [choice for *_, choice in found], banned, opening, self._temperature)

    def _find_choices(self, prompt: Tokens, completion: Tokens) -> tuple[Choice, ...]:
        return tuple(self._grammar.choices(self._logs[prompt], completion))


def trainer_class(policy: Policy) -> type:
    """TRL's GRPOTrainer with the loss of a policy that is sampled in form."""
    from trl import GRPOTrainer

    class InFormTrainer(GRPOTrainer):
        """See the module."""

        def _generate(self, prompts: list[Any]) -> Any:
            prompt_ids, completion_ids, _, *others = super()._generate(prompts)
            pairs = zip(prompt_ids, completion_ids, strict=True)
            chosen = [policy.chosen(prompt, completion) for prompt, completion in pairs]
            return prompt_ids, completion_ids, chosen, *others

        def _get_per_token_logps_and_entropies(
            self,
            model: Any,
            input_ids: Tensor,
            attention_mask: Tensor,
            logits_to_keep: int,
            batch_size: int | None = None,
            **_: Any,
        ) -> tuple[Tensor, Tensor, None]:
            import torch

            size = batch_size or len(input_ids)
            found = []
            for start in range(0, len(input_ids), size):
                ids, mask = input_ids[start : start + size], attention_mask[start : start + size]
                places = policy.places(ids, mask, logits_to_keep)
                with self.accelerator.autocast():
                    scored = model(input_ids=ids, attention_mask=mask, places=places, completion_width=logits_to_keep)
                found.append((scored["log_probs"], scored["entropy"]))
            log_probs, entropies = (torch.cat(part) for part in zip(*found, strict=True))
            return log_probs, entropies, None

    return InFormTrainer


@contextmanager
def scoring_places(model: PeftModel) -> Iterator[None]:
    """Inside the block the model's forward pass can score the places of `Policy.places` instead of giving logits.

    It is the base's own forward that learns it, so that what wraps the model (DDP, ZeRO) still sees one pass.
    """
    base = model.get_base_model()

    def with_places(forward: Any) -> Any:
        @functools.wraps(forward)
        def scored(*args: Any, places: Places | None = None, completion_width: int = 0, **options: Any) -> Any:
            if places is None:
                return forward(*args, **options)
            hidden = base.base_model(*args, use_cache=False, **options).last_hidden_state
            return _score(hidden[:, -completion_width - 1 : -1], places, base.get_output_embeddings())

        return scored

    with applied(FORWARD, with_places, base):
        yield


def _score(hidden: Tensor, places: Places, head: Any) -> dict[str, Tensor]:
    """Log-probabilities and entropies over the permitted tokens, shape (rows, tokens); 0 where none was chosen.

    Args:
        hidden: states that predict the completions' tokens, shape (rows, tokens, any).
        places: at which the model chose.
        head: the output embeddings.
    """
    import torch
    from torch.utils.checkpoint import checkpoint

    def tile(states: Tensor, start: int, end: int) -> tuple[Tensor, Tensor]:
        logits = head(states).float() / places.temperature
        logits = logits.masked_fill(places.forbidden(start, end, logits.shape[1]), -torch.inf)
        log_probs = logits.log_softmax(-1)
        with torch.no_grad():
            entropy = -(log_probs.exp() * log_probs.nan_to_num(neginf=0.0)).sum(-1)
        return log_probs.gather(1, places.tokens[start:end, None])[:, 0], entropy

    chosen = hidden[places.rows, places.columns]
    parts = []
    for start in range(0, len(chosen), _TILE):
        end = min(start + _TILE, len(chosen))
        # The logits of a vocabulary are large and cheap to compute again.
        parts.append(checkpoint(tile, chosen[start:end], start, end, use_reentrant=False))
    log_probs, entropies = (torch.cat(part) for part in zip(*parts, strict=True))
    blank = torch.zeros(hidden.shape[:2], dtype=torch.float32, device=hidden.device)
    spots = (places.rows, places.columns)
    return {"log_probs": blank.index_put(spots, log_probs), "entropy": blank.index_put(spots, entropies)}
