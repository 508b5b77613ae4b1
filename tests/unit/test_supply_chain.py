"""Known vulnerabilities of the pinned packages: by the vendored list, and the command that makes it anew."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

import pytest

from supply_chain import advisories, audit, refresh
from supply_chain.advisories import Advisory, Known, find
from supply_chain.pins import CONSTRAINTS, all_pins, read_pins
from tests.conftest import ROOT


def advisory(identity: str = "PYSEC-1", **affected: Any) -> Advisory:
    place = {"package": {"ecosystem": "PyPI", "name": "Left.Pad"}} | affected
    return Advisory.of({"id": identity, "aliases": ["CVE-1"], "affected": [place]})


def ranged(*events: dict[str, str]) -> Advisory:
    return advisory(ranges=[{"type": "ECOSYSTEM", "events": list(events)}])


def test_nothing_is_open_today() -> None:
    known, pins = Known.read(), all_pins()
    found = find(pins, known.advisories)
    assert [str(one) for one in found if not any(ok.covers(one) for ok in advisories.read_accepted())] == []
    assert len(known.looked_up) > 200


def test_pins_are_read_whatever_stands_behind_them() -> None:
    text = (
        "# a comment\nFlask-WTF==1.3.0\ntorch==2.13.0 ; python_version > '3'\na_b==1 \\\n    --hash=sha256:00\nc>=1\n"
    )
    assert read_pins(text) == {"flask-wtf": "1.3.0", "torch": "2.13.0", "a-b": "1"}
    assert all(read_pins(file.read_text()) for file in CONSTRAINTS)


@pytest.mark.parametrize(
    ("version", "touched"),
    [("0.9", False), ("1.0", True), ("1.4rc1", True), ("1.4", False), ("2.0", True), ("3", False)],
)
def test_a_range_lets_versions_in_and_out(version: str, touched: bool) -> None:
    found = ranged({"fixed": "1.4"}, {"introduced": "1.0"}, {"introduced": "2.0"}, {"last_affected": "2.5"})
    assert found.touches("left-pad", version) == touched
    assert not found.touches("right-pad", version)
    assert found.fixed == ("1.4",)


def test_a_version_that_is_named_is_touched_and_another_ecosystem_is_not() -> None:
    assert advisory(versions=["1.0"]).touches("left-pad", "1.0")
    assert not advisory(versions=["1.0"]).touches("left-pad", "1.1")
    assert not advisory(package={"ecosystem": "npm", "name": "left-pad"}, versions=["1.0"]).touches("left-pad", "1.0")


def test_what_two_databases_say_is_found_once() -> None:
    both = [advisory("PYSEC-1", versions=["1.0"]), advisory("GHSA-1", versions=["1.0"])]
    assert [one.advisory.id for one in find({("left-pad", "1.0")}, both)] == ["PYSEC-1"]


@pytest.fixture
def lists(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A list with one advisory, and one pin that it touches."""
    (tmp_path / "constraints.txt").write_text("left-pad==1.0\nnew==7\n")
    document = {"date": "2026-11-29", "service": "nobody", "looked_up": ["left-pad==1.0"], "advisories": [
        {"id": "PYSEC-1", "aliases": ["CVE-1"], "affected": [
            {"package": {"ecosystem": "PyPI", "name": "left-pad"}, "versions": ["1.0"]}]}]}  # fmt: skip
    (tmp_path / "advisories.json").write_text(json.dumps(document))
    (tmp_path / "accepted.json").write_text("[]")
    monkeypatch.setattr(Known.read.__func__, "__defaults__", (tmp_path / "advisories.json",))  # type: ignore[attr-defined]
    monkeypatch.setattr(advisories.read_accepted, "__defaults__", (tmp_path / "accepted.json",))
    monkeypatch.setattr(all_pins, "__defaults__", ((tmp_path / "constraints.txt",),))
    monkeypatch.setattr(sys, "argv", ["audit"])
    return tmp_path


def test_what_is_open_fails_the_check_until_it_is_accepted(lists: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert audit.main() == 1
    said = capsys.readouterr().out
    assert "open      left-pad 1.0: PYSEC-1, CVE-1; no version without it" in said
    assert "not known to the list: new 7" in said
    assert said.endswith("ADVISORIES_OPEN = 1 (target 0) short\n")
    accepted = {"id": "CVE-1", "package": "left-pad", "version": "1.0", "reason": "no pad of ours is left"}
    (lists / "accepted.json").write_text(json.dumps([accepted]))
    assert audit.main() == 0
    assert "no pad of ours is left" in capsys.readouterr().out


def test_an_acceptance_ends_with_its_version(lists: Path, capsys: pytest.CaptureFixture[str]) -> None:
    accepted = {"id": "CVE-1", "package": "left-pad", "version": "0.9", "reason": "no pad of ours is left"}
    (lists / "accepted.json").write_text(json.dumps([accepted]))
    assert audit.main() == 1
    said = capsys.readouterr().out
    assert "open      left-pad 1.0" in said and "idle      left-pad 0.9: CVE-1 touches no pin" in said


class _Service(BaseHTTPRequestHandler):
    """PyPI's interface and OSV's, as they answer."""

    replies: ClassVar[dict[str, Any]] = {}

    def do_GET(self) -> None:
        self._answer(self.replies.get(self.path))

    def do_POST(self) -> None:
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self._answer(self.replies.get(f"{self.path} {asked['package']['name']} {asked['version']}"))

    def _answer(self, document: Any) -> None:
        body = json.dumps(document).encode()
        self.send_response(404 if document is None else 200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def service() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Service)
    Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    server.shutdown()
    server.server_close()


def of_pypi(version: str, *found: dict[str, Any]) -> dict[str, Any]:
    return {"info": {"version": version}, "vulnerabilities": list(found)}


KNOWN = {"id": "PYSEC-1", "aliases": ["CVE-1"], "fixed_in": ["1.1"], "withdrawn": None, "details": "long"}


def test_the_list_is_made_of_what_pypi_says(service: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replies = {
        "/pypi/left-pad/1.0/json": of_pypi("1.0", KNOWN, KNOWN | {"id": "PYSEC-2", "withdrawn": "2026-01-01"}),
        "/pypi/newest/2.0/json": None, "/pypi/newest/json": of_pypi("2.0", KNOWN | {"id": "GHSA-3", "aliases": []}),
        "/pypi/older/json": of_pypi("9.0", KNOWN | {"id": "GHSA-4"}),
    }  # fmt: skip
    monkeypatch.setattr(_Service, "replies", replies)
    pins = [("left-pad", "1.0"), ("newest", "2.0"), ("older", "8.0"), ("absent", "1")]
    assert refresh.refresh("pypi", service, pins, tmp_path / "list.json") == (2, 2)
    known = Known.read(tmp_path / "list.json")
    assert known.looked_up == {("left-pad", "1.0"), ("newest", "2.0")}
    assert [str(one) for one in find(pins, known.advisories)] == [
        "left-pad 1.0: PYSEC-1, CVE-1; fixed in 1.1", "newest 2.0: GHSA-3; fixed in 1.1",
    ]  # fmt: skip
    assert "long" not in (tmp_path / "list.json").read_text()


def test_the_list_is_made_of_what_osv_says(service: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    place = {"package": {"ecosystem": "PyPI", "name": "left-pad"},
             "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.1"}]}]}  # fmt: skip
    vulnerability = {"id": "GHSA-1", "modified": "2026-01-01T00:00:00Z", "details": "long", "affected": [place]}
    replies = {"/v1/query left-pad 1.0": {"vulns": [vulnerability]}, "/v1/query clean 1": {}}
    monkeypatch.setattr(_Service, "replies", replies)
    pins = [("left-pad", "1.0"), ("clean", "1")]
    assert refresh.refresh("osv", service, pins, tmp_path / "list.json") == (2, 1)
    (found,) = find(pins, Known.read(tmp_path / "list.json").advisories)
    assert str(found) == "left-pad 1.0: GHSA-1; fixed in 1.1"


def test_a_service_that_is_away_is_one_line_and_leaves_the_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "list.json").write_text("kept")
    words = ["refresh", "--address", "http://127.0.0.1:9", "--output", str(tmp_path / "list.json")]
    monkeypatch.setattr(sys, "argv", words)
    assert refresh.main() == 7
    assert "can't be asked: ConnectError" in capsys.readouterr().err
    assert (tmp_path / "list.json").read_text() == "kept"


def test_the_check_is_part_of_make_check() -> None:
    assert "\tpython -m supply_chain.audit\n" in (ROOT / "Makefile").read_text()
