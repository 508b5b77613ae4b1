"""Which analysis of a log is taken where it may be written more than once.

An analysis that the log's words don't bear out (`WrittenText.borne_out`) is written anew. Another one is taken only if
it is borne out better and argues as the first did, for words are looked for, not another verdict.
"""

from __future__ import annotations

from collections.abc import Sequence

from rationanomaly.rulebook.written_text import WrittenText
from rationanomaly.text.evidence import required_quotes
from rationanomaly.text.prompt import Shown


class Attempts:
    """The analyses of some logs, written in rounds: of each log the one that is taken so far."""

    def __init__(self, logs: Sequence[Shown]) -> None:
        self._logs = logs
        self._taken: list[WrittenText | None] = [None] * len(logs)

    @property
    def taken(self) -> Sequence[WrittenText | None]:
        """Of each log, shape (len(logs),); None where no analysis came to an end."""
        return self._taken

    def open_places(self) -> list[int]:
        """Places of the logs of which another analysis may be better than the one that is taken."""
        return [place for place, text in enumerate(self._taken) if text is None or self._may_be_better(text)]

    def add(self, places: Sequence[int], texts: Sequence[str | None]) -> None:
        """What another round wrote of the logs at these places; None for an analysis that came to no end."""
        for place, text in zip(places, texts, strict=True):
            if text is not None:
                self._taken[place] = _better(self._taken[place], WrittenText(self._logs[place], text))

    def analyses(self) -> list[str | None]:
        """Of each log the analysis that is taken; None where none came to an end."""
        return [text.rationale if text else None for text in self._taken]

    def _may_be_better(self, text: WrittenText) -> bool:
        """A log without a word that can be quoted gives no analysis anything to lean on, whoever writes it."""
        return text.borne_out < 1 and required_quotes(text.shown) > 0


def _better(before: WrittenText | None, other: WrittenText) -> WrittenText:
    """The other one if it is borne out better and argues for no other label; the first of equals."""
    if before is None:
        return other
    same = before.argument.side in (None, other.argument.side)
    return other if same and other.borne_out > before.borne_out else before
