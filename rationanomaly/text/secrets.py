"""Keys and passwords: how they are kept out of everything that is written.

They come from the environment only. `Secrets` knows values, in every spelling in which they travel. What a server or a
client library wrote goes through one that knows those in question before it reaches a journal; and whatever comes to a
terminal, the log of a pod or a record of a run goes through `strike`, which knows all of the environment.
"""

from __future__ import annotations

import base64
import logging
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qsl, quote, unquote, urlsplit

#: Shorter values are no secrets (`EMPTY`, `none`), and striking them out would damage innocent text; of what is known
#: to be a password a few characters are enough.
SHORTEST_SECRET, SHORTEST_PASSWORD = 8, 4
MASK = "[secret]"
#: Variables that hold a secret, whoever set them.
_NAMES = re.compile(r"(?:^|_)(?:PASSWORD|PASSWD|TOKEN|SECRET|SECRET_ACCESS_KEY|API_?KEY|COOKIES?)$", re.IGNORECASE)
_PASSWORDS = re.compile(r"PASSW(?:OR)?D$", re.IGNORECASE)
#: An address with a user and a password, and a query with what opens a door: nobody has to know their values.
_LOGIN = re.compile(r"//[^/\s\"'<>@:]{0,200}:[^/\s\"'<>]{0,400}@")
_QUERY = re.compile(
    r"(?i)([?&](?:password|passwd|pwd|token|secret|signature|sig|access_token|api_?key|x-amz-\w+)=)[^&\s\"'<>]+"
)


class Secrets:
    """Values that must not be written anywhere, in every spelling in which they travel; proxies' passwords at once."""

    def __init__(self) -> None:
        self._values: set[str] = set()
        for name, value in os.environ.items():
            if name.upper().endswith("_PROXY"):
                self.add_url(value)

    @classmethod
    def of_environment(cls) -> Secrets:
        """All that the environment holds: what is called a secret, and the logins of addresses."""
        found = cls()
        for name, value in os.environ.items():
            if _NAMES.search(name) and not value.startswith("/"):  # A file's name is none.
                found.add(value, SHORTEST_PASSWORD if _PASSWORDS.search(name) else SHORTEST_SECRET)
            elif "://" in value:
                found.add_url(value)
        return found

    def __repr__(self) -> str:
        return f"Secrets({len(self._values)} values)"

    def add(self, value: str, shortest: int = SHORTEST_SECRET) -> None:
        """Know one more secret, unless it has fewer characters than ``shortest``."""
        if len(value) < shortest:
            return
        encoded = base64.b64encode(value.encode("utf-8", "surrogateescape")).decode()
        self._values |= {value, quote(value, safe="", errors="replace"), unquote(value), encoded} - {""}

    def add_url(self, url: str) -> None:
        """Know the password and the query values of an address."""
        try:
            parts = urlsplit(url)
        except ValueError:
            return self.add(url)
        # A name beside a password is no secret, and may be a word of every message; alone it is a token.
        alone = parts.username if parts.password is None else None
        for value in (alone, *(value for _, value in parse_qsl(parts.query))):
            if value:
                self.add(value)
        # A password with a slash in it ends an address early: what stands before the last @ is taken for the login.
        user, _, password = url.partition("://")[2].rpartition("@")[0].partition(":")
        if password:
            self.add(password, SHORTEST_PASSWORD)
            self.add(unquote(password), SHORTEST_PASSWORD)
            for piece in re.split(r"[/@?#]", password):
                self.add(piece)
            # Basic authentication sends the pair in base64.
            self.add(f"{unquote(user)}:{unquote(password)}")

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


def strike(text: str) -> str:
    """``text`` without secrets of the environment, logins of addresses and what opens a door in their queries."""
    struck = Secrets.of_environment().strike(text)
    if "//" in struck:
        struck = _LOGIN.sub(f"//{MASK}@", struck)
    return _QUERY.sub(rf"\1{MASK}", struck) if "=" in struck else struck


def strike_error(error: BaseException) -> None:
    """Strike secrets from an error and all that led to it, in place: a traceback shows every one of them.

    One whose text can't be changed is taken out of the chain.
    """
    waiting, seen = [error], set[int]()
    while waiting:
        one = waiting.pop()
        seen.add(id(one))
        for before in (one.__cause__, one.__context__):
            if before is not None and id(before) not in seen:
                waiting.append(before)
                if not _is_clean(before):
                    one.__cause__, one.__context__ = None, None
        _is_clean(one)


def _is_clean(error: BaseException) -> bool:
    """Strike secrets from what an error holds; whether its text has none then."""
    error.args = tuple(strike(part) if isinstance(part, str) else part for part in error.args)
    for name, value in list(vars(error).items()):
        if isinstance(value, str):
            vars(error)[name] = strike(value)
        elif name == "__notes__":
            error.__notes__ = [strike(note) for note in value]
    text = str(error)
    return strike(text) == text
