"""The order in which an alias moved: a log in the registry that decides between promoters and outlives them.

MLflow moves an alias with whoever writes last; it has no compare-and-set. It has one act that only one can win: making
a version of a registered model gives it a number that no other version ever gets, in the transaction of the database
(a primary key; of two at once one is given the next number). So the log of model NAME is a registered model
``NAME.promotions``, and each of its versions is an entry.

**Check and set.** An entry says which entry it follows (``after``), the last one that its writer had seen when it
checked the gates. Read from the beginning, an entry counts if it follows the entry that counted last. Of two writers
that saw the same entry the lower number counts, and the other never will, whoever reads it and whenever: no lock, no
clock, no expiry. Who lost checks again, against the new holder.

**kill -9.** The entry is written first, then the alias is moved, then the entry is marked as done. Whoever comes next
and finds the last entry not done carries it out (redo), after leaving its writer a few seconds to do so. A promoter
that dies before its entry has changed nothing; one that dies later has decided, and the next one finishes it.

**What remains.** The write of the alias itself can't be conditional. A promoter that stalls for longer than the others
wait, between its last look at the log and its write, can write an alias that has moved on; it looks again afterwards
and puts the alias back. Killed in just that moment, it leaves an older version in service, one that passed the gates in
its time; the next promotion or rollback finds it, and records it as moved from outside. Who moves an alias by other
means is recorded the same way: gates are always held against the version that really has the alias.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Literal, get_args
from uuid import uuid4

from rationanomaly.errors import InfrastructureError
from rationanomaly.params.registry_names import LOG, PREVIOUS
from rationanomaly.runs.tracking import OUTPUT

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities.model_registry import ModelVersion

logger = logging.getLogger(__name__)

#: What an entry tells: a version got the alias by the policy; the version before was put back; the alias had been moved
#: by other means; a version was refused, or is proposed (`rivals`), which move nothing.
Kind = Literal["promoted", "rolled_back", "moved_outside", "refused", "proposed"]
_MOVES_NOTHING = ("refused", "proposed")
_KINDS: tuple[str, ...] = get_args(Kind)
#: Where an entry's files would lie; it has none.
_NO_FILES = "promotion:/"
#: Seconds that the writer of the last entry has to carry it out, and between looks; tries against other writers.
_PATIENCE, _PAUSE, _TRIES = 10.0, 0.5, 8
_DONE, _WEBHOOK = "done", "webhook"
#: Digits of a number that a database takes; who edits tags may write any.
_DIGITS = 9


@dataclass(frozen=True)
class Entry:
    """One version of the log.

    Attributes:
        number: in the order of the database.
        kind: what it tells.
        after: the entry that it follows; 0: none.
        version: of the model: who has the alias from here on, or who was refused it; None: nobody.
        before: who had it.
        nonce: of the writing, by which its writer finds it again.
        is_done: whether the alias has been moved.
        created: when, by the registry's clock; seconds since 1970.
        tags: all that was recorded.
    """

    number: int
    kind: Kind
    after: int
    version: str | None
    before: str | None
    nonce: str
    is_done: bool
    created: float
    tags: Mapping[str, str]

    @property
    def is_announced(self) -> bool:
        """Whether the webhook has been told."""
        return _WEBHOOK in self.tags

    @property
    def model(self) -> str:
        """Digest of the version's model folder; empty if none was written down."""
        return self.tags.get("model", "")


@dataclass(frozen=True)
class Chain:
    """The entries that count, in order."""

    entries: Sequence[Entry]

    @classmethod
    def of(cls, entries: Sequence[Entry]) -> Chain:
        """Those of all entries, in order, that count."""
        chain: list[Entry] = []
        for entry in entries:
            if entry.kind not in _MOVES_NOTHING and entry.after == (chain[-1].number if chain else 0):
                chain.append(entry)
        return cls(chain)

    @property
    def head(self) -> Entry | None:
        """The last one."""
        return self.entries[-1] if self.entries else None

    @property
    def number(self) -> int:
        """Of the last one; 0: none."""
        return self.entries[-1].number if self.entries else 0

    @cached_property
    def held(self) -> tuple[str, ...]:
        """Versions that a rollback can put back, the one in service last; what a rollback left is not among them."""
        stack = [self.entries[0].before] if self.entries and self.entries[0].before else []
        for entry in self.entries:
            version = entry.version
            if version is None:
                continue
            # By hand, too, one returns to the version before; a rollback may have left out deleted ones.
            returns = entry.kind == "rolled_back" or (entry.kind == "moved_outside" and stack[-2:-1] == [version])
            if returns and version in stack:
                last = len(stack) - 1 - stack[::-1].index(version)
                del stack[last + 1 :]
            elif stack[-1:] != [version]:
                stack.append(version)
        return tuple(stack)

    def model(self, version: str | None) -> str:
        """Digest of the model folder that a version held when it got the alias; empty if nobody wrote it down."""
        return next((found for one in reversed(self.entries) if one.version == version and (found := one.model)), "")

    @property
    def previous(self) -> str | None:
        """The version that a rollback would put back; None: there is none."""
        return self.held[-2] if len(self.held) > 1 else None


class PromotionLog:
    """The log of one alias of one model.

    Args:
        client: of `model_registry.connect`.
        name: of the registered model.
        alias: of it, for example ``champion``.
    """

    def __init__(self, client: MlflowClient, name: str, alias: str) -> None:
        self.client, self.name, self.alias = client, name, alias
        self.log = f"{name}{LOG}"

    def entries(self) -> list[Entry]:
        """All of the alias, refused ones and those that lost too, in order."""
        found: list[ModelVersion] = []
        token: str | None = None
        query = f"name = '{self.log}' and tags.`alias` = '{self.alias}'"
        while token is None or token:
            page = self.client.search_model_versions(query, max_results=200, page_token=token)
            found, token = found + list(page), page.token or ""
        read = [_entry(version) for version in found]
        return sorted((entry for entry in read if entry is not None), key=lambda entry: entry.number)

    def read(self) -> Chain:
        """The entries that count, as of now."""
        return Chain.of(self.entries())

    def holder(self) -> str | None:
        """The version that has the alias in the registry; None: nobody."""
        version = self.client.get_registered_model(self.name).aliases.get(self.alias)
        return None if version is None else str(version)

    def settle(self) -> tuple[Chain, str | None]:
        """Carry out what another writer began and did not finish, and record what was done by other means.

        Returns:
            the chain, and the version that has the alias; both agree.

        Raises:
            InfrastructureError: others move the alias again and again.
        """
        deadline = time.monotonic() + _PATIENCE
        tries = 0
        while tries < _TRIES:
            chain, held = self.read(), self.holder()
            head = chain.head
            if head is None or (head.is_done and head.version == held):
                return chain, held
            is_whole = self.exists(head.version, head.model)
            if not head.is_done and held in (head.before, head.version) and is_whole:
                if time.monotonic() < deadline:
                    time.sleep(_PAUSE)
                    continue
                logger.warning("entry %d of %s was begun and not finished: finishing it", head.number, self.log)
                self.carry_out(head)
            else:
                logger.warning("@%s of %s was moved by other means, to version %s", self.alias, self.name, held)
                self.carry_out(self.append("moved_outside", chain, held, held, {}))
            tries += 1
        raise self.contended()

    def append(
        self, kind: Kind, chain: Chain, version: str | None, before: str | None, record: Mapping[str, str]
    ) -> Entry:
        """Write an entry that follows the last one of a chain; `carry_out` tells whether it counts.

        Args:
            kind: what it tells.
            chain: as it was when the decision was made.
            version: of the model, who gets the alias or was refused it.
            before: who had it then.
            record: what else is to be kept of the decision.
        """
        from mlflow.exceptions import MlflowException

        tags = dict(record) | {
            "alias": self.alias,
            "kind": kind,
            "after": str(chain.number),
            "version": version or "",
            "before": before or "",
            "nonce": uuid4().hex,
        }
        try:
            made = self._create(tags)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            self._create_log()
            made = self._create(tags)
        entry = _entry(made)
        if entry is None:
            raise InfrastructureError(f"the registry gave back another entry of {self.log} than was written")
        return entry

    def carry_out(self, entry: Entry) -> bool:
        """Move the aliases as an entry says and mark it as done, if it is the last one that counts.

        Returns:
            False, and nothing is moved, if another one counts.
        """
        chain = self.read()
        if chain.head is None or chain.head.nonce != entry.nonce:
            return False
        self._align(chain)
        now = self.read()
        if now.number != chain.number:  # Others took this one for dead, and went ahead: theirs is the last word.
            self._align(now)
        self.mark(chain.head, _DONE)
        return True

    def mark(self, entry: Entry, tag: str) -> None:
        """Note on an entry that something has been done."""
        self.client.set_model_version_tag(self.log, str(entry.number), tag, f"{time.time():.0f}")

    def announced(self, entry: Entry) -> None:
        """Note that the webhook has been told."""
        self.mark(entry, _WEBHOOK)

    def contended(self) -> InfrastructureError:
        """The error of who loses again and again."""
        hint = "See who promotes besides, and run this again"
        return InfrastructureError(f"others move @{self.alias} of {self.name} again and again", hint=hint)

    def _align(self, chain: Chain) -> None:
        """Let the aliases in the registry be those of a chain: first the one for a rollback."""
        head = chain.head
        if head is None or head.version is None:
            return
        aliases = self.client.get_registered_model(self.name).aliases
        kept = previous_alias(self.alias)
        if chain.previous is None and kept in aliases:
            self.client.delete_registered_model_alias(self.name, kept)
        elif chain.previous is not None and str(aliases.get(kept)) != chain.previous and self._has(chain):
            self.client.set_registered_model_alias(self.name, kept, chain.previous)
        if str(aliases.get(self.alias)) != head.version:
            self.client.set_registered_model_alias(self.name, self.alias, head.version)

    def _has(self, chain: Chain) -> bool:
        """Whether the version for a rollback is still what it was."""
        return self.exists(chain.previous, chain.model(chain.previous))

    def exists(self, version: str | None, model: str = "") -> bool:
        """Whether the model still has this version.

        Args:
            version: its number; None: there is none.
            model: digest of the folder that it must hold, for a model that was deleted and made anew has the same
                numbers; empty: any.
        """
        from mlflow.exceptions import MlflowException

        try:
            if version is None:
                return False
            found = self.client.get_model_version(self.name, version)
            return not model or found.tags.get(OUTPUT) == model
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
            return False

    def _create(self, tags: Mapping[str, str]) -> ModelVersion:
        source = f"{_NO_FILES}{self.name}"
        return self.client.create_model_version(self.log, source, tags=dict(tags), await_creation_for=0)

    def _create_log(self) -> None:
        from mlflow.exceptions import MlflowException

        described = f"What happened to the aliases of {self.name}, and why; one version an entry. Not to be edited."
        try:
            self.client.create_registered_model(self.log, description=described)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) <= _DIGITS


def previous_alias(alias: str) -> str:
    """The alias of the version that a rollback would put back."""
    return PREVIOUS if alias == "champion" else f"{PREVIOUS}-{alias}"


def _entry(version: ModelVersion) -> Entry | None:
    """What a version of the log says; None if no promotion wrote it."""
    tags = {str(key): str(value) for key, value in version.tags.items()}
    kind, after = tags.get("kind", ""), tags.get("after", "")
    moved, before = tags.get("version") or None, tags.get("before", "")
    if kind not in _KINDS or not all(map(_is_number, (after, moved or "0"))) or not tags.get("nonce"):
        return None
    named: Kind = next(one for one in get_args(Kind) if one == kind)
    return Entry(
        int(version.version),
        named,
        int(after),
        moved,
        before if _is_number(before) else None,
        tags["nonce"],
        _DONE in tags,
        (version.creation_timestamp or 0) / 1000,
        tags,
    )
