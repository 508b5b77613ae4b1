"""The engine of a stream: lines in; verdicts, alerts and incidents out, each line exactly once."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from threading import RLock
from typing import Self

import numpy as np
import polars as pl

from rationanomaly.detection.parser import PARSER_FILES, read_parser_of
from rationanomaly.detection.session_verdicts import WORST_TEMPLATE, SessionVerdict
from rationanomaly.detection.verdict import Verdict
from rationanomaly.detection.verdict_service import Answered, ModelVersion, VerdictService
from rationanomaly.errors import InfrastructureError
from rationanomaly.params import Params, VerdictKind
from rationanomaly.parse.record_reader import AUTO
from rationanomaly.records import template_id
from rationanomaly.session_models.chosen import FILES, ChosenSessionModel, read_session_model
from rationanomaly.signals.alert import Alert
from rationanomaly.signals.signals import abnormal_lines
from rationanomaly.sources.chunk import Chunk, Position
from rationanomaly.stream.answers import Answers
from rationanomaly.stream.closed_sessions import ClosedSessions
from rationanomaly.stream.counters import Counters, LogClock, by_kind
from rationanomaly.stream.database import transaction
from rationanomaly.stream.judging import Said, judged_lines
from rationanomaly.stream.miner_journal import MinerJournal
from rationanomaly.stream.pending import Pending, as_judged
from rationanomaly.stream.positions import Streams
from rationanomaly.stream.reader import RECORDS
from rationanomaly.stream.sessions import LiveSessions, session_verdicts
from rationanomaly.stream.state_folder import StateFolder
from rationanomaly.stream.taken import Correction, Settled, Taken
from rationanomaly.stream.together import read_chunks
from rationanomaly.stream.watching import Watch, session_alert
from rationanomaly.text.similarity import PairSimilarity

logger = logging.getLogger(__name__)

__all__ = ["Correction", "Engine", "Settled", "Taken"]


class Engine:
    """Judges the lines of streams and watches them; all that it knows survives a crash.

    All methods may be called by any thread; those that take lines wait for each other.

    Attributes:
        database: the SQLite file of the stream.
        ledger: decisions that hold at once, if there are any.
        connection: for what a caller's `write` wants to store in the same transaction.
        service: the model, in a process of its own.
    """

    def __init__(
        self,
        service: VerdictService,
        state: StateFolder,
        params: Params,
        *,
        ledger: Path | None = None,
        log_format: str = AUTO,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.service, self.database, self.ledger, self.connection = service, state.database, ledger, state.connection
        self._state, self._params, self._format, self._clock = state, params, log_format, clock
        self._settings = params.watch.stream
        self._lock = RLock()
        #: Verdicts that have come and are not settled.
        self._inbox: list[Answered] = []
        #: Number of templates, their texts, and these to be compared with.
        self._similar: tuple[int, list[str], PairSimilarity] | None = None
        #: Whether what lies in memory is ahead of the database, since a transaction has failed.
        self._is_stale = False
        with transaction(self.connection):
            for part in (Streams, MinerJournal, Answers, Pending, LiveSessions, Watch, Counters):
                part.prepare(self.connection)
        self._load()

    @classmethod
    def open(
        cls,
        model: str | VerdictService,
        state: Path,
        params: Params,
        *,
        ledger: Path | None = None,
        log_format: str = AUTO,
        verdict: VerdictKind | None = None,
        clock: Callable[[], float] = time.time,
    ) -> Self:
        """Open a stream: a new one, or one that was left off.

        Args:
            model: see `VerdictService`; an opened one is closed with the engine.
            state: folder of the stream, which is made if it is missing; one engine at a time may use it.
            params: all sections.
            ledger: decisions of reviewers that hold at once.
            log_format: of chunks that say ``auto``.
            verdict: reasoned or direct; None: as the model's card says.
            clock: seconds since 1970.

        Raises:
            InfrastructureError: another engine uses the folder, or it can't be written.
            RationAnomalyError: the model can't be loaded, see `Detector.open`.
        """
        folder = StateFolder.open(state)
        try:
            service = model
            if isinstance(service, str):
                service = VerdictService(service, ledger, verdict, max_silence=params.watch.stream.model_seconds)
            return cls(service, folder, params, ledger=ledger, log_format=log_format, clock=clock)
        except BaseException:
            folder.close()
            raise

    @property
    def version(self) -> ModelVersion:
        """Of the model that answers now."""
        return self.service.version

    def take(self, chunks: Sequence[Chunk], write: Callable[[Taken], None] | None = None) -> Taken:
        """Read and judge lines, and store what is known of them; durable on return, none of it if an error comes out.

        Args:
            chunks: in order.
            write: is called with what is given back before it is stored.

        Raises:
            InfrastructureError: the disk is full; `positions` says where to continue.
        """

        return self._take(lambda now: [read_chunks(self._streams, chunks, now, self._format)], write)

    def tick(self, write: Callable[[Taken], None] | None = None) -> Taken:
        """Let time pass: records that waited for more lines are given out, and silence is noticed."""
        return self._take(lambda now: self._streams.expire(now), write, is_tick=True)

    def flush(self, write: Callable[[Taken], None] | None = None) -> Taken:
        """Give out the records that wait for more lines, since none follow."""
        return self._take(lambda _: self._streams.finish(), write)

    def finish(self, write: Callable[[Taken], None] | None = None) -> Taken:
        """The same, with verdicts on the sessions that have ended so."""
        return self._take(lambda _: self._streams.finish(), write, at_end=True)

    def unsettled(self) -> list[str]:
        """Ids of the templates whose verdict the model is still to give."""
        with self._lock:
            self._refresh()
            self._answers.ask_again(self._pending.each(self.connection))
            return list(self._pending.all(self.connection)) if self.service.pending or self._inbox else []

    def settle(self, write: Callable[[Settled], None] | None = None) -> Settled:
        """Take in the verdicts that have come since."""
        with self._lock:
            self._inbox += self.service.collect()
            if not self._inbox:
                return Settled([], [], [])
            with self._storing():
                settled = self._settle(self._clock())
                if write is not None:
                    write(settled)
            self._inbox.clear()
            return settled

    def positions(self) -> dict[str, Position]:
        """Where each stream is to be continued."""
        with self._lock:
            self._refresh()
            return self._streams.positions()

    def ask(self, templates: Sequence[str], wait_seconds: float) -> list[Verdict | None]:
        """Verdicts on templates, in order; None for one that did not come in time."""
        texts = {template_id(text): text for text in templates}
        with self._lock:
            self._refresh()
            self._answers.find(self.connection, texts, self._clock())
            missing = texts.keys() - self._answers.settled(self.connection, list(texts)).keys()
        if missing:
            self.service.wait(missing, wait_seconds)
        with self._lock:
            self._inbox += self.service.collect()
            found = self._answers.whole(self.connection, texts)
            for one in self._inbox:
                if one.template_id in texts and one.version == self.service.version:
                    found[one.template_id] = one.verdict.under(self.service.precedent(one.template))
        return [found.get(template_id(text)) for text in templates]

    def similar(self, template: str, k: int) -> list[tuple[str, float, Verdict | None]]:
        """The ``k`` known templates that are most similar: text, similarity in [0, 1], verdict if it has one."""
        with self._lock:
            self._refresh()
            known = self._journal.known()
            if self._similar is None or self._similar[0] != len(known):
                self._similar = len(known), known, PairSimilarity(known)
            _, known, index = self._similar
        if not known:
            return []
        similarity = index.to(template)
        best = [int(place) for place in np.argsort(-similarity, kind="stable")[:k]]
        with self._lock:
            verdicts = self._answers.whole(self.connection, {template_id(known[one]): known[one] for one in best})
        return [(known[one], float(similarity[one]), verdicts.get(template_id(known[one]))) for one in best]

    def swap(self, model: str) -> None:
        """Let another model answer from now on; what is pending is asked again of it.

        Templates keep their wording: lines are read as before.

        Raises:
            RationAnomalyError: it can't be loaded; the old one stays.
        """
        self.service.swap(model)
        with self._lock:
            self._session_model = self._read_session_model()
            self._watch.follow_model(self.service.version.digest)

    def counters(self) -> dict[str, float]:
        """Numbers by name, of the stream as a whole: ``lines``, ``rejected``, ``corrections``, ``sessions``,
        ``answer.normal`` and the other answers (lines), ``alert.line`` and the other kinds, ``templates``; of this
        process ``model_calls``; of now ``pending`` templates.
        """
        with self._lock:
            self._refresh()
            own = {"pending": float(self.service.pending), "model_calls": float(self.service.calls)}
            return {**self._counters.values, "templates": float(len(self._journal.known())), **own}

    def close(self) -> None:
        """End the model's process and release the folder; what is stored stays."""
        self.service.close()
        with self._lock:
            try:
                if not self._is_stale:
                    with transaction(self.connection):
                        self._watch.store(self.connection, everything=True)
            except InfrastructureError as error:
                logger.warning("%s The signals have lost some seconds of their counts", error)
            finally:
                self._state.close()

    def _read_session_model(self) -> ChosenSessionModel | None:
        with self.service.part(*FILES) as place:
            return read_session_model(place)

    def _load(self) -> None:
        """Put into memory what the database holds."""
        now, connection = self._clock(), self.connection
        with self.service.part(*PARSER_FILES) as place:
            miner, settings = read_parser_of(place)
        settings = settings.model_copy(update={"hold_seconds": self._settings.hold_seconds})
        self._streams, self._journal = Streams(settings, self._settings.max_streams), MinerJournal(miner)
        self._answers = Answers(
            self.service,
            self._settings.max_verdicts,
            suspicious_is_abnormal=self._settings.suspicious_is_abnormal,
        )
        self._pending, self._counters = Pending(self._settings.pending_lines), Counters()
        self._watch = Watch(
            self._params, self._journal.templates, self.service.version.digest, self.ledger, self._clock
        )
        contiguous, quiet = settings.sessions.kind != "key", 60 * self._settings.session_quiet_minutes
        max_lines = self._settings.max_session_lines
        judged = ClosedSessions(3600 * self._settings.session_keep_hours, self._settings.max_kept_sessions, max_lines)
        self._sessions = LiveSessions(contiguous, quiet, max_lines, judged)
        self._session_model = self._read_session_model()
        self._similar = None
        self._streams.restore(connection, now)
        for part in (self._journal, self._sessions, self._watch, self._counters):
            part.restore(connection)
        self._log_clock = LogClock(self._counters.values.get("log_time"))
        self._answers.find(connection, self._pending.all(connection), now)
        self._is_stale = False

    def _refresh(self) -> None:
        if self._is_stale:
            self._load()

    @contextmanager
    def _storing(self) -> Iterator[None]:
        """A transaction that ends with storing what has changed in memory; memory is read anew if it fails."""
        self._refresh()
        self._is_stale = True
        with transaction(self.connection):
            yield
            for part in (self._streams, self._journal, self._sessions, self._watch, self._counters):
                part.store(self.connection)
        self._is_stale = False

    def _take(
        self,
        read: Callable[[float], list[pl.DataFrame]],
        write: Callable[[Taken], None] | None,
        *,
        is_tick: bool = False,
        at_end: bool = False,
    ) -> Taken:
        with self._lock, self._storing():
            now = self._clock()
            records = pl.concat([RECORDS.to_frame(), *read(now)])
            rejected = self._streams.take_rejected()
            lines, texts = judged_lines(records, self._journal.name, lambda texts: self._answers.find(
                self.connection, texts, now))  # fmt: skip
            # Another model may be in place before the lines are given out.
            version = self._answers.version if lines.height else self.version
            self._note_pending(lines)
            self._log_clock.see(lines, now)
            self._sessions.add(lines)
            sessions, alerts = self._closed_sessions(now, at_end)
            alerts += self._watch.observe(self.connection, lines) if lines.height else []
            incidents = self._watch.note(self.connection, alerts)
            if is_tick:
                self._answers.ask_again(self._pending.each(self.connection))
                more, changed = self._watch.tick(self.connection, self._log_clock.now(now))
                alerts, incidents = [*alerts, *more], [*incidents, *changed]
            taken = Taken(lines, alerts, incidents, rejected.height, version, rejected, sessions, texts)
            self._count(taken)
            if write is not None:
                write(taken)
            return taken

    def _note_pending(self, lines: pl.DataFrame) -> None:
        """Remember which lines were given out without a final verdict."""
        ids: list[str] = lines["template_id"].unique().to_list()
        if unsettled := [identity for identity in ids if not self._answers.is_final(identity)]:
            self._pending.add(self.connection, lines.filter(pl.col("template_id").is_in(unsettled)))

    def _closed_sessions(self, now: float, at_end: bool) -> tuple[list[SessionVerdict], list[Alert]]:
        # A session model was fitted to direct scores, which come first.
        final = self._session_model is None and not at_end

        def settled(ids: list[str]) -> dict[str, Verdict]:
            return self._answers.settled(self.connection, ids, final=final)

        def settled_or_asked(ids: list[str]) -> set[str]:
            known = set(settled(ids))
            if missing := [identity for identity in ids if identity not in known]:
                self._answers.ask_known(self.connection, missing, now)
            return known

        log_time = self._log_clock.now(now)
        closed = self._sessions.take_closed(self.connection, log_time, settled_or_asked, at_end)
        if not closed.height:
            return [], []
        verdicts = settled(closed["template_ids"].explode().unique().to_list())
        found = session_verdicts(closed, verdicts, self._session_model)
        self._sessions.put_judged(self.connection, closed, [one.answer for one in found], log_time)
        self._counters.add({"sessions": closed["before"].null_count()})
        if not self._watch.raises_alerts:
            return found, []
        rows = closed.select("source", pl.col("time").dt.epoch("us") / 1e6, "template_ids", "before")
        alerts = [
            session_alert(one, source, now if at is None else at, verdicts[ids[-1]].template)
            for one, (source, at, ids, before) in zip(found, rows.iter_rows(), strict=True)
            # What was said before, or by one of its lines, is not said again.
            if one.answer == "abnormal" and before != "abnormal"
            and not (one.by == WORST_TEMPLATE and any(verdicts[key].answer == "abnormal" for key in ids))
        ]  # fmt: skip
        return found, alerts

    def _settle(self, now: float) -> Settled:
        corrections, alerts = [], list[Alert]()
        before = {one.template_id: self._answers.said(one.template_id) for one in self._inbox}
        for one in self._answers.put(self.connection, self._inbox, now):
            self._watch.answered(self.connection, one.template_id, one.verdict)
            found = self._pending.take(self.connection, one.template_id, one.final)
            if found is None:
                continue
            corrections.append(
                Correction(one.template_id, one.template, one.verdict, found.lines, found.count, one.final)
            )
            earlier, answer = before[one.template_id], one.verdict.answer
            before[one.template_id] = Said(answer, one.verdict.score)
            is_first = earlier is None or earlier.answer != "abnormal"
            if answer == "abnormal" and is_first and self._watch.raises_alerts:
                kept = as_judged(one.template_id, found, answer, one.verdict.score)
                alerts += abnormal_lines(kept, found.nodes)
        incidents = self._watch.note(self.connection, alerts)
        self._counters.add({"corrections": len(corrections), **by_kind(alerts)})
        return Settled(corrections, alerts, incidents)

    def _count(self, taken: Taken) -> None:
        answers = taken.lines["answer"].value_counts()
        counts = {f"answer.{answer}": count for answer, count in answers.iter_rows()}
        own = {"lines": taken.lines.height, "rejected": taken.rejected}
        self._counters.add(counts | own | by_kind(taken.alerts))
        self._counters.put("log_time", self._log_clock.time)
