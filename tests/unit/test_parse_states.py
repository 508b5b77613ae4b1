"""Messages that differ in a state never share a template, whatever stands around it and however many there are."""

from __future__ import annotations

import json
from itertools import product

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rationanomaly.parse.drain import WILDCARD, Drain
from rationanomaly.rulebook.states import OPPOSITES, core, state_in, state_words

PAIRS = [pair for well, ill in OPPOSITES for pair in product(well.split(), ill.split())]
#: How logs write a state.
FORMS = ("{}", "{}.", "({})", '"{}"', "state={}", "state={},", "is_{}", "link-{}", "[{}]", "status:{};", "{}!")
#: Words that say nothing of a state.
NAMES = ("ada", "bob", "eve", "joe", "kim", "lea", "max", "ned")


def learnt(messages: list[str], **settings: int) -> Drain:
    drain = Drain(4, 0.6, 100, max_choices=settings.get("max_choices", 3))
    for message in messages:
        drain.learn(message)
    return drain


def test_opposites_are_states_in_small_letters() -> None:
    words = {word for sides in OPPOSITES for side in sides for word in side.split()}
    assert words <= state_words()
    assert all(word.isalpha() and word.islower() for word in words)


@pytest.mark.parametrize("form", FORMS)
def test_opposites_have_templates_of_their_own(form: str) -> None:
    for well, ill in PAIRS:
        messages = [f"backup of volume {form.format(word)} on host" for word in (well, ill)]
        drain = learnt(messages)
        assert [drain.name(message) for message in messages] == messages


@pytest.mark.parametrize("form", FORMS)
def test_opposites_stay_apart_where_many_other_words_stand(form: str) -> None:
    others = [f"backup of volume {name} on host" for name in NAMES]
    for well, ill in PAIRS[::7]:
        messages = [f"backup of volume {form.format(word)} on host" for word in (well, ill)]
        drain = learnt([*others, *messages])
        assert [drain.name(message) for message in messages] == messages
        assert drain.name(others[0]) == "backup of volume <*> on host"


def test_more_states_than_choices_are_kept_where_one_of_them_is_known() -> None:
    words = ["Started", "Paused", "Resumed", "Rebooted", "Crashed"]
    drain = learnt([f"guest 7a {word} by the host" for word in words])
    assert {drain.name(f"guest 7a {word} by the host") for word in words} == {
        f"guest 7a {word} by the host" for word in words
    }


@pytest.mark.parametrize(
    "words",
    [
        ["succeeded.", "failed."],
        ['"GET', '"POST', '"DELETE'],
        ["user=root", "user=guest", "user=web"],
        ["Active", "Faulty"],
        ["logger=sqlstore", "logger=cache"],
        ["(usable)", "(reserved)"],
    ],
)
def test_a_few_words_stay_apart_whatever_stands_around_them(words: list[str]) -> None:
    messages = [f"the part in question {word} was written" for word in words]
    drain = learnt(messages)
    assert [drain.name(message) for message in messages] == messages


@pytest.mark.parametrize(
    ("word", "state"),
    [
        ("failed.", "failed"),
        ("state=down,", "down"),
        ("a=1,b=failed,c=2", "failed"),
        ("NodeNotReady", "ready"),
        ("LINK_UP", "up"),
        ("error=null", "null"),
        ("error=7", None),
        ("failed=7", None),
        ("/var/log/failed", None),
        ("failed.log", None),
        ("down@example.org", None),
        ("C:\\failed", None),
        ("upper", None),
        ("test", None),
        ("down" * 100, None),
        ("", None),
        (WILDCARD, None),
    ],
)
def test_state_of_a_word(word: str, state: str | None) -> None:
    assert state_in(word) == state


def test_core_of_a_word() -> None:
    assert [core(word) for word in ('"GET', "(ok)", "a=b=c,", "===", "x.y")] == ["GET", "ok", "c", "", "x.y"]


def test_units_are_no_choice() -> None:
    drain = learnt([f"estimated size <*> {unit} of the block" for unit in ("B,", "KB,")])
    assert drain.name("estimated size <*> KB, of the block") == "estimated size <*> <*> of the block"


def test_states_are_bounded() -> None:
    messages = [f"job {'a' * n}_failed of {'b' * m}_down" for n in range(1, 41) for m in range(1, 41)]
    drain = learnt(messages)
    named = {drain.name(message) for message in messages}
    assert named == {"job failed of <*>"}
    assert set(drain.superseded()) == named
    again = Drain.from_state(json.loads(json.dumps(drain.state())))
    assert again.state() == drain.state()
    assert again.name(messages[0]) == "job failed of <*>"


def test_drain_as_published_knows_no_states() -> None:
    drain = learnt(["link was found up", "link was found down"], max_choices=0)
    assert drain.name("link was found down") == "link was found <*>"


def test_what_was_learnt_before_there_were_states_stays_as_it_is() -> None:
    drain = Drain(4, 0.6, 100, max_choices=1, version=1)
    for word in ("up", "down"):
        drain.learn(f"link was found {word}")
    state = json.loads(json.dumps(drain.state()))
    del state["version"]
    again = Drain.from_state(state)
    assert again.name("link was found down") == "link was found <*>"


WORDS = st.sampled_from(
    ["link", "up", "down", "failed", "succeeded.", "state=up", "state=down", "ada", "bob", "kim", "lea", "7a"]
)


@settings(deadline=None, max_examples=200)
@given(st.lists(st.lists(WORDS, min_size=3, max_size=5).map(" ".join), min_size=2, max_size=40))
def test_no_template_covers_two_states_at_one_place(messages: list[str]) -> None:
    drain = learnt(messages)
    states: dict[str | None, tuple[str | None, ...]] = {}
    for message in messages:
        name, found = drain.name(message), tuple(map(state_in, message.split(" ")))
        assert states.setdefault(name, found) == found


def test_values_beside_a_state_make_no_template_each() -> None:
    words = [f"{first}{second}{third}xy" for first in "abcdef" for second in "ghijkl" for third in "mnopqr"]
    messages = [f"report of id={word};n=5;state={'up' if n % 3 else 'down'} now" for n, word in enumerate(words)]
    drain = learnt(messages)
    for message in messages:
        state = "up" if "=up" in message else "down"
        assert drain.name(message) == f"report of id=<*>;n=<*>;state={state} now"
    again = Drain.from_state(json.loads(json.dumps(drain.state())))
    assert again.state() == drain.state()


def test_few_words_with_a_state_stay_whole() -> None:
    words = [f"{part}:{state}" for part in ("fan", "disk") for state in ("ok", "failed")]
    drain = learnt([f"report of {word} now" for word in words])
    assert {drain.name(f"report of {word} now") for word in words} == {f"report of {word} now" for word in words}


@pytest.mark.parametrize(
    "words",
    [
        ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"),
        ("start", "stop", "enable", "disable", "login", "logout", "begin", "end"),
        ("logged-in", "logged-out"),
        ("logged_in", "logged_out"),
        ("sign-in,", "sign-out,"),
    ],
)
def test_what_was_done_stays_apart(words: tuple[str, ...]) -> None:
    messages = [f"incoming {word} request from user <*>" for word in words]
    drain = learnt(messages)
    assert [drain.name(message) for message in messages] == messages
