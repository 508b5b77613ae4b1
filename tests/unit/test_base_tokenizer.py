"""The tokenizer of a base from scratch: any text survives, and what must be one token is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rationanomaly.base.tokenizer import train_tokenizer
from rationanomaly.errors import TrainingError
from rationanomaly.model.scoring import label_tokens
from rationanomaly.text.prompt import TAGS

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerFast

TEXTS = ["disk <*> failed on rack <*>", "fan speed is <*> rpm", 'The log names "disk failed", so it is abnormal.'] * 20


@pytest.fixture(scope="module")
def tokenizer() -> PreTrainedTokenizerFast:
    return train_tokenizer(TEXTS, 420)


@given(
    text=st.text(st.characters(exclude_categories=["Cs"]))
    | st.lists(st.sampled_from(['"', "\ue000", " ", "a", "<*>", *TAGS, "\n", "é"])).map("".join)
)
def test_any_text_survives(tokenizer: PreTrainedTokenizerFast, text: str) -> None:
    ids = tokenizer(text, add_special_tokens=False)["input_ids"]
    assert tokenizer.decode(ids, skip_special_tokens=True) == text


@pytest.mark.parametrize("text", [*TAGS, " <*>", " abnormal", "abnormal", "normal"])
def test_is_one_token(tokenizer: PreTrainedTokenizerFast, text: str) -> None:
    assert len(tokenizer(text, add_special_tokens=False)["input_ids"]) == 1


def test_a_word_is_the_same_token_in_the_log_and_in_a_quote(tokenizer: PreTrainedTokenizerFast) -> None:
    (in_log,) = tokenizer(" disk", add_special_tokens=False)["input_ids"]
    assert in_log in tokenizer('"disk"', add_special_tokens=False)["input_ids"]


def test_tags_are_not_special_so_that_decoding_keeps_them(tokenizer: PreTrainedTokenizerFast) -> None:
    assert not set(TAGS) & set(tokenizer.all_special_tokens)


def test_the_same_texts_give_the_same_tokenizer(tokenizer: PreTrainedTokenizerFast) -> None:
    assert train_tokenizer(TEXTS, 420).get_vocab() == tokenizer.get_vocab()


def test_the_verdicts_differ_in_one_token_behind_a_common_prefix(tokenizer: PreTrainedTokenizerFast) -> None:
    labels = label_tokens(tokenizer)
    assert tokenizer.decode([*labels.prefix, labels.abnormal]) == "<answer>abnormal"
    assert tokenizer.decode([*labels.prefix, labels.normal]) == "<answer>normal"


def test_a_tokenizer_that_cannot_distinguish_the_answers_is_refused() -> None:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = Tokenizer(models.WordLevel({"<unk>": 0, "<": 1, ">": 2, "/": 3, "answer": 4}, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    blind = PreTrainedTokenizerFast(tokenizer_object=words, unk_token="<unk>")
    with pytest.raises(TrainingError, match="splits the answer words"):
        label_tokens(blind)
