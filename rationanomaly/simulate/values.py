"""What stands at the placeholders of the messages: one pool of strings for each type."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

Random = np.random.Generator
#: Distinct values of the types that are meant to vary without end; bounds memory and start-up time.
_MANY = 20_000

_USERS = "anna bela chen dara elif femi goran hana ines jonas kofi lena mehmet nadia olga pavel ravi sofia tomas yuki"
_PROGRAMS = (
    "lattice climate-sim qcdrun foldit3 meshgen turbflow astrofit seisproc plasma2d mdengine rayband gridpack "
    "statd collectd-lite imgprep biopipe neurosolve orbital cfdmain wavetank"
)
_MODULES = "xnetdrv kvfs opafm rdmacore gpuio blkmirror zcomp tlskern audittap nodehealth ptpclk memhot"
_FOLDERS = "scratch home projects spool archive input results run7 cache shared tmp tools"


def _integers(low: int, high: int) -> Callable[[Random], list[str]]:
    """Whole numbers of all magnitudes in [low, high): small ones are as usual as large ones."""

    def draw(random: Random) -> list[str]:
        size = min(_MANY, 4 * (high - low))
        return [str(int(x)) for x in np.exp(random.uniform(np.log(low), np.log(high), size))]

    return draw


def _decimals(low: float, high: float, digits: int) -> Callable[[Random], list[str]]:
    return lambda random: [f"{x:.{digits}f}" for x in random.uniform(low, high, 4_000)]


def _hexadecimals(random: Random) -> list[str]:
    return [f"0x{x:08x}" for x in random.integers(0, 2**32, _MANY).tolist()]


def _addresses(random: Random) -> list[str]:
    return [f"10.{a}.{b}.{c}" for a, b, c in random.integers(0, 256, (_MANY, 3)).tolist()]


def _hardware_addresses(random: Random) -> list[str]:
    return ["02:" + ":".join(f"{x:02x}" for x in row) for row in random.integers(0, 256, (500, 5)).tolist()]


def _uuids(random: Random) -> list[str]:
    digits = random.bytes(16 * _MANY).hex()
    texts = (digits[start : start + 32] for start in range(0, len(digits), 32))
    return [f"{t[:8]}-{t[8:12]}-4{t[13:16]}-a{t[17:20]}-{t[20:]}" for t in texts]


def _jobs(random: Random) -> list[str]:
    return [f"j{x}" for x in random.integers(100_000, 999_999, _MANY).tolist()]


def _serials(random: Random) -> list[str]:
    return [f"SN{x:07X}" for x in random.integers(0, 2**28, 500)]


def _versions(random: Random) -> list[str]:
    return [f"{a}.{b}.{c}" for a, b, c in random.integers(0, 20, (500, 3))]


def _words(text: str) -> Callable[[Random], list[str]]:
    return lambda _: text.split()


def _paths(random: Random) -> list[str]:
    folders, users = _FOLDERS.split(), _USERS.split()
    numbers = random.integers(0, 1_000, (4_000, 3))
    return [f"/{folders[a % len(folders)]}/{users[b % len(users)]}/{folders[c % len(folders)]}" for a, b, c in numbers]


def _files(random: Random) -> list[str]:
    numbers = random.integers(0, 10_000, _MANY)
    return [f"{path}/part{n:04d}.dat" for path, n in zip(_paths(random) * 5, numbers, strict=True)]


def _disks(_: Random) -> list[str]:
    return [f"nvme{controller}n{disk}" for controller in range(12) for disk in range(1, 5)]


#: The type of a placeholder → a function that draws its pool. ``node`` is filled by the cluster itself.
POOLS: Mapping[str, Callable[[Random], list[str]]] = {
    "small": _integers(1, 32),
    "count": _integers(33, 4_000),
    "int": _integers(1, 1_000_000),
    "percent": _integers(3, 99),
    "celsius": _integers(17, 70),
    "ms": _integers(2, 5_000),
    "mb": _integers(64, 500_000),
    "rpm": _integers(1_800, 14_000),
    "mhz": _integers(800, 4_200),
    "watt": _integers(90, 40_000),
    "port": _integers(1_024, 65_535),
    "float": _decimals(0.1, 99, 2),
    "volt": _decimals(11.6, 12.4, 3),
    "hex": _hexadecimals,
    "ip": _addresses,
    "mac": _hardware_addresses,
    "uuid": _uuids,
    "job": _jobs,
    "serial": _serials,
    "version": _versions,
    "user": _words(_USERS),
    "program": _words(_PROGRAMS),
    "module": _words(_MODULES),
    "path": _paths,
    "file": _files,
    "disk": _disks,
}
NODE = "node"


@dataclass(frozen=True)
class Values:
    """All pools in one series, so that a whole column is filled by one gather.

    Attributes:
        texts: every value of every pool; the first one is empty.
        start: type → index of its first value.
        size: type → number of its values.
    """

    texts: pl.Series
    start: Mapping[str, int]
    size: Mapping[str, int]


def draw_values(nodes: list[str], random: Random) -> Values:
    """Draw the pools; ``nodes`` are the values of ``{node}``, in the order of the cluster."""
    pools = {NODE: nodes} | {name: draw(random) for name, draw in POOLS.items()}
    texts, start = [""], {}
    for name, pool in pools.items():
        start[name] = len(texts)
        texts += pool
    return Values(pl.Series("value", texts), start, {name: len(pool) for name, pool in pools.items()})
