"""The corpus of the log adapter: a function of seed and packages, its shares, and nothing close to what is judged.

And whether the adapter that ships was made of what is written today.
"""

from __future__ import annotations

import csv
import hashlib
import json
import random
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, replace
from functools import cache

import numpy as np
import pytest

from rationanomaly.model import package
from rationanomaly.model.log_adapter import card
from rationanomaly.params import PromptParams, load_params
from rationanomaly.pretrain import corpus
from rationanomaly.pretrain.adapter import Recipe
from rationanomaly.pretrain.corpus import Corpus, Message, Sizes
from rationanomaly.pretrain.messages import load_templates
from rationanomaly.rulebook.rationale import write_rationale
from rationanomaly.text.canonical import WILDCARD
from rationanomaly.text.evidence import check_evidence
from rationanomaly.text.harvest import harvest
from rationanomaly.text.prompt import Shown, show, split_conclusion, write_response
from rationanomaly.text.similarity import SimilarityIndex
from tests.conftest import ROOT

PUBLISHED = ROOT.parent / "shared" / "data" / "templates" / "templates.csv"
SMALL = Sizes(searched=400, harvested=200, per_fault=2, per_other=2)
#: What the adapter that ships was made from, as its card says it.
SHIPPED = json.loads((card.FOLDER / card.CARD).read_bytes())["recipe"]
#: All of the recipe's texts that can be made in seconds: those of the catalogue, and a part of the harvested ones.
QUICK = replace(Sizes(), searched=2_000)
#: SHA-256 of what the recipe writes without any installed package, as it was when that adapter was made. After a change
#: of catalogue or rulebook make the adapter anew, or let docs/training.md say what it has not read.
WRITTEN_SHA256 = "78033e4c3ed3ee37d2e7859ac898f3b050faf65b3dcf233a246d09cff721d91b"


@pytest.fixture(scope="module")
def settings() -> PromptParams:
    return load_params(ROOT / "params.yaml").prompt


@pytest.fixture(scope="module", autouse=True)
def read_once() -> Iterator[None]:
    """Six corpora are made here of the same logs: each is brought into its form once, packages are searched once."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(corpus, "show", show_once)
        patch.setattr(corpus, "harvest", cache(harvest))
        yield


@cache
def show_once(log: str, settings: PromptParams) -> Shown:
    return show(log, settings)


@pytest.fixture(scope="module")
def small(settings: PromptParams) -> Corpus:
    return corpus.build(settings, 0, SMALL)


@pytest.fixture(scope="module")
def victim(small: Corpus) -> Message:
    return next(message for message in small.train if message.source == "catalogue")


@pytest.fixture(scope="module")
def cut(settings: PromptParams, victim: Message) -> Corpus:
    """The small one where the victim's text is protected."""
    return corpus.build(settings, 0, SMALL, [victim.log])


def test_equal_seeds_give_equal_texts_in_their_order(settings: PromptParams, small: Corpus) -> None:
    assert corpus.build(settings, 0, SMALL) == small
    other = corpus.build(settings, 1, replace(SMALL, searched=0, per_fault=1, per_other=1))
    assert not {message.log for message in other.train if "<*>" not in message.log} <= {m.log for m in small.train}


def test_it_holds_what_it_should(small: Corpus) -> None:
    messages = [*small.train, *small.held_out]
    assert len({message.text for message in messages}) == len(messages)
    sources = Counter(message.source for message in messages)
    assert sources["catalogue"] > 1500
    assert 150 <= sources["harvested"] <= 200
    assert 0.07 < sources["variant"] / len(messages) < 0.16
    assert 0.3 < sum(message.label == "abnormal" for message in messages) / len(messages) < 0.5
    assert sum(WILDCARD in message.log for message in messages) > 500


def test_a_family_is_learnt_or_held_out_as_a_whole(small: Corpus) -> None:
    assert small.held_out
    assert not {message.family for message in small.train} & {message.family for message in small.held_out}


def test_the_catalogue_is_wide_and_balanced() -> None:
    templates = load_templates()
    assert len({template.domain for template in templates}) >= 27
    assert len({template.text for template in templates}) >= 350
    faults = sum(template.label == "abnormal" for template in templates) / len(templates)
    assert 0.38 < faults < 0.5
    assert sum(template.kind == "E" for template in templates) > 100


def test_a_catalogue_that_is_wrong_names_its_line() -> None:
    from rationanomaly.pretrain import messages

    with pytest.raises(ValueError, match=r"x.txt, line 2: no such value: \['nothing'\]"):
        messages._read("x", ["heads: a | b", "F {nothing} broke"])
    with pytest.raises(ValueError, match="line 3: a line must begin with F, E or P"):
        messages._read("x", ["heads: a", "P {user|{int} users} came", "Q what"])


def test_what_is_close_to_a_protected_text_is_left_out(small: Corpus, victim: Message, cut: Corpus) -> None:
    assert victim.text not in {message.text for message in cut.train}
    assert corpus.hash_of(victim.text) in cut.dropped
    assert len(cut.train) < len(small.train)


def test_what_was_dropped_is_recorded(monkeypatch: pytest.MonkeyPatch, settings: PromptParams, cut: Corpus) -> None:
    """With the hashes the corpus is made again without the table that they came from."""
    monkeypatch.setattr(corpus, "recorded", lambda: cut.dropped)
    assert corpus.build(settings, 0, SMALL) == cut


def test_rationales_quote_the_log_and_argue_for_the_label(settings: PromptParams, small: Corpus) -> None:
    for message in small.train[:300]:
        shown = show(message.log, settings)
        rationale = write_rationale(shown, message.label, random.Random(0))
        assert split_conclusion(rationale)[1] == message.label
        assert check_evidence(rationale, shown).grounded, rationale


def _closest(texts: list[str], protected: list[str]) -> float:
    """The highest similarity of a text with a protected one, by weights of both, computed apart from the library's."""
    index = SimilarityIndex([*protected, *texts])
    vectors = index._vectorizer.transform(index.texts)
    positions = np.unique(index.text_of[: len(protected)])
    others = np.setdiff1d(np.arange(len(index.texts)), positions)
    assert len(others) == len(set(index.text_of[len(protected) :].tolist())), "a text equals a protected one"
    return max(float((vectors[block] @ vectors[positions].T).max()) for block in np.array_split(others, 20))


@pytest.fixture(scope="module")
def written(settings: PromptParams) -> list[Message]:
    return list(corpus._catalogue(settings, SHIPPED["seed"], Sizes()))


@pytest.fixture(scope="module")
def quick(settings: PromptParams, written: list[Message]) -> Corpus:
    with pytest.MonkeyPatch.context() as patch:
        # What is written is the same whatever is searched, and takes seconds.
        patch.setattr(corpus, "_catalogue", lambda *_: iter(written))
        return corpus.build(settings, SHIPPED["seed"], QUICK)


def test_the_recipe_holds_nothing_that_is_judged(quick: Corpus) -> None:
    """Against the catalogue of `simulate`, and against the published templates where they are at hand: the hashes that
    are recorded must be enough.
    """
    texts = [message.log for message in (*quick.train, *quick.held_out)]
    assert _closest(texts, corpus.simulated()) < 0.8
    if not PUBLISHED.exists():
        pytest.skip("the published templates are not here")
    with PUBLISHED.open(encoding="utf-8", newline="") as file:
        published = [row["template"] for row in csv.DictReader(file)]
    assert _closest(texts, published) < 0.8


def test_what_is_recorded_as_dropped_is_of_this_recipe(written: list[Message], quick: Corpus) -> None:
    """Hashes of no text that is written today would keep nothing out; of harvested texts most are not made here."""
    recorded = corpus.recorded()
    lines = (ROOT / "rationanomaly" / "pretrain" / "dropped.txt").read_text(encoding="ascii").splitlines()
    assert lines == sorted(recorded) and all(re.fullmatch("[0-9a-f]{16}", line) for line in lines)
    assert len(recorded & {corpus.hash_of(message.text) for message in written}) > 200
    assert recorded.isdisjoint(corpus.hash_of(message.text) for message in (*quick.train, *quick.held_out))
    assert recorded <= quick.dropped


def test_the_adapter_that_ships_was_made_by_the_recipe_as_it_is(settings: PromptParams) -> None:
    """First by itself, then further on the texts of today with fewer tokens: what the two runs differ in."""
    asked = json.loads(json.dumps({key: value for key, value in asdict(Recipe()).items() if key != "threads"}))
    del asked["tokens"], asked["start"]
    for recipe in (SHIPPED, SHIPPED["earlier"]):
        assert asked == {key: recipe[key] for key in asked}
        assert settings.model_dump(mode="json") == recipe["prompt"]
        assert recipe["base_sha256"] == package.SMOLLM2.sha256
    assert re.fullmatch("[0-9a-f]{64}", SHIPPED["start"]) and "start" not in SHIPPED["earlier"]
    assert SHIPPED["row_tokens"] <= SHIPPED["tokens"] < SHIPPED["earlier"]["row_tokens"]


def test_the_adapter_that_ships_has_read_what_is_written_today(settings: PromptParams, written: list[Message]) -> None:
    """Texts, labels and analyses of the whole catalogue."""
    digest = hashlib.sha256()
    for message in written:
        rng = random.Random(f"{SHIPPED['seed']}|{message.text}")
        rationale = write_rationale(show_once(message.log, settings), message.label, rng)
        digest.update(f"{message.text}\n{write_response(rationale, message.label)}\n".encode())
    assert digest.hexdigest() == WRITTEN_SHA256
