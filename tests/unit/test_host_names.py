"""Where servers listen and under which names they are reached: wrong ones are known before anything is loaded."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from rationanomaly.errors import InfrastructureError, ParamsError, RationAnomalyError
from rationanomaly.incidents.launch import build_app as build_incidents
from rationanomaly.incidents.launch import serve_pages
from rationanomaly.params import Params
from rationanomaly.review.access import Access
from rationanomaly.review.app import build_app as build_review
from rationanomaly.review.desk import Member
from rationanomaly.review.host_names import HostNames, host_names, named
from rationanomaly.review.listening import listen
from rationanomaly.serve.app import build_app as build_serve
from rationanomaly.serve.keys import Keys
from rationanomaly.serve.launch import running
from tests.stream_double import DoubleEngine
from tests.unit.test_review_pages import Room

EVERYWHERE = ("0.0.0.0", "::", "127.0.0.1", "::1", "10.0.0.5", "localhost")
FOREIGN = ("evil.example", "evil.example:8765", "localhost.evil.example", "127.0.0.1.evil.example", "", "[", "[::1",
           "[x]", "127.0.0.1@evil.example", "*", "any IP address", "1.2.3", "0x7f000001.evil")  # fmt: skip


@pytest.mark.parametrize("host", EVERYWHERE)
def test_names_of_others_are_refused_on_every_address(host: str) -> None:
    names = HostNames(host_names(host, ["review.example"]))
    for foreign in FOREIGN:
        assert not names.include(foreign), foreign
    assert not names.include(None)
    for own in ("localhost", "LOCALHOST:1", "127.0.0.1:8765", "[::1]", "[0:0:0:0:0:0:0:1]:80", "Review.Example.:80"):
        assert names.include(own), own


def test_a_server_on_all_addresses_is_reached_by_number_and_by_the_name_of_the_machine() -> None:
    names = HostNames(host_names("0.0.0.0"))
    for own in ("10.0.0.5:8765", "[2001:db8::5]:8765", socket.gethostname()):
        assert names.include(own)
    one = HostNames(host_names("10.0.0.5"))
    assert one.include("10.0.0.5")
    assert not one.include("10.0.0.6")


@pytest.mark.parametrize("name", ["http://review", "review:80", "a b", "", "rev\u0131ew", "x" * 300, "a\n"])
def test_what_is_no_host_name_is_refused(name: str) -> None:
    with pytest.raises(ParamsError, match="no host name"):
        host_names("127.0.0.1", [name])


@pytest.mark.parametrize("host", EVERYWHERE[:3])
def test_each_server_checks_the_name(host: str, tmp_path: Path, params: Params) -> None:
    room, names = Room(tmp_path), host_names(host)
    engine = DoubleEngine(tmp_path)
    with running(engine, params, Keys({}, needed=False), "model") as service:  # type: ignore[arg-type]
        for app, path in (
            (build_review(room.desk, room.context, room.access, names), "/independent"),
            (build_incidents(tmp_path / "stream.db", None, Access([Member("ada")]), names), "/incidents"),
            (build_serve(service, names), "/openapi.json"),
        ):
            client = TestClient(app, "http://localhost:8765", follow_redirects=False)
            assert client.get(path).status_code in (200, 401)
            assert client.get(path, headers={"Host": "evil.example"}).status_code == 400
            assert client.get(path, headers={"Host": "[::1]:8765"}).status_code in (200, 401)


@pytest.mark.parametrize(
    ("host", "port", "kind"),
    [("127.0.0.1", 65_536, ParamsError), ("127.0.0.1", -1, ParamsError), ("127.0.0.1", 10**30, ParamsError),
     ("", 0, ParamsError), ("300.0.0.1", 0, ParamsError), ("no such\x00host", 0, ParamsError),
     ("é" * 90, 0, ParamsError), ("http://localhost", 0, ParamsError), ("192.0.2.1", 0, InfrastructureError)],
)  # fmt: skip
def test_what_is_no_place_to_listen_is_one_line(host: str, port: int, kind: type[RationAnomalyError]) -> None:
    with pytest.raises(kind) as caught:
        listen(host, port)
    assert type(caught.value) is kind
    assert "--host" in str(caught.value) or "--port" in str(caught.value)


def test_a_page_knows_its_place_before_it_reads_anything(tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from rationanomaly.cli.app import app

    for arguments in (["--port", "70000"], ["--host", "300.0.0.1"]):
        found = CliRunner().invoke(app, ["review", "--parse", str(tmp_path / "none"), "--reviewer", "ada", *arguments])
        assert isinstance(found.exception, ParamsError)
    with listen("127.0.0.1", 0) as taken:
        place = ["--port", str(taken.getsockname()[1])]
        for command in (
            ["review", "--parse", str(tmp_path / "none"), "--reviewer", "ada"],
            ["incidents", "--page", "--state", str(tmp_path), "--reviewer", "ada"],
        ):
            found = CliRunner().invoke(app, [*command, *place])
            assert isinstance(found.exception, InfrastructureError)
            assert "can't listen" in str(found.exception)


@pytest.mark.parametrize("host", ["127.0.0.1", "::1", "localhost"])
def test_a_place_that_is_ours_is_listened_on(host: str) -> None:
    try:
        with listen(host, 0) as listener:
            assert listener.getsockname()[1] > 0
    except InfrastructureError:
        if host != "::1":  # A machine may have no version 6.
            raise


@pytest.mark.parametrize(("more", "expected"), [([], "0.0.0.0"), (["*"], "0.0.0.0"), (["*", "a.example"], "a.example")])
def test_a_link_names_what_a_browser_can_follow(more: list[str], expected: str) -> None:
    assert named("0.0.0.0", more) == expected


def test_no_link_is_given_away_before_the_names_are_found_to_be_some(
    params: Params, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = params.watch.incidents
    with pytest.raises(ParamsError, match="is no host name"):
        serve_pages(tmp_path / "none", None, [Member("ada")], settings, port=0, names=["https://a.example"])
    assert "once=" not in caplog.text
