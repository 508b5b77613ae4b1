"""How large the core is beside everything: what `pip install rationanomaly` and `rationanomaly[all]` bring.

python -m benchmarks.install_size

Nothing is installed: the packages of this environment are counted that `setup.cfg` asks for, with all that they ask
for in turn. torch is the one that is installed here; one for CUDA makes both installs gigabytes larger, and alike.
`tests/end_to_end/test_core_install.py` installs the core into an empty environment and finds the same packages.
"""

from __future__ import annotations

import configparser
import sys
from collections.abc import Iterable, Iterator
from importlib.metadata import distribution
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[1]
TARGET = 0.65
_MEGABYTE = 1e6
_LARGEST = 12


def main() -> int:
    """Print both sizes and the share; 1 if the core is too large."""
    core, everything = requirements(), requirements("all")
    sizes = {name: size_of(name) for name in closure(everything)}
    in_core = closure(core)
    for title, names in (("core", in_core), ("all", set(sizes))):
        largest = sorted(names, key=lambda name: -sizes[name])[:_LARGEST]
        total = sum(sizes[name] for name in names) / _MEGABYTE
        print(f"{title}: {len(names)} packages, {total:,.0f} MB; the largest in MB:")
        print("  " + ", ".join(f"{name} {sizes[name] / _MEGABYTE:.0f}" for name in largest))
    share = sum(sizes[name] for name in in_core) / sum(sizes.values())
    print(f"INSTALL_CORE_SHARE = {share:.3f} (target {TARGET}) {'ok' if share <= TARGET else 'short'}")
    return 0 if share <= TARGET else 1


def requirements(extra: str = "") -> list[str]:
    """What `setup.cfg` asks for: the core's lines, and those of an extra with the extras that it names."""
    config = configparser.ConfigParser()
    config.read(ROOT / "setup.cfg", encoding="utf-8")
    found = _lines(config["options"]["install_requires"])
    for line in _lines(config["options.extras_require"][extra]) if extra else ():
        asked = Requirement(line)
        found += [row for name in sorted(asked.extras) for row in requirements(name)] or [line]
    return found


def closure(lines: Iterable[str]) -> set[str]:
    """Names of the installed packages that these requirements bring, with all that they ask for in turn."""
    seen: set[tuple[str, str]] = set()
    waiting = [found for line in lines for found in _asked(line, "")]
    while waiting:
        name, extra = waiting.pop()
        if (name, extra) not in seen:
            seen.add((name, extra))
            waiting += [found for line in distribution(name).requires or () for found in _asked(line, extra)]
    return {name for name, _ in seen}


def size_of(name: str) -> int:
    """Bytes of an installed package's files, compiled ones too."""
    paths = {Path(str(file.locate())) for file in distribution(name).files or ()}
    return sum(path.stat().st_size for path in paths if path.is_file())


def _asked(line: str, extra: str) -> Iterator[tuple[str, str]]:
    """The package that a requirement names, without and with each of its extras; none where its marker says no."""
    requirement = Requirement(line)
    if requirement.marker is None or requirement.marker.evaluate({"extra": extra}):
        for wanted in ("", *requirement.extras):
            yield canonicalize_name(requirement.name), wanted


def _lines(text: str) -> list[str]:
    return [line for line in text.strip().splitlines() if line and not line.startswith("#")]


if __name__ == "__main__":
    sys.exit(main())
