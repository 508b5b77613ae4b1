"""Drain: the tree, choices, state, and that learning twice is learning once."""

from __future__ import annotations

import json

from hypothesis import given, settings
from hypothesis import strategies as st

from rationanomaly.parse.drain import WILDCARD, Drain

WORDS = st.sampled_from(["disk", "fan", "up", "down", "node7", "a1b2", WILDCARD, "error:", "ok"])
MESSAGES = st.lists(st.lists(WORDS, min_size=1, max_size=5).map(" ".join), min_size=1, max_size=40)


def learnt(messages: list[str], max_choices: int = 0, **settings: int) -> Drain:
    drain = Drain(4, 0.5, settings.get("max_children", 100), max_choices, settings.get("max_clusters", 100))
    for message in messages:
        drain.learn(message)
    return drain


def test_similar_messages_share_a_template() -> None:
    drain = learnt(["fan tray 7a failed on shelf", "fan tray 9c failed on shelf"])
    assert drain.name("fan tray 7a failed on shelf") == "fan tray <*> failed on shelf"
    assert len(drain.clusters) == 1


def test_messages_of_other_length_never_share_a_template() -> None:
    assert len(learnt(["link lost", "link lost again"]).clusters) == 2


def test_dissimilar_messages_stay_apart() -> None:
    assert len(learnt(["link lost on port", "link speed set high"]).clusters) == 2


def test_an_unknown_message_has_no_template() -> None:
    assert learnt(["link lost"]).name("power failed") is None


def test_few_plain_words_make_a_template_each() -> None:
    drain = learnt(["service web was started", "service web was stopped"], max_choices=3)
    assert drain.name("service web was started") == "service web was started"
    assert drain.name("service web was stopped") == "service web was stopped"
    assert drain.superseded() == {}


def test_too_many_plain_words_make_a_parameter_that_names_what_it_supersedes() -> None:
    people = ["ada", "bob", "eve", "joe"]
    drain = learnt([f"session opened for {name}" for name in people], max_choices=3)
    assert drain.name("session opened for bob") == "session opened for <*>"
    assert drain.superseded() == {"session opened for <*>": [f"session opened for {name}" for name in people[:3]]}


def test_a_word_with_digits_is_no_choice() -> None:
    drain = learnt(["mount of vol1 done", "mount of vol2 done"], max_choices=3)
    assert drain.name("mount of vol1 done") == "mount of <*> done"


def test_a_chain_of_generalisations_leads_to_the_newest_text() -> None:
    drain = learnt(["copy x1 to y1 done", "copy x2 to y1 done", "copy x2 to y2 done"])
    assert drain.superseded() == {"copy <*> to <*> done": ["copy x1 to y1 done", "copy <*> to y1 done"]}


def test_children_are_bounded() -> None:
    drain = learnt([f"{word} happened here" for word in ("alpha", "beta", "gamma", "delta")], max_children=3)
    assert len(drain.tree["3"]) == 3
    assert WILDCARD in drain.tree["3"]


def test_the_number_of_clusters_is_bounded() -> None:
    messages = [f"{chr(97 + n)} {chr(98 + n)} {chr(99 + n)} {chr(100 + n)}" for n in range(20)]
    assert len(learnt([f"go {message}" for message in messages], max_clusters=5).clusters) == 5


def test_a_full_leaf_merges_what_is_not_similar() -> None:
    drain = learnt(["go one two three", "go four five six", "go seven eight nine"], max_clusters=2)
    assert len(drain.clusters) == 2


@settings(deadline=None)
@given(MESSAGES, st.integers(0, 3))
def test_every_learnt_message_is_covered_by_exactly_one_template(messages: list[str], max_choices: int) -> None:
    drain = learnt(messages, max_choices)
    for message in messages:
        name = drain.name(message)
        assert name is not None
        pairs = zip(name.split(" "), message.split(" "), strict=True)
        assert all(own in (word, WILDCARD) for own, word in pairs)


@settings(deadline=None)
@given(MESSAGES, st.integers(0, 3))
def test_learning_a_message_again_changes_nothing(messages: list[str], max_choices: int) -> None:
    once = learnt(messages, max_choices)
    state = json.dumps(once.state())
    for message in messages:
        once.learn(message)
    assert json.dumps(once.state()) == state


@settings(deadline=None)
@given(MESSAGES, st.integers(0, 40), st.integers(0, 3))
def test_a_log_in_two_parts_gives_the_templates_of_the_whole(messages: list[str], cut: int, max_choices: int) -> None:
    first = learnt(messages[:cut], max_choices)
    second = Drain.from_state(json.loads(json.dumps(first.state())))
    for message in messages[cut:]:
        second.learn(message)
    whole = learnt(messages, max_choices)
    assert second.state() == whole.state()
    assert second.superseded() == whole.superseded()


@settings(deadline=None)
@given(MESSAGES)
def test_no_superseded_text_is_still_in_use(messages: list[str]) -> None:
    drain = learnt(messages, 3)
    current = {text for cluster in drain.clusters for text in cluster.variants}
    gone = {old for olds in drain.superseded().values() for old in olds}
    assert not gone & current
    assert set(drain.superseded()) <= current


def test_a_template_of_wildcards_only_covers_whatever_else_is_known() -> None:
    drain = learnt(["go x1 y1", "7a x2 y2", "7b x3 y3", "go off now"], max_clusters=2)
    assert drain.name("7c zz zz") == "<*> <*> <*>"


def test_a_message_may_begin_with_the_name_of_the_leaves() -> None:
    drain = learnt(["clusters are made", "leaves are made"])
    again = Drain.from_state(json.loads(json.dumps(drain.state())))
    assert again.name("clusters are made") == "clusters are made"
    assert again.state() == drain.state()
