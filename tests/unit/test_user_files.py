"""Files that a user names: a device, a pipe or a file without an end is refused by its name, and nobody waits."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import pytest

from rationanomaly import regular_files
from rationanomaly.decisions import ledger as ledger_module
from rationanomaly.decisions.appending import append_decisions
from rationanomaly.decisions.exchange import import_csv, import_label_studio
from rationanomaly.decisions.ledger import Decision, read_ledger
from rationanomaly.detection.log_lines import read_templates
from rationanomaly.errors import ArtifactError, InfrastructureError, InputError, ParamsError
from rationanomaly.params import load_params
from rationanomaly.parse.named_templates import read_named
from rationanomaly.records import template_id

Reader = Callable[[Path], object]
READERS: list[Reader] = [import_csv, import_label_studio, read_named, read_templates]
DECISION = Decision(template_id("a"), "a", "ada", "normal", None, "", None, "independent")


def _irregular(folder: Path) -> list[Path]:
    os.mkfifo(folder / "pipe")
    (folder / "device").symlink_to(os.devnull)
    (folder / "circle").symlink_to("circle")
    with socket.socket(socket.AF_UNIX) as bound:
        bound.bind(str(folder / "socket"))
    return [folder / name for name in ("pipe", "device", "circle", "socket")]


@pytest.mark.parametrize("reader", [*READERS, read_ledger])
def test_what_is_no_file_is_refused(reader: Reader, tmp_path: Path) -> None:
    for path in _irregular(tmp_path):
        with pytest.raises(ArtifactError, match=f"{path.name}: is a (device, a pipe or a socket|link that leads back)"):
            reader(path)


@pytest.mark.parametrize("reader", READERS)
def test_a_file_that_no_memory_holds_is_refused(reader: Reader, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("template,decision,reviewer\n")
    with (
        mock.patch.object(regular_files, "_MAX_NAMED", 8),
        pytest.raises(ArtifactError, match=r"file: has more than .* Name another file"),
    ):
        reader(tmp_path / "file")


@pytest.mark.parametrize("reader", READERS)
def test_what_is_missing_or_a_folder_is_said_in_plain_words(reader: Reader, tmp_path: Path) -> None:
    for name, said in (("none.csv", "none.csv: no such file. Check the path."), ("", "is a folder, and no file.")):
        with pytest.raises(InputError) as refused:
            reader(tmp_path / name)
        assert said in str(refused.value) and "Errno" not in str(refused.value)


def test_an_import_of_no_text_is_said_in_plain_words(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_bytes(b"template,decision\n\x80\x81\n")
    with pytest.raises(InputError, match=r"x\.csv:2: is no text in UTF-8\. Name a CSV file in UTF-8") as refused:
        import_csv(tmp_path / "x.csv")
    assert "codec" not in str(refused.value)


@pytest.mark.parametrize("sign", [",", ";", "\t"])
def test_templates_may_be_parted_as_spreadsheets_do(sign: str, tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(f"label{sign}template\nnormal{sign}up\nabnormal{sign}down\n")
    assert read_templates(tmp_path / "t.csv") == ["up", "down"]


def test_a_table_of_other_columns_says_how_they_are_parted(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text("label;text\nnormal;up\n")
    with pytest.raises(InputError, match=r"t\.csv:1: has no `template` column .* semicolons or tabs"):
        read_templates(tmp_path / "t.csv")


def test_what_a_command_writes_is_read() -> None:
    reading, writing = os.pipe()
    os.write(writing, b"kernel panic\n")
    os.close(writing)
    assert read_templates(Path(f"/dev/fd/{reading}")) == ["kernel panic"]
    os.close(reading)


def test_no_decision_is_appended_to_what_is_no_file(tmp_path: Path) -> None:
    for path in _irregular(tmp_path):
        with pytest.raises(InfrastructureError, match=f"{path.name}: cannot write: .*Name a"):
            append_decisions(path, [DECISION])


def test_a_line_of_a_ledger_that_no_memory_holds_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "ledger.jsonl"
    append_decisions(path, [DECISION])
    with path.open("ab") as file:
        file.write(b"\0" * 1000 + b"\n" + b"\0" * 1024 + b"\n")
    append_decisions(path, [DECISION])
    with path.open("ab") as file:
        file.write(b"\0" * 2048)
    with mock.patch.object(ledger_module, "_LONGEST_LINE", 512):
        ledger = read_ledger(path)
    assert [entry.line for entry in ledger.entries] == [1, 4]
    assert [problem.line for problem in ledger.problems] == [2, 3, 5]
    assert {problem.problem for problem in ledger.problems} == {"is longer than 512 bytes"}


def test_a_folder_in_place_of_params_is_named(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(ParamsError, match=r"Is a directory: '.*folder'"):
        load_params(tmp_path / "folder", ())
