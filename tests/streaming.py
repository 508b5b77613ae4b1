"""What tests of the stream stand on: a model folder that holds a parser alone, and a model that answers by a word."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path

from rationanomaly import artifacts
from rationanomaly.decisions.precedents import Citation, Precedents
from rationanomaly.detection.verdict import Verdict
from rationanomaly.detection.verdict_service import Answered, ModelVersion
from rationanomaly.model import boundary
from rationanomaly.model.folder import write_parser
from rationanomaly.params import Params, load_params
from rationanomaly.parse.mining import Miner
from rationanomaly.records import MINER, template_id
from rationanomaly.regular_files import listed
from rationanomaly.sources.chunk import Chunk
from tests.conftest import ROOT

#: The alarm in the texts of a scripted model.
ALARM = "failed"


def stream_params(*settings: str) -> Params:
    return load_params(ROOT / "rationanomaly" / "defaults.yaml", settings)


def model_folder(folder: Path, *settings: str) -> Path:
    """A folder that lines can be read with; no model is in it."""
    parse = stream_params(*settings).parse
    (folder / "parsed").mkdir(parents=True)
    (folder / "model" / "parser").mkdir(parents=True)
    Miner.new(parse).save(folder / "parsed" / MINER)
    write_parser(folder / "parsed", parse, folder / "model")
    return folder / "model"


class ScriptedService:
    """Answers as a `VerdictService` does, when `release` is called, or at once.

    Attributes:
        asked: texts in the order in which they were asked about.
    """

    def __init__(self, folder: Path, *, at_once: bool = True, reasoned: bool = False, name: str = "scripted") -> None:
        self.folder, self.ready = folder, True
        self._files = {name: artifacts.sha256(path) for name, path in listed(folder).items()}
        self.version = ModelVersion("0" * 64, "1", name)
        self.precedents = Precedents(())
        self.asked: list[str] = []
        self._at_once, self._reasoned = at_once, reasoned
        self._waiting: dict[str, str] = {}
        self._came: list[Answered] = []
        #: Answer and score of texts on which something else than usual is to be said.
        self.said: dict[str, tuple[str, float]] = {}

    def part(self, *names: str) -> AbstractContextManager[Path]:
        return boundary.some(self.folder, self._files, *names)

    @property
    def pending(self) -> int:
        return len(self._waiting)

    @property
    def calls(self) -> int:
        return len(self.asked)

    def ask(self, templates: Mapping[str, str]) -> list[str]:
        self.asked += [text for identity, text in templates.items() if identity not in self._waiting]
        self._waiting |= templates
        if self._at_once:
            self.release()
        return []

    def release(self, final: bool = True) -> None:
        """Let the answers to what was asked come."""
        for identity, text in self._waiting.items():
            if self._reasoned and final:
                self._came.append(self._answered(identity, text, final=False))
            self._came.append(self._answered(identity, text, final=final))
        if final:
            self._waiting.clear()

    def collect(self) -> list[Answered]:
        came, self._came = self._came, []
        return came

    def wait(self, template_ids: Collection[str], seconds: float) -> bool:
        return not any(identity in self._waiting for identity in template_ids)

    def precedent(self, template: str) -> Citation | None:
        return self.precedents.find(template)

    def swap(self, model: str) -> None:
        self.version = ModelVersion("1" * 64, "1", model)

    def close(self) -> None:
        pass

    def _answered(self, identity: str, text: str, *, final: bool) -> Answered:
        answer, score = self.said.get(text, ("abnormal", 0.9) if ALARM in text else ("normal", 0.1))
        rationale = "a reason" if self._reasoned and final else None
        verdict = Verdict(text, answer, score, score, None, None, rationale, (), grounded=False)  # type: ignore[arg-type]
        return Answered(identity, text, verdict, final, self.version)


def chunk(data: bytes, position: object = None, stream: str = "app.log") -> Chunk:
    return Chunk(stream, data, position)


def as_bytes(lines: Sequence[str]) -> bytes:
    return "".join(f"{line}\n" for line in lines).encode()


def identity_of(text: str) -> str:
    return template_id(text)
