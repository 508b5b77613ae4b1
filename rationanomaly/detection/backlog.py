"""Templates that wait for a model: which are asked next, and what becomes of them when its process dies."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Literal, get_args

from rationanomaly.detection.verdict import Verdict
from rationanomaly.params import VerdictKind

_log = logging.getLogger(__name__)

#: So often a template is asked whose question the process has not survived.
_ATTEMPTS = 3
#: Characters of a template in a warning.
_EXAMPLE = 60

#: Template id, template, verdict, whether it is final.
Kept = tuple[str, str, Verdict, bool]
#: ``alarm`` and ``calm``: the direct verdict has come, and is abnormal or isn't.
_Queue = Literal["suspect", "direct", "alarm", "calm"]


@dataclass
class _Job:
    """One template on its way; ``direct`` is its direct verdict once that has come."""

    template_id: str
    template: str
    attempts: int = 0
    direct: Verdict | None = None


class Backlog:
    """A queue in two stages: direct verdicts as templates come, then reasoned ones, the abnormal templates' first.

    A template whose question killed the process, or may have, is asked again alone, with nothing else in work, so that
    no other is suspected with it; after three times it is given up. The callers see to it that one thread at a time is
    in here.

    Args:
        max_pending: templates at most that wait or are in work.
        kind: of the final verdicts.
    """

    def __init__(self, max_pending: int, kind: VerdictKind) -> None:
        self._max, self.kind = max_pending, kind
        self._jobs: dict[str, _Job] = {}
        self._waiting: dict[_Queue, deque[_Job]] = {name: deque() for name in get_args(_Queue)}
        self._in_work: dict[VerdictKind, list[_Job]] = {"direct": [], "reasoned": []}
        self._given_up: set[str] = set()

    def __len__(self) -> int:
        return len(self._jobs)

    def __contains__(self, template_id: str) -> bool:
        return template_id in self._jobs

    def add(self, templates: Mapping[str, str]) -> list[str]:
        """Let templates wait; the ids that are refused since too many do. What was given up before is not taken again.

        Args:
            templates: id → text.
        """
        refused = []
        for identity, text in templates.items():
            if identity in self._jobs or identity in self._given_up:
                continue
            if len(self._jobs) >= self._max:
                refused.append(identity)
                continue
            self._jobs[identity] = job = _Job(identity, text)
            self._waiting["direct"].append(job)
        return refused

    def start(self, kind: VerdictKind, size: int) -> list[str]:
        """The templates to ask next for verdicts of a kind, which are in work from now on; none if it isn't the time.

        Args:
            kind: of verdicts.
            size: templates at most.
        """
        if self._in_work[kind] or any(job.attempts for job in self._jobs_in_work()):
            return []
        suspects = self._waiting["suspect"]
        if suspects:
            if any(self._in_work.values()) or kind != self._next_kind(suspects[0]):
                return []
            taken = [suspects.popleft()]
        else:
            names: Sequence[_Queue] = ("direct",) if kind == "direct" else ("alarm", "calm")
            queue = next((self._waiting[name] for name in names if self._waiting[name]), None)
            taken = [] if queue is None else [queue.popleft() for _ in range(min(size, len(queue)))]
        self._in_work[kind] = taken
        return [job.template for job in taken]

    def finish(self, kind: VerdictKind, verdicts: Sequence[Verdict]) -> list[Kept]:
        """Take in the verdicts on what is in work of this kind, in order.

        Raises:
            ValueError: they are not so many.
        """
        found: list[Kept] = []
        for job, verdict in zip(self._in_work[kind], verdicts, strict=True):
            final = kind == self.kind
            found.append((job.template_id, job.template, verdict, final))
            if final:
                del self._jobs[job.template_id]
            else:
                job.direct, job.attempts = verdict, 0
                self._waiting["alarm" if verdict.answer == "abnormal" else "calm"].append(job)
        self._in_work[kind] = []
        return found

    def fail(self, kinds: Iterable[VerdictKind]) -> list[Kept]:
        """What is in work of these kinds brought no verdict: it waits again, or is given up as ``invalid``."""
        found: list[Kept] = []
        for kind in kinds:
            for job in reversed(self._in_work[kind]):
                job.attempts += 1
                if job.attempts < _ATTEMPTS:
                    self._waiting["suspect"].appendleft(job)
                    continue
                example = job.template[:_EXAMPLE]
                _log.warning("the model failed %d times on the template %r, which is given up", _ATTEMPTS, example)
                del self._jobs[job.template_id]
                self._note_given_up(job.template_id)
                found.append((job.template_id, job.template, _none_of(job), False))
            self._in_work[kind] = []
        return found

    def for_another(self, kind: VerdictKind) -> Backlog:
        """A backlog for another model, of all that has no final verdict yet, from the beginning."""
        backlog = Backlog(self._max, kind)
        backlog.add({job.template_id: job.template for job in self._jobs.values()})
        return backlog

    def _next_kind(self, job: _Job) -> VerdictKind:
        return "direct" if job.direct is None else "reasoned"

    def _jobs_in_work(self) -> list[_Job]:
        return [job for jobs in self._in_work.values() for job in jobs]

    def _note_given_up(self, template_id: str) -> None:
        if len(self._given_up) >= self._max:
            self._given_up = set(islice(self._given_up, self._max // 2))
        self._given_up.add(template_id)


def _none_of(job: _Job) -> Verdict:
    """Never counted as normal; with the direct score where there is one, else one that says nothing."""
    if job.direct is not None:
        return replace(job.direct, answer="invalid")
    return Verdict(job.template, "invalid", 0.5, 0.5, None, None, None, (), grounded=False)
