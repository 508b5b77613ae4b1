"""DeepLog, LogAnomaly and LogRobust on small sessions in which the anomaly was planted."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache, partial

import numpy as np
import pytest
import torch

from rationanomaly import progress
from rationanomaly.baselines.sequences import loganomaly, logrobust
from rationanomaly.baselines.sequences.deeplog import fit_deeplog
from rationanomaly.baselines.sequences.loganomaly import loganomaly_with
from rationanomaly.baselines.sequences.logrobust import logrobust_with
from rationanomaly.baselines.sequences.next_event import END, NextEventModel, with_ends
from rationanomaly.baselines.sequences.settings import PUBLISHED, NextEventSettings, Training
from rationanomaly.baselines.sequences.template_vectors import Floats32, character_vectors, unit
from rationanomaly.baselines.sequences.windows import next_events
from rationanomaly.session_models.batch import Events, Floats, SessionBatch
from rationanomaly.session_models.model import Fit, SessionModel

TRAINING = Training(batch=64, epochs=1_000, learning_rate=0.05, decays=(0.8,), max_events=4_000, max_windows=1_000)
SETTINGS = NextEventSettings(history=4, candidates=1, units=16, layers=1, training=TRAINING)
SHORT = replace(SETTINGS, training=replace(TRAINING, max_events=400))
TEXTS = (
    "disk opened for writing",
    "block received from peer",
    "packet sent to the client",
    "job finished without errors",
    "kernel panic in interrupt handler",
)
ORDER = (0, 1, 2, 3) * 3


def events(*more: str) -> Events:
    texts = (*TEXTS, *more)
    return Events(tuple(map(str, range(len(texts)))), texts, np.zeros(len(texts)))


def words(texts: Sequence[str]) -> Floats32:
    """Bags of words, so that what shares words lies near."""
    names = sorted({word for text in (*TEXTS, "socket") for word in text.split()})
    return np.array([[text.split().count(name) for name in names] for text in texts], np.float32).reshape(
        -1, len(names)
    )


@cache
def in_order(name: str) -> NextEventModel:
    """Fitted to sessions that all are in one order."""
    fits: dict[str, Fit] = {
        "deeplog": partial(fit_deeplog, settings=SETTINGS),
        "loganomaly": loganomaly_with(words, SETTINGS),
    }
    model = fitted(fits[name], [ORDER] * 50)
    assert isinstance(model, NextEventModel)
    return model


FITS: dict[str, Fit] = {
    "deeplog": partial(fit_deeplog, settings=SHORT),
    "loganomaly": loganomaly_with(words, SHORT),
    "logrobust": logrobust_with(words, replace(TRAINING, max_events=400), units=8),
}


def fitted(
    fit: Fit, normal: Sequence[Sequence[int]], abnormal: Sequence[Sequence[int]] = (), seed: int = 0
) -> SessionModel:
    truth = np.array([False] * len(normal) + [True] * len(abnormal), bool)
    return fit(SessionBatch.of([*normal, *abnormal]), truth, events(), seed)


def scores(model: SessionModel, *sessions: Sequence[int], known: Events | None = None) -> Floats:
    return model.scores(SessionBatch.of(sessions), known or events())


def rule(model: SessionModel) -> float:
    assert isinstance(model, NextEventModel)
    return model.threshold


# ---------------------------------------------------------------- windows


@pytest.mark.parametrize("history", [1, 2, 3, 4, 7, 10])
def test_distinct_windows_are_those_of_a_plain_loop(history: int) -> None:
    rng = random.Random(history)
    sequences = [[rng.randrange(3) for _ in range(rng.choice([0, 1, 5, 30]))] for _ in range(40)]
    batch = SessionBatch.of(sequences)
    expected = []
    for sequence in sequences:
        padded = [9] * history + sequence
        expected += [tuple(padded[place : place + history + 1]) for place in range(len(sequence))]
    found = next_events(batch.codes, batch.starts, history, padding=9)
    assert [tuple(row) for row in found.rows[found.pair]] == expected
    assert dict(zip(map(tuple, found.rows.tolist()), found.counts.tolist(), strict=True)) == Counter(expected)


@pytest.mark.parametrize("sequences", [[], [[]], [[], [], []]])
def test_sessions_without_lines_have_no_windows(sequences: list[list[int]]) -> None:
    batch = SessionBatch.of(sequences)
    found = next_events(batch.codes, batch.starts, 3, padding=9)
    assert found.rows.shape == (0, 4)
    assert len(found.counts) == len(found.pair) == 0


def test_the_end_is_behind_the_last_event_of_each_session_that_has_any() -> None:
    found = with_ends(SessionBatch.of([[1, 2], [], [3]]))
    assert [found.sequence(row).tolist() for row in range(3)] == [[1, 2, END], [], [3, END]]


# ---------------------------------------------------------------- DeepLog


def test_deeplog_finds_events_in_another_order() -> None:
    model = in_order("deeplog")
    swapped = (0, 1, 2, 3, 0, 2, 1, 3, 0, 1, 2, 3)
    good, bad = scores(model, ORDER, swapped)
    assert good <= rule(model) < bad


def test_deeplog_learns_from_normal_sessions_alone() -> None:
    backwards = ORDER[::-1]
    model = fitted(partial(fit_deeplog, settings=SETTINGS), [ORDER] * 50, [backwards] * 500)
    good, bad = scores(model, ORDER, backwards)
    assert good <= rule(model) < bad


@pytest.mark.parametrize("candidates", [1, 2, 3, 4, 20])
def test_the_threshold_is_the_rule_of_the_paper(candidates: int) -> None:
    from rationanomaly.baselines.sequences import networks

    rng = random.Random(candidates)
    normal = [[rng.choice([0, 0, 0, 1, 1, 2, 3]) for _ in range(8)] for _ in range(40)]
    model = fit_deeplog(SessionBatch.of(normal), np.zeros(40, bool), events(), 0, replace(SHORT, candidates=candidates))
    asked = [[rng.randrange(5) for _ in range(6)] for _ in range(60)] + [normal[0]]
    assert model.network is not None
    classes = len(model.known)
    expected = []
    for session in asked:
        batch = SessionBatch.of([[min(code, classes) for code in session]])
        pairs = next_events(batch.codes, batch.starts, 4, padding=classes + 1)
        place = networks.ranks(model.network, pairs.rows, "ranks")
        limit = min(candidates, classes)
        expected.append(bool((place > limit).any()))
    assert (scores(model, *asked) > model.threshold).tolist() == expected
    assert {True, False} == set(expected) or candidates < 4


def test_more_surprises_rank_higher_among_sessions_with_the_same_worst_one() -> None:
    model = in_order("deeplog")
    once, twice = (0, 1, 2, 3, 4, 0, 1, 2, 3, 0, 1, 2), (0, 4, 2, 3, 4, 0, 1, 4, 3, 0, 4, 2)
    found = scores(model, ORDER, once, twice)
    assert found[0] < found[1] < found[2] < 1


def test_a_block_that_stops_early_is_found_by_its_end() -> None:
    normal = [(0, 1, 1, 2, 3), (0, 1, 2, 3), (0, 1, 1, 1, 2, 3), (0, 1, 2, 3)] * 20
    model = fit_deeplog(SessionBatch.of(normal), np.zeros(80, bool), events(), 0, replace(SETTINGS, candidates=2))
    assert END in model.known
    found = scores(model, (0, 1, 2, 3), (0,), (0, 1, 2))
    assert found[0] <= model.threshold < min(found[1:])


@pytest.mark.parametrize("last", [12, 5])
def test_windows_of_so_many_lines_have_no_end(last: int) -> None:
    model = fitted(FITS["deeplog"], [ORDER] * 20 + [ORDER[:last]])
    assert isinstance(model, NextEventModel)
    assert END not in model.known


# ---------------------------------------------------------------- LogAnomaly


def test_loganomaly_finds_an_event_that_comes_too_often() -> None:
    model = fitted(loganomaly_with(words, SETTINGS), [(0, 1, 1, 2) * 3] * 50)
    good, bad = scores(model, (0, 1, 1, 2) * 3, (0, 1, 1, 2, 0, 1, 1, 1, 2, 0, 1, 1))
    assert good <= rule(model) < bad


def test_a_reworded_template_is_a_surprise_to_deeplog_and_none_to_loganomaly() -> None:
    known = events("block received from other peer")
    reworded = tuple(5 if code == 1 else code for code in ORDER)
    expected = {"deeplog": True, "loganomaly": False}
    for name, is_surprise in expected.items():
        model = in_order(name)
        assert (scores(model, reworded, known=known)[0] > model.threshold) == is_surprise


def test_a_template_like_no_other_is_a_surprise_to_loganomaly() -> None:
    model = in_order("loganomaly")
    new = tuple(5 if code == 1 else code for code in ORDER)
    assert scores(model, new, known=events("Kühlmittel fehlt"))[0] > rule(model)


# ---------------------------------------------------------------- LogRobust


@pytest.fixture(scope="module")
def robust() -> SessionModel:
    rng = random.Random(3)
    normal = [[rng.randrange(4) for _ in range(rng.randrange(3, 9))] for _ in range(60)]
    abnormal = [[*session[:2], 4, *session[2:]] for session in normal[:30]]
    return fitted(logrobust_with(words, replace(TRAINING, batch=32, max_events=8_000), units=16), normal, abnormal)


def test_logrobust_learns_what_abnormal_sessions_hold(robust: SessionModel) -> None:
    assert isinstance(robust, logrobust.LogRobust)
    found = scores(robust, (0, 1, 2, 3), (3, 2, 1, 0, 0), (0, 1, 4, 2), (4, 0, 1, 2, 3))
    assert max(found[:2]) < robust.threshold < min(found[2:])


def test_logrobust_knows_a_reworded_template(robust: SessionModel) -> None:
    known = events("kernel panic in handler", "packet sent to client")
    good, bad = scores(robust, (0, 1, 6, 3), (0, 1, 5, 2), known=known)
    assert good < 0.5 < bad


def test_padding_changes_no_score(robust: SessionModel) -> None:
    sessions = [(0,), (0, 1, 4, 2), (3, 2) * 20, (4, 4, 1)]
    alone = [float(scores(robust, session)[0]) for session in sessions]
    assert scores(robust, *sessions) == pytest.approx(alone, abs=1e-5)


def test_of_a_long_session_both_ends_are_read(robust: SessionModel) -> None:
    middle, ends = [0] * 400, [0] * 400
    middle[200], ends[-2] = 4, 4
    plain, unread, read = scores(robust, [0] * 400, middle, ends)
    assert plain == unread != read


# ---------------------------------------------------------------- all


@pytest.mark.parametrize("name", FITS)
def test_the_same_seed_gives_the_same_scores(name: str) -> None:
    asked = [ORDER, (0, 2, 1, 3), (4, 4), (1,)]
    first = fitted(FITS[name], [ORDER] * 9, [ORDER[::-1]] * 5)
    torch.rand(3)
    again = fitted(FITS[name], [ORDER] * 9, [ORDER[::-1]] * 5)
    other = fitted(FITS[name], [ORDER] * 9, [ORDER[::-1]] * 5, seed=1)
    assert scores(first, *asked).tolist() == scores(again, *asked).tolist()
    assert weights(first) == weights(again) != weights(other)


def weights(model: SessionModel) -> list[float]:
    network: torch.nn.Module = model.network  # type: ignore[attr-defined]
    found: list[float] = torch.cat([part.detach().flatten() for part in network.parameters()]).tolist()
    return found


@pytest.mark.parametrize("name", FITS)
def test_the_generators_and_threads_of_others_are_left_alone(name: str) -> None:
    torch.manual_seed(5)
    np.random.seed(5)
    threads, grad = torch.get_num_threads(), torch.is_grad_enabled()
    expected = torch.get_rng_state().tolist(), np.random.get_state()[1].tolist()  # type: ignore[index]
    scores(fitted(FITS[name], [ORDER] * 5, [ORDER[::-1]]), ORDER)
    assert (torch.get_rng_state().tolist(), np.random.get_state()[1].tolist()) == expected  # type: ignore[index]
    assert (torch.get_num_threads(), torch.is_grad_enabled()) == (threads, grad)


NOTHING: list[Sequence[int]] = []
HOSTILE: dict[str, tuple[list[Sequence[int]], list[Sequence[int]]]] = {
    "no sessions": (NOTHING, NOTHING),
    "empty sessions alone": ([(), ()], [()]),
    "no normal session": (NOTHING, [ORDER]),
    "no abnormal session": ([ORDER], NOTHING),
    "one event": ([(2,)], NOTHING),
    "empty ones between": ([(), ORDER, (), (1,)], [(), (4,)]),
    "codes that stand for nothing": ([(0, 99, 3)], [(10**12,)]),
}


@pytest.mark.parametrize("case", HOSTILE)
@pytest.mark.parametrize("name", FITS)
def test_scores_are_finite_whatever_comes(name: str, case: str) -> None:
    model = fitted(FITS[name], *HOSTILE[case])
    asked = [(), (0,), (5, 77, 10**15), ORDER, (4,) * 700, ()]
    found = scores(model, *asked)
    assert found.shape == (6,)
    assert found.dtype == np.float64
    assert np.isfinite(found).all()
    assert found[0] == found[5] == 0
    assert model.scores(SessionBatch.of([]), events()).shape == (0,)
    assert np.isfinite(model.threshold)  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "vectors",
    [
        lambda texts: np.zeros((len(texts), 3), np.float32),
        lambda texts: np.full((len(texts), 3), np.nan, np.float32),
        lambda texts: np.full((len(texts), 3), 1e38, np.float32),
        lambda texts: np.ones((len(texts), 1), np.float32),
    ],
)
@pytest.mark.parametrize(
    "make", [lambda given: loganomaly_with(given, SHORT), lambda given: logrobust_with(given, SHORT.training, 4)]
)
def test_vectors_that_say_nothing_do_no_harm(make: Callable[[object], Fit], vectors: object) -> None:
    model = fitted(make(vectors), [ORDER, (0, 1)], [(4,)])
    assert np.isfinite(scores(model, ORDER, (5, 6), known=events("", "x"))).all()


@pytest.mark.parametrize("name", FITS)
def test_repeated_sessions_cost_no_more_and_work_is_bounded(name: str) -> None:
    def steps(times: int) -> float:
        seen: list[progress.Event] = []
        with progress.listening(seen.append):
            fitted(FITS[name], [ORDER] * times, [ORDER[::-1]] * times)
        return max(event.done for event in seen if "judging" not in event.task)

    # 400 events: of 13 windows of 4 events, or of two sessions of 12.
    assert steps(10) == steps(1_000)
    assert 400 / 13 / 4 * 0.9 <= steps(10) <= 400 / 24 * 1.1


def test_no_more_than_the_bound_of_distinct_windows_is_learnt() -> None:
    rng = random.Random(1)
    normal = [[rng.randrange(5) for _ in range(12)] for _ in range(200)]
    bounded = replace(SHORT, training=replace(SHORT.training, max_windows=7))
    from rationanomaly.baselines.sequences.next_event import pairs_of

    rows, counts = pairs_of(SessionBatch.of(normal), np.arange(5), bounded, seed=2)
    again, _ = pairs_of(SessionBatch.of(normal), np.arange(5), bounded, seed=2)
    assert rows.shape == (7, 5)
    assert len(counts) == 7
    assert rows.tolist() == again.tolist()


@pytest.mark.parametrize("settings", [PUBLISHED, loganomaly.SETTINGS])
def test_published_settings(settings: NextEventSettings) -> None:
    assert (settings.history, settings.candidates, settings.units, settings.layers) == (10, 9, 64, 2)
    assert (settings.training.batch, settings.training.epochs, settings.training.learning_rate) == (2_048, 370, 0.001)


# ---------------------------------------------------------------- vectors


def test_character_vectors_put_reworded_templates_near() -> None:
    vectors = character_vectors(TEXTS)
    known, asked = vectors(TEXTS), vectors(["block received from another peer", "kernel panics in interrupt handlers"])
    assert (asked @ known.T).argmax(axis=1).tolist() == [1, 4]
    assert vectors(TEXTS[:2]).tolist() == known[:2].tolist()


@pytest.mark.parametrize(
    "corpus", [[], [""], ["", " "], ["<*>"], ["a"] * 5, ["\x00\ud800", "日本"], ["a b", "c d", "e"]]
)
def test_character_vectors_are_finite_whatever_the_texts(corpus: list[str]) -> None:
    vectors = character_vectors(corpus)
    found = vectors([*corpus, "", "new text", "\ud800" * 3, "x" * 10_000])
    assert found.dtype == np.float32
    assert np.isfinite(found).all()
    assert vectors([]).shape == (0, found.shape[1])


def test_unit_vectors_have_length_one_or_none() -> None:
    found = unit(np.array([[3, 4], [0, 0], [np.inf, 1], [np.nan, 1]], np.float32))
    assert found.tolist() == [[pytest.approx(0.6), pytest.approx(0.8)], [0, 0], [0, 0], [0, 0]]
