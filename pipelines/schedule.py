"""Recurring runs: one for each name, one run of it at a time, and none made up for that was missed."""

from __future__ import annotations

import contextlib
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from pipelines import submission
from pipelines.connection import Server
from pipelines.refusals import RefusalError, SilenceError
from pipelines.submission import equal, find_experiment, make_experiment, upload
from rationanomaly.errors import InfrastructureError, InputError, ParamsError

_SECONDS = {"m": 60, "h": 3600, "d": 86400, "w": 604800}
_CRON_FIELD = re.compile(r"[\d*?/,\-A-Za-z#]+")
#: How often is looked anew when others change the same schedule at the same time.
_TRIES = 5
#: What differs between two schedules of one name.
_COMPARED = ("pipeline_version_reference", "trigger", "max_concurrency", "no_catchup")


@dataclass(frozen=True)
class Schedule:
    """A recurring run on the server.

    Attributes:
        identity, name: id and title.
        is_enabled: whether it starts runs.
        trigger: as the API writes it.
        is_new: whether it was made or changed now.
    """

    identity: str
    name: str
    is_enabled: bool
    trigger: Mapping[str, Any]
    is_new: bool = False

    @property
    def when(self) -> str:
        """For people."""
        cron = (self.trigger.get("cron_schedule") or {}).get("cron")
        seconds = (self.trigger.get("periodic_schedule") or {}).get("interval_second")
        return f"cron {cron}" if cron else f"every {int(seconds or 0)} s"


def read_trigger(cron: str | None, every: str | None) -> dict[str, Any]:
    """When runs start, as the API takes it.

    Args:
        cron: five fields, or six with seconds before them.
        every: such as 12h or 7d.

    Raises:
        ParamsError: neither, both, or not of that form.
    """
    if (cron is None) == (every is None):
        raise ParamsError("when it starts isn't said", hint='Name --cron "0 3 * * 1" or --every 7d, one of them')
    if cron is not None:
        fields = cron.split()
        if len(fields) not in (5, 6) or not all(_CRON_FIELD.fullmatch(field) for field in fields):
            raise ParamsError(f"`--cron {cron}` is none", hint='Write five fields, like "0 3 * * 1": Mondays at three')
        return {"cron_schedule": {"cron": " ".join(fields if len(fields) == 6 else ["0", *fields])}}
    match = re.fullmatch(r"(\d+)([mhdw])", every or "")
    if not match or not int(match[1]):
        raise ParamsError(f"`--every {every}` is no time", hint="Write it like 90m, 12h, 7d or 2w")
    return {"periodic_schedule": {"interval_second": str(int(match[1]) * _SECONDS[match[2]])}}


def make_schedule(
    server: Server, title: str, package: Path, experiment: str, name: str, trigger: Mapping[str, Any]
) -> Schedule:
    """Have a compiled pipeline run again and again; what has the name already is found, or replaced if it differs.

    At no time do two of one name start runs: a new one is made without being enabled, and enabled once it is alone.

    Args:
        server: where.
        title: of the pipeline.
        package: the compiled pipeline.
        experiment: groups its runs; is made if it is not there.
        name: of the schedule.
        trigger: when runs start.

    Raises:
        InfrastructureError: the server refuses, is silent, or is something else.
    """
    group = find_experiment(server, experiment) or make_experiment(server, experiment)
    version = upload(server, title, submission.key_of(package, experiment), package)
    body = {
        "display_name": name, "experiment_id": group, "pipeline_version_reference": version.reference,
        "runtime_config": {}, "trigger": dict(trigger), "max_concurrency": "1", "no_catchup": True, "mode": "DISABLE",
    }  # fmt: skip
    for _ in range(_TRIES):
        known = _named(server, name)
        same = [one for one in known if all(_plain(one.get(key)) == _plain(body[key]) for key in _COMPARED)]
        if not same:
            with contextlib.suppress(SilenceError):  # It may have arrived: the next look finds it, or makes it again.
                server.ask("make the schedule", "POST", "/recurringruns", body)
            time.sleep(submission.SETTLE_SECONDS)  # Until another that was made in the same moment is in the list.
            continue
        kept = min(same, key=lambda one: (not _is_enabled(one), str(one.get("created_at", "")), _identity(one)))
        for one in known:
            if one is not kept:
                _gone_or_done(partial(_delete, server, _identity(one)))
        if _is_enabled(kept):
            return Schedule(_identity(kept), name, is_enabled=True, trigger=kept["trigger"])
        if _gone_or_done(partial(_switch, server, _identity(kept), "enable")):
            return Schedule(_identity(kept), name, is_enabled=True, trigger=kept["trigger"], is_new=True)
    problem = f"others change the schedule {name} all the time"
    raise InfrastructureError(problem, hint="See `python -m pipelines schedule --list`, and try again")


def schedules(server: Server) -> list[Schedule]:
    """All recurring runs that may be seen."""
    pages = server.pages("list schedules", "/recurringruns", page_size="100", **server.scope)
    return [_read(one) for page in pages for one in page.get("recurringRuns") or ()]


def switch(server: Server, name: str, action: str) -> int:
    """Pause, resume or delete the schedule of this name; how many had it. Runs that were started are left alone.

    Args:
        server: where.
        name: of the schedule.
        action: ``disable``, ``enable`` or ``delete``.

    Raises:
        InputError: there is none.
    """
    known = _named(server, name)
    if not known and action != "delete":
        raise InputError(f"there is no schedule {name}", hint="`python -m pipelines schedule --list` shows all")
    for one in known:
        if action == "delete":
            _delete(server, _identity(one))
        else:
            _switch(server, _identity(one), action)
    return len(known)


def _gone_or_done(ask: Callable[[], None]) -> bool:
    """Do it; False if another has removed the schedule meanwhile."""
    try:
        ask()
    except RefusalError as error:
        if error.status != 404:
            raise
        return False
    return True


def _identity(one: Mapping[str, Any]) -> str:
    return str(one.get("recurring_run_id", ""))


def _named(server: Server, name: str) -> list[dict[str, Any]]:
    query = {"filter": equal("display_name", name), "page_size": "100", **server.scope}
    pages = server.pages("find the schedule", "/recurringruns", **query)
    return [one for page in pages for one in page.get("recurringRuns") or ()]


def _delete(server: Server, identity: str) -> None:
    server.ask("delete the schedule", "DELETE", f"/recurringruns/{identity}")


def _switch(server: Server, identity: str, action: str) -> None:
    server.ask(f"{action} the schedule", "POST", f"/recurringruns/{identity}:{action}")


def _read(one: Mapping[str, Any]) -> Schedule:
    name, trigger = str(one.get("display_name", "")), one.get("trigger") or {}
    return Schedule(_identity(one), name, _is_enabled(one), trigger)


def _is_enabled(one: Mapping[str, Any]) -> bool:
    return one.get("status") == "ENABLED"


def _plain(value: Any) -> Any:
    """Without what the server adds, and numbers as text, as it gives them back."""
    if isinstance(value, Mapping):
        return {key: _plain(inner) for key, inner in value.items() if inner not in (None, "")}
    return value if isinstance(value, bool) or value is None else str(value)
