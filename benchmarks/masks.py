"""How long masks, redaction and formats take on hostile lines: worst CPU time per line of 16 kB, growth with length.

And what the masks of today take for the messages of a simulated log in BGL's layout, beside those of version 1.

python -m benchmarks.masks
"""

from __future__ import annotations

import random
import sys
import tempfile
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import polars as pl

from benchmarks.parse import make_log
from rationanomaly.params import ParseParams, load_params
from rationanomaly.parse.formats import Format, formats
from rationanomaly.parse.masking import VERSION, Masker
from rationanomaly.parse.reading import LogReader
from rationanomaly.parse.redaction import PATTERNS, Redactor

ROOT = Path(__file__).resolve().parents[1]
BYTES = 16_000
LINES = 1000
REPEATS = 5
TARGET_MS = 10.0
TARGET_GROWTH = 2.5
#: What masking may take, as a multiple of what it takes by version 1, and of how many messages.
TARGET_RATIO = 1.25
MESSAGES = 500_000

#: A user's regexes that would hang an engine with backtracking.
OWN = {
    "nested": r"(?:[0-9a-f]+)+z",
    "alternatives": r"(?:a|a|ab)+c",
    "stars": r"(?:.*,)*x",
    "two": r"[0-9]+[0-9]+[0-9]+!",
}
PIECES = {
    "hex runs": "0123456789abcdef",
    "hex words": "deadbeef ",
    "digits": "7",
    "dots": ".",
    "numbers and dots": "1.",
    "almost addresses": "1.2.3.",
    "almost UUIDs": "01234567-0123-0123-0123-01234567890 ",
    "quotes": "\"'",
    "brackets": "([{<",
    "closing brackets": ")]}>",
    "slashes": "/",
    "almost paths": "/a",
    "dashes": "a-",
    "underscores": "1_",
    "spaces": "  a",
    "tabs": "\t",
    "months": "Mon Jan Feb ",
    "months and digits": "Jan 1 ",
    "colons": "a:",
    "at signs": "a@",
    "secrets": "password=",
    "wildcards": "<*>",
    "letters": "a",
    "multibyte": "é",
    "numbers and signs": "1+",
    "percent signs": "1%",
    "almost durations": "1h",
    "pairs": "aa:",
    "groups": "f::",
    "IPv6": "fe80::1 ",
    "schemes": "http://",
    "mail": "a@b.",
    "backslashes": "\\",
    "files": "C:\\a",
    "almost hashes": "a1b2_",
    "base64": "aB3+/",
    "padding": "ab1=",
    "hash prefixes": "sha256:",
    "queries": "/a?1_",
    "words and wildcards": "1a<*>",
}


def hostile_lines() -> list[str]:
    """Lines of `BYTES` characters: each kind alone, then random mixtures of two kinds in runs of random length."""
    draw = random.Random(0)
    lines = [(piece * BYTES)[:BYTES] for piece in PIECES.values()]
    while len(lines) < LINES:
        pieces = draw.sample(list(PIECES.values()), 2)
        runs: list[str] = []
        while sum(map(len, runs)) < BYTES:
            runs.append(draw.choice(pieces) * draw.randrange(1, 2000))
        lines.append("".join(runs)[:BYTES])
    return lines


def milliseconds(work: Callable[[pl.Series], object], line: str, repeats: int = REPEATS) -> float:
    """CPU time for one line, the best of a few."""
    series = pl.Series("raw", [line])
    best = float("inf")
    for _ in range(repeats):
        start = time.process_time()
        work(series)
        best = min(best, time.process_time() - start)
    return best * 1000


def _read(form: Format, raw: pl.Series) -> pl.DataFrame:
    return form.read(raw.to_frame())


def growth(work: Callable[[pl.Series], object], line: str) -> float:
    """How much longer a line of twice the length takes; measured on ten times the length, above the clock's grain."""
    return milliseconds(work, line * 20) / milliseconds(work, line * 10)


def masking_ratio(folder: Path, settings: ParseParams) -> float:
    """CPU time of masking by today's masks, divided by that of version 1; the best of a few of each."""
    batches = LogReader(make_log(MESSAGES, folder), "bgl", settings)
    messages = pl.concat([batch.select("message") for batch in batches])["message"]
    best = dict[int, float]()
    for _ in range(REPEATS):
        for version in (1, VERSION):
            masker = Masker({}, settings.max_words, version)
            start = time.process_time()
            masker.mask(messages)
            best[version] = min(best.get(version, float("inf")), time.process_time() - start)
    return best[VERSION] / best[1]


def main() -> int:
    """Print the worst kinds and the targets; 1 if one is short."""
    params = load_params(ROOT / "params.yaml").parse
    redactor = Redactor(list(PATTERNS), {})
    works: dict[str, Callable[[pl.Series], object]] = {
        "masks": Masker({}, params.max_words).mask,
        "own masks": Masker(OWN, params.max_words).mask,
        "redaction": lambda raw: redactor.redact(raw.to_frame()),
    }
    for name, form in formats(params).items():
        works[f"format {name}"] = partial(_read, form)
    lines = hostile_lines()
    worst_ms, worst_growth = 0.0, 0.0
    print(f"{'what':<22} {'worst ms':>9} {'growth':>7}")
    for name, work in works.items():
        slowest = max(lines, key=lambda line: milliseconds(work, line, 1))
        once, twice = milliseconds(work, slowest), growth(work, slowest)
        print(f"{name:<22} {once:>9.3f} {twice:>7.2f}")
        worst_ms, worst_growth = max(worst_ms, once), max(worst_growth, twice)
    fast, linear = worst_ms <= TARGET_MS, worst_growth <= TARGET_GROWTH
    print(f"MASKS_WORST_MS = {worst_ms:.2f} (target {TARGET_MS:g}) {'ok' if fast else 'short'}")
    print(f"MASKS_GROWTH = {worst_growth:.2f} (target {TARGET_GROWTH:g}) {'ok' if linear else 'short'}")
    with tempfile.TemporaryDirectory() as folder:
        ratio = masking_ratio(Path(folder), params)
    cheap = ratio <= TARGET_RATIO
    print(f"MASKS_RATIO = {ratio:.2f} (target {TARGET_RATIO:g}) {'ok' if cheap else 'short'}")
    return 0 if fast and linear and cheap else 1


if __name__ == "__main__":
    sys.exit(main())
