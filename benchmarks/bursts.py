"""A log in BGL's layout that repeats itself as BGL does: what is reported is reported by many nodes, many times."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl

from rationanomaly import simulate
from rationanomaly.params import Params, load_params
from rationanomaly.simulate.dataset import LOG

#: Lines of one report, on average. Of BGL's first 5,001 lines 104 messages are distinct, of a sample spread over seven
#: months 68 %: this lies between, and is nearer to the sample.
BURST = 10
#: Lines that are simulated; further ones are these again at other times.
_SIMULATED = 400_000
#: Where a line's microseconds stand: behind the last full stop of the fifth word.
_TIME = r"^(\S+ \S+ \S+ \S+ \S+\.)\d+( .*)$"


def write_bursts(path: Path, lines: int, params: Params | None = None, seed: int = 0) -> int:
    """Write a log of so many lines; gives their number."""
    random = np.random.default_rng(seed)
    settings = ["simulate.layout=bgl", f"simulate.lines={min(_SIMULATED, max(lines // BURST, 1000))}"]
    simulated = path.parent / "simulated"
    simulate.write(params or load_params(Path("defaults"), settings), simulated)
    reports = pl.Series("raw", (simulated / LOG).read_text().splitlines())
    written = 0
    with path.open("wb") as file:
        while written < lines:
            some = reports.gather(np.sort(random.choice(len(reports), min(len(reports), 20_000), replace=False)))
            counts = random.geometric(1 / BURST, len(some))
            repeated = some.gather(np.repeat(np.arange(len(some)), counts)).head(lines - written)
            micros = pl.Series((np.arange(written, written + len(repeated)) % 1_000_000).astype(str)).str.zfill(6)
            parts = repeated.str.extract_groups(_TIME).struct.unnest()
            parts = parts.with_columns(micros=micros)
            rows = parts.select(pl.concat_str("1", "micros", "2"))
            rows.write_csv(file, include_header=False, quote_style="never")
            written += len(repeated)
    return written
