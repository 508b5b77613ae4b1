"""Params, settings and policies that were written to harm: one line for each, in bounded time and memory."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from rationanomaly.errors import ParamsError
from rationanomaly.params import DEFAULTS, load_params, read_document
from rationanomaly.params.files import read
from rationanomaly.params.yaml_text import MAX_DEPTH, MAX_VALUES
from rationanomaly.register.policy import read_policy

DIGITS = "9" * 5000
BOMB = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 40))
#: Each level merges the one above it twice.
MERGED = "a0: &a0 {k: v}\n" + "".join(f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}], k{n}: v}}\n" for n in range(1, 40))
TOWER = "a0: &a0 [x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 5000))

#: What stands in a file → the line that is named, and what is said of it.
FILES = {
    BOMB: rf"holds more than {MAX_VALUES:,} values",
    MERGED: rf"holds more than {MAX_VALUES:,} values",
    "a: [" + "x," * (MAX_VALUES + 1) + "]": rf"holds more than {MAX_VALUES:,} values",
    TOWER: "nested too deeply",
    "a: " + "[" * 100_000: "nested too deeply",
    "a: " + "{a: " * 100_000: "nested too deeply",
    "- " * 10_000: "nested too deeply",
    "a: &a {<<: *a}": ":1: holds an alias within what it names",
    "a: &a [*a]": ":1: holds an alias within what it names",
    "a:\n  b: 1\n  b: 2": ":3: holds `b` twice in one section",
    "a:\n  1: 1\n  0x1: 2": ":3: holds `0x1` twice in one section",
    "a: .nan": r":1: holds a number that is not finite \(nan\)",
    "a: -.inf": r":1: holds a number that is not finite \(-inf\)",
    "a: 1.0e+999": r":1: holds a number that is not finite \(inf\)",
    f"a: {DIGITS}": ":1: holds a number of 5,000 characters",
    f"a: -0x{'f' * 5000}": ":1: holds a number of 5,003 characters",
    f"a: !!int '{DIGITS}'": ":1: holds a number of 5,000 characters",
    f"a: {2**63}": ":1: holds a whole number beyond 64 bits",
    "a: !!int b": ":1: holds a value that is no int",
    "a: !!float b": ":1: holds a value that is no float",
    "a: !!bool b": ":1: holds a value that is no bool",
    "a: !!timestamp b": ":1: holds something else than plain values",
    "a: !!set {b, c}": ":1: holds something else than plain values",
    "a: !!binary b": ":1: holds something else than plain values",
    "a: !!python/object/apply:os.system [id]": ":1: holds something else than plain values",
    "? [a]\n: 1": ":1: holds something else than plain values",
    "? {a: b}\n: 1": ":1: holds something else than plain values",
    "a: 1\n---\na: 2": ":2: is not YAML",
    "a: \x07": "is not YAML",
    'a:\n  "\\U00110000"': ":2: is not YAML",
    "%YAML 9.9\n---\na": "is not YAML",
    "\x00" * 5000: "is not YAML",
    "a: " + "x" * 3_000_000: "has more than 1,048,576 characters",
    "a: " + "x" * 5_000_000: "has more than 4,194,304 bytes",
}


def assert_one_short_line(error: ParamsError) -> None:
    assert len(str(error)) < 600 and str(error).isprintable()


@pytest.mark.parametrize("text", FILES, ids=[f"{text[:18]!r}-{len(text)}" for text in FILES])
def test_a_hostile_file_is_one_line_for_params_and_policies(text: str, tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(text, encoding="utf-8")
    found = re.fullmatch(r"(?::(\d+): )?(.*)", FILES[text])
    assert found is not None
    readers: list[Callable[[Path], object]] = [load_params, read_policy]
    for reader in readers[: 1 if len(text) > 2**20 else 2]:  # A policy has a limit of its own.
        with pytest.raises(ParamsError, match=found[2]) as caught:
            reader(path)
        assert_one_short_line(caught.value)
        assert caught.value.file == path
        assert found[1] is None or caught.value.line == int(found[1])


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        (f"run.seed={DIGITS}", "holds a number of 5,000 characters"),
        (f"run.seed=0x{'f' * 5000}", "holds a number of 5,002 characters"),
        (f"run.seed={10**20}", "holds a whole number beyond 64 bits"),
        (f"run.seed={2**32}", "must be less than 4294967296"),
        (f"simulate.seed={2**32}", "must be less than 4294967296"),
        ("run.seed=2026-13-45", "must be a valid integer"),
        ("run.seed=!!int x", "holds a value that is no int"),
        ("run={seed: 1, seed: 2}", "holds `seed` twice in one section"),
        ("run=&a [*a]", "holds an alias within what it names"),
        ("run.name=" + "[" * 10_000, "is nested too deeply"),
        ("run.name=&a [" + "*a," * 30_000 + "]", "holds"),
        ("grpo.beta=.nan", "not finite"),
        ("grpo.beta=nan", "must be a finite number"),
        ("sft.learning_rate=1e999", "must be a finite number"),
        ("sft.learning_rate=.inf", "not finite"),
        (".".join("a" * 500) + "=1", "nested too deeply"),
        ("a" * 100_000 + "=1", "unknown key"),
        ("run.seed=" + "x" * 100_000, "must be a valid integer"),
        ("run.seed=" + "x" * 2**21, "has more than 1,048,576 characters"),
        ("x" * 100_000, "is not key=value"),
        ("run.name=\x1b[2J", "is not YAML"),
        (r'run.name="\Uffffffff"', "is not YAML"),
    ],
)
def test_a_hostile_setting_is_one_line(setting: str, said: str) -> None:
    with pytest.raises(ParamsError, match=said) as caught:
        load_params(DEFAULTS, [setting])
    assert_one_short_line(caught.value)


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("run.seed=true", "must be a number"),
        ("sft.learning_rate=false", "must be a number"),
        ("sft.learn_validation=1", "must be true or false"),
        ("detect.clauses=0.0", "must be true or false"),
        ("grpo.reward.weights={answer: true}", "`grpo.reward.weights.answer`: must be a number, found True"),
    ],
)
def test_a_number_is_no_truth_and_a_truth_no_number(setting: str, said: str) -> None:
    with pytest.raises(ParamsError, match=re.escape(said)) as caught:
        load_params(DEFAULTS, [setting])
    assert f"--set {setting.partition('=')[0]}" in str(caught.value)


def test_a_truth_in_place_of_a_number_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "own.yaml").write_text("extends: defaults\nrun:\n  name: a\nsft:\n  steps: true\n")
    with pytest.raises(ParamsError, match=r"own\.yaml:5: `sft\.steps`: must be a number, found True"):
        load_params(tmp_path / "own.yaml")


def test_what_looks_like_a_date_is_text() -> None:
    assert load_params(DEFAULTS, ["run.name=2026-13-45"]).run.name == "2026-13-45"
    assert load_params(DEFAULTS, ["run.name=0000-00-00"]).run.name == "0000-00-00"


@pytest.mark.parametrize("value", ["Infinity", "NaN", "1e999"])
def test_a_document_of_json_holds_finite_numbers(value: str) -> None:
    text = load_params(DEFAULTS).model_dump_json(by_alias=True)
    assert '"beta":' in text
    before, _, after = text.partition('"beta":')
    with pytest.raises(ParamsError, match="finite number"):
        read_document(f'{before}"beta":{value}{after[after.index(",") :]}')


def test_files_that_extend_one_another_come_to_an_end(tmp_path: Path) -> None:
    (tmp_path / "0.yaml").write_text("extends: defaults\n")
    for number in range(1, 60):
        (tmp_path / f"{number}.yaml").write_text(f"extends: {number - 1}.yaml\n")
    assert load_params(tmp_path / "10.yaml")
    with pytest.raises(ParamsError, match="extends more than 19 files"):
        load_params(tmp_path / "59.yaml")


@pytest.mark.parametrize("through", ["own.yaml", "./own.yaml", "../{folder}/own.yaml", "link.yaml", "other.yaml"])
def test_a_file_that_extends_itself_is_named(through: str, tmp_path: Path) -> None:
    path = tmp_path / "own.yaml"
    path.write_text(f"extends: {through.format(folder=tmp_path.name)}\n")
    (tmp_path / "other.yaml").write_text("extends: own.yaml\n")
    (tmp_path / "link.yaml").symlink_to(path)
    with pytest.raises(ParamsError, match="extends itself through"):
        load_params(path)


def test_devices_pipes_and_folders_are_no_params(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.yaml")
    for path in (tmp_path / "pipe.yaml", Path("/dev/zero"), tmp_path):
        with pytest.raises(ParamsError, match=r"is a device, a pipe or a folder|can't be read"):
            read(path)


def test_what_a_shell_puts_in_place_of_a_command_is_read() -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as pipe:
        pipe.write("extends: defaults\n")
    try:
        assert read(Path(f"/dev/fd/{reading}")) == {"extends": "defaults"}
    finally:
        os.close(reading)


#: Reads one file in at most as much memory; importing takes the least part of it.
BOUNDED = """
import resource, sys
from rationanomaly.errors import ParamsError
from rationanomaly.params import load_params
resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
for path in sys.argv[1:]:
    try:
        load_params(path)
    except ParamsError as error:
        print(error)
"""


def test_no_file_takes_more_than_a_gigabyte(tmp_path: Path) -> None:
    paths = []
    for number, text in enumerate((BOMB, MERGED, "a: " + "x" * 500_000_000)):
        paths.append(tmp_path / f"{number}.yaml")
        paths[-1].write_text(text)
    done = subprocess.run([sys.executable, "-c", BOUNDED, *map(str, paths)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == len(paths)


def test_the_limits_leave_room_for_what_is_ours() -> None:
    def size(value: object) -> tuple[int, int]:
        parts = [*value.values(), *value] if isinstance(value, dict) else value if isinstance(value, list) else []
        sizes = [size(part) for part in parts]
        return 1 + sum(values for values, _ in sizes), 1 + max((depth for _, depth in sizes), default=0)

    values, depth = size(read(DEFAULTS))
    assert values * 10 < MAX_VALUES and depth * 5 < MAX_DEPTH
