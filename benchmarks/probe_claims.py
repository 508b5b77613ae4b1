"""Probes that claim of a log what it does not say, in the rulebook's own words and in others."""

from __future__ import annotations

import random
from collections.abc import Sequence

from benchmarks.probe_scenes import Scene
from rationanomaly.rulebook.domains import DOMAINS, domain_of
from rationanomaly.rulebook.phrases import LEFT_ALONE, SUSPICION_CHECKS
from rationanomaly.rulebook.quoting import Text
from rationanomaly.rulebook.signs import ACTIVITIES, FAULTS, MENTION, named_activities, named_faults

#: The failure of which nothing more is known.
ANY_FAILURE = next(sign for sign in FAULTS if sign.name == "failed")


def wrong_domain(scene: Scene) -> str:
    """What a fault, or a note, of a part means that the log doesn't speak of."""
    text = Text.of(scene.shown)
    found = next(one for one in DOMAINS if one is not domain_of(text.words) and one.words.isdisjoint(text.words))
    if scene.stated == "normal":
        return scene.opened(f"Here this is a note that {found.topic} left in passing. Nobody has to act on it.")
    harm, check = found.harms["integrity"][0], found.checks["integrity"][0]
    return scene.opened(f"Here an error was found in {found.topic}, so {harm}. First, {check}.")


def wrong_sign(scene: Scene) -> str:
    """What another event means in the part that the log speaks of."""
    text = Text.of(scene.shown)
    if scene.stated == "normal":
        held = named_activities(text.words)
        sign = next(sign for sign in ACTIVITIES if sign not in held)
        return scene.opened(f"Here {sign.meanings[0]}. No action is needed, for {sign.ordinary[0]}.")
    families = {sign.family for sign in named_faults(text.words)}
    sign = next(sign for sign in FAULTS if sign.family not in families)
    return scene.opened(f"This means that {sign.meanings[0]}. First, {sign.checks[0]}.")


def words_of(signs_or_domains: Sequence[object]) -> str:
    """The words that a part of the rulebook looks for, one after the other."""
    return " ".join(word for entry in signs_or_domains for word in sorted(entry.words)[:3])  # type: ignore[attr-defined]


def general_clauses(scene: Scene) -> str:
    """What is true of any log, whatever this one says, behind two of its words."""
    draw = random.Random(scene.shown.text)
    first, second = (*draw.sample(scene.log_words, min(2, len(scene.log_words))), "<*>")[:2]
    if scene.stated == "normal":
        said = f"Apparently {draw.choice(MENTION.ordinary)}. {draw.choice(LEFT_ALONE)}"
    else:
        said = f"Apparently {draw.choice(ANY_FAILURE.risks)}. First, {draw.choice(SUSPICION_CHECKS)}."
    return scene.answer(f'There stand "{first}" and "{second}". {said}')


def other_family(scene: Scene) -> str:
    """What follows from another kind of fault in the part that the log speaks of, or another part's role."""
    words = Text.of(scene.shown).words
    if scene.stated == "normal":
        other = next(one for one in DOMAINS if one is not domain_of(words) and one.words.isdisjoint(words))
        return scene.opened(f"It shows that {other.topic} {other.roles[0]}. {LEFT_ALONE[2]}")
    families = {sign.family for sign in named_faults(words)} | {"operation"}
    domain = next(one for one in (domain_of(words), *DOMAINS) if one.harms)
    family = next(one for one in domain.harms if one not in families)
    return scene.opened(f"Apparently {domain.harms[family][0]}. First, {domain.checks[family][0]}.")


def filled(scene: Scene) -> str:
    """A constant with words of the log in it."""
    one, other = (*scene.log_words, "value", "number")[:2]
    if scene.stated == "normal":
        return scene.opened(f"The {one} did with {other} what it does each day. Nobody has to act on {one}.")
    return scene.opened(f"The {one} is broken because of {other}. Somebody should repair {other} and then {one}.")


def babble(scene: Scene) -> str:
    """Words that don't exist, others for each log."""
    draw = random.Random(scene.shown.text)
    made = ["".join(draw.choice("bdgklmprstv") + draw.choice("aeiou") for _ in range(3)) for _ in range(4)]
    judged = "A fault is near." if scene.stated == "abnormal" else "It is routine."
    return scene.opened("The {} of a {} was in the {} with its {}. ".format(*made) + judged)


def named_component(scene: Scene) -> str:
    """A story of a part, told of a log without words; of another log the honest answer."""
    if scene.quotes:
        return scene.answer(scene.honest)
    if scene.stated == "normal":
        return scene.opened("Here the system finished a piece of work. Nobody has to act on this.")
    return scene.opened("Here the disk lost its connection, so files on it are gone. An operator should replace it.")
