"""The final model against a champion: what flipped, why, and what is said of a champion that had learnt the test."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from rationanomaly import artifacts, records
from rationanomaly.detection.verdict import Verdict
from rationanomaly.errors import ArtifactError, InputError
from rationanomaly.evaluate import champion as asking
from rationanomaly.evaluate import judging_models, plots
from rationanomaly.evaluate.champion_flips import Side, cause_of, count_flips, find_flips
from rationanomaly.evaluate.held_out import read_held_out
from rationanomaly.evaluate.predictions import Prediction, SystemAnswers
from rationanomaly.evaluate.report import REPORT
from rationanomaly.model.card import BaseIdentity, Card, Threshold, write_card
from rationanomaly.params import Params, PromptParams
from rationanomaly.records import Precedent, template_id
from rationanomaly.runs import execution, model_registry
from rationanomaly.runs.model_registry import AbsentVersionError
from rationanomaly.steps import BY_NAME
from rationanomaly.text.prompt import PROMPT_VERSION
from tests.unit.test_evaluate_step import WORLD, ScriptedDetector, evaluate, setting, write_inputs

FAN = "fan <*> has failed on rack <*>"
FILES = "filesystem <*> remounted read only"


def card(params: Params, threshold: float = 0.5, direct: float = 0.5, **values: Any) -> Card:
    prompt = PromptParams(style="compact", normalise=False, max_words=48, max_characters=2000, few_shot_examples=0)
    return Card(
        "grpo", BaseIdentity("base", None, "0" * 64, copied=True), Threshold(threshold, "test"), Threshold(direct, "t"),
        prompt, PROMPT_VERSION, 64, literal_quotes=True, detect=params.detect, **values,
    )  # fmt: skip


def said(answer: str, score: float, rationale: str | None = None, **values: Any) -> Prediction:
    given: dict[str, Any] = {"template": FAN, "truth": "abnormal"} | values
    quotes = [] if rationale is None else rationale.split('"')[1::2]
    evidence = [{"text": one, "start": FAN.index(one), "end": FAN.index(one) + len(one)} for one in quotes]
    stated = answer if rationale is not None else None
    return Prediction(
        "grpo", template_id(given["template"]), dataset="d", split="test", label=given["truth"], mixed=False,
        answer=answer, score=score, stated=stated, rationale=rationale, evidence=evidence, **given,
    )  # fmt: skip


CAUSES = [
    (0.4, 0.5, 0.6, 0.5, "score"),
    (0.4, 0.5, 0.4, 0.3, "threshold"),
    (0.4, 0.5, 0.35, 0.3, "threshold"),
    (0.4, 0.5, 0.6, 0.3, "either"),
    (0.4, 0.6, 0.55, 0.45, "both"),
]


@pytest.mark.parametrize(("old", "old_threshold", "new", "new_threshold", "cause"), CAUSES)
def test_a_flip_is_put_down_to_what_alone_would_have_made_it(
    params: Params, old: float, old_threshold: float, new: float, new_threshold: float, cause: str
) -> None:
    before = Side(said("normal", old), card(params, direct=old_threshold))
    after = Side(said("abnormal", new), card(params, direct=new_threshold))
    assert cause_of(before, after) == cause
    back = {"either": "both", "both": "either"}.get(cause, cause)
    assert cause_of(after, before) == back, "the way back"


def test_what_cannot_be_compared_is_no_matter_of_scores(params: Params) -> None:
    reasoned = Side(said("normal", 0.4, 'The log names "fan".'), card(params, 0.5))
    assert cause_of(reasoned, Side(said("abnormal", 0.6), card(params))) == "kind"
    assert cause_of(reasoned, Side(said("invalid", 0.4, ""), card(params))) == "form"


def flips(params: Params, before: Prediction, after: Prediction, thresholds: tuple[float, float] = (0.5, 0.5)) -> Any:
    one, other = (SystemAnswers(name, [row], {}) for name, row in (("champion", before), ("grpo", after)))
    (found,) = find_flips(one, card(params, thresholds[0]), other, card(params, thresholds[1]))
    return found


def test_why_names_quotes_signs_margins_and_the_nearest_known_template(params: Params) -> None:
    nearest = [{"template": "fan <*> failed", "label": "abnormal", "similarity": 0.875}]
    old = 'The entry names "rack". Nothing needs doing. So the log is normal.'
    new = 'The entry says "fan" and "has failed": the operation did not work out. So the log is abnormal.'
    flip = flips(params, said("normal", 0.3, old), said("abnormal", 0.8, new, similar=nearest))
    assert (flip.right, flip.cause) == ("ours", "score")
    assert (flip.gained_quotes, flip.lost_quotes) == (["fan", "has failed"], ["rack"])
    assert flip.gained_signs == ["failed"]
    assert flip.nearest == nearest[0]
    text = "\n".join(flip.why)
    assert "reasoned score 0.300, -0.200 from its threshold 0.500" in text
    assert "+0.300 from its threshold 0.500" in text
    assert 'It no longer quotes "rack".' in text
    assert 'only the new analysis speaks of "failed"' in text
    assert "nearest known template (similarity 0.875) is abnormal, as is the new answer" in text


def test_a_flip_by_the_threshold_alone_is_said_to_be_one(params: Params) -> None:
    text = (
        'The entry says "has failed": the operation did not work out. This may mean that boards heat up until they '
        "switch off. An operator should inspect the fan module and its sensor. So the log is {}."
    )
    flip = flips(params, said("normal", 0.4, text.format("normal")), said("abnormal", 0.4, text.format("abnormal")),
                 (0.5, 0.3))  # fmt: skip
    assert flip.cause == "threshold"
    assert any(reason.startswith("The threshold alone flips the answer") for reason in flip.why)
    assert "Both analyses quote the same words and speak of the same signs." in flip.why
    assert "The champion's analysis argues for abnormal, not for its answer." in flip.why


def test_what_is_now_wrong_comes_first_and_the_unchanged_is_left_out(params: Params) -> None:
    old = {"a fan": 0.1, "b fan": 0.9, "c fan": 0.6, "d fan": 0.9}
    new = {"a fan": 0.9, "b fan": 0.1, "c fan": 0.4, "d fan": 0.8}
    before, after = (
        [said("abnormal" if score > 0.5 else "normal", score, template=name) for name, score in scores.items()]
        for scores in (old, new)
    )
    one, other = SystemAnswers("champion", before, {}), SystemAnswers("grpo", after, {})
    found = find_flips(one, card(params), other, card(params))
    assert [flip.template for flip in found] == ["b fan", "c fan", "a fan"]
    assert count_flips(found) == {
        "champion/flips": 3, "champion/flips/now_right": 1, "champion/flips/now_wrong": 2,
        "champion/flips/by_threshold": 0,
    }  # fmt: skip


# ---------------------------------------------------------------- the step


class TwoModels(ScriptedDetector):
    """As the scripted one; but the champion finds the fault that the final model misses."""

    def _verdict(self, template: str, reasoned: bool) -> Verdict:
        if self.name == "champion" and template == FILES:
            text = 'The log says "filesystem" and then "only". So the log is abnormal.'
            return Verdict(template, "abnormal", 0.9, 0.8, "abnormal" if reasoned else None, True, text, (), True)
        return super()._verdict(template, reasoned)


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, params: Params) -> dict[str, Path]:
    monkeypatch.setattr(judging_models, "ModelDetector", TwoModels)
    monkeypatch.setattr(ScriptedDetector, "asked", [])
    monkeypatch.setattr(plots, "_save", lambda _, path: path.touch())
    inputs = write_inputs(tmp_path)
    curves = (inputs["grpo"] / records.CURVES).read_bytes()
    shutil.rmtree(inputs["grpo"])
    seal(inputs["grpo"], card(params), curves=curves)
    return inputs


def seal(folder: Path, model: Card, precedents: tuple[str, ...] = (), curves: bytes = b"", logs: str = "same") -> str:
    """A model folder as far as a champion's is read; its digest."""
    with artifacts.writing(folder, "grpo", {"logs": logs}) as place:
        write_card(place, model)
        (place / records.CURVES).write_bytes(curves)
        rows = [Precedent(template_id(name), name, "normal", ["ada"], "senior", None) for name in precedents]
        records.write_rows(place / records.PRECEDENTS, rows)
    return artifacts.read(folder).digest


def quick(params: Params, champion: str | None) -> Params:
    plain = params.model_copy(update={"model": params.model.model_copy(update={"encoder": "none"})})
    return setting(plain, champion=champion, free_rows=1)


def test_the_step_writes_what_flipped(world: dict[str, Path], tmp_path: Path, params: Params) -> None:
    digest = seal(tmp_path / "champion", card(params))
    metrics = evaluate(quick(params, str(tmp_path / "champion")), world, tmp_path / "out")
    (flip,) = [row for _, row in records.read_objects(tmp_path / "out" / "champion.jsonl")]
    assert (flip["template"], flip["before"], flip["after"], flip["right"]) == (FILES, "abnormal", "normal", "champion")
    assert (metrics["champion/flips"], metrics["champion/flips/now_wrong"]) == (1, 1)
    assert metrics["champion/template/abnormal/recall"] == 1
    assert metrics["difference/champion/template/abnormal/recall"] == -0.5
    assert metrics["difference/champion/template/mcnemar/theirs_only"] == 1
    assert metrics.keys() >= {f"difference/champion/template/abnormal/f1{end}" for end in ("", "/low", "/high")}
    origin = json.loads((tmp_path / "out" / "champion.json").read_text())
    assert (origin["model"], origin["known"], origin["is_favoured"], origin["remarks"]) == (digest, 0, False, [])
    page = (tmp_path / "out" / REPORT).read_text()
    assert "1 answers changed" in page
    assert "had learnt of the test" not in page
    asked = [one for one in ScriptedDetector.asked if one[0] == "champion"]
    tested = [name for name, (_, split, _) in WORLD.items() if split == "test"]
    assert sorted(name for _, kind, name in asked if kind == "reasoned") == sorted(tested)
    assert not [one for one in asked if one[1] == "free"]


def test_a_champion_that_had_learnt_the_test_is_said_to_be_favoured(
    world: dict[str, Path], tmp_path: Path, params: Params
) -> None:
    seal(tmp_path / "champion", card(params, refit_of="1" * 64), (FILES, "unheard of"), logs="others")
    metrics = evaluate(quick(params, str(tmp_path / "champion")), world, tmp_path / "out")
    assert metrics["champion/known_templates"] == 1
    origin = json.loads((tmp_path / "out" / "champion.json").read_text())
    assert (origin["refit"], origin["known"], origin["other_data"]) == (True, 1, ["logs"])
    page = (tmp_path / "out" / REPORT).read_text()
    assert page.index("The champion had learnt of the test") < page.index('id="headline"')
    assert "learnt the labels of 1 of the 4 tested templates" in page
    assert "made from other data (logs)" in page


def ask(params: Params, champion: str | None, inputs: dict[str, Path]) -> asking.Champion | None:
    chosen = quick(params, champion)
    return asking.judge_with_champion(chosen.evaluate, inputs["grpo"], read_held_out(chosen, inputs), 1)


def test_without_a_champion_nobody_is_asked(world: dict[str, Path], params: Params) -> None:
    assert ask(params, None, world) is None
    assert ScriptedDetector.asked == []


def test_the_model_itself_is_recognised(world: dict[str, Path], tmp_path: Path, params: Params) -> None:
    shutil.copytree(world["grpo"], tmp_path / "same")
    found = ask(params, str(tmp_path / "same"), world)
    assert found is not None
    assert found.origin.remarks == ("The champion is the evaluated model itself.",)
    assert find_flips(found.system, found.card, found.system, found.card) == []


def test_a_registered_champion_is_fetched_and_removed(
    world: dict[str, Path], tmp_path: Path, params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    digest = seal(tmp_path / "source", card(params))
    fetched: list[Path] = []

    def fetch(uri: str, into: Path) -> Path:
        assert uri == "models:/log@champion"
        fetched.append(into / "champion")
        return Path(shutil.copytree(tmp_path / "source", into / "champion"))

    monkeypatch.setattr(model_registry, "fetch_folder", fetch)
    found = ask(params, "models:/log@champion", world)
    assert found is not None
    assert found.origin.model == digest
    assert fetched
    assert not fetched[0].exists()


def test_before_the_first_promotion_there_is_no_champion(
    world: dict[str, Path], params: Params, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")

    def refuse(uri: str, _into: Path | None = None) -> None:
        raise AbsentVersionError("no such registered model", file=uri)

    monkeypatch.setattr(model_registry, "fetch_folder", refuse)
    monkeypatch.setattr(model_registry, "digest_at", refuse)
    assert ask(params, "models:/log@champion", world) is None
    assert execution._named_digest("models:/log@champion") is None
    with pytest.raises(AbsentVersionError):
        ask(params, "models:/log/7", world)


@pytest.mark.parametrize("case", ["missing", "damaged", "old"])
def test_a_champion_that_cannot_be_asked_is_named_with_a_way_out(
    world: dict[str, Path], tmp_path: Path, params: Params, case: str
) -> None:
    folder = tmp_path / "champion"
    if case == "damaged":
        seal(folder, card(params))
        (folder / records.CURVES).write_text("other")
    if case == "old":
        seal(folder, replace(card(params), prompt_version="0"))
    expected = InputError if case == "missing" else ArtifactError
    with pytest.raises(expected, match=r"champion.*null"):
        ask(params, str(folder), world)


# ---------------------------------------------------------------- the key


def test_the_key_follows_the_folder_and_what_the_registry_says(
    tmp_path: Path, params: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "truth").write_text("line,label\n")
    step, paths = BY_NAME["evaluate"], {"truth": tmp_path / "truth"}
    assert execution._own_sources(step, quick(params, None), paths).keys() == {"truth"}

    named = quick(params, str(tmp_path / "champion"))
    seal(tmp_path / "champion", card(params))
    first = execution._own_sources(step, named, paths)
    seal(tmp_path / "champion", card(params, 0.4))
    assert first.keys() == {"truth", "evaluate.champion"}
    assert execution._own_sources(step, named, paths) != first

    registered = quick(params, "models:/log@champion")
    for digest in ("a" * 64, "b" * 64):
        monkeypatch.setattr(model_registry, "digest_at", {"models:/log@champion": digest}.get)
        assert execution._own_sources(step, registered, paths)["evaluate.champion"] == digest
