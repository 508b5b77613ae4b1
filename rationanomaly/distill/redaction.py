"""Keys and passwords: where they come from, and how they are kept out of everything that is written.

They come from the environment only. `Secrets` knows their values, and every text that a server or a client library
wrote goes through it before it reaches the journal, an exception or a log record.
"""

from __future__ import annotations

import base64
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

from rationanomaly.errors import ParamsError

#: Shorter values are no secrets (`EMPTY`, `none`), and striking them out would damage innocent text.
SHORTEST_SECRET = 8
MASK = "[secret]"
_PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


class Secrets:
    """Values that must not be written anywhere, in every spelling in which they travel."""

    def __init__(self) -> None:
        self._values: set[str] = set()
        for name in _PROXIES:
            for spelling in (name, name.lower()):
                self.add_url(os.environ.get(spelling, ""))

    def __repr__(self) -> str:
        return f"Secrets({len(self._values)} values)"

    def add(self, value: str) -> None:
        """Know one more secret."""
        encoded = base64.b64encode(value.encode()).decode()
        self._values |= {
            spelling
            for spelling in (value, quote(value, safe=""), unquote(value), encoded)
            if len(spelling) >= SHORTEST_SECRET
        }

    def add_url(self, url: str) -> None:
        """Know the password and the query values of an address."""
        try:
            parts = urlsplit(url)
        except ValueError:
            return self.add(url)
        for value in (parts.password, parts.username, *(value for _, value in parse_qsl(parts.query))):
            if value:
                self.add(value)
        if parts.password:  # Basic authentication sends the pair in base64.
            self.add(f"{unquote(parts.username or '')}:{unquote(parts.password)}")

    def strike(self, text: str) -> str:
        """``text`` with every secret replaced; long ones first, for one may hold another."""
        for value in sorted(self._values, key=len, reverse=True):
            text = text.replace(value, MASK)
        return text

    def strike_all(self, value: Any) -> Any:
        """A JSON value with every secret in its strings replaced."""
        if isinstance(value, str):
            return self.strike(value)
        if isinstance(value, Mapping):
            return {self.strike(key): self.strike_all(item) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return [self.strike_all(item) for item in value]
        return value

    @contextmanager
    def kept_out_of_logs(self) -> Iterator[None]:
        """Strike secrets from every log record made inside the block, those of the HTTP libraries included."""
        make = logging.getLogRecordFactory()

        def make_clean(*args: Any, **kwargs: Any) -> logging.LogRecord:
            record = make(*args, **kwargs)
            record.msg, record.args = self.strike(record.getMessage()), None
            if record.exc_info:
                record.exc_text = self.strike(logging.Formatter().formatException(record.exc_info))
                record.exc_info = None
            return record

        logging.setLogRecordFactory(make_clean)
        try:
            yield
        finally:
            logging.setLogRecordFactory(make)


def from_environment(name: str) -> str:
    """The value of an environment variable that params name.

    Raises:
        ParamsError: it is not set, or empty.
    """
    value = os.environ.get(name, "").strip()
    if not value:
        raise ParamsError(
            f"the environment variable {name} is not set, and the teacher needs it",
            hint="Set it in the shell or in the pod's secret; keys are never read from a file",
        )
    return value
