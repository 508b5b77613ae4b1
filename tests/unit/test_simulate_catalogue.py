"""The catalogue of the simulator: large, varied, consistent, and neither trivial nor hopeless to learn."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from sklearn.metrics import f1_score
from sklearn.model_selection import StratifiedKFold

from rationanomaly.baselines.keywords import alert_words
from rationanomaly.baselines.reference import fit_reference
from rationanomaly.simulate.events import Event, load_catalogue
from rationanomaly.simulate.faults import DOMAINS
from rationanomaly.simulate.values import NODE, POOLS


@pytest.fixture(scope="module")
def events() -> tuple[Event, ...]:
    return load_catalogue()


def test_there_are_hundreds_of_events_over_more_than_a_dozen_subsystems(events: tuple[Event, ...]) -> None:
    sizes = Counter(event.subsystem for event in events)
    assert len(events) >= 400
    assert len(sizes) > 12
    assert min(sizes.values()) >= 10


def test_about_one_in_seven_is_a_fault(events: tuple[Event, ...]) -> None:
    assert 0.12 <= np.mean([event.fault for event in events]) <= 0.15


@pytest.mark.parametrize("attribute", ["name", "text"])
def test_names_and_texts_are_unique(events: tuple[Event, ...], attribute: str) -> None:
    counts = Counter(getattr(event, attribute) for event in events)
    assert [value for value, count in counts.items() if count > 1] == []


def test_every_placeholder_has_values(events: tuple[Event, ...]) -> None:
    used = {name for event in events for _, name in event.pieces() if name is not None}
    assert used <= {NODE, *POOLS}
    assert {NODE, *POOLS} <= used, "a pool that no message uses"


def test_texts_are_one_line_with_single_spaces(events: tuple[Event, ...]) -> None:
    assert [event.text for event in events if event.text != " ".join(event.text.split()) or '"' in event.text] == []


def test_severities_and_rates_are_usable(events: tuple[Event, ...]) -> None:
    assert {event.severity for event in events} == {"DEBUG", "INFO", "NOTICE", "WARNING", "ERROR", "FATAL"}
    assert all(event.rate > 0 for event in events)


def test_severity_does_not_give_the_truth_away(events: tuple[Event, ...]) -> None:
    loud = [event.fault for event in events if event.severity in ("ERROR", "FATAL")]
    quiet = [event.fault for event in events if event.severity not in ("ERROR", "FATAL")]
    assert 0.5 < np.mean(loud) < 0.9
    assert np.mean(quiet) > 0.04


def test_every_fault_has_a_known_domain_and_every_domain_several_faults(events: tuple[Event, ...]) -> None:
    assert {event.domain for event in events} - {""} == set(DOMAINS)
    faults = Counter(event.domain for event in events if event.fault)
    assert "" not in faults
    assert min(faults.values()) >= 3


def test_consequences_are_domains() -> None:
    assert {name for domain in DOMAINS.values() for name in domain.follows} <= set(DOMAINS)


def test_many_benign_messages_seem_alarming(events: tuple[Event, ...]) -> None:
    assert sum(bool(alert_words(event.text)) for event in events if not event.fault) >= 50


def test_some_faults_seem_harmless(events: tuple[Event, ...]) -> None:
    harmless = [event for event in events if event.fault and not alert_words(event.text)]
    assert len(harmless) >= 15
    assert sum(event.severity == "INFO" for event in events if event.fault) >= 15


def test_the_reference_classifier_finds_it_neither_trivial_nor_hopeless(events: tuple[Event, ...]) -> None:
    texts = np.array([event.text for event in events])
    labels = np.array([event.label for event in events])
    found = []
    for train, test in StratifiedKFold(4, shuffle=True, random_state=0).split(texts, labels):
        scorer = fit_reference(texts[train].tolist(), labels[train].tolist())
        found.append(f1_score(labels[test] == "abnormal", scorer.scores(texts[test].tolist()) >= 0.5))
    assert 0.6 <= np.mean(found) <= 0.85
