"""A registration is whole or leaves no version, and takes figures of no other model; against a registry in a file."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import count
from pathlib import Path
from typing import Any

import mlflow
import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from rationanomaly import artifacts
from rationanomaly.errors import ArtifactError, GateError, InfrastructureError
from rationanomaly.model.card import BaseIdentity, Card, Threshold, write_card
from rationanomaly.params import Params
from rationanomaly.records import JUDGED_MODELS, METRICS, MODEL_CARD, PREDICTIONS, REGISTERED
from rationanomaly.register import step
from rationanomaly.runs import model_registry, tracking
from rationanomaly.runs.model_registry import PROVEN
from rationanomaly.steps import Inputs, Outputs
from rationanomaly.text.prompt import PROMPT_VERSION
from tests.mlflow_store import new_store

F1 = "template/abnormal/f1"
_names = count()
FOUND: Mapping[str, Any] = {F1: 0.75, "template/rows": 4, "template/abnormal/f1/low": 0.5}


class FixedScores:
    """A model that scores every template alike."""

    def direct_scores(self, probes: Sequence[str]) -> Sequence[float]:
        return [0.5] * len(probes)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowClient]:
    store = new_store(tmp_path_factory)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", store)
        yield MlflowClient(store, store)


@pytest.fixture
def named(params: Params) -> Params:
    """A registered model for each test."""
    return params.model_copy(update={"register_": params.register_.model_copy(update={"name": f"log{next(_names)}"})})


def card_of(params: Params, refit_of: str | None = None) -> Card:
    base = BaseIdentity("package==1", None, "0" * 64, copied=False)
    even = Threshold(0.5, "default")
    return Card("grpo", base, even, even, params.prompt, PROMPT_VERSION, 96, literal_quotes=True, detect=params.detect,
                refit_of=refit_of)  # fmt: skip


def write_model(folder: Path, params: Params, content: str = "", refit_of: str | None = None) -> str:
    """A model folder without weights; its digest."""
    with artifacts.writing(folder, "grpo") as made:
        write_card(made, card_of(params, refit_of))
        (made / "content.txt").write_text(content)
    return artifacts.read(folder).digest


def write_evaluation(folder: Path, judged: object, metrics: str | None = None) -> None:
    """What `evaluate` leaves; ``judged`` is the document that says which models it judged, None: none is there."""
    with artifacts.writing(folder, "evaluate") as made:
        (made / PREDICTIONS).write_text(json.dumps({"template": "link <*> down"}) + "\n")
        (made / METRICS).write_text(json.dumps(FOUND) if metrics is None else metrics)
        (made / MODEL_CARD).write_text("# Card\n")
        if judged is not None:
            (made / JUDGED_MODELS).write_text(json.dumps(judged))


@pytest.fixture
def inputs(named: Params, tmp_path: Path) -> Inputs:
    """A model and its evaluation."""
    write_evaluation(tmp_path / "evaluate", {"grpo": write_model(tmp_path / "grpo", named)})
    return {name: tmp_path / name for name in ("grpo", "evaluate")}


@pytest.fixture
def scored(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """No model is loaded; the folders that were to be."""
    opened: list[Path] = []

    def open_folder(place: Path) -> FixedScores:
        opened.append(place)
        return FixedScores()

    monkeypatch.setattr("rationanomaly.register.step.ModelDetector.open", open_folder)
    return opened


def register(params: Params, inputs: Inputs) -> dict[str, Any]:
    """Run the step; what it wrote."""
    folder = inputs["grpo"].parent / "register"
    folder.mkdir(exist_ok=True)
    step.run(params, inputs, Outputs(folder, folder / "state"))
    return dict(json.loads((folder / REGISTERED).read_bytes()))


def versions(client: MlflowClient, params: Params) -> list[Any]:
    return list(client.search_model_versions(f"name = '{params.register_.name}'"))


# ---------------------------------------------------------------- which model was measured


def test_a_version_names_the_folder_that_it_holds_and_is_proven_last(
    client: MlflowClient, named: Params, inputs: Inputs, scored: list[Path]
) -> None:
    done = register(named, inputs)
    (version,) = versions(client, named)
    digest = artifacts.read(inputs["grpo"]).digest
    assert version.tags[tracking.OUTPUT] == version.tags[PROVEN] == done["model"] == digest
    assert (version.tags[F1], version.tags["template/rows"]) == ("0.7500", "4.0000")
    assert len(scored) == 2 and scored[0] == inputs["grpo"] != scored[1]

    # ---- once more is the same version, and one that fails then is none that can be promoted
    assert register(named, inputs)["version"] == done["version"]
    assert versions(client, named)[0].tags[PROVEN] == digest
    broken = named.register_.model_copy(update={"tolerance": -1.0})
    with pytest.raises(GateError, match="logits differ"):
        register(named.model_copy(update={"register_": broken}), inputs)
    (version,) = versions(client, named)
    assert (version.tags[tracking.OUTPUT], version.tags[PROVEN]) == (digest, "no")


@pytest.mark.parametrize("judged", ["another", "sft alone", "none", "no object", "a number", "missing"])
def test_metrics_of_another_model_are_not_taken(
    client: MlflowClient, named: Params, inputs: Inputs, judged: str, tmp_path: Path, scored: list[Path]
) -> None:
    digest = artifacts.read(inputs["grpo"]).digest
    other = write_model(tmp_path / "other", named, "other weights")
    documents = {"another": {"grpo": other}, "sft alone": {"sft": digest}, "none": {}, "no object": [digest],
                 "a number": {"grpo": 1}, "missing": None}  # fmt: skip
    write_evaluation(tmp_path / "evaluate", documents[judged])
    with pytest.raises(ArtifactError, match=r"evaluat"):
        register(named, inputs)
    assert not versions(client, named)


def test_a_refit_carries_the_metrics_of_the_model_that_was_evaluated(
    client: MlflowClient, named: Params, inputs: Inputs, tmp_path: Path, scored: list[Path]
) -> None:
    evaluated = artifacts.read(inputs["grpo"]).digest
    write_model(tmp_path / "refit", named, refit_of=evaluated)
    register(named, {**inputs, "grpo": tmp_path / "refit"})
    (version,) = versions(client, named)
    assert version.tags["refit_of"] == evaluated != version.tags[tracking.OUTPUT]
    write_model(tmp_path / "refit", named, refit_of="f" * 64)
    with pytest.raises(ArtifactError, match="a refit of ffffffffffff"):
        register(named, {**inputs, "grpo": tmp_path / "refit"})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f'{{"{F1}": NaN}}', "NaN"),
        (f'{{"{F1}": 1e999}}', "1e999"),
        (f'{{"{F1}": 1.5}}', F1),
        (f'{{"{F1}": -0.1}}', F1),
        (f'{{"{F1}": "0.5"}}', F1),
        (f'{{"{F1}": true}}', F1),
        (f'{{"{F1}": 0.5, "{F1}": 0.9}}', f"`{F1}` stands twice"),
        ('{"template/rows": -1}', "template/rows"),
        ("[]", "no JSON object"),
        ("", "can't be read"),
        ("[" * 100_000, "can't be read"),
    ],
)
def test_metrics_that_can_not_be_are_refused_by_name(
    client: MlflowClient, named: Params, inputs: Inputs, text: str, said: str, tmp_path: Path, scored: list[Path]
) -> None:
    write_evaluation(tmp_path / "evaluate", {"grpo": artifacts.read(inputs["grpo"]).digest}, text)
    with pytest.raises(ArtifactError, match=rf"metrics\.json: .*{said}"):
        register(named, inputs)
    assert not versions(client, named)


# ---------------------------------------------------------------- what fails leaves no version


@pytest.mark.parametrize("file", ["adapter/weights.bin", "base/model.pkl", "base/modeling_x.py"])
def test_a_folder_that_can_not_be_loaded_never_becomes_a_version(
    client: MlflowClient, named: Params, inputs: Inputs, tmp_path: Path, file: str
) -> None:
    with artifacts.writing(tmp_path / "grpo", "grpo") as folder:
        write_card(folder, card_of(named))
        (folder / file).parent.mkdir()
        (folder / file).write_bytes(b"\x80\x04.")
    write_evaluation(tmp_path / "evaluate", {"grpo": artifacts.read(tmp_path / "grpo").digest})
    with pytest.raises(ArtifactError):
        register(named, inputs)
    assert not versions(client, named)


def interrupted(*_: object, **__: object) -> None:
    raise KeyboardInterrupt


def refused(*_: object, **__: object) -> None:
    raise MlflowException("API request to endpoint /x failed with error code 403 != 200. Response body: ''")


@pytest.mark.parametrize(
    ("call", "fault"),
    [
        ("update_model_version", refused),
        ("log_model_artifact", interrupted),
        ("set_model_version_tag", refused),
        ("set_registered_model_alias", interrupted),
    ],
)
def test_a_registration_that_fails_leaves_no_version(
    client: MlflowClient, named: Params, inputs: Inputs, call: str, fault: Callable[..., None], scored: list[Path],
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(MlflowClient, call, fault)
    with pytest.raises(KeyboardInterrupt if fault is interrupted else InfrastructureError):
        register(named, inputs)
    assert not versions(client, named)


def test_a_version_whose_answer_got_lost_is_deleted(
    client: MlflowClient, named: Params, inputs: Inputs, scored: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    register_model = mlflow.register_model

    def lose(*given: Any, **more: Any) -> None:
        made.append(register_model(*given, **more))
        raise MlflowException("API request failed with exception: timed out")

    monkeypatch.setattr(mlflow, "register_model", lose)
    with pytest.raises(InfrastructureError, match="did not answer in time"):
        register(named, inputs)
    assert len(made) == 1 and not versions(client, named)


def test_a_version_that_can_not_be_deleted_is_not_proven(
    client: MlflowClient, named: Params, inputs: Inputs, scored: list[Path], monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:  # fmt: skip
    monkeypatch.setattr(MlflowClient, "delete_model_version", refused)
    monkeypatch.setattr(MlflowClient, "log_model_artifact", interrupted)
    with pytest.raises(KeyboardInterrupt):
        register(named, inputs)
    (version,) = versions(client, named)
    assert PROVEN not in version.tags
    assert "it can't be promoted" in caplog.text


def test_what_the_store_gives_back_must_be_the_folder(
    client: MlflowClient, named: Params, inputs: Inputs, scored: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    download = mlflow.artifacts.download_artifacts

    def change(*given: Any, **more: Any) -> str:
        folder = Path(download(*given, **more))
        manifest = next(folder.rglob(artifacts.MANIFEST))
        manifest.write_text(manifest.read_text() + "\n")
        return str(folder)

    monkeypatch.setattr(mlflow.artifacts, "download_artifacts", change)
    with pytest.raises(ArtifactError, match="holds another model folder than its tag"):
        register(named, inputs)
    assert not versions(client, named)


def test_a_registered_version_is_fetched_by_the_digest_that_it_names(
    client: MlflowClient, named: Params, inputs: Inputs, scored: list[Path], tmp_path: Path
) -> None:
    name = named.register_.name
    version = register(named, inputs)["version"]
    fetched = model_registry.fetch_folder(f"models:/{name}/{version}", tmp_path / "fetched")
    assert artifacts.read(fetched).digest == artifacts.read(inputs["grpo"]).digest
    tags = client.get_model_version(name, version).tags
    write_model(tmp_path / "other", named, "other weights")
    copied = client.create_model_version(name, (tmp_path / "other").as_uri(), tags=tags).version
    with pytest.raises(ArtifactError, match="holds another model folder than its tag"):
        model_registry.fetch_folder(f"models:/{name}/{copied}", tmp_path / "copied")
