"""What has come of a raw input so far: written in order, continued after a break, never larger than allowed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from rationanomaly import progress
from rationanomaly.errors import InfrastructureError, InputError

MEGABYTE = 10**6


@dataclass(frozen=True)
class Part:
    """A raw input on its way.

    Attributes:
        name: of the raw input.
        path: where it is written.
        megabytes: more is refused.
    """

    name: str
    path: Path
    megabytes: int

    @property
    def limit(self) -> int:
        """Bytes that it may have."""
        return self.megabytes * MEGABYTE

    @property
    def size(self) -> int:
        """Bytes that have come."""
        return self.path.stat().st_size if self.path.exists() else 0

    def write(self, chunks: Iterable[bytes], done: int, total: int | None) -> None:
        """Write what comes behind ``done`` bytes.

        Raises:
            InputError: it is larger than allowed; nothing is kept.
            InfrastructureError: it broke off before ``total`` bytes.
        """
        self.refuse_above(total or 0)
        with self.path.open("ab" if done else "wb") as file:
            for chunk in chunks:
                done += len(chunk)
                if done > self.limit:
                    break
                file.write(chunk)
                progress.report(f"fetching {self.name}", done, total, "bytes")
        self.refuse_above(done)
        if total is not None and done != total:
            raise self.failed(f"it broke off at {done} of {total} bytes")

    def refuse_above(self, size: int) -> None:
        """Check that so many bytes are allowed.

        Raises:
            InputError: they aren't; nothing is kept.
        """
        if size > self.limit:
            if not self.path.is_dir():
                self.path.unlink(missing_ok=True)
            problem = f"`cluster.data.{self.name}` is larger than {self.megabytes} MB"
            raise InputError(problem, hint=f"Raise cluster.data.{self.name}.max_megabytes, if it is what you want")

    def failed(self, reason: str, hint: str | None = None) -> InfrastructureError:
        """The error of a fetch that may go well next time; the reason never names an address: it may be a secret."""
        hint = hint or "Check cluster.data and the network; the same run continues from what has come"
        return InfrastructureError(f"`cluster.data.{self.name}` can't be fetched: {reason}", hint=hint)
