"""`ModelFolder`: verified once, read once."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from rationanomaly import artifacts
from rationanomaly.cli.detect import detect
from rationanomaly.model import hub
from rationanomaly.model.folder import ModelFolder
from rationanomaly.records import BASE
from tests.micro_model import Trained


@pytest.fixture
def hashed(monkeypatch: pytest.MonkeyPatch) -> Counter[Path]:
    """How often each file is hashed from now on."""
    counted: Counter[Path] = Counter()
    original = artifacts.sha256

    def count(path: Path) -> str:
        if path.is_file():
            counted[path] += 1
        return original(path)

    monkeypatch.setattr(artifacts, "sha256", count)
    return counted


@pytest.mark.parametrize("step", ["base", "sft"])
def test_the_base_is_named_by_the_hashes_of_the_manifest(trained: Trained, step: str) -> None:
    folder = ModelFolder.open(trained.root / step)
    assert folder.manifest.digest_of(BASE) == artifacts.sha256(trained.root / step / BASE) == folder.card.base.sha256
    assert folder.digest == artifacts.read(trained.root / step).digest


def test_detect_hashes_each_file_once(trained: Trained, hashed: Counter[Path], tmp_path: Path) -> None:
    (tmp_path / "app.log").write_text("Jan  1 10:00:00 host app[1]: fan is ready\n" * 3)
    model = trained.root / "sft"
    detect(str(model), logs=[str(tmp_path / "app.log")], output=tmp_path / "rows.jsonl", log_format="auto")
    files = {path for path in model.rglob("*") if path.is_file()}
    assert {path: hashed[path] for path in files} == dict.fromkeys(files, 1)


def test_parts_are_read_once(trained: Trained) -> None:
    folder = ModelFolder.open(trained.root / "sft")
    assert folder.tokenizer is folder.tokenizer
    assert folder.precedents is folder.precedents
    assert folder.few_shot is folder.few_shot


def test_a_base_that_lies_elsewhere_is_hashed_once(
    trained: Trained, hashed: Counter[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    local = trained.root / "base" / BASE
    monkeypatch.setattr(hub, "fetch", lambda name, revision: local)
    verified = ModelFolder.open(trained.root / "sft")
    card = verified.card
    base = type(card.base)("someone/some-model", "0" * 40, card.base.sha256, copied=False)
    folder = verified.with_card(type(card)(**{**vars(card), "base": base}))
    hashed.clear()
    folder.scorer(folder.load())
    assert folder.context == 512
    assert folder.base_files == local
    assert hashed[local / "model.safetensors"] == 1
