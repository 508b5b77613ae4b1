"""The process of a model with a real one: what it says is what the detector says, and nobody waits for an analysis."""

from __future__ import annotations

import io
import json
from math import inf
from pathlib import Path
from typing import Any, cast

import pytest

from rationanomaly.detection import verdict_worker
from rationanomaly.detection.detector import Detector
from rationanomaly.detection.verdict_record import verdict_row
from rationanomaly.detection.verdict_service import VerdictService
from rationanomaly.errors import ArtifactError
from rationanomaly.model.folder import ModelFolder
from rationanomaly.records import template_id
from tests.micro_model import train

TEMPLATES = ["disk <*> failed on node <*>", "fan <*> is fine", "link <*> down", ""]


class _Sink(io.StringIO):
    """Answers as they are written."""

    def messages(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.getvalue().splitlines()]


class _Questions(verdict_worker._Asked):
    """Answers what was put in, and no more."""

    def put(self, kind: str, templates: list[str]) -> None:
        self._waiting[cast(Any, kind)].append(templates)

    def answer(self, kind: str) -> None:
        self._interrupted = kind == "direct"
        self._answer(cast(Any, kind))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A base without training judges, too."""
    return train(tmp_path_factory.mktemp("untrained"), ("base",)).root / "base"


def questions(folder: Path) -> tuple[_Questions, _Sink, list[Any]]:
    detector, model = verdict_worker._open(ModelFolder.open(folder), 1)
    sink = _Sink()
    asked = _Questions(detector, verdict_worker._Answers(sink))
    asked._alive = inf  # When it was said last.
    return asked, sink, verdict_worker._layers(model)


def test_an_analysis_is_interrupted_and_stays_what_it_was(folder: Path) -> None:
    alone, sink, _ = questions(folder)
    alone.put("reasoned", TEMPLATES[:1])
    alone.answer("reasoned")
    alone.put("direct", TEMPLATES[1:2])
    alone.answer("direct")
    undisturbed = {message["kind"]: message["verdicts"] for message in sink.messages()}

    asked, sink, layers = questions(folder)
    passes = 0

    def come(*_: object) -> None:
        """Somebody asks in the middle of the analysis."""
        nonlocal passes
        passes += 1
        if passes == 12:
            asked.put("direct", TEMPLATES[1:2])

    assert layers
    layers[0].register_forward_pre_hook(come)
    for layer in layers:
        layer.register_forward_pre_hook(asked.interrupt)
    asked.put("reasoned", TEMPLATES[:1])
    asked.answer("reasoned")
    assert [message["kind"] for message in sink.messages()] == ["direct", "reasoned"]
    assert {message["kind"]: message["verdicts"] for message in sink.messages()} == undisturbed


def test_it_shows_at_work_that_it_lives(folder: Path) -> None:
    asked, sink, layers = questions(folder)
    for layer in layers:
        layer.register_forward_pre_hook(asked.interrupt)
    for alive in (-inf, inf):
        asked._alive = alive
        asked.put("direct", TEMPLATES[:1])
        asked.answer("direct")
    assert [next(iter(message)) for message in sink.messages()] == ["alive", "kind", "kind"]


def test_a_question_that_cannot_be_answered_is_an_answer(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked, sink, _ = questions(folder)

    def no_memory(*_: object) -> None:
        raise RuntimeError("no memory for this")

    monkeypatch.setattr(asked._detector, "judge", no_memory)
    asked.put("direct", ["disk failed"])
    asked.answer("direct")
    assert sink.messages() == [{"kind": "direct", "failed": "RuntimeError: no memory for this"}]


@pytest.mark.slow
def test_the_process_says_what_the_detector_says(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text("raise SystemExit('imported from where somebody happens to be')")
    expected = [verdict_row(one) for one in Detector.open(folder).judge(TEMPLATES, precedents=None)]
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path)
        patch.delenv("PYTHONPATH", raising=False)
        service = VerdictService(str(folder))
    try:
        asked = {template_id(text): text for text in TEMPLATES}
        assert service.ask(asked) == []
        assert service.wait(asked, 120)
        found = service.collect()
        finals = {one.template: verdict_row(one.verdict) for one in found if one.final}
        for row in expected:
            said = finals[row["template"]]
            scores = {name: pytest.approx(row[name], abs=1e-5) for name in ("score", "direct_score")}
            assert said == row | scores
        assert len(found) == 2 * len(TEMPLATES)
        assert service.version.digest == ModelFolder.open(folder).digest
        assert (service.version.name, service.version.number) == ("base", None)
        assert service.folder == folder
    finally:
        service.close()


@pytest.mark.slow
def test_a_folder_that_is_no_model_is_one_error(tmp_path: Path) -> None:
    with pytest.raises(ArtifactError) as caught:
        VerdictService(str(tmp_path / "nothing"))
    assert caught.value.hint
