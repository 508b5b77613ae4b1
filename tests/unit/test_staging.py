"""Raw inputs of pods: where they lie, what no pod can see, and how they are fetched."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest

from pipelines.caching import raw_digests
from pipelines.catalogue import PIPELINES, Choices
from rationanomaly.errors import InfrastructureError, InputError, ParamsError
from rationanomaly.params import Params, load_params
from rationanomaly.staging.fetching import stage
from rationanomaly.staging.sources import pod_params, staged_path
from tests.conftest import ROOT
from tests.loopback import listening

CONTENT = b"2005-06-03 node 1 is up\n" * 2000
DIGEST = hashlib.sha256(CONTENT).hexdigest()
NONE = (
    "data.format=bgl", "data.ledger=data/none.jsonl", "data.truth=data/none.csv", "data.reasoning=data/none.jsonl",
)  # fmt: skip


def params_of(*settings: str) -> Params:
    return load_params(ROOT / "params.yaml", [*NONE, *settings])


@contextmanager
def server(break_at: int | None = None, redirect: str | None = None, log: list[str] | None = None) -> Iterator[str]:
    """Serves `CONTENT`; with ``break_at`` the first answer breaks off behind so many bytes."""
    asked = [] if log is None else log

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.headers.get("Range") or "all")
            if redirect is not None:
                self.send_response(302)
                self.send_header("Location", redirect)
                self.end_headers()
                return
            start = int((self.headers.get("Range") or "bytes=0-").removeprefix("bytes=").partition("-")[0])
            self.send_response(206 if start else 200)
            self.send_header("Content-Length", str(len(CONTENT) - start))
            self.end_headers()
            stop = break_at if break_at is not None and len(asked) == 1 else len(CONTENT)
            self.wfile.write(CONTENT[start:stop])

        def log_message(self, *_: Any) -> None:
            """Nothing."""

    with listening(Handler) as address:
        yield address


@pytest.mark.parametrize(
    "path", ["../shared/app.log", "data/app.log", "/home/me/app.log", "/state/../etc/app.log", "logs/*.log"]
)
def test_a_path_that_no_pod_can_see_is_refused_with_its_hint(path: str, tmp_path: Path) -> None:
    params = params_of(f"data.logs={path}")
    with pytest.raises(ParamsError, match=r"cluster\.data\.logs\.uri"):
        PIPELINES["training"].write(params, Choices(), tmp_path / "pipeline.yaml")
    assert not (tmp_path / "pipeline.yaml").exists()


def test_all_raw_inputs_that_no_pod_can_see_are_named_at_once() -> None:
    with pytest.raises(ParamsError, match=r"`data\.ledger` is l\.json, `data\.logs` is a\.log, which no pod can see"):
        pod_params(params_of("data.logs=a.log", "data.ledger=l.json"))


@pytest.mark.parametrize("name", ["parse.continue_from", "parse.named_templates", "parse.sessions.labels"])
def test_other_files_that_params_name_are_refused_too_unless_they_lie_on_a_volume(name: str) -> None:
    for path in ("../shared/labels.csv", "labels.csv", "/state/../labels.csv"):
        with pytest.raises(ParamsError, match=f"`{name}` is .*, which no pod can see. Copy it to the state volume"):
            pod_params(params_of("data.logs=/state/app.log", f"{name}={path}"))
    pod_params(params_of("data.logs=/state/app.log", f"{name}=/state/labels.csv"))


def test_a_path_on_the_claim_and_what_the_image_holds_are_taken() -> None:
    seen = pod_params(params_of("data.logs=/state/logs/app.log"))
    assert seen.data.logs == Path("/state/logs/app.log")
    assert seen.data.truth == Path("data/none.csv")


def test_a_claim_of_its_own_is_mounted() -> None:
    params = params_of("data.logs=../app.log", "cluster.data.logs={claim: logs, path: bgl/BGL.log}")
    assert pod_params(params).data.logs == Path("/data/logs/bgl/BGL.log")


def test_what_is_fetched_lies_under_its_digest(tmp_path: Path) -> None:
    params = params_of(
        "data.logs=../a.log", f"cluster.data.logs={{uri: 'https://example.org/x/a.log', sha256: {DIGEST}}}"
    )
    assert pod_params(params).data.logs == Path(f"/state/data/{DIGEST}/a.log")
    assert raw_digests(params)["logs"] == DIGEST
    PIPELINES["training"].write(params, Choices(), tmp_path / "pipeline.yaml")
    text = (tmp_path / "pipeline.yaml").read_text()
    assert "../a.log" not in text
    assert "exec-stage" in text


def test_an_unpinned_source_has_a_place_and_no_digest() -> None:
    params = params_of("cluster.data.logs={uri: 'https://example.org/..%2F..'}")
    path = staged_path(params.cluster.data["logs"])
    assert path.parts[:3] == ("/", "state", "data")
    assert len(path.parts) == 5
    assert raw_digests(params)["logs"] is None


COMMIT = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("source", "known"),
    [
        ("{uri: 's3://bucket/a.log'}", False),
        ("{uri: 's3://bucket/a.log?versionId=null'}", False),  # a bucket without versions
        ("{uri: 's3://bucket/a.log?versionId=3sL4kqtJlcpXroDTDmJ'}", True),
        ("{dvc: {repo: 'https://a.example/r', rev: main, path: logs/a.log}}", False),
        ("{dvc: {repo: 'https://a.example/r', rev: abc0123, path: logs/a.log}}", False),
        (f"{{dvc: {{repo: 'https://a.example/r', rev: {COMMIT}, path: logs/a.log}}}}", True),
    ],
)  # fmt: skip
def test_a_version_and_a_commit_tell_the_content_and_a_branch_does_not(source: str, known: bool) -> None:
    params = params_of(f"cluster.data.logs={source}")
    path = staged_path(params.cluster.data["logs"])
    assert path.name == "a.log"
    digest = raw_digests(params)["logs"]
    assert (digest is not None) == known
    assert not known or digest == path.parent.name
    assert path.parent.name.startswith("unpinned-") != known


def test_a_commit_is_the_same_in_each_copy_of_its_repository_and_another_path_or_version_is_another_content() -> None:
    def known(source: str) -> str | None:
        return raw_digests(params_of(f"cluster.data.logs={source}"))["logs"]

    first, copy, other = (
        known(f"{{dvc: {{repo: '{repo}', rev: {COMMIT}, path: {path}}}}}")
        for repo, path in (("https://a.example/r", "a"), ("env:REPOSITORY", "a"), ("https://a.example/r", "b"))
    )
    assert first == copy != other
    assert known("{uri: 's3://bucket/k?versionId=1'}") != known("{uri: 's3://bucket/k?versionId=2'}")


@pytest.mark.parametrize(
    "source",
    [
        "{}", "{uri: 'https://a.example/x', claim: c, path: p}", "{claim: c}", "{claim: c, path: ../x}",
        "{claim: c, path: /x}", "{claim: '../c', path: x}", "{uri: 'ftp://a.example/x'}", "{uri: 'file:///etc/passwd'}",
        "{uri: 's3://bucket'}", "{uri: 's3://bucket/folder/'}", "{uri: 's3://key:secret@bucket/x'}",
        "{uri: 's3://bucket/x?X-Amz-Signature=abc'}", "{uri: 's3://bucket/x', claim: c, path: p}",
        "{dvc: {repo: 'https://a.example/r', rev: main}}", "{dvc: {repo: 'git@a.example:r', rev: main, path: p}}",
        "{dvc: {repo: 'https://a.example/r', rev: main, path: ../p}}", "{dvc: {repo: /tmp/r, rev: main, path: p}}",
        "{dvc: {repo: 'https://a.example/r', rev: '--upload-pack=x', path: p}}",
        "{uri: 'https://user:secret@a.example/x'}", "{uri: 'https://a.example/x', sha256: abc}",
    ],
)  # fmt: skip
def test_a_source_that_leads_elsewhere_is_refused(source: str) -> None:
    with pytest.raises(ParamsError):
        params_of(f"cluster.data.logs={source}")


def fetched(address: str, tmp_path: Path, digest: str | None = DIGEST, megabytes: int = 10) -> Path:
    pinned = f", sha256: {digest}" if digest else ""
    params = params_of(f"cluster.data.logs={{uri: '{address}/app.log'{pinned}, max_megabytes: {megabytes}}}")
    stage(params, tmp_path)
    return tmp_path / staged_path(params.cluster.data["logs"]).relative_to("/state")


def test_what_lies_on_a_claim_has_its_declared_digest_or_ends_the_task(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("rationanomaly.staging.sources.CLAIMS", tmp_path)
    params = params_of(f"cluster.data.logs={{claim: logs, path: app.log, sha256: {DIGEST}}}")
    (tmp_path / "logs").mkdir()
    with pytest.raises(InputError, match=r"app\.log"):
        stage(params, tmp_path / "state")
    (tmp_path / "logs" / "app.log").write_bytes(CONTENT)
    stage(params, tmp_path / "state")
    (tmp_path / "logs" / "app.log").write_bytes(CONTENT + b"one more line\n")
    with pytest.raises(InputError, match=f"not {DIGEST} as declared"):
        stage(params, tmp_path / "state")
    assert "stage" in PIPELINES["training"].tasks(params, Choices())
    assert "stage" not in PIPELINES["training"].tasks(params_of("cluster.data.logs={claim: l, path: a}"), Choices())


def test_a_break_is_resumed_and_the_file_is_there_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    asked: list[str] = []
    with server(break_at=10_000, log=asked) as address:
        with pytest.raises(InfrastructureError, match="can't be fetched"):
            fetched(address, tmp_path)
        assert not list(tmp_path.rglob("app.log"))
        assert fetched(address, tmp_path).read_bytes() == CONTENT
        assert fetched(address, tmp_path).read_bytes() == CONTENT
    assert asked[0] == "all"
    assert asked[1].startswith("bytes=")
    assert len(asked) == 2  # What is there by its digest is not asked for again.
    assert not list(tmp_path.rglob("*.part"))


def test_another_content_than_declared_is_not_kept(tmp_path: Path) -> None:
    with server() as address, pytest.raises(InputError, match="not " + "a" * 64):
        fetched(address, tmp_path, digest="a" * 64)
    assert not list(tmp_path.rglob("app.log*"))


def test_a_file_that_is_too_large_is_not_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rationanomaly.staging.part.MEGABYTE", 1000)
    with server() as address, pytest.raises(InputError, match="larger than"):
        fetched(address, tmp_path)
    assert not list(tmp_path.rglob("app.log*"))


def test_a_redirect_away_from_https_is_refused(tmp_path: Path) -> None:
    with (
        server(redirect="http://elsewhere.example/app.log") as address,
        pytest.raises(InfrastructureError, match="without https"),
    ):
        fetched(address, tmp_path)


def test_an_address_that_is_a_secret_is_never_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SIGNED", "http://127.0.0.1:9/app.log?signature=canary")
    with pytest.raises(InfrastructureError) as caught:
        stage(params_of("cluster.data.logs={uri: 'env:SIGNED'}"), tmp_path)
    assert "canary" not in str(caught.value)
    monkeypatch.delenv("SIGNED")
    with pytest.raises(ParamsError, match=r"cluster\.secret_keys|holds no"):
        stage(params_of("cluster.data.logs={uri: 'env:SIGNED'}"), tmp_path)
