"""All that was measured of a model's cost, as one JSON object: what tables, plot and report are made of."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from rationanomaly.cost.known_lines import KnownLines
from rationanomaly.cost.measuring import Alone, Batch
from rationanomaly.cost.new_templates import NewTemplates
from rationanomaly.cost.price import Cost, cost_per_line, costs
from rationanomaly.cost.ways import DIRECT


@dataclass(frozen=True)
class Machine:
    """What it was measured on, and what that costs.

    Attributes:
        name: in words, for the tables.
        threads: of torch.
        load: mean number of processes that wanted a processor in the minute before and in the last one of the run.
        price_per_hour: None: not stated.
        currency: of the price.
    """

    name: str
    threads: int
    load: tuple[float, float]
    price_per_hour: float | None = None
    currency: str = ""


@dataclass(frozen=True)
class Model:
    """What was asked: the step that made it, its base, its number of weights, and its attempts at each analysis."""

    stage: str
    base: str
    weights: int
    attempts: int


@dataclass(frozen=True)
class Measured:
    """Everything that was measured.

    Attributes:
        training: seconds by step; empty where they aren't known.
        known_lines, new_templates: None where the outputs are of a table of templates, without a log.
    """

    machine: Machine
    model: Model
    batches: Sequence[Batch]
    alone: Sequence[Alone]
    known_lines: KnownLines | None
    new_templates: NewTemplates | None
    training: Mapping[str, float] = field(default_factory=dict)

    @property
    def costs(self) -> list[Cost]:
        """Of a million lines, by way; last what it would be with a direct verdict for each line."""
        if self.known_lines is None or self.new_templates is None:
            return []
        price, rate = self.machine.price_per_hour, self.known_lines.per_second.median
        by_template: Iterable[Cost] = costs(self.batches, self.new_templates.later, rate, price)
        return [*by_template, cost_per_line(self.batches, DIRECT, price)]

    def as_record(self) -> dict[str, Any]:
        """A JSON object."""
        record: dict[str, Any] = _rounded(asdict(self) | {"costs": [asdict(one) for one in self.costs]})
        return record


def _rounded(value: Any) -> Any:
    """Seven digits: more are noise, and fewer would not give a ratio again."""
    match value:
        case float():
            return float(f"{value:.7g}")
        case dict():
            return {key: _rounded(one) for key, one in value.items()}
        case list() | tuple():
            return [_rounded(one) for one in value]
        case _:
            return value
