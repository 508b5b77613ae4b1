"""The messages that the log adapter learns from: harvested ones, those of the catalogue, and variants of both.

A function of the pinned packages, of the catalogue and of the seed. A text that is a near-duplicate of the catalogue
of `simulate`, or of a held-out table, is left out; ``dropped.txt`` holds the hashes of those that are near-duplicates
of the published templates, so that the corpus can be made without them. After a change of the catalogue:

    python -m rationanomaly.pretrain.dropped ../shared/data/templates/templates.csv
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from importlib import resources
from typing import Literal

from rationanomaly.params import PromptParams
from rationanomaly.pretrain.messages import Template, load_templates
from rationanomaly.records import Label
from rationanomaly.rulebook.rationale import label_by_words
from rationanomaly.simulate.events import load_catalogue
from rationanomaly.text.canonical import WILDCARD
from rationanomaly.text.evidence import words
from rationanomaly.text.harvest import harvest
from rationanomaly.text.prompt import show
from rationanomaly.text.similarity import near_duplicates

Source = Literal["harvested", "catalogue", "variant"]
_MIN_HARVESTED_WORDS = 2
_DROP, _TRUNCATED_SHARE, _HEAD_CUT_SHARE, _FEW_WORDS = 0.15, 0.4, 0.5, 4
#: Some variants turn out empty, doubtful or not new.
_VARIANTS_TRIED = 1.25
_TRIES = 12


@dataclass(frozen=True)
class Sizes:
    """How much of what; shares of the texts that are kept.

    Attributes:
        searched: messages of installed packages that are looked at, at most.
        harvested: messages of installed packages that are taken, at most.
        per_fault: messages of each template of a fault.
        per_other: messages of each other template.
        variants: messages with words dropped or an end cut off, as a share of all the others.
        abnormal: share of abnormal messages that is aimed at, by leaving harvested ones of the other label out.
        held_out: share of the families that evaluation uses.
        near_duplicate: similarity from which on a text is too close to a protected one; below the 0.8 of
            ``correct.split.near_duplicate``, for the similarity of two texts depends on the others beside them.
    """

    searched: int = 1_000_000
    harvested: int = 12_000
    per_fault: int = 12
    per_other: int = 9
    variants: float = 0.12
    abnormal: float = 0.4
    held_out: float = 0.03
    near_duplicate: float = 0.75


@dataclass(frozen=True)
class Message:
    """One text to learn from.

    Attributes:
        log: as it was written; `show` makes what a prompt holds.
        text: as a prompt shows it.
        label: of the rulebook, or the catalogue's where it has one.
        source: where it comes from.
        family: equal for the messages of one template and their variants: a family is learnt or held out as a whole.
    """

    log: str
    text: str
    label: Label
    source: Source
    family: str


@dataclass(frozen=True)
class Corpus:
    """The messages by what they are for, and what was left out.

    Attributes:
        train: in their final order.
        held_out: for the evaluation.
        dropped: hashes of the texts that are near-duplicates of a protected one, those of earlier makings among them.
    """

    train: tuple[Message, ...]
    held_out: tuple[Message, ...]
    dropped: frozenset[str]

    @property
    def digest(self) -> str:
        """SHA-256 of all texts and labels in their order."""
        lines = (f"{message.label}\t{message.text}\n" for message in (*self.train, *self.held_out))
        return hashlib.sha256("".join(lines).encode()).hexdigest()


def build(settings: PromptParams, seed: int, sizes: Sizes | None = None, protected: Sequence[str] = ()) -> Corpus:
    """Make the corpus.

    Args:
        settings: how a text is shown.
        seed: of everything random.
        sizes: how much of what.
        protected: templates whose near-duplicates are left out, beside those of the catalogue of `simulate`.
    """
    sizes = sizes or Sizes()
    written = {message.text: message for message in _catalogue(settings, seed, sizes)}
    harvested = [message for message in _harvested(settings, seed, sizes) if message.text not in written]
    found, dropped = _kept(_balanced(list(written.values()), harvested, sizes), protected, sizes)
    known = {message.text for message in found}
    shortened = {message.text: message for message in _variants(found, settings, seed, sizes)}
    variants, more = _kept([m for text, m in shortened.items() if text not in known], protected, sizes)
    messages = [*found, *variants]
    random.Random(f"{seed}|order").shuffle(messages)  # noqa: S311 - draws no secret
    held_out = {message.family for message in messages if _share(seed, message.family) < sizes.held_out}
    return Corpus(
        tuple(message for message in messages if message.family not in held_out),
        tuple(message for message in messages if message.family in held_out),
        dropped | more | recorded(),
    )


def simulated() -> list[str]:
    """The messages of `simulate` as a miner would find them."""
    pieces = [event.pieces() for event in load_catalogue()]
    return ["".join(literal + (WILDCARD if name else "") for literal, name in event) for event in pieces]


def recorded() -> frozenset[str]:
    """Hashes of texts that were near-duplicates of the published templates when the corpus was last made."""
    file = resources.files("rationanomaly.pretrain") / "dropped.txt"
    return frozenset(file.read_text(encoding="ascii").split()) if file.is_file() else frozenset()


def find_close(protected: Sequence[str], settings: PromptParams, seed: int, sizes: Sizes | None = None) -> list[str]:
    """Hashes, sorted, of all texts that are near-duplicates of protected ones, whatever the rulebook says of them.

    For ``dropped.txt``: labels decide which harvested messages and which variants are taken, so all of them are looked
    at. A variant is one of the same text with any label.
    """
    sizes = sizes or Sizes()
    found = [*_catalogue(settings, seed, sizes), *_harvested(settings, seed, sizes)]
    logs = [message.log for message in found]
    logs += [log for message in found if (log := _shortened(message, seed, sizes)) is not None]
    flags = near_duplicates(logs, protected, sizes.near_duplicate)
    return sorted({hash_of(show(log, settings).text) for log, close in zip(logs, flags, strict=True) if close})


def hash_of(text: str) -> str:
    """The first 16 digits of SHA-256 in hex."""
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _catalogue(settings: PromptParams, seed: int, sizes: Sizes) -> Iterator[Message]:
    for number, template in enumerate(load_templates()):
        rng = random.Random(f"{seed}|{number}|{template.text}")  # noqa: S311 - draws no secret
        wanted = sizes.per_fault if template.kind == "F" else sizes.per_other
        found: dict[str, str] = {}
        for _ in range(_TRIES * wanted):
            log = template.write(rng)
            found.setdefault(show(log, settings).text, log)
            if len(found) == wanted:
                break
        yield from (Message(log, text, template.label, "catalogue", _family(template)) for text, log in found.items())


def _family(template: Template) -> str:
    return f"{template.domain}: {template.text}"


def _harvested(settings: PromptParams, seed: int, sizes: Sizes) -> Iterator[Message]:
    found = {show(log, settings).text: log for log in reversed(harvest(sizes.searched))}
    # By hash: a choice is to come, and the order of files must not make it.
    for text in sorted(found, key=lambda text: hash_of(f"{seed}|{text}")):
        if len(words(text)) >= _MIN_HARVESTED_WORDS:
            yield Message(found[text], text, label_by_words(show(found[text], settings)), "harvested", text)


def _kept(messages: Sequence[Message], protected: Sequence[str], sizes: Sizes) -> tuple[list[Message], frozenset[str]]:
    """Those that are no near-duplicates of protected texts, and the hashes of the others."""
    known = recorded()
    logs = [message.log for message in messages]
    # Each by itself, so that what is close to `simulate` stays so when the other templates are not at hand.
    close = [near_duplicates(logs, texts, sizes.near_duplicate) for texts in (simulated(), protected)]
    new = frozenset(hash_of(m.text) for m, *flags in zip(messages, *close, strict=True) if any(flags))
    return [message for message in messages if hash_of(message.text) not in new | known], new


def _balanced(written: Sequence[Message], harvested: Sequence[Message], sizes: Sizes) -> list[Message]:
    """All of the catalogue, and as many harvested ones of each label as the aimed share of abnormal ones takes."""
    abnormal = sum(message.label == "abnormal" for message in written)
    room = max(0, round(sizes.abnormal * (len(written) + sizes.harvested)) - abnormal)
    left = {"abnormal": room, "normal": max(0, sizes.harvested - room)}
    chosen = []
    for message in harvested:
        left[message.label] -= 1
        if left[message.label] >= 0:
            chosen.append(message)
    return [*written, *chosen]


def _variants(messages: Sequence[Message], settings: PromptParams, seed: int, sizes: Sizes) -> Iterator[Message]:
    """Words dropped or an end cut off; where that makes the catalogue's label doubtful, the variant is left out."""
    for message in messages:
        log = _shortened(message, seed, sizes)
        if log is None:
            continue
        shown = show(log, settings)
        label = label_by_words(shown)
        if words(shown.text) and (message.source != "catalogue" or label == message.label):
            yield Message(log, shown.text, label, "variant", message.family)


def _shortened(message: Message, seed: int, sizes: Sizes) -> str | None:
    """A variant's text; None for the messages that get none."""
    rng = random.Random(f"{seed}|variant|{message.text}")  # noqa: S311 - draws no secret
    if rng.random() >= _VARIANTS_TRIED * sizes.variants:
        return None
    parts = message.log.split()
    if len(parts) > _FEW_WORDS and rng.random() < _TRUNCATED_SHARE:
        cut = rng.randint(1, max(1, len(parts) // 3))
        return " ".join(parts[cut:] if rng.random() < _HEAD_CUT_SHARE else parts[:-cut])
    return " ".join(part for part in parts if rng.random() >= _DROP)


def _share(seed: int, family: str) -> float:
    """A number in [0, 1) that a family always gets."""
    digest = hashlib.sha256(f"{seed}|held out|{family}".encode()).digest()
    return int.from_bytes(digest[:8]) / 2**64


def counts(messages: Iterable[Message]) -> dict[str, int]:
    """Messages by source and label."""
    found: dict[str, int] = {}
    for message in messages:
        key = f"{message.source}/{message.label}"
        found[key] = found.get(key, 0) + 1
    return dict(sorted(found.items()))
