"""`rationanomaly params PROFILE`: a complete file with the comments of all that it was composed from."""

from __future__ import annotations

import random
import re
import shutil
import sys
from pathlib import Path

import pytest
import yaml

from rationanomaly.cli.app import app, run_app
from rationanomaly.cli.params_document import compose_text
from rationanomaly.params import DEFAULTS, compose, lineage, load_params, read_document
from tests.conftest import ROOT

PROFILES = sorted((ROOT / "profiles").glob("*.yaml"))


def words(text: str) -> str:
    """Its text on one line, comment marks left out, so that it does not matter where lines end."""
    return " ".join(text.replace("#", " ").split())


def comments(path: Path) -> dict[str, str]:
    """Key → comment behind it with the lines that continue it, by a reader of our own files that knows no YAML."""
    found: dict[str, str] = {}
    places: list[tuple[int, str]] = []
    key = ""
    for line in path.read_text().split("\n"):
        entry = re.match(r"( *)(\w+):(?:.*?\s# (.*))?", line)
        more = re.match(r" {20,}# (.*)", line)
        if entry:
            places = [place for place in places if place[0] < len(entry[1])] + [(len(entry[1]), entry[2])]
            key = ".".join(name for _, name in places)
            if entry[3]:
                found[key] = words(entry[3])
        elif more:
            found[key] = f"{found[key]} {words(more[1])}"
    return found


def head(path: Path) -> list[str]:
    lines = path.read_text().split("\n")
    return lines[: next(number for number, line in enumerate(lines) if not line.startswith("#"))]


def read(folder: Path, text: str) -> str:
    """What becomes of a profile."""
    (folder / "mine.yaml").write_text(text)
    return compose_text(folder / "mine.yaml")


def test_the_committed_params_are_the_composed_defaults_byte_by_byte() -> None:
    composed = compose_text(Path("defaults"))
    assert composed == (ROOT / "params.yaml").read_text()
    assert composed == DEFAULTS.read_text()


def test_every_profile_over_the_params_of_another_means_the_same_and_has_its_comments(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "profiles", tmp_path / "profiles")
    shutil.copy(ROOT / "params.yaml", tmp_path / "params.yaml")
    meant = {path.name: load_params(path) for path in PROFILES}
    for name in meant:
        assert load_params(tmp_path / "profiles" / name) == meant[name]  # over what another profile left
        composed = compose_text(tmp_path / "profiles" / name)
        (tmp_path / "params.yaml").write_text(composed)
        assert load_params(tmp_path / "params.yaml") == meant[name]
        expected: dict[str, str] = {}
        for file in lineage(tmp_path / "profiles" / name):
            expected |= comments(file)
        assert comments(tmp_path / "params.yaml") == expected
        assert head(tmp_path / "params.yaml") == head(tmp_path / "profiles" / name)
    assert {name: load_params(tmp_path / "profiles" / name) for name in meant} == meant


@pytest.mark.parametrize("path", PROFILES, ids=lambda path: path.stem)
def test_what_is_composed_composes_to_the_same_bytes_in_narrow_lines(path: Path, tmp_path: Path) -> None:
    composed = compose_text(path)
    (tmp_path / "params.yaml").write_text(composed)
    assert compose_text(tmp_path / "params.yaml") == composed
    assert max(map(len, composed.split("\n"))) <= 130


def test_a_setting_keeps_the_comment_of_its_key() -> None:
    changes = ["grpo.beta=0.5", "model.name=a/b", "register.tolerance=1.0e-5", "parse.pattern='x # y'"]
    lines = compose_text(DEFAULTS, changes).split("\n")
    assert "  beta: 0.5                     # weight of the KL to the SFT model" in lines
    assert "  name: a/b                     # hub only: id or path" in lines
    assert any(line.startswith("  tolerance: 1.0e-5             # largest difference") for line in lines)
    assert any(line.startswith("  pattern: 'x # y'              # format custom") for line in lines)


def test_an_earlier_name_comes_out_as_todays_with_its_comment(tmp_path: Path) -> None:
    composed = read(tmp_path, "extends: defaults\ndistill:\n  rest: builtin  # mine\n")
    assert "  fallback_teacher: builtin     # mine\n" in composed
    assert "rest:" not in composed
    assert "  fallback_teacher: builtin     # builtin: " in compose_text(DEFAULTS, ["distill.rest=builtin"])


def test_comments_in_every_place_travel(tmp_path: Path) -> None:
    profile = """\
# What it is for.

# Of the whole section.
extends: defaults
# Above a section.
parse:   # behind a section
  # Above a key
  # in two lines.
  redact:  # behind a list
    # above its first item
    - email  # behind an item
    # between items
    - token  # behind the last
  # above a map
  masks:
    number: "[0-9]+"   # quoted
    # inside
    word: '\\w+'
  pattern: |
    (?<message>.*)
  # The very last.
"""
    composed = read(tmp_path, profile)
    assert composed.startswith("# What it is for.\n\n# Of the whole section.\n\nrun:\n")
    assert composed.endswith("\n\n# The very last.\n")
    assert "\n\n# Above a section.\nparse:                          # behind a section\n" in composed
    assert (
        """\
  # Above a key
  # in two lines.
  # above its first item
  redact:                       # behind a list
    - email  # behind an item
    # between items
    - token  # behind the last
"""
        in composed
    )
    assert (
        """\
  # above a map
  masks:                        # own masks, name: regex without backreferences; applied before the built-in ones
    number: "[0-9]+"            # quoted
    # inside
    word: '\\w+'
"""
        in composed
    )
    (tmp_path / "again.yaml").write_text(composed)
    assert compose_text(tmp_path / "again.yaml") == composed


@pytest.mark.parametrize("seed", range(4))
def test_a_comment_anywhere_is_kept_once_and_changes_nothing(tmp_path: Path, seed: int) -> None:
    rng, lines, marks = random.Random(seed), list[str](), list[str]()

    def mark() -> str:
        marks.append(f"mark{len(marks)}")
        return f"# {marks[-1]}."

    source = (ROOT / "profiles" / "llama2-7b.yaml").read_text()
    lists = "extends: defaults\n\nparse:\n  redact:\n    - email\n    - token\n  masks:\n    a: 'x # y'\n    b: \"q\"\n"
    for line in source.replace("extends: bgl-spirit.yaml\n", lists).split("\n"):
        indent = len(line) - len(line.lstrip())
        while rng.random() < 0.15:
            column = rng.choice([None, 0, indent, 32])
            lines.append("" if column is None else " " * column + mark())
        if line and "#" not in line and "extends" not in line and rng.random() < 0.2:
            line = f"{line}  {mark()}"
        lines.append(line)
    composed = read(tmp_path, "\n".join(lines))
    assert len(marks) > 10
    assert [len(re.findall(rf"# {name}\.", composed)) for name in marks] == [1] * len(marks)
    (tmp_path / "again.yaml").write_text(composed)
    assert compose_text(tmp_path / "again.yaml") == composed
    assert load_params(tmp_path / "again.yaml") == load_params(tmp_path / "mine.yaml")


def test_values_stay_as_they_are_spelt(tmp_path: Path) -> None:
    profile = 'extends: defaults\nsft: {learning_rate: 5.0e-4, best_by: null}\nrun: {name: "on", seed: 007}\n'
    composed = read(tmp_path, profile)
    for spelt in ("learning_rate: 5.0e-4\n", "best_by: null ", 'name: "on" ', "seed: 007 "):
        assert f"  {spelt}" in composed


def test_a_bare_complete_file_gets_the_comments_of_the_defaults(tmp_path: Path) -> None:
    bare = compose(DEFAULTS)
    bare["run"]["name"] = "bare"
    (tmp_path / "composed.yaml").write_text(read(tmp_path, yaml.safe_dump(bare)))
    assert comments(tmp_path / "composed.yaml") == comments(DEFAULTS)
    assert (
        (tmp_path / "composed.yaml").read_text().startswith("run:\n  name: bare                    # MLflow experiment")
    )


def test_a_file_with_anchors_keeps_its_meaning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    one = "{cpu: '8', memory: 8Gi, gpus: 1, timeout: 60, retries: 0}"
    composed = read(tmp_path, f"extends: defaults\ncluster:\n  steps:\n    sft: &one {one}\n    grpo: *one\n")
    (tmp_path / "composed.yaml").write_text(composed)
    assert load_params(tmp_path / "composed.yaml") == load_params(tmp_path / "mine.yaml")
    assert set(load_params(tmp_path / "composed.yaml").cluster.steps) == {"sft", "grpo"}


def test_the_command_writes_the_file_whose_profile_it_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> str:
        monkeypatch.setattr(sys, "argv", ["rationanomaly", "params", *arguments])
        with pytest.raises(SystemExit) as stopped:
            run_app(app)
        assert not stopped.value.code
        return capsys.readouterr().out

    call(str(ROOT / "profiles" / "llama2-7b.yaml"), "--output", "params.yaml")
    assert load_params(Path("params.yaml")) == load_params(ROOT / "profiles" / "llama2-7b.yaml")
    assert call("--set", "run.seed=4") == Path("params.yaml").read_text().replace("  seed: 0 ", "  seed: 4 ", 1)
    call("defaults", "--output", "params.yaml")
    assert Path("params.yaml").read_bytes() == (ROOT / "params.yaml").read_bytes()


def test_a_word_longer_than_a_line_stays_as_it_is_however_often_it_is_composed(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(
        f"extends: defaults\nrun:\n  name: own  # https://example.org/{'a' * 140} and more words behind it\n"
    )
    first = compose_text(path)
    path.write_text(first)
    assert compose_text(path) == first
    assert not [line for line in first.splitlines() if line.strip() == "#"]


def test_merge_keys_are_composed_without_comments(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("extends: defaults\nrun:\n  <<: {seed: 3}\n  name: own\n")
    assert read_document(compose_text(tmp_path / "own.yaml")).run.seed == 3


def test_a_glob_over_a_glob_keeps_the_comments(tmp_path: Path) -> None:
    path = tmp_path / "params.yaml"
    path.write_text(compose_text(DEFAULTS, ["data.logs='a/*.log'"]))
    again = compose_text(path, ["data.logs='b/*.log'"])
    assert load_params(path, ["data.logs='b/*.log'"]) == read_document(again)
    assert re.search(r"^  logs: '?b'? +# a log, a folder, a glob", again, re.MULTILINE)
