"""Redaction: what must not be stored or sent on is taken out of a line before anything else is done with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import polars as pl

from rationanomaly.errors import ParamsError

_NAMES = (
    r"pass(?:word|wd|phrase)?|pwd|secret|token|credentials?|authorization|api[_-]?key|access[_-]?key|private[_-]?key"
)

#: Name → regular expressions, and what takes the place of a match.
PATTERNS: Mapping[str, Mapping[str, str]] = {
    "email": {r"[A-Za-z0-9._%+-]+@[A-Za-z0-9-]+(?:\.[A-Za-z0-9-]+)+": "[email]"},
    "token": {
        r"(?i)\b(bearer|basic)\s+[A-Za-z0-9._~+/=-]{8,}": "$1 [token]",
        r"\beyJ[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*": "[token]",
        r"\b(?:ghp|gho|ghs|glpat|xox[abpr]|sk)[-_][A-Za-z0-9_-]{16,}": "[token]",
        rf"(?i)\b((?:[a-z0-9]+[_.-])*(?:{_NAMES})[\"']?\s*[=:]\s*[\"']?)[^\s\"',;&\[]+": "$1[secret]",
        r"(://[^\s:/@]+:)[^\s/@]+@": "$1[secret]@",
    },
    "key": {
        r"\bA[KS]IA[A-Z0-9]{16}\b": "[key]",
        r"\bAIza[A-Za-z0-9_-]{35}\b": "[key]",
        r"-----BEGIN [A-Z ]*PRIVATE KEY-----[^-]*(?:-----END [A-Z ]*PRIVATE KEY-----)?": "[key]",
    },
}


class Redactor:
    """Applies the built-in patterns of some names, then the user's own.

    Args:
        names: which of `PATTERNS`.
        own: name → regular expression; a match becomes ``[name]``.

    Raises:
        ParamsError: an unknown name, or no regular expression of the linear-time kind.
    """

    def __init__(self, names: Sequence[str], own: Mapping[str, str]) -> None:
        self._patterns: dict[str, str] = {}
        for name in names:
            if name not in PATTERNS:
                known = ", ".join(PATTERNS)
                raise ParamsError(f"`parse.redact`: nothing is called {name}", hint=f"Use some of {known}")
            self._patterns |= PATTERNS[name]
        for name, pattern in own.items():
            self._patterns[pattern] = f"[{name}]"
            try:
                pl.Series([""]).str.replace_all(pattern, "")
            except pl.exceptions.PolarsError as error:
                problem = (
                    f"`parse.redact_patterns.{name}` is no regular expression without look-around and backreferences"
                )
                raise ParamsError(problem, hint="Correct it") from error

    def redact(self, lines: pl.DataFrame) -> pl.DataFrame:
        """The lines with ``raw`` redacted."""
        if not self._patterns:
            return lines
        raw = pl.col("raw")
        for pattern, replacement in self._patterns.items():
            raw = raw.str.replace_all(pattern, replacement)
        return lines.with_columns(raw)
