"""Verdicts of all sessions at once are those of one session after the other."""

from __future__ import annotations

import time
from itertools import pairwise

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rationanomaly.evaluate.session_verdicts import TemplateVerdicts, deciding_groups, flatten, judge_sessions
from rationanomaly.evaluate.sessions import ScoredAnswer

IDS = ("a", "b", "c", "d", "e")
verdicts = st.builds(
    ScoredAnswer, st.sampled_from(["normal", "abnormal", "invalid"]), st.sampled_from([0.0, 0.2, 0.5, 0.9])
)
known = st.dictionaries(st.sampled_from(IDS), verdicts)
logs = st.lists(st.lists(st.sampled_from(IDS), max_size=6), max_size=8)


def flat(sessions: list[list[str]]) -> tuple[np.ndarray, np.ndarray]:
    codes = [IDS.index(key) for session in sessions for key in session]
    return np.array(codes, dtype=np.int64), np.cumsum([0, *map(len, sessions)])


def one_by_one(session: list[str], by_id: dict[str, ScoredAnswer], threshold: float | None) -> ScoredAnswer:
    """The rule of `evaluate.sessions` for one session; abnormal from ``threshold`` on, where there is one."""
    stated = [by_id[key] for key in session if key in by_id]
    score = max((one.score for one in stated), default=0.0)
    if score >= threshold if threshold is not None else any(one.answer == "abnormal" for one in stated):
        return ScoredAnswer("abnormal", score)
    whole = bool(session) and len(stated) == len(session) and all(one.answer != "invalid" for one in stated)
    return ScoredAnswer("normal" if whole else "invalid", score)


@settings(max_examples=80, deadline=None)
@given(known, logs, st.sampled_from([0.0, 0.2, 0.4, 0.95]))
def test_as_one_by_one(by_id: dict[str, ScoredAnswer], sessions: list[list[str]], threshold: float) -> None:
    found = judge_sessions(*flat(sessions), TemplateVerdicts.of(IDS, by_id))
    expected = [one_by_one(session, by_id, None) for session in sessions]
    assert found.labels == [one.answer for one in expected]
    assert found.scores.tolist() == [one.score for one in expected]
    assert found.tuned(threshold).labels == [one_by_one(session, by_id, threshold).answer for session in sessions]
    deciding = [
        max((key for key in session if key in by_id), key=lambda key: by_id[key].score, default=None)
        for session in sessions
    ]
    assert [None if code < 0 else IDS[code] for code in found.deciding.tolist()] == deciding


@pytest.mark.parametrize(
    ("session", "answer", "deciding"),
    [
        ("ab", "abnormal", "b"),
        ("ac", "invalid", "c"),  # an invalid template has a score as well
        ("ad", "invalid", "a"),  # d has no verdict
        ("acb", "abnormal", "b"),
        ("bd", "abnormal", "b"),
        ("aa", "normal", "a"),
        ("d", "invalid", None),
        ("", "invalid", None),
    ],
)
def test_a_session_of_each_kind(session: str, answer: str, deciding: str | None) -> None:
    by_id = {"a": ScoredAnswer("normal", 0.1), "b": ScoredAnswer("abnormal", 0.8), "c": ScoredAnswer("invalid", 0.5)}
    found = judge_sessions(*flat([["a"], list(session), ["b"]]), TemplateVerdicts.of(IDS, by_id))
    assert found.labels == ["normal", answer, "abnormal"]
    assert found.deciding[1] == (-1 if deciding is None else IDS.index(deciding))


def test_a_tuned_session_is_abnormal_from_its_threshold_on() -> None:
    by_id = {"a": ScoredAnswer("normal", 0.1), "b": ScoredAnswer("abnormal", 0.8), "c": ScoredAnswer("invalid", 0.3)}
    found = judge_sessions(*flat([["a", "b"], ["a", "c"], ["a", "d"]]), TemplateVerdicts.of(IDS, by_id))
    assert found.tuned(0.8).labels == ["abnormal", "invalid", "invalid"]
    assert found.tuned(0.85).labels == ["normal", "invalid", "invalid"]
    assert found.tuned(0.1).labels == ["abnormal"] * 3


@settings(max_examples=40, deadline=None)
@given(logs)
def test_flat_sessions_are_the_sessions(sessions: list[list[str]]) -> None:
    ids, codes, starts = flatten(pl.Series("templates", sessions, pl.List(pl.String)))
    assert len(set(ids)) == len(ids)
    again = [[ids[code] for code in codes[start:end]] for start, end in pairwise(starts.tolist())]
    assert again == sessions


def test_sessions_that_one_group_of_templates_decides_are_one_group() -> None:
    by_id = {key: ScoredAnswer("normal", 0.1 * place) for place, key in enumerate("abc")}
    sessions = [["a"], ["a", "b"], ["b"], ["c"], ["d"], ["e"]]
    found = judge_sessions(*flat(sessions), TemplateVerdicts.of(IDS, by_id))
    groups = deciding_groups(found, np.array([7, 7, 3, 7, 7]))
    assert groups[:4].tolist() == [7, 7, 7, 3]
    assert len(set(groups[3:].tolist())) == 3, "what no template decides stands alone"


def test_a_hundred_thousand_sessions_take_well_under_a_second() -> None:
    random = np.random.default_rng(0)
    lengths = random.integers(1, 30, 100_000)
    starts = np.concatenate([[0], np.cumsum(lengths)])
    templates = TemplateVerdicts(random.random(3000), random.integers(0, 3, 3000))
    start = time.process_time()
    judge_sessions(random.integers(0, 3000, starts[-1]), starts, templates)
    assert time.process_time() - start < 1
