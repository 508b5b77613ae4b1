"""Log documents of Elasticsearch or OpenSearch, in the order of their time, as JSON lines.

Documents are read behind a short delay, for a document can be searched only once its index was refreshed, and shippers
bring lines late. What is indexed later still, with a time from before, is not seen. A position is the time of the last
document with the ids of those of that very time, so none comes twice.
"""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from threading import Event
from typing import Any

from rationanomaly.errors import InfrastructureError, InputError
from rationanomaly.remote.credentials import from_environment
from rationanomaly.remote.http import RefusedError, Server, UnreachableError
from rationanomaly.remote.pauses import Pauses
from rationanomaly.sources.chunk import Chunk, Position

_log = logging.getLogger(__name__)
_AT_ONCE = 1000
#: Of one answer: seconds, and bytes.
_SECONDS, _LONGEST = 30.0, 1 << 28
_FIRST_PAUSE = 1.0
#: What no waiting will change.
_REFUSALS = {401: "refuses the key", 403: "doesn't let this key read", 404: "knows no index"}
#: An index, an alias or a data stream; `*` in it, and commas between several.
_NAME = re.compile(r"[a-z0-9.*][a-z0-9._*,-]{0,199}", re.ASCII)
Document = dict[str, Any]


class ElasticsearchSource:
    """The documents of an index, an alias, a data stream or a pattern of these.

    Args:
        url: of the server.
        index: what to read.
        time_field: of a document.
        start: ISO 8601, the first time to read where nothing has been read yet; None: from now on.
        query: a further condition in the query language of Elasticsearch (JSON).
        api_key: NAME of the environment variable of an API key; None: no login.
        delay_seconds: documents younger than this wait.
        poll_seconds: pause where nothing new has come.
        retry_seconds: longest pause where the server doesn't answer.
        clock: seconds since 1970.

    Raises:
        InputError: ``index`` can't be the name of one.
        ParamsError: the environment variable is not set.
    """

    def __init__(
        self,
        url: str,
        index: str,
        *,
        time_field: str = "@timestamp",
        start: str | None = None,
        query: Mapping[str, Any] | None = None,
        api_key: str | None = None,
        delay_seconds: float = 5.0,
        poll_seconds: float = 2.0,
        retry_seconds: float = 60.0,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if _NAME.fullmatch(index) is None:
            raise InputError(f"no index can be called {index[:60]!r}", hint="Correct watch.sources")
        key = "" if api_key is None else from_environment(api_key, "Elasticsearch")
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"ApiKey {key}"} if key else {})
        self._server = Server(
            "Elasticsearch", url.rstrip("/"), _SECONDS, headers=headers, secrets=[key, url], longest=_LONGEST
        )
        self._index, self._field, self._query, self._start = index, time_field, query, start
        self._delay, self._poll, self._clock = delay_seconds, poll_seconds, clock
        self._pauses, self._closed = Pauses(_FIRST_PAUSE, retry_seconds), Event()

    def chunks(self, positions: Mapping[str, Position]) -> Iterator[Chunk | None]:
        """See `chunk.LineSource`; the one stream has the name of the index.

        Raises:
            InfrastructureError: the server refuses the key or the query, or knows no such index.
            InputError: the position is none of this source.
        """
        last, seen = self._first(positions.get(self._index))
        is_down = False
        while not self._closed.is_set():
            try:
                found = self._search(last, seen)
            except UnreachableError as error:
                if not is_down:
                    _log.warning("%s It is waited for", error)
                is_down = True
                yield None
                self._closed.wait(self._pauses.next(error.retry_after))
                continue
            is_down = False
            self._pauses.reset()
            if not found:
                yield None
                self._closed.wait(self._poll)
                continue
            last, seen = _behind(found, last, seen)
            yield Chunk(self._index, _lines(found), {"time": last, "ids": seen}, "json")
        self._server.close()

    def close(self) -> None:
        """See `chunk.LineSource`."""
        self._closed.set()

    def _first(self, position: Position) -> tuple[Any, list[str]]:
        if position is None:
            return self._start or int(self._clock() * 1000), []
        try:
            return position["time"], [str(one) for one in position["ids"]]
        except (TypeError, KeyError) as error:
            hint = "Name the state folder of this source, or a new one"
            raise InputError(f"is no position in an index: {json.dumps(position)[:60]}", hint=hint) from error

    def _search(self, last: Any, seen: Sequence[str]) -> list[Document]:
        """The next documents; more than a page of one and the same time are read in one go."""
        until = int((self._clock() - self._delay) * 1000)
        condition: list[Document] = [
            # The format is that of `sort` below, so that a time is compared with itself.
            {"range": {self._field: {"gte": last, "lte": until, "format": "epoch_millis||strict_date_optional_time"}}}
        ]
        condition += [] if self._query is None else [dict(self._query)]
        excluded = [{"ids": {"values": list(seen)}}] if seen else []
        body = {
            "size": _AT_ONCE,
            "query": {"bool": {"filter": condition, "must_not": excluded}},
            "sort": [{self._field: {"order": "asc", "format": "epoch_millis"}}],
            "track_total_hits": False,
        }
        try:
            content, query = json.dumps(body).encode(), {"ignore_unavailable": "true"}
            answer = self._server.request("POST", f"/{self._index}/_search", content=content, query=query)
        except RefusedError as error:
            raise self._refusal("doesn't take the query on", error) from error
        except UnreachableError as error:
            if error.status in _REFUSALS:
                raise self._refusal(_REFUSALS[error.status], error) from error
            raise
        return _documents(answer)

    def _refusal(self, said: str, error: InfrastructureError) -> InfrastructureError:
        problem = f"{self._server.host} {said} {self._index}: {error.problem}"
        return InfrastructureError(problem, hint="Correct watch.sources, or the key in its variable")


def _documents(answer: bytes) -> list[Document]:
    """The hits of an answer.

    Raises:
        UnreachableError: there are none in it; it may be better in a while.
    """
    try:
        hits = json.loads(answer)["hits"]["hits"]
        return [{"id": str(hit["_id"]), "time": int(hit["sort"][0]), "source": hit["_source"]} for hit in hits]
    except (ValueError, KeyError, TypeError, IndexError, RecursionError) as error:
        raise UnreachableError("Elasticsearch answers with something else than search results") from error


def _behind(found: Sequence[Document], last: Any, seen: Sequence[str]) -> tuple[Any, list[str]]:
    """The time to continue from, with the ids of the documents of that time that were read."""
    newest = found[-1]["time"]
    ids = [one["id"] for one in found if one["time"] == newest]
    return newest, [*(seen if newest == last else ()), *ids]


def _lines(found: Sequence[Document]) -> bytes:
    """One JSON line for each document; line breaks of messages are escaped in it."""
    return "".join(json.dumps(one["source"], ensure_ascii=True) + "\n" for one in found).encode()
