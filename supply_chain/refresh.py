"""Make the vendored list of advisories anew: python -m supply_chain.refresh [--service pypi|osv] [--address URL]

Asks about each pinned version, one after the other: PyPI's JSON interface, as pip-audit does, or OSV. An index that has
that interface for the newest versions only is asked for these; the other pins are listed as not looked up. Needs a
network; nothing but this command does.
"""

from __future__ import annotations

import argparse
import json
import ssl
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

from rationanomaly.artifacts import write_text
from supply_chain.advisories import LIST
from supply_chain.pins import all_pins

TITLES = {"pypi": "PyPI's JSON interface", "osv": "OSV"}
#: Of what OSV says of an advisory: no texts.
_KEPT = ("id", "aliases", "modified")
_SECONDS = 60.0


def ask_pypi(client: httpx.Client, name: str, version: str, today: str) -> list[dict[str, Any]] | None:
    """What PyPI knows of a version; None where it has nothing on this very version."""
    reply = client.get(f"/pypi/{name}/{version}/json")
    if reply.status_code == httpx.codes.NOT_FOUND:
        reply = client.get(f"/pypi/{name}/json")
    if reply.status_code == httpx.codes.NOT_FOUND:
        return None
    document = reply.raise_for_status().json()
    if document["info"]["version"] != version:
        return None
    return [
        {
            "id": one["id"],
            "aliases": sorted(one["aliases"]),
            "modified": f"{today}T00:00:00Z",
            "affected": [{"package": {"ecosystem": "PyPI", "name": name}, "versions": [version]}],
            "database_specific": {"fixed_in": one["fixed_in"]},
        }
        for one in document["vulnerabilities"]
        if not one["withdrawn"]
    ]


def ask_osv(client: httpx.Client, name: str, version: str, _: str) -> list[dict[str, Any]] | None:
    """What OSV knows of a version."""
    body = {"package": {"ecosystem": "PyPI", "name": name}, "version": version}
    found = client.post("/v1/query", json=body).raise_for_status().json().get("vulns", [])
    return [
        {key: one[key] for key in _KEPT if key in one} | {"affected": _without_texts(one["affected"])}
        for one in found
        if "withdrawn" not in one
    ]


def _without_texts(affected: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [{key: one[key] for key in ("package", "ranges", "versions") if key in one} for one in affected]


ASK = {"pypi": ask_pypi, "osv": ask_osv}


def refresh(service: str, address: str, pins: Iterable[tuple[str, str]], output: Path) -> tuple[int, int]:
    """Ask about every pin and write the list.

    Returns:
        how many pins were looked up, and how many advisories there are.

    Raises:
        httpx.HTTPError: the service does not answer, or refuses; nothing is written then.
    """
    today = datetime.now(UTC).date().isoformat()
    found, asked = dict[str, dict[str, Any]](), list[str]()
    context = ssl.create_default_context()
    with httpx.Client(base_url=address, timeout=_SECONDS, verify=context, follow_redirects=True) as client:
        for name, version in sorted(pins):
            advisories = ASK[service](client, name, version, today)
            if advisories is not None:
                asked.append(f"{name}=={version}")
                for one in advisories:
                    _add(found, one)
    rows = [found[identity] for identity in sorted(found)]
    document = {"date": today, "service": TITLES[service], "looked_up": asked, "advisories": rows}
    write_text(output, json.dumps(document, indent=1, sort_keys=True) + "\n")
    return len(asked), len(rows)


def _add(found: dict[str, dict[str, Any]], one: dict[str, Any]) -> None:
    """Once for each advisory, whichever pins it touches."""
    kept = found.setdefault(one["id"], one)
    if kept is not one:
        kept["affected"] += [place for place in one["affected"] if place not in kept["affected"]]


def public_address(service: str) -> str:
    """Where a service is for everybody."""
    if service == "osv":
        return "https://api.osv.dev"
    from pip._internal.models.index import PyPI

    return str(PyPI.url)


def main() -> int:
    """Refresh the list in this folder."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--service", choices=sorted(ASK), default="pypi")
    parser.add_argument("--address", help="of the service; default: the public one", metavar="URL")
    parser.add_argument("--output", type=Path, default=LIST, metavar="FILE")
    given = parser.parse_args()
    pins = all_pins()
    try:
        asked, rows = refresh(given.service, given.address or public_address(given.service), pins, given.output)
    except httpx.HTTPError as error:
        print(f"{TITLES[given.service]} can't be asked: {type(error).__name__}: {error}", file=sys.stderr)
        return 7
    print(f"{asked} of {len(pins)} pins looked up, {rows} advisories, in {given.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
