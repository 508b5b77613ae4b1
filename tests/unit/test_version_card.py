"""What a registered version says of itself."""

from __future__ import annotations

from pathlib import Path

import pytest

from rationanomaly.errors import ArtifactError
from rationanomaly.records import MODEL_CARD
from rationanomaly.register.version_card import describe, write_version_card

CARD = "---\nlanguage: en\n---\n\n# Model card: x\n\nIt reads.\n\n## Data\n"
MEASURED = {
    "template/abnormal/f1": 0.7667, "template/abnormal/f1/low": 0.64, "template/abnormal/f1/high": 0.87,
    "template/rows": 1790.0, "template/positives": 27.0,
    "session/abnormal/f1": 0.2, "session_model/abnormal/f1": 0.9, "session_model/rows": 90.0,
}  # fmt: skip


def test_a_card_is_that_of_evaluate(tmp_path: Path) -> None:
    (tmp_path / MODEL_CARD).write_text(CARD)
    write_version_card(tmp_path, tmp_path / "out.md", None)
    assert (tmp_path / "out.md").read_text() == CARD


def test_a_refit_says_so_before_anything_else(tmp_path: Path) -> None:
    (tmp_path / MODEL_CARD).write_text(CARD)
    write_version_card(tmp_path, tmp_path / "out.md", "0123456789abcdef")
    text = (tmp_path / "out.md").read_text()
    assert text.startswith("---\nlanguage: en\n---\n\n# Model card: x\n\n> **Refit on all labels.")
    assert "0123456789ab," in text and "cdef" not in text
    assert text.index("others") < text.index("It reads.") < text.index("## Data")


def test_a_folder_without_a_card_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=r"has no model card\. Run `rationanomaly evaluate` again"):
        write_version_card(tmp_path, tmp_path / "out.md", None)
    assert not (tmp_path / "out.md").exists()


def test_the_description_has_the_metrics_and_what_is_simpler() -> None:
    lost = {"difference/labeller/template/abnormal/f1": -0.061, "difference/keyword/template/abnormal/f1": 0.2}
    stress = {"stress/injection/flips": 0.753, "stress/injection/flips/low": 0.7, "stress/injection/flips/high": 0.8}
    text = describe(MEASURED | lost | stress, None)
    assert text.startswith("F1 0.767 [0.64, 0.87] on 1,790 templates of which 27 are abnormal. F1 0.900 on 90 sessions")
    assert "Simpler and better on the same templates: labeller by 0.061." in text and "keyword" not in text
    assert "Injected text hides 0.753 [0.70, 0.80] of true alarms." in text and "claims" not in text
    assert text.endswith("`model_card.md` among its artifacts.")


def test_the_description_says_what_is_missing_and_what_was_refitted() -> None:
    text = describe(MEASURED, "0123456789abcdef")
    assert text.startswith("Refit on all labels.") and "Not put under stress." in text and "Simpler" not in text
    assert describe({}, None).startswith("Not put under stress.")
