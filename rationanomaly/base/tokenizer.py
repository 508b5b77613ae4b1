"""A tokenizer for a base from scratch: whole words where they are known, bytes where nothing is.

Byte-level BPE over words, so that any text survives encoding and decoding. Small models copy a word from the log
into a quote only if both are the same token. In a log a word follows a space, in a quote it follows the quotation
mark; so an opening quotation mark takes a space with it, which decoding removes.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from rationanomaly.records import LABELS
from rationanomaly.text.canonical import WILDCARD
from rationanomaly.text.prompt import TAGS

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

PAD, EOS = "<|pad|>", "<|end|>"
#: Follows an opening quotation mark; from Unicode's private use area, so `prompt.show` never lets it through.
_OPENED = "\ue000"
#: A word with the space before it; digits and signs singly. Each alternative is linear.
_PIECE = rf' ?"{_OPENED}| ?<\*>| ?\p{{L}}+| ?\p{{N}}| ?[^\s\p{{L}}\p{{N}}]|\s'
#: Often enough that BPE makes one token of each, whatever else the corpus holds.
_EMPHASIS = 1000


def train_tokenizer(texts: Iterable[str], vocabulary: int) -> PreTrainedTokenizerFast:
    """Learn a tokenizer.

    Args:
        texts: what to learn words from; nothing held out may be among them.
        vocabulary: number of tokens, bytes and tags included.

    Returns:
        A tokenizer that knows each of the four tags as one token that is not special, for TRL decodes completions
        without special tokens.
    """
    from tokenizers import AddedToken, Regex, Tokenizer, decoders, models, normalizers, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.normalizer = normalizers.Sequence(
        [
            # The text's own private-use character is doubled, so that decoding can tell it from ours.
            normalizers.Replace(_OPENED, f"{_OPENED}{_OPENED} "),
            normalizers.Replace(Regex(r'"(?=\p{L})'), f'"{_OPENED} '),
        ]
    )
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [
            pre_tokenizers.Split(Regex(_PIECE), "isolated"),
            pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False),
        ]
    )
    tokenizer.decoder = decoders.Sequence([decoders.ByteLevel(), decoders.Replace(f"{_OPENED} ", "")])
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary - len(TAGS),
        special_tokens=[PAD, EOS],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([*texts, *_always_whole()], trainer)
    tokenizer.add_tokens([AddedToken(tag, special=False, normalized=False) for tag in TAGS])
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        pad_token=PAD,
        eos_token=EOS,
        padding_side="left",
        clean_up_tokenization_spaces=False,
    )


def _always_whole() -> list[str]:
    # The answer follows a tag, not a space, so it is a token of its own beside the word in a sentence.
    return [
        word for word in (*LABELS, f" {WILDCARD}", ' "log', "log: ", "reason:", "verdict:") for _ in range(_EMPHASIS)
    ]
