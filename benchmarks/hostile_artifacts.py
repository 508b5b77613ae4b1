"""Hostile model folders: each kind of damage is tried in a process of its own, with bounds on time and memory.

python -m benchmarks.hostile_artifacts --model outputs/laptop/grpo

A copy of a finished model folder is damaged in one place. ``as found`` leaves the manifest as it was; elsewhere whoever
did the damage also wrote all hashes anew, as an attacker would, so that only the loaders' own checks can refuse it. A
case is refused if the one error is an ArtifactError in one line that names a file of the folder, in 20 s of processor
time and 1 GB; a private file beside the folder must not be opened.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

from benchmarks import hostile_folders
from benchmarks.hostile_folders import Case
from rationanomaly import artifacts
from rationanomaly.errors import ArtifactError
from rationanomaly.records import ADAPTER, BASE, DETECTOR

CPU_SECONDS, MEMORY, WALL_SECONDS = 20, 1 << 30, 60
SECRET = "-----BEGIN OPENSSH PRIVATE KEY-----"  # noqa: S105 - a canary


class Family(NamedTuple):
    """What came of the cases of one kind.

    Attributes:
        tried: cases.
        refused: in one line that names a file of the folder.
        survived: in which the process neither crashed nor hung nor took more than it may.
    """

    tried: int
    refused: int
    survived: int


@dataclass(frozen=True)
class Result:
    """What loading a damaged folder ended in.

    Attributes:
        kind: class of the error; ``loaded`` if there was none; ``crashed`` if the process did not live to say.
        line: the error as the program says it.
        file: that it names.
        cpu: seconds of processor time.
        memory: bytes that loading added to the process at most.
        touched: private files that were opened.
    """

    kind: str
    line: str = ""
    file: str = ""
    cpu: float = 0.0
    memory: int = 0
    touched: tuple[str, ...] = ()

    def is_within(self) -> bool:
        """Whether it took no more than it may, and touched nothing."""
        return self.kind != "crashed" and self.cpu < CPU_SECONDS and self.memory < MEMORY and not self.touched

    def is_refused(self, folder: Path) -> bool:
        """Whether the folder was refused as it should be."""
        one_line = bool(self.line) and "\n" not in self.line and len(self.line) < 2000
        return self.kind == "ArtifactError" and one_line and Path(self.file).is_relative_to(folder) and self.is_within()


def artifact_families(model: Path, names: Sequence[str] = ()) -> dict[str, Family]:
    """Try every family of hostile model folders.

    Args:
        model: a finished output folder of sft or grpo with its base in it.
        names: of families; none: all.
    """
    found: dict[str, list[bool]] = {}
    survived: dict[str, int] = {}
    with tempfile.TemporaryDirectory(prefix="hostile-") as place:
        for case, folder, result in tried(model, hostile_folders.cases(model), Path(place)):
            if not names or case.family in names:
                found.setdefault(case.family, []).append(result.is_refused(folder))
                survived[case.family] = survived.get(case.family, 0) + result.is_within()
    return {name: Family(len(one), sum(one), survived[name]) for name, one in found.items()}


def tried(model: Path, cases: Sequence[Case], place: Path) -> Iterator[tuple[Case, Path, Result]]:
    """Damage a copy of a model folder for each case, and load it in a process of its own.

    Args:
        model: the folder.
        cases: what is done to it.
        place: an empty folder, for the copies.
    """
    private = place / "private"
    private.mkdir()
    (private / "id_rsa").write_text(SECRET)
    os.utime(private / "id_rsa", (0, time.time()))  # The first to read it changes the time of access.
    _warm(model)
    for case in cases:
        folder = place / "folder"
        shutil.copytree(model, folder)
        case.damage(folder, private)
        if case.sealed_anew:
            seal_anew(folder)
        result = _in_a_child(folder, private, case.meanwhile)
        yield case, folder, result
        shutil.rmtree(folder)


def seal_anew(folder: Path) -> None:
    """Write the hashes of what lies in a model folder wherever its files state them, as far as they can be read."""
    with contextlib.suppress(ValueError, OSError, KeyError, TypeError, RecursionError, ArtifactError):
        digest = artifacts.sha256(folder / BASE)
        for path, names in ((DETECTOR, ("base", "sha256")), (f"{ADAPTER}/adapter_config.json", ())):
            with contextlib.suppress(ValueError, OSError, KeyError, TypeError, RecursionError):
                document = json.loads((folder / path).read_bytes())
                if names:
                    document["base"]["sha256"] = digest
                else:
                    document["base_model_name_or_path"] = f"sha256:{digest}"
                (folder / path).write_text(json.dumps(document))
    with contextlib.suppress(ValueError, OSError, KeyError, TypeError, RecursionError):
        manifest = json.loads((folder / artifacts.MANIFEST).read_bytes())
        regular = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
        names_of = {path.relative_to(folder).as_posix(): path for path in regular if path.name != artifacts.MANIFEST}
        manifest["files"] = {name: artifacts.sha256(path) for name, path in names_of.items()}
        (folder / artifacts.MANIFEST).write_text(json.dumps(manifest))


def load_all(folder: Path, meanwhile: Callable[[Path], None] | None = None) -> None:
    """Load every part of a model folder and ask for one score."""
    from rationanomaly.detection.model_detector import ModelDetector
    from rationanomaly.detection.parser import read_parser
    from rationanomaly.model.folder import ModelFolder
    from rationanomaly.session_models.chosen import read_session_model

    opened = ModelFolder.open(folder)
    if meanwhile is not None:
        meanwhile(folder)
    detector = ModelDetector(opened, opened.scorer(opened.load(merged=True)))
    detector.direct_scores(["fan failed on node <*>"])
    len(opened.precedents.all)
    read_parser(opened)
    read_session_model(folder)


def _warm(model: Path) -> None:
    """Load the unharmed folder once, so that the children of this process need not import all that is needed."""
    from rationanomaly.device import runtime

    runtime.prepare(0, threads=1)
    load_all(model)


def _in_a_child(folder: Path, private: Path, meanwhile: Callable[[Path], None] | None) -> Result:
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        try:
            result = _bounded(folder, private, meanwhile)
            os.write(writer, json.dumps(asdict(result)).encode())
        finally:
            os._exit(0)
    os.close(writer)
    deadline = time.monotonic() + WALL_SECONDS
    while time.monotonic() < deadline and os.waitid(os.P_PID, child, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
        time.sleep(0.01)
    with contextlib.suppress(ProcessLookupError):
        os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with os.fdopen(reader, "rb") as pipe:
        content = pipe.read()
    if not content:
        return Result("crashed")
    document: dict[str, Any] = json.loads(content)
    touched = list(document.pop("touched"))
    touched += [str(path) for path in private.iterdir() if path.stat().st_atime > 1]
    return Result(**document, touched=tuple(touched))


def _bounded(folder: Path, private: Path, meanwhile: Callable[[Path], None] | None) -> Result:
    """Load a folder within bounds that the kernel keeps; say what came of it."""
    touched: list[str] = []

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event in ("open", "os.listdir", "os.scandir") and str(arguments[0]).startswith(str(private)):
            touched.append(str(arguments[0]))

    sys.addaudithook(watch)
    used = int(sum(resource.getrusage(resource.RUSAGE_SELF)[:2]))
    resource.setrlimit(resource.RLIMIT_CPU, (used + CPU_SECONDS, used + CPU_SECONDS))
    virtual = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (virtual + MEMORY, virtual + MEMORY))
    nothing = os.open(os.devnull, os.O_WRONLY)
    for descriptor in (1, 2):
        os.dup2(nothing, descriptor)
    before, began = _resident(), time.process_time()
    kind, line, file = "loaded", "", ""
    try:
        load_all(folder, meanwhile)
    except BaseException as error:
        kind, line, file = type(error).__name__, str(error), str(getattr(error, "file", None) or "")
    return Result(kind, line[:4000], file, time.process_time() - began, _peak() - before, tuple(touched))


def _resident() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main(arguments: Sequence[str] | None = None) -> int:
    """Try hostile folders against a model folder and print what became of them; 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--model", type=Path, default=Path("outputs/bootstrap/grpo"), help="output folder of sft or grpo"
    )
    parser.add_argument("--only", default="", help="families and cases whose name holds this text")
    parser.add_argument("--verbose", action="store_true", help="print every case with the line that refuses it")
    chosen = parser.parse_args(arguments)
    found: dict[str, list[int]] = {}
    with tempfile.TemporaryDirectory(prefix="hostile-") as place:
        cases = [one for one in hostile_folders.cases(chosen.model) if chosen.only in f"{one.family}: {one.name}"]
        for case, folder, result in tried(chosen.model, cases, Path(place)):
            counts = found.setdefault(case.family, [0, 0, 0])
            refused = result.is_refused(folder)
            for number, one in enumerate((True, refused, result.is_within())):
                counts[number] += one
            if chosen.verbose or not refused:
                line = result.line.replace(str(folder), ".")
                print(f"{case.family}: {case.name}: {result.kind} {result.cpu:.1f} s {result.memory >> 20} MB {line}")
    print(f"{'family':32}{'tried':>8}{'refused':>8}{'survived':>9}")
    for name, counts in found.items():
        print(f"{name:32}{counts[0]:>8}{counts[1]:>8}{counts[2]:>9}")
    tried_in_all, refused_in_all = (sum(counts[number] for counts in found.values()) for number in (0, 1))
    share = refused_in_all / tried_in_all if tried_in_all else 0.0
    print(f"HOSTILE_ARTIFACTS_REFUSED = {share:.3f} (target 1.000) {'ok' if share == 1 else 'short'}")
    return int(share < 1)


if __name__ == "__main__":
    sys.exit(main())
