"""Lines of pods, over the API of Kubernetes: each once, over broken connections and containers that start again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from rationanomaly.errors import InfrastructureError, InputError
from rationanomaly.sources.chunk import Chunk
from rationanomaly.sources.container_log import LineCutter, Place
from rationanomaly.sources.kubernetes_pods import KubernetesSource
from tests.pod_logs_api import FakePods, serving

#: Three lines of one and the same nanosecond, then later ones; a line of bytes.
FIRST = [
    ("2026-01-01T00:00:00.123456789Z", b"link 0 down"),
    ("2026-01-01T00:00:00.5Z", b"link 1 down"),
    ("2026-01-01T00:00:00.5Z", b"link 1 down"),
    ("2026-01-01T00:00:00.50Z", b"link 2 down"),
    ("2026-01-01T00:00:01Z", b"\xff\xfe \x1b[2J"),
]
LATER = [("2026-01-01T00:00:01Z", b"link 3 down"), ("2026-01-01T00:00:09.000000001Z", b"")]

#: Of the container that has been started again.
AGAIN = [("2026-01-01T00:00:01.7Z", b"started"), ("2026-01-01T00:00:09.000000001Z", b"link 4 down")]


@pytest.fixture
def pods(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakePods]:
    kubeconfig = tmp_path / "kubeconfig"
    monkeypatch.setenv("KUBECONFIG", str(kubeconfig))
    pods = FakePods()
    pods.write("team-a/web-1/app", *FIRST)
    with serving(pods, kubeconfig):
        yield pods


def source(namespaces: Sequence[str] = ("team-*",), **changes: Any) -> KubernetesSource:
    settings: dict[str, Any] = {"start": "oldest", "list_seconds": 0.02, "retry_seconds": 0.05}
    return KubernetesSource(namespaces, **(settings | changes))


def read(made: KubernetesSource, positions: Mapping[str, object], lines: int) -> list[Chunk]:
    """The chunks until so many lines have come."""
    found: list[Chunk] = []
    for chunk in made.chunks(positions):
        found += [] if chunk is None else [chunk]
        if sum(one.data.count(b"\n") for one in found) >= lines:
            break
    made.close()
    return found


def text(chunks: Sequence[Chunk], stream: str = "team-a/web-1/app") -> bytes:
    return b"".join(chunk.data for chunk in chunks if chunk.stream == stream)


def lines(*written: tuple[str, bytes]) -> bytes:
    return b"".join(line + b"\n" for _, line in written)


def test_lines_come_without_their_times_and_say_which_pod(pods: FakePods) -> None:
    found = read(source(), {}, 5)
    assert text(found) == lines(*FIRST)
    assert {(chunk.stream, chunk.node) for chunk in found} == {("team-a/web-1/app", "web-1")}
    assert found[-1].position["time"] == "2026-01-01T00:00:01Z"


def test_each_line_comes_once_wherever_reading_was_left(pods: FakePods) -> None:
    position: dict[str, object] = {}
    for number in range(len(FIRST)):
        cutter = LineCutter(Place("containerd://web-1-app-0"), 100)
        cutter.feed(b"".join(f"{time} ".encode() + line + b"\n" for time, line in FIRST[: number + 1]))
        position = {"team-a/web-1/app": cutter.place.as_position()}
        pods.containers["team-a", "web-1", "app"].lines = [*FIRST, *LATER]
        left = [*FIRST[number + 1 :], *LATER]
        assert text(read(source(), position, len(left))) == lines(*left)
    assert any("sinceTime=2026-01-01T00%3A00%3A00Z" in request for request in pods.requests)


def test_what_is_written_while_it_is_read_comes(pods: FakePods) -> None:
    made = source()
    chunks = made.chunks({})
    found: list[Chunk] = []
    while text(found) != lines(*FIRST):
        found += [chunk for chunk in [next(chunks)] if chunk is not None]
    pods.write("team-a/web-1/app", *LATER)
    pods.write("team-b/db-1/app", ("2026-01-01T00:00:00Z", b"of a new pod"))
    while text(found) != lines(*FIRST, *LATER) or not text(found, "team-b/db-1/app"):
        found += [chunk for chunk in [next(chunks)] if chunk is not None]
    assert text(found, "team-b/db-1/app") == b"of a new pod\n"
    made.close()


def test_a_connection_that_breaks_in_the_middle_of_a_line_loses_nothing(
    pods: FakePods, caplog: pytest.LogCaptureFixture
) -> None:
    pods.cut = [1, 2, 3]
    assert text(read(source(), {}, 5)) == lines(*FIRST)
    assert any("is waited for" in record.getMessage() for record in caplog.records)


def test_the_end_of_a_container_that_started_again_comes_first(pods: FakePods) -> None:
    position = {"team-a/web-1/app": {"container": "containerd://web-1-app-0", "time": FIRST[0][0], "count": 1}}
    pods.restart("team-a/web-1/app")
    pods.write("team-a/web-1/app", *AGAIN)
    found = read(source(), position, 6)
    assert text(found) == lines(*FIRST[1:], *AGAIN)
    assert found[-1].position["container"] == "containerd://web-1-app-1"


def test_a_container_that_starts_again_is_followed_and_nothing_comes_twice(pods: FakePods) -> None:
    made = source()
    chunks = made.chunks({})
    found: list[Chunk] = []
    while text(found) != lines(*FIRST):
        found += [chunk for chunk in [next(chunks)] if chunk is not None]
    pods.restart("team-a/web-1/app")
    pods.write("team-a/web-1/app", *AGAIN)
    while len(text(found)) < len(lines(*FIRST, *AGAIN)):
        found += [chunk for chunk in [next(chunks)] if chunk is not None]
    assert text(found) == lines(*FIRST, *AGAIN)
    made.close()


def test_only_pods_that_are_asked_for_are_read(pods: FakePods) -> None:
    pods.write("other/web-9/app", *FIRST)
    for number in range(5):  # Over several pages of the list.
        pods.write(f"team-c/job-{number}/app", ("2026-01-01T00:00:00Z", b"x"))
        pods.labels["team-c", f"job-{number}"] = {"app": "job"}
    found = read(source(selector="app=job"), {}, 5)
    assert {chunk.stream for chunk in found} == {f"team-c/job-{number}/app" for number in range(5)}
    assert {chunk.stream for chunk in read(source(["other"]), {}, 5)} == {"other/web-9/app"}


def test_from_now_on_means_that_nothing_old_comes(pods: FakePods) -> None:
    made = source(start="newest")
    chunks = made.chunks({})
    assert next(chunks) is None
    pods.write("team-a/web-1/app", ("2999-01-01T00:00:00Z", b"new"))
    assert text([next(chunk for chunk in chunks if chunk is not None)]) == b"new\n"
    made.close()


def test_a_server_that_refuses_is_an_error_and_later_is_waited_for(
    pods: FakePods, caplog: pytest.LogCaptureFixture
) -> None:
    pods.status = 403
    with pytest.raises(InfrastructureError, match=r"says 403: pods is forbidden.*get and list of pods"):
        next(source().chunks({}))
    pods.status = 200
    made = source()
    chunks = made.chunks({})
    found = [next(chunk for chunk in chunks if chunk is not None)]
    pods.status = 503
    while not any("new pods are not seen" in record.getMessage() for record in caplog.records):
        found += [chunk for chunk in [next(chunks)] if chunk is not None]
    pods.status = 200
    pods.write("team-z/late/app", ("2026-01-01T00:00:00Z", b"late"))
    while not text(found, "team-z/late/app"):
        found += [chunk for chunk in [next(chunks)] if chunk is not None]
    made.close()


@pytest.mark.parametrize("position", [7, {}, {"container": "c", "time": "now", "count": 1}])
def test_a_position_of_something_else_is_an_error(pods: FakePods, position: object) -> None:
    with pytest.raises(InputError, match="in the log of a container"):
        next(source().chunks({"team-a/web-1/app": position}))


def test_a_machine_without_a_cluster_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBECONFIG", str(tmp_path / "none"))
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("KUBERNETES_SERVICE_HOST", raising=False)
    with pytest.raises(InfrastructureError, match="no cluster to read from"):
        source()


def test_lines_are_cut_and_sentences_of_the_node_are_kept() -> None:
    cutter = LineCutter(Place("c"), 10)
    assert cutter.feed(b"2026-01-01T00:00:00Z " + b"x" * 50) == b""
    assert cutter.feed(b"y" * 10_000) == b""
    assert len(cutter.feed(b"\nfailed to watch\n")) <= 22
    assert cutter.feed(b"failed to watch\n2026-01-01T00:00:02Z end\n") == b"failed to \nend\n"
    assert cutter.place.time == "2026-01-01T00:00:02Z"
