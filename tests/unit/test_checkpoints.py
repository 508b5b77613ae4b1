from __future__ import annotations

import json
import logging
from pathlib import Path

import pytest

from rationanomaly.training import checkpoints

KEY = "made from this"


def _write(root: Path, step: int, key: str = KEY) -> Path:
    folder = checkpoints.at(root, step)
    (folder / "shard").mkdir(parents=True)
    for name in ("adapter_model.safetensors", "shard/optim_states.pt", "training_args.bin"):
        (folder / name).write_bytes(f"{name} at {step}".encode() * 50)
    checkpoints.complete(folder, key, [{"step": 1.0, "loss": 0.5}, {"step": float(step), "loss": 0.1 + 0.2}])
    return folder


def test_the_newest_is_found_with_its_curve(tmp_path: Path) -> None:
    _write(tmp_path, 9)
    newest = _write(tmp_path, 10)
    assert checkpoints.newest(tmp_path, KEY) == newest
    assert checkpoints.step_of(newest) == 10
    assert checkpoints.read_curve(newest)[-1] == {"step": 10.0, "loss": 0.1 + 0.2}


def test_two_are_kept_and_no_pickled_arguments(tmp_path: Path) -> None:
    for step in (2, 4, 6, 8):
        _write(tmp_path, step)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint-6", "checkpoint-8"]
    assert not list(tmp_path.rglob("training_args.bin"))


def _truncate(folder: Path) -> None:
    with (folder / "shard" / "optim_states.pt").open("r+b") as file:
        file.truncate(100)


def _flip(folder: Path) -> None:
    path = folder / "adapter_model.safetensors"
    path.write_bytes(b"X" + path.read_bytes()[1:])


def _no_marker(folder: Path) -> None:
    (folder / "complete.json").unlink()


def _half_a_marker(folder: Path) -> None:
    path = folder / "complete.json"
    path.write_bytes(path.read_bytes()[:40])


def _marker_of_another_kind(folder: Path) -> None:
    (folder / "complete.json").write_text("[]")


def _no_curve(folder: Path) -> None:
    (folder / "curve.json").unlink()


def _one_file_more(folder: Path) -> None:
    (folder / "optimizer.pt").write_bytes(b"not ours")


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (_truncate, "shard/optim_states.pt is damaged"),
        (_flip, "adapter_model.safetensors is damaged"),
        (_no_marker, "was not finished"),
        (_half_a_marker, "damaged marker"),
        (_marker_of_another_kind, "damaged marker"),
        (_no_curve, "curve.json is missing"),
        (_one_file_more, "optimizer.pt is missing or was added"),
    ],
)
def test_a_damaged_newest_one_is_passed_over_and_the_log_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, damage: object, said: str
) -> None:
    before, newest = _write(tmp_path, 4), _write(tmp_path, 6)
    assert callable(damage)
    damage(newest)
    with caplog.at_level(logging.WARNING):
        assert checkpoints.newest(tmp_path, KEY) == before
    assert said in caplog.text
    assert "checkpoint-6" in caplog.text
    assert not newest.exists()


def test_those_of_another_run_are_never_used_and_never_removed(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    other = _write(tmp_path, 9, key="other params")
    assert checkpoints.newest(tmp_path, KEY) is None
    assert "other params, inputs or code" in caplog.text
    ours = [_write(tmp_path, step) for step in (2, 4, 6)]
    assert checkpoints.newest(tmp_path, KEY) == ours[-1]
    assert checkpoints.newest(tmp_path, "other params") == other
    assert [folder.exists() for folder in ours] == [False, True, True]


def test_a_marker_that_was_copied_into_another_checkpoint_is_seen(tmp_path: Path) -> None:
    before, newest = _write(tmp_path, 4), _write(tmp_path, 6)
    (newest / "complete.json").write_bytes((before / "complete.json").read_bytes())
    assert checkpoints.newest(tmp_path, KEY) == before


def test_none_where_there_are_none(tmp_path: Path) -> None:
    assert checkpoints.newest(tmp_path / "nowhere", KEY) is None
    assert checkpoints.step_of(None) == 0


def test_an_unfinished_one_does_not_push_out_a_whole_one(tmp_path: Path) -> None:
    first, second = _write(tmp_path, 2), _write(tmp_path, 4)
    _no_marker(_write(tmp_path, 5))
    _write(tmp_path, 6)
    assert second.exists()
    assert not first.exists()


def test_the_marker_names_every_file(tmp_path: Path) -> None:
    folder = _write(tmp_path, 2)
    named = json.loads((folder / "complete.json").read_bytes())["files"]
    assert set(named) == {"adapter_model.safetensors", "shard/optim_states.pt", "curve.json"}
