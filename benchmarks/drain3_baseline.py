"""Drain3 0.9.11, which our miner is compared with: its environment, our masks in its words, and the run of its loop."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path

from rationanomaly.parse.masking import DATES, MASKS, MASKS_1, RARE, VERSION

ROOT = Path(__file__).resolve().parents[1]
_HOME = ROOT / ".bench" / "drain3"
_BEFORE, _BEHIND = r"((?<=[^A-Za-z0-9])|^)", r"((?=[^A-Za-z0-9])|$)"
#: The masks of Drain3's own example, without its SEQ, on which 120 characters hang it.
EXAMPLE_MASKS = [
    rf"{_BEFORE}(([0-9a-f]{{2,}}:){{3,}}([0-9a-f]{{2,}})){_BEHIND}",
    rf"{_BEFORE}(\d{{1,3}}\.\d{{1,3}}\.\d{{1,3}}\.\d{{1,3}}){_BEHIND}",
    rf"{_BEFORE}(0x[a-f0-9A-F]+){_BEHIND}",
    rf"{_BEFORE}([\-\+]?\d+){_BEHIND}",
]


def our_masks(version: int = VERSION) -> list[str]:
    """The built-in masks for Python's `re`: they match the same, those of version 1 one after the other."""
    dates = [re.sub(r" \(\[0-9\]\)$", "(?= [0-9])", pattern) for pattern in DATES]
    day_and_month, month = map(_for_re, dates)
    # A mask of Drain3 has one wildcard, so the day before a month is a mask of its own.
    day = re.sub(r"^(.*?\)) (.*)\(\?= \[0-9\]\)$", r"\1(?= \2 [0-9])", day_and_month)
    if version == 1:
        return [day, month, *map(_for_re, MASKS_1.values())]
    rare = [f"(?:{mask.pattern})(?={mask.behind}|$)" if mask.behind else mask.pattern for mask in RARE.values()]
    return [day, month, *map(_for_re, [*rare, "|".join(MASKS.values())])]


def _for_re(pattern: str) -> str:
    """A mask's pattern with the edges of ASCII words as Python writes them."""
    return pattern.replace(r"(?-u:\b)", r"(?a:\b)").replace(r"(?-u:\B)", r"(?a:\B)")


def prepare() -> Path:
    """The Python of the environment that holds drain3; made with pip when it is missing."""
    python = _HOME / "bin" / "python"
    done = _HOME / "installed"
    if not done.exists():
        subprocess.run([sys.executable, "-m", "venv", "--clear", str(_HOME)], check=True)
        install = [str(python), "-m", "pip", "install", "--quiet", "drain3==0.9.11"]
        subprocess.run(install, check=True, stderr=subprocess.DEVNULL)
        done.touch()
    return python


def cluster(messages: Sequence[str], masks: Sequence[str], delimiters: Sequence[str] = ()) -> tuple[list[int], float]:
    """The cluster of each message, and the seconds that the loop took."""
    with tempfile.TemporaryDirectory() as folder:
        texts, output = Path(folder) / "messages", Path(folder) / "clusters"
        texts.write_text("".join(f"{message}\n" for message in messages), encoding="utf-8")
        settings = json.dumps({"masks": list(masks), "delimiters": list(delimiters)})
        command = [str(prepare()), str(ROOT / "benchmarks" / "drain3_loop.py"), str(texts), settings, str(output)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        clusters = [int(number) for number in output.read_text(encoding="utf-8").split()]
    return clusters, float(json.loads(done.stdout.splitlines()[-1])["seconds"])
