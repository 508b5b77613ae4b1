from __future__ import annotations

from typing import Any

import pytest

from rationanomaly.errors import ParamsError
from rationanomaly.params import Params, TrainingParams
from rationanomaly.training.batching import Passes, spread


def _training(params: Params, **changes: Any) -> TrainingParams:
    return params.training.model_copy(update=changes)


@pytest.mark.parametrize(
    ("batch", "processes", "micro_batch", "expected"),
    [
        (72, 1, None, Passes(72, 1, 1)),
        (72, 2, None, Passes(36, 1, 2)),
        (72, 2, 9, Passes(9, 4, 2)),
        (8, 2, 100, Passes(4, 1, 2)),
    ],
)
def test_all_passes_together_are_the_batch(
    params: Params, batch: int, processes: int, micro_batch: int | None, expected: Passes
) -> None:
    found = spread(batch, _training(params, processes=processes, micro_batch=micro_batch), "sft.batch")
    assert found == expected
    assert found.rows * found.count * found.processes == batch


def test_a_batch_that_does_not_divide_is_refused_with_one_that_does(params: Params) -> None:
    with pytest.raises(ParamsError, match=r"`sft\.batch` \(72 rows\).*processes \(5\)\. Make it 75"):
        spread(72, _training(params, processes=5), "sft.batch")
    with pytest.raises(ParamsError, match=r"micro_batch \(7\)\. Set training\.micro_batch to 6"):
        spread(72, _training(params, micro_batch=7), "sft.batch")


@pytest.mark.parametrize(("rows", "count", "expected"), [(16, 2, 1), (4, 8, 2), (1, 8, 8), (32, 1, 1)])
def test_completions_are_generated_in_whole_groups(rows: int, count: int, expected: int) -> None:
    assert Passes(rows, count, processes=1).per_generation(8) == expected


def test_passes_that_hold_no_whole_group_are_refused() -> None:
    with pytest.raises(ParamsError, match=r"groups of grpo\.generations \(8\)"):
        Passes(6, 3, processes=1).per_generation(8)
