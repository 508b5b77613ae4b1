"""The model, tokenizer and logs that `benchmarks/gpu.py` measures with. No benchmark itself."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rationanomaly.device import runtime
from rationanomaly.params import Params

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

#: Of Llama 2 7B, as its repository on the hub states it.
LLAMA2_7B: dict[str, Any] = {
    "vocab_size": 32000,
    "hidden_size": 4096,
    "intermediate_size": 11008,
    "num_hidden_layers": 32,
    "num_attention_heads": 32,
    "num_key_value_heads": 32,
    "max_position_embeddings": 4096,
    "tie_word_embeddings": False,
}
SMALL: dict[str, Any] = {
    **LLAMA2_7B,
    "vocab_size": 512,
    "hidden_size": 64,
    "intermediate_size": 172,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "num_key_value_heads": 4,
}
_PARTS = ("pump", "fan", "rack", "disk controller", "ethernet link", "memory module", "power supply", "scheduler")
_EVENTS = (
    ("is ready after its self test and serves requests", "normal"),
    ("failed badly: no answer in 30 seconds, 14 requests lost", "abnormal"),
    ("was restarted by its operator for maintenance", "normal"),
    ("reports an uncorrectable error at 0x0f3a and stops", "abnormal"),
)
#: Of an adapter that has learnt something: B is not zero, so dropout and a wrong reference would be seen in the KL.
_SPREAD_OF_B = 0.01


def logs(count: int) -> list[tuple[str, str]]:
    """Logs with their labels, ``count`` of them."""
    pairs = [(f"{part} {event}", label) for event, label in _EVENTS for part in _PARTS]
    return [pairs[place % len(pairs)] for place in range(count)]


@cache
def tokenizer_of(vocabulary: int) -> PreTrainedTokenizerFast:
    """One that can write verdicts, of exactly so many tokens: what no text needs are words that nobody writes."""
    from tokenizers import AddedToken

    from rationanomaly.base.tokenizer import train_tokenizer
    from rationanomaly.rulebook.sentences import general_sentences

    tokenizer = train_tokenizer([*general_sentences(), *(log for log, _ in logs(32))], vocabulary)
    unused = [f"w{place}w" for place in range(vocabulary - len(tokenizer))]
    tokenizer.add_tokens([AddedToken(word, special=False, normalized=False) for word in unused])
    return tokenizer


def adapted(config: dict[str, Any], params: Params, folder: Path) -> Any:
    """A model with random weights, made as `sft` makes it: in bf16 on the GPU, or in 4 bits, with a LoRA adapter.

    Args:
        config: its shape.
        params: of the adapter and the training.
        folder: for its files, where something has to load them: 4 bits, or vLLM.
    """
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from rationanomaly.model.loading import load_base
    from rationanomaly.sft.trainer import adapt

    settings = LlamaConfig(**config)
    with torch.device(runtime.device()):
        torch.set_default_dtype(torch.bfloat16 if torch.cuda.is_available() else torch.float32)
        base = LlamaForCausalLM(settings)
        torch.set_default_dtype(torch.float32)
    if params.training.quantisation != "none" or params.grpo.generation != "transformers":
        base.save_pretrained(folder)
        tokenizer_of(config["vocab_size"]).save_pretrained(folder)
        del base
        base = load_base(folder, params.training)
    model = adapt(base, params.model, params.training)
    for name, weight in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=_SPREAD_OF_B)
    return model
