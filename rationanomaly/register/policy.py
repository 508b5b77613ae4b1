"""The promotion policy: what a version must show before an alias moves to it, read from a file under version control.

More is better of what stands under ``minimum``, ``not_worse`` and ``paired``, less of what stands under ``maximum``,
stress rates above all. Where a figure has an interval, its ends have names of their own: ``…/low`` and ``…/high``.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated

import yaml
from pydantic import BeforeValidator, Field, ValidationError

from rationanomaly.errors import ParamsError
from rationanomaly.params import Section
from rationanomaly.params.files import line_of, read
from rationanomaly.register.tags import F1_TAG, bounds, is_better_lower, is_number, is_paired, is_tagged

#: The one part of a policy of which less is better, and the one that names no tag but what is compared.
_AT_MOST, _PAIRED = "maximum", "paired"
#: Parts whose numbers are margins and no values of the metrics.
_MARGINS = ("not_worse", _PAIRED)
_EXAMPLE = "See mlflow/promotion.yaml"
#: Bytes of a file, and rows in it: each decision is recorded with all of them, and a registry's tags have an end.
_MOST_BYTES, _MOST_ROWS = 1024 * 1024, 500


def _no_boolean(value: object) -> object:
    if isinstance(value, bool):
        raise ValueError("a number is needed, and this is a yes or no")
    return value


#: A finite number. YAML's ``true`` and ``yes`` would else be taken for 1.
Limit = Annotated[float, Field(allow_inf_nan=False), BeforeValidator(_no_boolean)]


class Policy(Section):
    """What a version must show.

    Attributes:
        minimum: metric name, as in ``evaluate``'s metrics → smallest value that passes.
        maximum: metric name → greatest value that passes; a policy may be without.
        not_worse: metric name → how much lower than the version that holds the alias now it may be, each by its own
            evaluation.
        paired: metric name → by how much it may fall short of the version that holds the alias now, both measured on
            the same data in one evaluation: the lower end of the 95 % interval of the difference must not lie lower.
            That is a test of non-inferiority at 2.5 %, one-sided. A policy may be without.
    """

    minimum: dict[str, Limit]
    maximum: dict[str, Limit] = Field(default_factory=dict)
    not_worse: dict[str, Annotated[Limit, Field(ge=0)]]
    paired: dict[str, Annotated[Limit, Field(ge=0)]] = Field(default_factory=dict)

    @property
    def document(self) -> str:
        """All that it asks for, as JSON in one spelling: comments and the order of rows are no part of it."""
        return self.model_copy(
            update={part: dict(sorted(getattr(self, part).items())) for part in type(self).model_fields}
        ).model_dump_json()

    @property
    def sha256(self) -> str:
        """Of `document`."""
        return hashlib.sha256(self.document.encode()).hexdigest()


def read_policy(path: Path) -> Policy:
    """Read a policy file.

    Raises:
        ParamsError: no such file, not YAML, an unknown or a missing key, one that stands twice, a limit that is no
            finite number in plain decimal digits or that the metric can't have, a metric that no version carries, one
            of which less is better under a part that asks for more of it, or no row at all or too many.
    """
    if not path.is_file():
        raise ParamsError("no such policy", file=path, hint=_EXAMPLE)
    if path.stat().st_size > _MOST_BYTES:
        raise ParamsError(f"is no promotion policy: it has more than {_MOST_BYTES:,} bytes", file=path, hint=_EXAMPLE)
    try:
        policy = Policy.model_validate(read(path))
    except ParamsError as error:
        problem, line = error.problem, error.line
        raise ParamsError(f"is no promotion policy: {problem}", file=path, line=line, hint=_EXAMPLE) from error
    except ValidationError as error:
        first = error.errors()[0]
        problem = f"`{'.'.join(map(str, first['loc']))}`: {first['msg']}"
        raise ParamsError(f"is no promotion policy: {problem}", file=path, hint=_EXAMPLE) from error
    rows = sum(len(getattr(policy, part)) for part in type(policy).model_fields)
    if not 0 < rows <= _MOST_ROWS:
        problem = f"asks for {rows:,} figures, of at most {_MOST_ROWS}" if rows else "asks for nothing"
        raise ParamsError(f"is no promotion policy: {problem}", file=path, hint=_EXAMPLE)
    spelled = _spelled(path)
    for part in type(policy).model_fields:
        for metric, limit in getattr(policy, part).items():
            problem, hint = _fault(part, metric, limit, spelled.get((part, metric), ""))
            if problem:
                line = line_of(path, [part, metric])
                raise ParamsError(
                    f"is no promotion policy: {problem}", file=path, line=line, hint=f"{hint}. {_EXAMPLE}"
                )
    return policy


def _spelled(path: Path) -> dict[tuple[str, str], str]:
    """The limits as they are written, by part and metric: YAML takes `1_0`, `0x1` and `1:30` for numbers."""
    document = yaml.compose(path.read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    return {
        (part, metric): limit.value for part, rows in _pairs(document) for metric, limit in _pairs(rows)
        if isinstance(limit, yaml.ScalarNode)
    }  # fmt: skip


def _pairs(node: yaml.Node | None) -> list[tuple[str, yaml.Node]]:
    pairs = node.value if isinstance(node, yaml.MappingNode) else []
    return [(str(key.value), value) for key, value in pairs]


def _fault(part: str, metric: str, limit: float, spelled: str) -> tuple[str, str]:
    """What is wrong with a row of a policy, and what to do; two empty texts if nothing is."""
    carried = is_paired(metric) if part == _PAIRED else metric == F1_TAG or is_tagged(metric)
    if not carried:
        compared = " against the holder of the alias" if part == _PAIRED else ""
        return f"`{part}`: no version carries a metric {metric}{compared}", "Correct the name"
    if part != _AT_MOST and is_better_lower(metric):
        return f"`{part}` would ask for more of {metric}, of which less is better", f"Put it under `{_AT_MOST}`"
    if not is_number(spelled):
        return f"`{part}.{metric}` is `{spelled[:40]}`, which is no number in decimal digits", "Write it as 0.5"
    lowest, highest = bounds(metric)
    if part in _MARGINS:
        lowest = 0.0
    if not lowest <= limit <= highest:
        return f"`{part}.{metric}` is {limit:g}, and must be from {lowest:g} to {highest:g}", "Correct the number"
    return "", ""
