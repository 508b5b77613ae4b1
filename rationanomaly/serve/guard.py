"""What stands before every request: names of the host, keys, limits; and what follows every answer: headers, counts."""

from __future__ import annotations

import time
from collections.abc import Collection

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rationanomaly.params.watch import ServeParams
from rationanomaly.review.guarding import is_other_site
from rationanomaly.review.host_names import HostNames
from rationanomaly.serve.keys import Caller, Keys, Role
from rationanomaly.serve.limits import Budget, Pace, Reservation
from rationanomaly.serve.metrics import Meter
from rationanomaly.serve.problems import Problem

#: Asked by machines that may know neither our name nor a key, and that must get an answer when we are busy.
_HEALTH = frozenset({"/healthz", "/readyz"})
_METRICS = "/metrics"
_API = "/v1/"
_WRITING = frozenset({"/v1/lines", "/v1/logs"})
_MODEL = "/v1/model"
_SAFE = frozenset({"GET", "HEAD"})


class Guard:
    """Turns away what must not come in.

    Args:
        app: what is guarded.
        settings: limits.
        keys: who may do what.
        hosts: names under which we are reached, see `host_names`.
        meter: counts.
    """

    def __init__(self, app: ASGIApp, settings: ServeParams, keys: Keys, hosts: Collection[str], meter: Meter) -> None:
        self._app, self._settings, self._keys, self._meter = app, settings, keys, meter
        self._hosts = HostNames(hosts)
        self._pace = Pace(settings.requests_per_second, settings.request_burst)
        self._budget = Budget(settings.max_waiting_bytes)
        self._running = 0
        meter.watch(lambda: self._running, lambda: self._budget.used)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started, status = time.perf_counter(), 500

        async def sending(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                _add_headers(MutableHeaders(raw=message["headers"]), scope["path"])
                message["headers"] = message["headers"]
            await send(message)

        reservation = Reservation(self._budget)
        self._running += 1
        try:
            headers = Headers(scope=scope)
            try:
                caller = self._admit(scope, headers)
            except Problem as problem:
                content_type = headers.get("content-type", "").partition(";")[0].strip().lower()
                await problem.response(scope["path"], content_type)(scope, receive, sending)
                return
            scope.setdefault("state", {}).update(caller=caller, reservation=reservation)
            await self._app(scope, receive, sending)
        finally:
            self._running -= 1
            reservation.release()
            self._meter.count_request(_route(scope), scope["method"], status, time.perf_counter() - started)

    def _admit(self, scope: Scope, headers: Headers) -> Caller | None:
        """Who asks; None for pages, whose visitors have sessions of their own, and for checks of health.

        Raises:
            Problem: the request is turned away.
        """
        path, method = scope["path"], scope["method"]
        if path in _HEALTH:
            return None
        if path == _METRICS:
            return self._known(headers, "read") if self._settings.metrics_need_key else None
        self._check_host(headers)
        # A page of another site can send a plain form, and needs no answer to do harm.
        if method not in _SAFE and is_other_site(headers.get("origin"), headers.get("host")):
            raise Problem(403, "other_site", "This came from another site.")
        if self._running > self._settings.max_requests:
            raise Problem(503, "busy", "Too many requests at once. Come later.", 1)
        if not path.startswith(_API):
            return None
        caller = self._known(headers, _role(path, method))
        client = scope.get("client") or ("unknown", 0)
        self._pace.spend(caller.name if self._keys.needed else str(client[0]))
        return caller

    def _check_host(self, headers: Headers) -> None:
        if not self._hosts.include(headers.get("host")):
            raise Problem(400, "unknown_host", "We are not reached under this name. watch.serve.hosts lists the names.")

    def _known(self, headers: Headers, role: Role) -> Caller:
        scheme, _, token = headers.get("authorization", "").partition(" ")
        key = token.strip() if scheme.lower() == "bearer" else headers.get("x-api-key")
        caller = self._keys.find(key)
        if caller is None:
            self._meter.count_refusal("key")
            raise Problem(401, "no_key", "Send a valid API key as `Authorization: Bearer KEY` or `X-API-Key: KEY`.")
        if not caller.may(role):
            raise Problem(403, "wrong_role", f"This key lacks the role {role}.")
        return caller


def _role(path: str, method: str) -> Role:
    if path in _WRITING:
        return "write"
    return "admin" if path == _MODEL and method not in _SAFE else "read"


def _route(scope: Scope) -> str:
    """The route's own path: a path as it was sent would make a series of metrics for each."""
    return str(getattr(scope.get("route"), "path", "")) or "other"


def _add_headers(headers: MutableHeaders, path: str) -> None:
    headers["X-Content-Type-Options"] = "nosniff"
    if not path.startswith("/incidents"):  # The pages have their own.
        headers.setdefault("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
        headers.setdefault("Cache-Control", "no-store")
