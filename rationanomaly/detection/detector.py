"""A trained model judges templates and logs: answer, score, rationale, evidence.

import rationanomaly as ra

detector = ra.Detector.open("outputs/laptop/grpo")
for verdict in detector.judge(["link <*> down"]):
    print(verdict.answer, verdict.score, verdict.rationale)
for found in detector.judge_log("app.log"):
    print(found.line, found.verdict.answer, found.message)
"""

from __future__ import annotations

import shutil
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from tempfile import mkdtemp
from typing import Literal, Self

import polars as pl

from rationanomaly.decisions.precedents import Precedents
from rationanomaly.detection.model_detector import ModelDetector, listed
from rationanomaly.detection.parser import read_parser
from rationanomaly.detection.session_verdicts import SessionCollector, SessionVerdict, judge_sessions
from rationanomaly.detection.verdict import LineVerdict, Verdict
from rationanomaly.errors import ParamsError, named_extras
from rationanomaly.params import VerdictKind
from rationanomaly.parse.live import read_log
from rationanomaly.session_models.chosen import FILES, read_session_model

#: ``carried``: what the model folder holds; None: the model's own answers; or others, such as a newer ledger's.
Chosen = Precedents | Literal["carried"] | None

_REGISTRY = "models:/"


class Detector(ModelDetector):
    """A model folder, loaded; what experts had settled when it was trained holds at once."""

    @classmethod
    def open(cls, model: Path | str, threads: int = 1) -> Self:
        """Load a trained model.

        Args:
            model: output folder of sft or grpo (of base for zero-shot verdicts), checked against its manifest first;
                or a registered version, ``models:/NAME@ALIAS`` or ``models:/NAME/VERSION``, which is downloaded.
            threads: of torch.

        Raises:
            ArtifactError: no manifest or a wrong one, no adapter, an adapter of another base, pickled weights, or a
                base with code of its own.
            InputError: no such registered version.
            InfrastructureError: a registered version without the extra ``pipeline`` to fetch it.
        """
        if not str(model).startswith(_REGISTRY):
            return super().open(Path(model), threads)
        with named_extras():
            from rationanomaly.runs.model_registry import fetch_folder
        download = Path(mkdtemp(prefix="rationanomaly-"))
        try:
            with named_extras():
                folder = fetch_folder(str(model), download)
            detector = super().open(folder, threads)
        except BaseException:
            shutil.rmtree(download, ignore_errors=True)
            raise
        weakref.finalize(detector, shutil.rmtree, download, ignore_errors=True)
        return detector

    @property
    def precedents(self) -> Precedents:
        """What the model folder carries: decisions of experts, but for the test side."""
        return self._folder.precedents

    def judge(
        self,
        templates: Iterable[str],
        verdict: VerdictKind | None = None,
        analyses: int | None = None,
        precedents: Chosen = "carried",
    ) -> list[Verdict]:
        """One verdict for each template, in order; equal texts are judged once.

        Args:
            templates: any texts.
            verdict, analyses: see `ModelDetector.judge`.
            precedents: whose answers are taken where they have one; None: the model's own, whatever experts said.

        Raises:
            ParamsError: ``templates`` is one text, an unknown word, or fewer than one analysis.
        """
        if isinstance(precedents, str) and precedents != "carried":
            raise ParamsError(f"precedents={precedents!r} is unknown", hint="Give `carried`, None or Precedents")
        templates = listed(templates)
        own = super().judge(templates, verdict, analyses)
        chosen = self.precedents if precedents == "carried" else precedents
        if chosen is None:
            return own
        cited = {template: chosen.find(template) for template in dict.fromkeys(templates)}
        return [verdict.under(cited[verdict.template]) for verdict in own]

    def judge_log(
        self,
        path: Path | str,
        format: str = "auto",
        verdict: VerdictKind | None = None,
        analyses: int | None = None,
        precedents: Chosen = "carried",
        sessions: SessionCollector | None = None,
    ) -> Iterator[LineVerdict]:
        """One verdict for each record of a log, in order, as the records come.

        A template is judged once, however many lines it has. Lines are read as the training lines were: with the
        miner and the settings that the model folder carries.

        Args:
            path: a file, plain or compressed, a glob, or ``-`` for standard input.
            format: name of a log format, or ``auto``.
            verdict, analyses, precedents: as for `judge`.
            sessions: collects the lines of each session on the way.

        Raises:
            ArtifactError: the model folder carries no parser, as the output of `base`.
            InputError: missing or empty file, no format fits, or too many lines do not.
            ParamsError: no such format.
        """
        miner, settings = read_parser(self._folder)
        log = (
            lines.with_columns(left_out=miner.masker.left_out(lines["message"]))
            for lines in read_log(Path(path), format, settings, miner)
        )
        return self._judged(log, lambda new: self.judge(new, verdict, analyses, precedents), sessions)

    def collector(self) -> SessionCollector:
        """Collects sessions as the model folder's parser makes them."""
        _, settings = read_parser(self._folder)
        return SessionCollector(contiguous=settings.sessions.kind != "key")

    def judge_sessions(self, collected: SessionCollector) -> Iterator[SessionVerdict]:
        """One verdict for each session that `judge_log` has collected, in the order of their first lines.

        Raises:
            ArtifactError: the model folder's session model is damaged.
        """
        with self._folder.part(*FILES) as place:
            model = read_session_model(place)
        return judge_sessions(collected.finish(), collected.verdicts, model)

    @staticmethod
    def _judged(
        log: Iterator[pl.DataFrame],
        judge: Callable[[Sequence[str]], Sequence[Verdict]],
        sessions: SessionCollector | None,
    ) -> Iterator[LineVerdict]:
        known: dict[str, Verdict] = {}
        for lines in log:
            new = [text for text in lines["template"].unique(maintain_order=True) if text not in known]
            known |= {verdict.template: verdict for verdict in judge(new)}
            if sessions is not None:
                sessions.add(lines, known)
            rows = lines.select("line", "session", "message", "template", "left_out").iter_rows()
            for line, session, message, template, left_out in rows:
                verdict = known[template]
                if left_out:
                    verdict = replace(verdict, unseen=verdict.unseen + left_out)
                yield LineVerdict(line, session, message, verdict)
