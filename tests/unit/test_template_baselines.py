"""Edit distance, words and free signals: what each is fitted to, and what it must not see."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import polars as pl
import pytest

from rationanomaly.baselines import free_signals, nearest
from rationanomaly.baselines.free_signals import SIGNALS, FreeSignals, WordModel, fit_free_signals
from rationanomaly.baselines.nearest import K_CHOICES, fit_nearest
from rationanomaly.baselines.scorer import Classifier
from rationanomaly.baselines.word_regression import fit_word_regression
from rationanomaly.errors import InputError
from rationanomaly.evaluate.judging_classifiers import FITS, Means
from rationanomaly.params import Params

PARTS = ("disk", "fan", "node", "link", "pump", "card")
FAULTS, ROUTINE = ("is corrupted", "went dead", "lost power"), ("has started", "was loaded", "sent a beat", "is closed")
TEXTS = [f"{part} {word}" for part in PARTS for word in (*FAULTS, *ROUTINE)]
LABELS = ["abnormal" if text.endswith(FAULTS) else "normal" for text in TEXTS]
GROUPS = list(range(len(TEXTS)))

Fit = Callable[[Sequence[str], Sequence[str], Sequence[int]], Classifier]
FITTED: dict[str, Fit] = {
    "nearest": fit_nearest,
    "words": lambda texts, labels, _: fit_word_regression(texts, labels),
    "free_signals": lambda texts, labels, groups: fit_free_signals(texts, labels, groups, {}),
}
HOSTILE = ["", " ", "\x00\x1b[31m", "<*>" * 500, "ab " * 20_000, "\u202e\U0010ffff", "Ж" * 50]


@pytest.mark.parametrize("name", FITTED)
def test_scores_are_probabilities_of_whatever_is_asked(name: str) -> None:
    fitted = FITTED[name](TEXTS, LABELS, GROUPS)
    scores = fitted.scores([*TEXTS, *HOSTILE])
    assert scores.shape == (len(TEXTS) + len(HOSTILE),)
    assert np.isfinite(scores).all()
    assert ((scores >= 0) & (scores <= 1)).all()
    assert fitted.scores([]).shape == (0,)


@pytest.mark.parametrize("name", FITTED)
def test_equal_arguments_give_equal_scores_and_one_template_changes_no_other(name: str) -> None:
    one, other = (FITTED[name](TEXTS, LABELS, GROUPS) for _ in range(2))
    asked = ["rack lost power", "port has started", "disk is worn"]
    assert one.scores(asked).tolist() == other.scores(asked).tolist()
    assert one.scores(asked[:1]).tolist() == pytest.approx(one.scores(asked).tolist()[:1])


@pytest.mark.parametrize("name", FITTED)
@pytest.mark.parametrize("labels", [["normal"] * len(TEXTS), ["abnormal"] * len(TEXTS), ["odd"] * len(TEXTS)])
def test_one_class_or_an_unknown_label_is_refused(name: str, labels: list[str]) -> None:
    with pytest.raises(InputError):
        FITTED[name](TEXTS, labels, GROUPS)


@pytest.mark.parametrize("name", ["nearest", "words"])
@pytest.mark.parametrize(
    ("text", "abnormal"),
    [
        ("rack is corrupted", True), ("rack went dead", True), ("rack lost power", True), ("rack has started", False),
        ("rack was loaded", False), ("rack sent a beat", False),
    ],
)  # fmt: skip
def test_a_new_part_is_judged_by_what_happened_to_it(name: str, text: str, abnormal: bool) -> None:
    (score,) = FITTED[name](TEXTS, LABELS, GROUPS).scores([text])
    assert bool(score >= 0.5) is abnormal


@pytest.mark.parametrize("name", ["nearest", "words", "free_signals"])
def test_the_harness_fits_it_to_the_labels_that_it_is_given(name: str, params: Params) -> None:
    known = pl.DataFrame({"template": TEXTS, "label": LABELS, "group": GROUPS})
    means = Means(params.prompt, None)
    one = FITS[name](known, means).scores(TEXTS)
    swapped = known.with_columns(label=pl.Series(["normal" if label == "abnormal" else "abnormal" for label in LABELS]))
    other = FITS[name](swapped, means).scores(TEXTS)
    assert one.tolist() != pytest.approx(other.tolist())


# ---------------------------------------------------------------- edit distance


def test_the_label_of_an_equal_template_outweighs_that_of_the_others() -> None:
    texts = ["a b c d", "a b c x", "p q r s", "p q r t"]
    fitted = nearest.NearestTemplates(tuple(texts), np.array([1, 0, 0, 0]), 3)
    scores = fitted.scores(texts)
    assert scores[0] > 0.5
    assert scores[2] < 0.5


def test_classes_weigh_the_same_whatever_their_number() -> None:
    # Of three neighbours at one distance, one is abnormal: alone against nine it weighs as much as they do.
    texts = [f"{letter} w w w" for letter in "abcdefghij"]
    fitted = nearest.NearestTemplates(tuple(texts), np.array([1, *[0] * 9]), 3)
    assert fitted.scores(["z w w w"])[0] == pytest.approx(9 / 11)


def test_how_many_vote_is_chosen_without_near_duplicates(monkeypatch: pytest.MonkeyPatch) -> None:
    # In pairs of near-duplicates the nearest template is always right; of other groups it is always wrong.
    texts, labels, groups = [], [], []
    for pair in range(12):
        for copy in range(2):
            texts.append(f"w{pair} v{pair} u{pair} c{copy}")
            labels.append("abnormal" if pair % 2 else "normal")
            groups.append(pair)
    seen: list[np.ndarray] = []
    votes = nearest._votes

    def watched(distances: np.ndarray, *others: object) -> list[np.ndarray]:
        seen.append(distances.copy())
        return votes(distances, *others)  # type: ignore[arg-type]

    monkeypatch.setattr(nearest, "_votes", watched)
    assert fit_nearest(texts, labels, groups).k in K_CHOICES
    (distances,) = seen
    own = np.equal.outer(groups, groups)
    assert np.isinf(distances[own]).all()
    assert np.isfinite(distances[~own]).all()


def test_blocks_and_choosers_change_no_score(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = fit_nearest(TEXTS, LABELS, GROUPS).scores(TEXTS)
    monkeypatch.setattr(nearest, "_BLOCK", 5)
    assert fit_nearest(TEXTS, LABELS, GROUPS).scores(TEXTS).tolist() == whole.tolist()
    monkeypatch.setattr(nearest, "_CHOOSERS", 7)
    assert fit_nearest(TEXTS, LABELS, GROUPS).k in K_CHOICES


def test_one_group_alone_is_no_reason_to_fail() -> None:
    fitted = fit_nearest(TEXTS, LABELS, [0] * len(TEXTS))
    assert fitted.scores(["rack went dead"])[0] > 0.5


# ---------------------------------------------------------------- words


def test_templates_without_words_are_of_one_kind() -> None:
    fitted = fit_word_regression([*TEXTS, "<*> 12", "17"], [*LABELS, "normal", "normal"])
    assert len(set(fitted.scores(["99", "<*>", "...", ""]).tolist())) == 1


# ---------------------------------------------------------------- free signals


@pytest.fixture
def signals() -> FreeSignals:
    return FreeSignals(tuple(TEXTS), counted=True)


def test_each_signal_is_higher_for_what_looks_worse(signals: FreeSignals) -> None:
    asked = ["disk has started", "fatal error: disk failure", "zygote quorum xylem"]
    rarity, severity, surprise = signals.signals(asked, [10_000, 3, 0]).T
    assert SIGNALS == ("rarity", "severity", "surprise")
    assert rarity[0] < rarity[1] < rarity[2], "what no line is counted of was seen at least once"
    assert severity[1] > max(severity[0], severity[2])
    assert surprise[2] > surprise[1] > surprise[0]


def test_without_counted_lines_the_rarity_is_that_of_words() -> None:
    words = FreeSignals(tuple(TEXTS), counted=False)
    often, seldom, never = words.signals(["disk is", "corrupted", "xylem"], [5, 50, 500])[:, 0]
    assert often < seldom < never


def test_labels_have_no_part_in_the_signals() -> None:
    swapped = ["normal" if label == "abnormal" else "abnormal" for label in LABELS]
    asked = ["rack lost power", "unheard of"]
    one, other = (fit_free_signals(TEXTS, labels, GROUPS, {}).signals.signals(asked, [0, 0]) for labels in
                  (LABELS, swapped))  # fmt: skip
    assert one.tolist() == other.tolist()


def test_a_known_template_is_judged_by_those_of_other_groups(signals: FreeSignals) -> None:
    lines = [0] * len(TEXTS)
    groups = [place % 7 for place in range(len(TEXTS))]
    found = FreeSignals(tuple(TEXTS), counted=False).signals(TEXTS, lines, groups)
    for place in (0, 8, 40):
        others = tuple(text for text, group in zip(TEXTS, groups, strict=True) if group != groups[place])
        alone = FreeSignals(others, counted=False).signals([TEXTS[place]], [0])[0]
        assert found[place][0] == pytest.approx(alone[0])
        # The model keeps the size of its vocabulary, in which words that only this group has are counted.
        assert found[place][2] == pytest.approx(alone[2], rel=0.05)


def test_surprise_without_some_texts_is_that_of_a_model_of_the_others() -> None:
    model = WordModel.of(["a b c", "a b d", "c d a"])
    assert model.surprise("a b d", WordModel.of(["a b d"])) == pytest.approx(
        WordModel.of(["a b c", "c d a"]).surprise("a b d")
    )
    assert model.surprise("a b") < model.surprise("b a")
    assert model.surprise("") == 0


def test_lines_of_the_log_are_what_counts_where_they_are_counted() -> None:
    lines = {text: 1 if label == "abnormal" else 1000 for text, label in zip(TEXTS, LABELS, strict=True)}
    asked = {"rack <*> new": 1, "rack <*> old": 5000}
    fitted = fit_free_signals(TEXTS, LABELS, GROUPS, {**lines, **asked})
    rare, common = fitted.scores(list(asked))
    assert rare > 0.5 > common


def test_phrases_are_compared_by_meaning_where_there_is_an_encoder() -> None:
    class FixedVectors:
        def vectors(self, texts: Sequence[str], _task: str = "") -> np.ndarray:
            return np.array([[1.0, 0.0] if "broke" in text or "failure" in text else [0.0, 1.0] for text in texts])

    found = FreeSignals(tuple(TEXTS), counted=True, encoder=FixedVectors())  # type: ignore[arg-type]
    assert "disk failure" in free_signals.SEVERITY_PHRASES
    assert found.signals(["it broke", "it runs"], [1, 1])[:, 1].tolist() == [1.0, 1.0], "other phrases are like it runs"


def test_means_count_the_lines_of_texts_that_a_prompt_shows_alike(params: Params) -> None:
    means = Means(params.prompt, None, {"fan <*> is dead": 7})
    assert means.lines["fan <*> is dead"] == 7
    assert not Means(params.prompt, None).lines
