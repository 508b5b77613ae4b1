"""Exact versions out of a constraints file."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[1]
#: The one environment, and that of the image with vLLM.
CONSTRAINTS = (ROOT / "constraints.txt", ROOT / "docker" / "constraints-vllm.txt")
_PIN = re.compile(r"([A-Za-z0-9][\w.-]*)==([^\s;\\]+)")


def canonical(name: str) -> str:
    """A package's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def read_pins(text: str) -> dict[str, str]:
    """Versions by canonical name; lines that pin nothing are passed over."""
    found = (_PIN.match(line) for line in text.splitlines())
    return {canonical(pin[1]): pin[2] for pin in found if pin}


def all_pins(files: tuple[Path, ...] = CONSTRAINTS) -> set[tuple[str, str]]:
    """Every (name, version) that one of the files pins."""
    return {pin for file in files for pin in read_pins(file.read_text(encoding="utf-8")).items()}
