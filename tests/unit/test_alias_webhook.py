"""Whoever is to know that an alias moved is told of it, signed, until it answers. Over real HTTP."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import logging
from pathlib import Path

import pytest
from mlflow import MlflowClient

from rationanomaly.register import alias_webhook, promotion_log, rivals
from rationanomaly.register.policy import Policy
from rationanomaly.register.promotion import promote, rollback
from tests.mlflow_store import new_store
from tests.posted import Posts, receiving
from tests.registered import add_version, digest_of

POLICY = Policy(minimum={}, not_worse={})
KEY = b"a key of more than sixteen bytes"
SECRET = f"whsec_{base64.b64encode(KEY).decode()}"


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> str:
    return new_store(tmp_path_factory)


@pytest.fixture
def client(store: str, monkeypatch: pytest.MonkeyPatch) -> MlflowClient:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", store)
    monkeypatch.setattr(alias_webhook, "_PAUSES", (0.01,))
    monkeypatch.setattr(promotion_log, "_PATIENCE", 0.0)
    monkeypatch.setattr(rivals, "_WINDOW", 0.0)
    return MlflowClient(store, store)


def model(client: MlflowClient, name: str) -> str:
    for _ in range(2):
        add_version(client, name)
    promote(f"models:/{name}/1", "champion", POLICY)
    return name


def taken(posts: Posts) -> list[tuple[dict[str, str], bytes]]:
    return [posts.received.get_nowait() for _ in range(posts.received.qsize())]


def test_each_move_is_posted_signed_and_once(client: MlflowClient, monkeypatch: pytest.MonkeyPatch) -> None:
    name = model(client, "模型")
    with receiving() as posts:
        monkeypatch.setenv(alias_webhook.ADDRESS, posts.address)
        monkeypatch.setenv(alias_webhook.SECRET, SECRET)
        promote(f"models:/{name}/2", "champion", POLICY)
        promote(f"models:/{name}/2", "champion", POLICY)
        rollback(f"models:/{name}@champion")
        first, second = taken(posts)
    for headers, body in (first, second):
        signed = b".".join([headers["webhook-id"].encode(), headers["webhook-timestamp"].encode(), body])
        expected = base64.b64encode(hmac.new(KEY, signed, hashlib.sha256).digest()).decode()
        assert headers["webhook-signature"] == f"v1,{expected}"
        assert headers["idempotency-key"] == headers["webhook-id"]
    promoted, back = json.loads(first[1]), json.loads(second[1])
    assert promoted["type"] == "alias.promoted" and promoted["policy_sha256"] == POLICY.sha256
    assert {promoted[key] for key in ("name", "alias", "version", "previous", "model")} == {
        name, "champion", "2", "1", digest_of(client, "folder"),
    }  # fmt: skip
    assert (back["type"], back["version"], back["previous"]) == ("alias.rolled_back", "1", "2")


def test_a_receiver_that_fails_undoes_nothing_and_hears_it_from_the_next(
    client: MlflowClient, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    name = model(client, "unheard")
    with receiving() as posts:
        monkeypatch.setenv(alias_webhook.ADDRESS, f"{posts.address}?token=hidden")
        posts.status = 503
        with caplog.at_level(logging.WARNING):
            assert promote(f"models:/{name}/2", "champion", POLICY).version == "2"
        assert "The next promotion or rollback tells it again" in caplog.text and "hidden" not in caplog.text
        failed = taken(posts)
        posts.status = 204
        promote(f"models:/{name}/2", "champion", POLICY)
        (again,) = taken(posts)
        promote(f"models:/{name}/2", "champion", POLICY)
        assert taken(posts) == []
    assert len(failed) == 2
    assert {headers["idempotency-key"] for headers, _ in (*failed, again)} == {again[0]["idempotency-key"]}
    assert str(client.get_model_version_by_alias(name, "champion").version) == "2"


@pytest.mark.parametrize(
    ("address", "secret", "said"),
    [("ftp://somewhere", "", "holds no web address"), ("http://127.0.0.1:1/x", "short", "fewer than 16 bytes")],
)
def test_a_wrong_setting_is_a_warning(
    client: MlflowClient,
    address: str,
    secret: str,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    name = model(client, f"wrong-{len(secret)}")
    monkeypatch.setenv(alias_webhook.ADDRESS, address)
    monkeypatch.setenv(alias_webhook.SECRET, secret)
    assert promote(f"models:/{name}/2", "champion", POLICY).version == "2"
    assert said in caplog.text


def test_nothing_is_posted_where_nobody_asked(client: MlflowClient, tmp_path: Path) -> None:
    name = model(client, "quiet")
    entry = promotion_log.PromotionLog(client, name, "champion").read().head
    assert entry is not None and not entry.is_announced
