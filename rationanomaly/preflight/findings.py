"""What a preflight check says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rationanomaly.errors import RationAnomalyError, one_line

Severity = Literal["error", "warning"]


@dataclass(frozen=True)
class Finding:
    """Something that is, or may be, wrong.

    Attributes:
        problem: what, one sentence without a full stop.
        hint: what to do about it, one sentence without a full stop.
        severity: an error ends the run, a warning doesn't.
    """

    problem: str
    hint: str
    severity: Severity = "error"

    @classmethod
    def of(cls, error: RationAnomalyError, hint: str) -> Finding:
        """What an error of ours says; ``hint`` where it has none."""
        place = f"{error.file}: " if error.file is not None else ""
        return cls(f"{place}{error.problem}", error.hint or hint)


def warning(problem: str, hint: str) -> Finding:
    """A finding that ends nothing."""
    return Finding(problem, hint, "warning")


@dataclass(frozen=True)
class CheckResult:
    """What one check found.

    Attributes:
        check: its name.
        findings: none, where all is well.
        seconds: that it took.
    """

    check: str
    findings: tuple[Finding, ...]
    seconds: float


@dataclass(frozen=True)
class Report:
    """What all checks found, in the order of the table of checks.

    Attributes:
        results: one a check.
        seconds: that they took together.
    """

    results: tuple[CheckResult, ...]
    seconds: float

    def count(self, severity: Severity) -> int:
        """Findings of that severity."""
        return sum(finding.severity == severity for result in self.results for finding in result.findings)

    @property
    def failed(self) -> tuple[str, ...]:
        """Names of the checks with an error."""
        found = (result for result in self.results if any(one.severity == "error" for one in result.findings))
        return tuple(result.check for result in found)


def table(report: Report) -> str:
    """The report as lines: every check, and under it its findings, each with its hint; inert in any terminal."""
    lines = list[str]()
    for result in report.results:
        lines += [f"{result.check:<9}ok"] if not result.findings else _rows(result.check, result.findings)
    errors, warnings = report.count("error"), report.count("warning")
    lines.append(f"{len(report.results)} checks in {report.seconds:.1f} s: {errors} error(s), {warnings} warning(s)")
    return "\n".join(lines)


def _rows(check: str, findings: Sequence[Finding]) -> list[str]:
    rows = list[str]()
    for finding in findings:
        rows.append(f"{check:<9}{finding.severity}: {one_line(finding.problem)}")
        rows.append(f"{'':<9}  → {one_line(finding.hint)}")
    return rows
