"""Known vulnerabilities of the pinned packages, by the vendored list: python -m supply_chain.audit

Looks nothing up, so that it says the same everywhere; `python -m supply_chain.refresh` makes the list anew. Exit code
1: an advisory touches a pin and nobody has accepted it, or an acceptance is about nothing any more.
"""

from __future__ import annotations

import argparse
import sys
from datetime import UTC, date, datetime

from supply_chain.advisories import Finding, Known, find, read_accepted
from supply_chain.pins import all_pins

_SHOWN = 8


def main() -> int:
    """Print what was found; 1 if something is open."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    known, accepted, pins = Known.read(), read_accepted(), all_pins()
    found = find(pins, known.advisories)
    is_open = [one for one in found if not any(acceptance.covers(one) for acceptance in accepted)]
    idle = [acceptance for acceptance in accepted if not any(acceptance.covers(one) for one in found)]
    for one in is_open:
        print(f"open      {one}")
    for acceptance in accepted:
        print(f"accepted  {acceptance.package} {acceptance.version}: {acceptance.id}: {acceptance.reason}")
    for acceptance in idle:
        print(f"idle      {acceptance.package} {acceptance.version}: {acceptance.id} touches no pin: take it out")
    unknown = sorted(f"{name} {version}" for name, version in pins - known.looked_up)
    if unknown:
        more = f" and {len(unknown) - _SHOWN} more" if len(unknown) > _SHOWN else ""
        print(f"not known to the list: {', '.join(unknown[:_SHOWN])}{more}")
    days = (datetime.now(UTC).date() - date.fromisoformat(known.date)).days
    asked = f"{len(pins) - len(unknown)} of them looked up: {known.service}, {known.date}, {days} days ago"
    print(f"{len(pins)} pins, {asked}")
    return _close(is_open, len(idle))


def _close(is_open: list[Finding], idle: int) -> int:
    print(f"ADVISORIES_OPEN = {len(is_open) + idle} (target 0) {'short' if is_open or idle else 'ok'}")
    return 1 if is_open or idle else 0


if __name__ == "__main__":
    sys.exit(main())
