"""What is known of templates by now: the verdicts of the model that answers, with experts' decisions laid over them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from typing import Protocol

from rationanomaly.decisions.precedents import Citation, Precedents
from rationanomaly.detection.answered import Answered, ModelVersion
from rationanomaly.detection.verdict import Verdict
from rationanomaly.detection.verdict_store import VerdictStore
from rationanomaly.stream.judging import Said

#: Templates of which the verdict lies in memory, without its text.
_REMEMBERED = 200_000
#: Templates that are named as still of use at once.
_TOUCHED = 1000
#: Templates that the model's process was too busy for and that lie in memory, and how many of them are asked at once.
_REFUSED, _ASKED_AGAIN = 20_000, 1000


class Asked(Protocol):
    """What is needed of a `VerdictService` here."""

    @property
    def version(self) -> ModelVersion: ...

    @property
    def precedents(self) -> Precedents: ...

    def ask(self, templates: Mapping[str, str]) -> list[str]: ...


class Answers:
    """Verdicts by template id.

    Args:
        service: is asked about what nobody has said yet.
        max_verdicts: that the database keeps.
        suspicious_is_abnormal: whether a template counts as abnormal for being suspicious, too.
    """

    def __init__(self, service: Asked, max_verdicts: int, *, suspicious_is_abnormal: bool = False) -> None:
        self._service, self._store = service, VerdictStore(max_verdicts)
        self._suspicious_is_abnormal = suspicious_is_abnormal
        self._version, self._precedents = service.version, service.precedents
        #: Verdicts without their texts, and whether they are final.
        self._known: dict[str, tuple[Verdict, bool]] = {}
        #: Templates that are to be asked about, and were refused since too many are pending.
        self._refused: dict[str, str] = {}
        #: Whether some were refused that are not among these.
        self._are_more_refused = False
        #: Templates whose answers have not been taken in; some may have come already.
        self._asked: set[str] = set()
        self._said: dict[str, Said] = {}
        self._touched: set[str] = set()

    @property
    def version(self) -> ModelVersion:
        """Of the model whose verdicts these are."""
        return self._version

    def find(self, connection: sqlite3.Connection, templates: Mapping[str, str], now: float) -> dict[str, Said]:
        """What is said of templates (id → text); the model is asked about those of which nothing final is."""
        self._forget_if_changed()
        missing = [identity for identity in templates if identity not in self._known]
        if missing:
            self._load(connection, {identity: templates[identity] for identity in missing}, now)
        return {identity: self._said[identity] for identity in templates if identity in self._said}

    def settled(
        self, connection: sqlite3.Connection, identities: Sequence[str], *, final: bool = True
    ) -> dict[str, Verdict]:
        """The verdicts by template id, without their texts; those of which there is none are left out.

        Args:
            connection: of the stream.
            identities: template ids that the stream has had.
            final: only those to which nothing will be added.
        """
        self._forget_if_changed()
        missing = [identity for identity in identities if identity not in self._known]
        for identity, stored in self._store.find(connection, missing, self._version).items() if missing else ():
            citation = self._precedents.find(stored.verdict.template)
            self._remember(identity, self._shown(stored.verdict, citation), stored.final)
        known = {identity: self._known[identity] for identity in identities if identity in self._known}
        return {identity: verdict for identity, (verdict, is_final) in known.items() if is_final or not final}

    def said(self, identity: str) -> Said | None:
        """What was said last of a template; None if nothing was."""
        return self._said.get(identity)

    def is_final(self, identity: str) -> bool:
        """Whether there is nothing more to come for a template."""
        known = self._known.get(identity)
        return known is not None and known[1]

    def whole(self, connection: sqlite3.Connection, templates: Mapping[str, str]) -> dict[str, Verdict]:
        """The verdicts on templates (id → text) with their texts; those of which there is none are left out."""
        self._forget_if_changed()
        stored = self._store.find(connection, list(templates), self._version)
        found: dict[str, Verdict] = {}
        for identity, template in templates.items():
            citation = self._precedents.find(template)
            if identity in stored:
                found[identity] = self._shown(stored[identity].verdict, citation)
            elif citation is not None:
                found[identity] = _decided(template, citation)
        return found

    def put(self, connection: sqlite3.Connection, answered: Sequence[Answered], now: float) -> list[Answered]:
        """Store verdicts that have come; gives those of the model that answers, under experts' decisions."""
        self._forget_if_changed()
        self._store.put(connection, answered, now)
        self._asked.difference_update(one.template_id for one in answered)
        current = [one for one in answered if one.version == self._version]
        # What a model said that no longer answers corrects no lines: the one that does is asked.
        self._ask({one.template_id: one.template for one in answered if one.version != self._version})
        found = []
        for one in current:
            citation = self._precedents.find(one.template)
            one = replace(one, verdict=self._shown(one.verdict, citation))
            self._remember(one.template_id, one.verdict, one.final)
            found.append(one)
        return found

    def ask_known(self, connection: sqlite3.Connection, identities: Sequence[str], now: float) -> None:
        """Ask about templates of which another model has said something: their lines may not come again."""
        self.find(connection, self._store.texts(connection, identities), now)

    def ask_again(self, pending: Iterable[tuple[str, str]]) -> None:
        """Ask about some of what was refused.

        Args:
            pending: id and text of all templates without a final verdict; read only if more were refused than are
                remembered, and the remembered ones have been asked.
        """
        if not self._refused and self._are_more_refused:
            self._are_more_refused = False
            for identity, template in pending:
                if identity not in self._asked and not self.is_final(identity):
                    self._refuse(identity, template)
        self._ask(dict(islice(self._refused.items(), _ASKED_AGAIN)))

    def touch(self, connection: sqlite3.Connection, now: float) -> None:
        """Note which verdicts were of use."""
        if self._touched:
            self._store.touch(connection, list(self._touched), self._version, now)
            self._touched.clear()

    @staticmethod
    def prepare(connection: sqlite3.Connection) -> None:
        """Make the table if it is missing."""
        VerdictStore.prepare(connection)

    def _forget_if_changed(self) -> None:
        """Another model, or another decision of an expert, holds from the next line on."""
        version, precedents = self._service.version, self._service.precedents
        if version != self._version or precedents is not self._precedents:
            self._version, self._precedents = version, precedents
            self._known.clear()
            self._said.clear()

    def _load(self, connection: sqlite3.Connection, templates: Mapping[str, str], now: float) -> None:
        stored = self._store.find(connection, list(templates), self._version)
        to_ask = {}
        for identity, template in templates.items():
            citation, known = self._precedents.find(template), stored.get(identity)
            if known is not None:
                self._remember(identity, self._shown(known.verdict, citation), known.final)
            elif citation is not None:
                self._remember(identity, _decided(template, citation), final=False)
            if (known is None or not known.final) and identity not in self._asked:
                to_ask[identity] = template
        self._touched.update(stored)
        if len(self._touched) >= _TOUCHED:
            self.touch(connection, now)
        self._ask(to_ask)

    def _ask(self, templates: Mapping[str, str]) -> None:
        if not templates:
            return
        refused = set(self._service.ask(templates))
        self._asked.update(templates.keys() - refused)
        for identity, template in templates.items():
            if identity in refused:
                self._refuse(identity, template)
            else:
                self._refused.pop(identity, None)

    def _shown(self, verdict: Verdict, citation: Citation | None) -> Verdict:
        """As it is given out: with what experts have decided, and else with what is made of a suspicious template."""
        if self._suspicious_is_abnormal and verdict.suspicious:
            verdict = replace(verdict, answer="abnormal")
        return verdict.under(citation)

    def _refuse(self, identity: str, template: str) -> None:
        if len(self._refused) < _REFUSED:
            self._refused[identity] = template
        elif identity not in self._refused:
            self._are_more_refused = True

    def _remember(self, identity: str, verdict: Verdict, final: bool) -> None:
        if len(self._known) >= _REMEMBERED and identity not in self._known:
            self._known.clear()
            self._said.clear()
        slim = replace(verdict, rationale=None, evidence=())
        self._known[identity] = slim, final
        self._said[identity] = Said(verdict.answer, float(verdict.score))


def _decided(template: str, citation: Citation) -> Verdict:
    """An expert's decision on a template of which the model has said nothing yet."""
    score = float(citation.precedent.label == "abnormal")
    verdict = Verdict(template, citation.precedent.label, score, score, None, None, None, (), grounded=False)
    return verdict.under(citation)
