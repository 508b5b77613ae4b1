"""A rank that shares batches with the others: torchrun … tests/training/shared_scoring.py; prints one JSON line."""

from __future__ import annotations

import json
import sys

import torch.distributed as dist

from tests.unit.test_batched_scoring import LITTLE, LOGS, Counting


def main() -> None:
    """Ask together with the other ranks, then alone."""
    dist.init_process_group("gloo")
    together, alone = Counting(LITTLE), Counting(LITTLE)
    together.scorer.is_shared = True
    found = together.scorer.direct_scores(LOGS).tolist(), together.scorer.free_texts(LOGS)
    expected = alone.scorer.direct_scores(LOGS).tolist(), alone.scorer.free_texts(LOGS)
    said = {"passes": len(together.passes()), "alone": len(alone.passes()), "equal": found == expected}
    sys.stdout.write(json.dumps(said) + "\n")
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
