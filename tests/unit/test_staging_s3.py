"""Raw inputs in an object store that speaks S3, and remotes of DVC there; the store is moto's server."""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from moto.server import ThreadedMotoServer

from rationanomaly.errors import InfrastructureError, InputError
from rationanomaly.params import Params
from rationanomaly.preflight.setting import Setting
from rationanomaly.preflight.storage import check_data
from rationanomaly.staging import s3_source
from rationanomaly.staging.fetching import stage
from rationanomaly.staging.sources import staged_path
from tests.dvc_repository import LOG, PARTS, make_repository
from tests.git_server import git_server
from tests.unit.test_staging import params_of

DIGEST = hashlib.sha256(LOG).hexdigest()


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    logging.getLogger("werkzeug").setLevel(logging.WARNING)  # a line for each request else
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        yield f"http://{host}:{port}"
    finally:
        server.stop()


@pytest.fixture
def store(address: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """A client of the store, which the environment names as in a pod; its bucket keeps versions."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        monkeypatch.delenv(name)
    for name, value in {
        "AWS_ENDPOINT_URL_S3": address,
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "canary",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": str(tmp_path / "none"),
        "AWS_SHARED_CREDENTIALS_FILE": str(tmp_path / "none"),
        "DVC_NO_ANALYTICS": "1",
    }.items():
        monkeypatch.setenv(name, value)
    client = boto3.session.Session().client("s3")
    client.create_bucket(Bucket="logs")
    client.put_bucket_versioning(Bucket="logs", VersioningConfiguration={"Status": "Enabled"})
    return client


def put(store: Any, content: bytes, key: str = "bgl/app.log") -> str:
    """Its version."""
    return str(store.put_object(Bucket="logs", Key=key, Body=content)["VersionId"])


def params(query: str = "", more: str = "", key: str = "bgl/app.log") -> Params:
    return params_of(f"cluster.data.logs={{uri: 's3://logs/{key}{query}'{more}}}")


def fetched(found: Params, tmp_path: Path) -> Path:
    stage(found, tmp_path)
    return place(found, tmp_path)


def place(found: Params, tmp_path: Path) -> Path:
    return tmp_path / staged_path(found.cluster.data["logs"]).relative_to("/state")


def test_a_version_stays_the_same_and_the_newest_one_is_fetched_each_time(store: Any, tmp_path: Path) -> None:
    version = put(store, LOG)
    put(store, b"newer\n")
    assert fetched(params(f"?versionId={version}"), tmp_path).read_bytes() == LOG
    assert fetched(params(), tmp_path).read_bytes() == b"newer\n"
    put(store, b"newest\n")
    assert fetched(params(), tmp_path).read_bytes() == b"newest\n"
    store.delete_object(Bucket="logs", Key="bgl/app.log", VersionId=version)
    assert fetched(params(f"?versionId={version}"), tmp_path).read_bytes() == LOG  # It is there: nobody is asked.


def test_a_break_is_resumed_by_a_range(store: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put(store, LOG)
    found = params(more=f", sha256: {DIGEST}")
    asked = []
    given = s3_source._chunks

    def broken(body: Any) -> Iterator[bytes]:
        asked.append(len(content := b"".join(given(body))))
        yield content[:10_000] if len(asked) == 1 else content

    monkeypatch.setattr(s3_source, "_chunks", broken)
    with pytest.raises(InfrastructureError, match="broke off at 10000 of"):
        fetched(found, tmp_path)
    assert not place(found, tmp_path).exists()
    assert fetched(found, tmp_path).read_bytes() == LOG
    assert asked == [len(LOG), len(LOG) - 10_000]
    assert not list(tmp_path.rglob("*.part"))


def test_another_content_than_declared_is_not_kept(store: Any, tmp_path: Path) -> None:
    put(store, LOG[1:])
    with pytest.raises(InputError, match=f"not {DIGEST}"):
        fetched(params(more=f", sha256: {DIGEST}"), tmp_path)
    assert not list(tmp_path.rglob("app.log*"))


def test_what_is_too_large_is_refused_before_it_comes(
    store: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, LOG)
    monkeypatch.setattr("rationanomaly.staging.part.MEGABYTE", 1000)
    monkeypatch.setattr(s3_source, "_chunks", lambda _: pytest.fail("it is fetched"))
    with pytest.raises(InputError, match="larger than 10 MB"):
        fetched(params(more=", max_megabytes: 10"), tmp_path)
    assert not list(tmp_path.rglob("app.log*"))


def test_an_empty_object_is_an_empty_file(store: Any, tmp_path: Path) -> None:
    put(store, b"", "empty.log")
    assert fetched(params(key="empty.log"), tmp_path).read_bytes() == b""


@pytest.mark.parametrize("query", ["", "?versionId=abcdefabcdefabcdefab"])
def test_what_is_not_there_is_said_by_stage_and_preflight(store: Any, query: str, tmp_path: Path) -> None:
    found = params(query, key="none.log")
    with pytest.raises(InfrastructureError, match=r"`cluster.data.logs` can't be fetched: refused: 40\d") as caught:
        fetched(found, tmp_path)
    (finding,) = check_data(setting_of(found, tmp_path))
    assert "cluster.data.logs.uri" in finding.problem
    assert "canary" not in f"{caught.value}{finding}"


def test_preflight_finds_what_is_there_and_names_absent_credentials(
    store: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    put(store, LOG)
    assert not list(check_data(setting_of(params(), tmp_path)))
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    (finding,) = check_data(setting_of(params(), tmp_path))
    assert "cluster.secret_keys" in finding.hint


def setting_of(found: Params, state: Path) -> Setting:
    return Setting(found, state, os.environ, True, "http://127.0.0.1:9", seconds=60)


def test_dvc_gets_from_a_remote_in_the_store(store: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "tmp"))
    commit = make_repository(tmp_path / "repository", "s3://logs/dvc")
    with git_server(tmp_path) as git:
        dvc = f"{{repo: '{git}/repository/.git', rev: {commit}, path: %s}}"
        assert fetched(params_of(f"cluster.data.logs={{dvc: {dvc % 'app.log'}}}"), tmp_path).read_bytes() == LOG
        folder = fetched(params_of(f"cluster.data.logs={{dvc: {dvc % 'logs'}}}"), tmp_path)
    assert {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.log")} == PARTS
