"""Text that is added to a log and changes no label."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from rationanomaly.params import Params
from rationanomaly.sft.additions import Additions
from rationanomaly.sft.rows import build_rows
from rationanomaly.stress.injection_texts import FAMILIES
from rationanomaly.text.evidence import check_evidence
from rationanomaly.text.prompt import Mode, Shown, parse_response, show
from tests.unit.test_sft_rows import GOLD, TEXTS, TRIPLETS

LOG = "machine check on slot"
CALM = "session opened for operator"


def _added(params: Params, count: int = 400) -> list[str]:
    additions, rng = Additions([CALM], params.prompt), np.random.default_rng(0)
    return [additions.add(LOG, rng) for _ in range(count)]


def test_the_log_stays_whole_around_what_is_added(params: Params) -> None:
    head, tail = LOG[: LOG.index(" on")], LOG[LOG.index("on") :]
    places = Counter(
        "front" if text.endswith(LOG) else "behind" if text.startswith(LOG) else "within" for text in _added(params)
    )
    assert min(places.values()) > 80
    assert all(head in text and tail in text and len(text) > len(LOG) for text in _added(params))


def test_claims_are_as_often_of_one_label_as_of_the_other(params: Params) -> None:
    words = Counter(word for text in _added(params, 3000) for word in set(text.split()) if "normal" in word)
    assert 0.75 < words["normal"] / words["abnormal"] < 1.33


@pytest.mark.parametrize(("word", "places"), [("word", 1), ("(word)", 3)])
def test_what_would_push_the_log_out_of_sight_is_not_added(params: Params, word: str, places: int) -> None:
    full = " ".join([word] * (params.prompt.max_words // places))
    assert Additions([CALM], params.prompt).add(full, np.random.default_rng(0)) == full


def test_no_wording_is_one_of_those_that_stress_tries(params: Params) -> None:
    tried = {show(text, params.prompt).text for family in FAMILIES.values() for text in family.texts("normal")}
    claims = {text.replace(LOG, "").strip() for text in _added(params, 1000)}
    assert not claims & tried


@pytest.mark.parametrize("share", [0.0, 0.5])
def test_rows_keep_label_and_literal_quotes(params: Params, share: float) -> None:
    settings = params.sft.model_copy(
        update={"steps": 40, "batch": 8, "additions": share, "word_drop": 0.0, "rationale_share": 0.5}
    )
    rows = build_rows(GOLD, TRIPLETS, None, params.prompt, settings, seed=0)
    longer = [row for row in rows if row.text not in TEXTS]
    assert len(longer) / len(rows) == pytest.approx(share, abs=0.08)
    assert {row.mode for row in longer} == (set(Mode) if share else set())
    for row in rows:
        assert row.completion.endswith(("<answer>abnormal</answer>", "<answer>normal</answer>"))
        assert ("failed" in row.text) >= ("<answer>abnormal" in row.completion)
        if row.mode is Mode.REASON:
            assert check_evidence(parse_response(row.completion).rationale, Shown.as_it_is(row.text)).grounded
