"""Which files a path, a folder or a glob names, in what order, and what is left out."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from rationanomaly.errors import InputError
from rationanomaly.params import load_params
from rationanomaly.params.log_files import folder_and_glob
from rationanomaly.parse.source import Source
from rationanomaly.raw_inputs import digest, find_files, is_read_once, is_special
from tests.growth import assert_linear


def fill(folder: Path, names: Iterable[str]) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(f"{name}\n", errors="surrogateescape")


def found(folder: Path, glob: str = "") -> list[str]:
    return [str(file.relative_to(folder)) for file in find_files(folder / glob if glob else folder)]


TREE = [
    "app.log",
    "app.log.1",
    "app.log.2",
    "app.log.10",
    "b/c/deep.log",
    "b/c/notes.txt",
    "b/x.log",
    ".hidden.log",
    ".git/x.log",
    "b/.cache/x.log",
]


@pytest.mark.parametrize(
    ("glob", "names"),
    [
        ("", ["app.log", "app.log.1", "app.log.2", "app.log.10", "b/c/deep.log", "b/c/notes.txt", "b/x.log"]),
        ("**", ["app.log", "app.log.1", "app.log.2", "app.log.10", "b/c/deep.log", "b/c/notes.txt", "b/x.log"]),
        ("**/*", ["app.log", "app.log.1", "app.log.2", "app.log.10", "b/c/deep.log", "b/c/notes.txt", "b/x.log"]),
        ("app.log*", ["app.log", "app.log.1", "app.log.2", "app.log.10"]),
        ("app.log.[12]", ["app.log.1", "app.log.2"]),
        ("app.log.?", ["app.log.1", "app.log.2"]),
        ("*.log", ["app.log"]),
        ("**/*.log", ["app.log", "b/c/deep.log", "b/x.log"]),
        ("**/c/**", ["b/c/deep.log", "b/c/notes.txt"]),
        ("*/*.log", ["b/x.log"]),
        ("b/**/*.log", ["b/c/deep.log", "b/x.log"]),
        ("**/**/x.log", ["b/x.log"]),
        (".*", [".hidden.log"]),
        (".g*/*", [".git/x.log"]),
        ("b/c", ["b/c/deep.log", "b/c/notes.txt"]),
    ],
)
def test_a_folder_or_a_glob_names_files_as_in_a_shell(glob: str, names: list[str], tmp_path: Path) -> None:
    fill(tmp_path, TREE)
    assert found(tmp_path, glob) == names


@pytest.mark.parametrize("glob", ["*.gz", "c*/*", "none/*.log", "**/*.csv", "[z]*"])
def test_a_glob_that_fits_nothing_is_one_line(glob: str, tmp_path: Path) -> None:
    fill(tmp_path, TREE)
    with pytest.raises(InputError, match="no file fits this glob"):
        find_files(tmp_path / glob)


def test_a_folder_without_logs_is_one_line(tmp_path: Path) -> None:
    fill(tmp_path, [".gitignore", ".git/config"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="holds no log file"):
        find_files(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(InputError, match=r"holds no log file.*pipe is a link that leaves it, or no file"):
        find_files(tmp_path)


def test_links_that_leave_and_special_files_are_skipped_and_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    fill(tmp_path, ["logs/app.log", "logs/sub/b.log", "secret.log", "away/c.log"])
    logs = tmp_path / "logs"
    (logs / "current").symlink_to("app.log")
    (logs / "out.log").symlink_to("../secret.log")
    (logs / "dead.log").symlink_to("nothing")
    (logs / "away").symlink_to("../away")
    (logs / "loop").symlink_to(".")
    (logs / "sub" / "up").symlink_to("..")
    (logs / "self").symlink_to("self")
    os.mkfifo(logs / "pipe")
    skipped: list[Path] = []
    files = find_files(logs, skipped.append)
    assert [file.name for file in files] == ["app.log", "b.log"]
    assert {file.name for file in skipped} == {"out.log", "dead.log", "away", "loop", "up", "self", "pipe"}
    with caplog.at_level(logging.WARNING):
        Source(logs, 500)
    assert "not read are 7 devices, pipes and links" in caplog.text


def test_a_file_that_two_links_name_is_read_once(tmp_path: Path) -> None:
    fill(tmp_path, ["data/app-1.log"])
    (tmp_path / "a.log").symlink_to("data/app-1.log")
    (tmp_path / "b.log").symlink_to("data/app-1.log")
    assert found(tmp_path, "*.log") == ["a.log"]
    assert found(tmp_path) == ["data/app-1.log"]


def test_a_folder_that_is_a_link_may_be_named_within_its_own(tmp_path: Path) -> None:
    fill(tmp_path, ["2031/app.log"])
    (tmp_path / "current").symlink_to("2031")
    assert found(tmp_path, "current") == ["current/app.log"]
    (tmp_path / "etc").symlink_to("/etc")
    with pytest.raises(InputError, match="symbolic link that leaves its folder"):
        find_files(tmp_path / "etc")


HOSTILE = [
    "my app.log",
    "line\nbreak.log",
    "esc\x1b[31m.log",
    "q'uo\"te.log",
    "-",
    "$HOME.log",
    "br[1]ace.log",
    "{a}.log",
]


@pytest.mark.parametrize("name", [*HOSTILE, os.fsdecode(b"latin-\xe4.log"), "ü" * 120, "*.log", "**"])
def test_any_name_is_a_name(name: str, tmp_path: Path) -> None:
    fill(tmp_path, [name, "other.log"])
    assert set(found(tmp_path)) == {name, "other.log"}
    assert find_files(tmp_path / name) == [tmp_path / name]
    assert digest(tmp_path) == digest(tmp_path / "**/*")
    source = Source(tmp_path, 500)
    assert len(b"".join(chunk for piece in source.pieces for chunk in source.chunks(piece)).splitlines()) >= 2


def test_an_error_about_a_hostile_name_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "line\nbreak\x1b[31m.log").symlink_to("/etc/hostname")
    with pytest.raises(InputError) as caught:
        find_files(tmp_path)
    assert "\n" not in str(caught.value)
    assert "\x1b" not in str(caught.value)


def test_ten_thousand_files_are_found_soon(tmp_path: Path) -> None:
    for size in (2_500, 10_000):
        fill(tmp_path, [f"{size}/{number % 10}/app.log.{number // 10}" for number in range(size)])
    files = find_files(tmp_path / "10000")
    assert len(files) == 10_000
    assert [file.name for file in files[8:11]] == ["app.log.8", "app.log.9", "app.log.10"]
    assert_linear(lambda size: find_files(tmp_path / str(size)), 2_500)


def test_a_deep_folder_is_one_line_or_read(tmp_path: Path) -> None:
    deep = tmp_path
    for _ in range(150):
        deep /= "d" * 20
    fill(deep, ["app.log"])
    assert len(find_files(tmp_path)) == 1


def test_a_folder_that_can_not_be_read_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(tmp_path, ["a.log", "private/b.log"])
    scan = os.scandir

    def refuse(path: str) -> object:
        if path.endswith("private"):
            raise PermissionError(13, "Permission denied", path)
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    with pytest.raises(InputError, match=r"private: can't be read: Permission denied"):
        find_files(tmp_path)


def test_a_link_in_a_circle_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.log").symlink_to("b.log")
    (tmp_path / "b.log").symlink_to("a.log")
    with pytest.raises(InputError, match="symbolic link"):
        find_files(tmp_path / "a.log")


def test_an_empty_file_among_others_is_passed_over_and_a_named_one_refused(tmp_path: Path) -> None:
    fill(tmp_path, ["app.log.1"])
    (tmp_path / "app.log").touch()
    for path in (tmp_path, tmp_path / "app.log*"):
        source = Source(path, 500)
        assert b"".join(chunk for piece in source.pieces for chunk in source.chunks(piece)) == b"app.log.1\n"
    source = Source(tmp_path / "app.log", 500)
    with pytest.raises(InputError, match="is empty"):
        list(source.chunks(source.pieces[0]))


def test_the_digest_of_a_folder_follows_its_logs_only(tmp_path: Path) -> None:
    fill(tmp_path, ["logs/a.log", "logs/b/c.log"])
    logs = tmp_path / "logs"
    before = digest(logs)
    fill(logs, [".gitignore"])
    assert digest(logs) == before == digest(logs / "**")
    fill(logs, ["b/d.log"])
    assert digest(logs) != before


def test_a_folder_can_be_read_twice_as_it_is(tmp_path: Path) -> None:
    fill(tmp_path, ["a.log"])
    assert is_special(tmp_path)
    assert not is_read_once(tmp_path)


# ---------------------------------------------------------------- in params


@pytest.mark.parametrize(
    ("logs", "folder", "files"),
    [
        ("rot/app.log*", "rot", "app.log*"),
        ("my logs/app.log*", "my logs", "app.log*"),
        ("logs/*/app.log", "logs", "*/app.log"),
        ("logs/**/*.log", "logs", "**/*.log"),
        ("/var/log/**", "/var/log", "**"),
        ("*.log", ".", "*.log"),
        ("*/app[0-9].log", ".", "*/app[0-9].log"),
        ("../logs/a?.log", "../logs", "a?.log"),
    ],
)
def test_a_glob_in_params_is_a_folder_and_its_files(logs: str, folder: str, files: str) -> None:
    data = load_params("defaults", [f"data.logs='{logs}'"]).data
    assert (data.logs, data.files) == (Path(folder), files)
    assert data.source("logs") == Path(logs)


@pytest.mark.parametrize("logs", ["logs", "app.log", "my logs/app.log", "/var/log", "-"])
def test_what_is_no_glob_stays_as_it_is(logs: str) -> None:
    data = load_params("defaults", [f"data.logs='{logs}'"]).data
    assert (data.logs, data.files) == (Path(logs), None)


def test_a_folder_that_is_there_is_no_part_of_a_glob(tmp_path: Path) -> None:
    fill(tmp_path, ["app[1]/a.log", "app[1]/b.log"])
    assert folder_and_glob(tmp_path / "app[1]" / "*.log") == (tmp_path / "app[1]", "*.log")
    assert folder_and_glob(tmp_path / "app[1]") is None
    assert found(tmp_path, "app[1]/*.log") == ["app[1]/a.log", "app[1]/b.log"]


@pytest.mark.parametrize("path", ["self", "self/*", "self/**", "self/a.log", "a/*/b", "a/../*.log", "only", "only/*"])
def test_a_circle_of_links_anywhere_on_the_way_is_one_line(
    path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name, target in (("self", "self"), ("a", "b"), ("b", "a")):
        Path(name).symlink_to(target)
    Path("only").mkdir()
    Path("only/q.log").symlink_to("q.log")
    for read in (find_files, digest):
        with pytest.raises(InputError):
            read(Path(path))
    assert isinstance(is_special(Path(path)), bool)
