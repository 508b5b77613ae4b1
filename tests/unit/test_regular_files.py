"""Links, pipes and deep JSON in folders that others wrote."""

from __future__ import annotations

import json
import os
import re
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from rationanomaly import artifacts
from rationanomaly.errors import ArtifactError
from rationanomaly.regular_files import copy, copy_file, listed, opened, read_json, read_object

PRIVATE = "-----BEGIN OPENSSH PRIVATE KEY-----"


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    """A folder with a private file."""
    folder = tmp_path / "private"
    folder.mkdir()
    (folder / "id_rsa").write_text(PRIVATE)
    return folder


def _link_of_a_file(place: Path, secret: Path) -> None:
    (place / "planted").symlink_to(secret / "id_rsa")


def _link_of_a_folder(place: Path, secret: Path) -> None:
    (place / "planted").symlink_to(secret)


def _link_inside(place: Path, _secret: Path) -> None:
    (place / "planted").symlink_to("a.txt")


def _link_to_nothing(place: Path, _secret: Path) -> None:
    (place / "planted").symlink_to("nowhere")


def _pipe(place: Path, _secret: Path) -> None:
    os.mkfifo(place / "planted")


def _socket(place: Path, _secret: Path) -> None:
    here = Path.cwd()
    os.chdir(place)  # Names of sockets are short.
    try:
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind("planted")
    finally:
        os.chdir(here)


PLANTED = [_link_of_a_file, _link_of_a_folder, _link_inside, _link_to_nothing, _pipe, _socket]
Plant = Callable[[Path, Path], None]


@pytest.mark.parametrize("plant", PLANTED)
def test_what_is_planted_in_a_finished_folder_is_refused_by_name(tmp_path: Path, secret: Path, plant: Plant) -> None:
    with artifacts.writing(tmp_path / "out", "parse") as folder:
        (folder / "sub").mkdir()
        (folder / "sub" / "a.txt").write_text("hello")
    plant(tmp_path / "out" / "sub", secret)
    for read in (artifacts.read, artifacts.sha256, listed, lambda path: copy(path, tmp_path / "copied")):
        with pytest.raises(ArtifactError, match=r"planted: is a (link|device)"):
            read(tmp_path / "out")
    assert not list((tmp_path / "copied").rglob("*"))


@pytest.mark.parametrize("plant", PLANTED)
def test_nothing_planted_gets_into_a_manifest(tmp_path: Path, secret: Path, plant: Plant) -> None:
    with pytest.raises(ArtifactError, match="planted"), artifacts.writing(tmp_path / "out", "parse") as folder:
        (folder / "a.txt").write_text("hello")
        plant(folder, secret)
    assert not (tmp_path / "out").exists()
    assert (secret / "id_rsa").read_text() == PRIVATE  # What was removed is the link.


def test_a_file_that_became_a_link_behind_the_manifest_is_refused(tmp_path: Path, secret: Path) -> None:
    with artifacts.writing(tmp_path / "out", "parse") as folder:
        (folder / "a.txt").write_text(PRIVATE)
    (tmp_path / "out" / "a.txt").unlink()
    (tmp_path / "out" / "a.txt").symlink_to(secret / "id_rsa")  # Its hash is the right one.
    with pytest.raises(ArtifactError, match=r"a\.txt: is a link"):
        artifacts.read(tmp_path / "out")


@pytest.mark.parametrize("plant", [_link_of_a_file, _link_of_a_folder, _pipe])
def test_a_manifest_is_a_regular_file(tmp_path: Path, secret: Path, plant: Plant) -> None:
    (tmp_path / "out").mkdir()
    plant(tmp_path / "out", secret)
    (tmp_path / "out" / "planted").rename(tmp_path / "out" / artifacts.MANIFEST)
    with pytest.raises(ArtifactError) as caught:
        artifacts.read(tmp_path / "out")
    assert str(caught.value.file).endswith(artifacts.MANIFEST)


def test_a_folder_may_itself_be_named_by_a_link(tmp_path: Path) -> None:
    with artifacts.writing(tmp_path / "out", "parse") as folder:
        (folder / "a.txt").write_text("hello")
    (tmp_path / "current").symlink_to("out")
    assert artifacts.read(tmp_path / "current") == artifacts.read(tmp_path / "out")


def test_the_cache_of_the_hub_links_to_its_own_files_alone(tmp_path: Path, secret: Path) -> None:
    blobs, snapshot = tmp_path / "models--a--b" / "blobs", tmp_path / "models--a--b" / "snapshots" / ("0" * 40)
    blobs.mkdir(parents=True)
    snapshot.mkdir(parents=True)
    (blobs / "5891").write_text("{}")
    (snapshot / "config.json").symlink_to("../../blobs/5891")
    assert listed(snapshot) == {"config.json": blobs.resolve() / "5891"}
    copy(snapshot, tmp_path / "copied")
    assert not (tmp_path / "copied" / "config.json").is_symlink()
    assert artifacts.sha256(tmp_path / "copied") == artifacts.sha256(snapshot)
    (snapshot / "model.safetensors").symlink_to(secret / "id_rsa")
    with pytest.raises(ArtifactError, match="is a link"):
        listed(snapshot)
    (snapshot / "model.safetensors").unlink()
    (blobs / "6000").symlink_to(secret / "id_rsa")
    (snapshot / "model.safetensors").symlink_to("../../blobs/6000")
    with pytest.raises(ArtifactError, match="is a link"):
        listed(snapshot)


def test_one_file_is_copied_and_opened_only_if_it_is_regular(tmp_path: Path, secret: Path) -> None:
    for plant in (_link_of_a_file, _link_of_a_folder, _pipe, _socket):
        plant(tmp_path, secret)
        with pytest.raises(ArtifactError, match="planted"):
            copy_file(tmp_path / "planted", tmp_path / "copied")
        (tmp_path / "planted").unlink()
    _link_of_a_file(tmp_path, secret)
    with opened(tmp_path / "planted", follow=True) as file:
        assert file.read().decode() == PRIVATE
    with pytest.raises(IsADirectoryError):
        opened(tmp_path)


@pytest.mark.parametrize(
    "content",
    [
        "[" * 10_000 + "]" * 10_000,
        '{"a":' * 10_000 + "1" + "}" * 10_000,
        "NaN",
        '{"a": -Infinity}',
        "",
        "\x00",
        "9" * 5000,
    ],
)
def test_json_that_nothing_should_hold_is_one_line(tmp_path: Path, content: str) -> None:
    (tmp_path / "x.json").write_text(content)
    with pytest.raises(ArtifactError, match=r"x\.json: is no card.*\. Make it anew\.$"):
        read_json(tmp_path / "x.json", "is no card", "Make it anew")
    with pytest.raises(FileNotFoundError):
        read_json(tmp_path / "y.json", "is no card", "Make it anew")


def test_json_beyond_the_largest_is_not_parsed(tmp_path: Path) -> None:
    with (tmp_path / "x.json").open("wb") as file:
        file.truncate(2**40)  # A file of holes takes no room.
    with pytest.raises(ArtifactError, match="more than 64 MiB"):
        read_json(tmp_path / "x.json", "is no card", "Make it anew")


def test_a_deep_manifest_is_refused(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / artifacts.MANIFEST).write_text("[" * 10_000)
    with pytest.raises(ArtifactError, match="is not a manifest"):
        artifacts.read(tmp_path / "out")
    document = {"schema": 1, "step": "parse", "sources": {}, "files": {"a": 1}}
    (tmp_path / "out" / artifacts.MANIFEST).write_text(json.dumps(document))
    with pytest.raises(ArtifactError, match="is not a manifest"):
        artifacts.read(tmp_path / "out")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "is missing"),
        ("[]", "can't be read: it is no JSON object"),
        ("3", "can't be read: it is no JSON object"),
        ("{", "can't be read: "),
        ('{"a": 1, "a": 2}', "`a` stands twice"),
        ('{"a": NaN}', "`NaN` is no finite number"),
        ("[" * 200_000, "it is nested too deeply"),
    ],
)
def test_what_is_no_object_is_named(content: str | None, said: str, tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ArtifactError, match=rf"a\.json: .*{re.escape(said)}"):
        read_object(path, "can't be read", "Write it again")
    path.write_text('{"a": [1]}')
    assert read_object(path, "can't be read", "Write it again") == {"a": [1]}
