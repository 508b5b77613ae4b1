"""The plain Drain3 loop that `parse.py` and `grouping.py` measure themselves against.

Runs in an environment of its own, for drain3 0.9.11 pins what mlflow can't live with:

    .bench/drain3/bin/python benchmarks/drain3_loop.py MESSAGES JSON OUTPUT

MESSAGES holds one message a line. JSON has ``masks`` (list of patterns for Python's `re`) and ``delimiters``.
OUTPUT receives the cluster number of each message, one a line. Prints ``{"seconds": …}``.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from pathlib import Path

from drain3 import TemplateMiner
from drain3.masking import MaskingInstruction
from drain3.template_miner_config import TemplateMinerConfig


def main() -> None:
    """Feed every message to Drain3 with its default depth and similarity."""
    logging.disable(logging.CRITICAL)
    settings = json.loads(sys.argv[2])
    config = TemplateMinerConfig()
    config.masking_instructions = [MaskingInstruction(pattern, "*") for pattern in settings["masks"]]
    config.drain_extra_delimiters = settings["delimiters"]
    miner = TemplateMiner(config=config)
    messages = Path(sys.argv[1]).read_text(encoding="utf-8").split("\n")[:-1]
    clusters = []
    start = time.perf_counter()
    for message in messages:
        clusters.append(miner.add_log_message(message)["cluster_id"])
    seconds = time.perf_counter() - start
    Path(sys.argv[3]).write_text("".join(f"{cluster}\n" for cluster in clusters), encoding="utf-8")
    print(json.dumps({"seconds": seconds}))


if __name__ == "__main__":
    main()
