"""What a registry that doesn't do as asked means: a page, a refusal, silence. Over real HTTP."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from mlflow.exceptions import MlflowException

from rationanomaly.errors import InfrastructureError, InputError
from rationanomaly.register.policy import Policy
from rationanomaly.register.promotion import history, promote, rollback
from rationanomaly.runs import registry_errors
from rationanomaly.runs.model_registry import digest_at, fetch_folder

POLICY = Policy(minimum={}, not_worse={})
PAGE = "<!doctype html><title>Sign in</title><p>who are you?"
ABSENT = '{"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "Registered Model with name=log not found"}'


@contextmanager
def answering(status: int, text: str, silent: threading.Event | None = None) -> Iterator[str]:
    """A server that is well, and gives one answer to all that is asked; or none until the event is set."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            well = self.path == "/health"
            if silent is not None and not well:
                silent.wait(60)
                return
            body = b"OK" if well else text.encode()
            self.send_response(200 if well else status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            if silent is not None:
                silent.set()
            server.shutdown()
            thread.join()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR", "0")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_BACKOFF_JITTER", "0")
    for name in ("MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN"):
        monkeypatch.delenv(name, raising=False)


ACTS: Mapping[str, Callable[[], object]] = {
    "promote": lambda: promote("models:/log@candidate", "champion", POLICY),
    "rollback": lambda: rollback("models:/log@champion"),
    "history": lambda: history("models:/log@champion"),
    "digest": lambda: digest_at("models:/log@champion"),
    "fetch": lambda: fetch_folder("models:/log@champion"),
}


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize(
    ("status", "text", "said"),
    [
        (401, "You are not authenticated.", "asks for a user and a password (401). Set MLFLOW_TRACKING_USERNAME"),
        (401, PAGE, "asks for a user and a password (401). Set MLFLOW_TRACKING_USERNAME"),
        (403, "Permission denied", "lets this user not do this (403). Ask whoever runs it for"),
        (403, PAGE, "lets this user not do this (403, by a web page: a proxy before it may say so). Ask"),
        (200, PAGE, "answers with a web page instead of MLflow's API. Check MLFLOW_TRACKING_URI"),
        (200, f"\n  {PAGE}", "answers with a web page instead of MLflow's API. Check MLFLOW_TRACKING_URI"),
        (404, PAGE, "answers with a web page instead of MLflow's API (status 404). Check MLFLOW_TRACKING_URI"),
        (503, PAGE, "answers 503 again and again. Look into its log"),
        (418, "a teapot\x1b[2J", "failed: API request to endpoint"),
    ],
)
def test_each_answer_says_what_it_is(
    act: str, status: int, text: str, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with answering(status, text) as place:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://somebody:secret@{place}")
        with pytest.raises(InfrastructureError) as caught:
            ACTS[act]()
    assert f"the model registry at http://{place} {said}" in str(caught.value)
    assert "secret" not in str(caught.value) and "\x1b" not in str(caught.value)


def test_silence_is_said_as_such(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    with answering(200, "", silent=threading.Event()) as place:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://{place}")
        with pytest.raises(InfrastructureError, match=r"did not answer in time\. .*MLFLOW_HTTP_REQUEST_TIMEOUT"):
            ACTS["promote"]()


def test_what_is_not_there_is_still_the_callers_error(monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(404, ABSENT) as place:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://{place}")
        with pytest.raises(InputError, match="no such registered model version"):
            ACTS["promote"]()


def test_a_server_that_goes_away_midway_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    gone = "API request to http://a:b@host/x failed with exception HTTPConnectionPool: Connection refused"
    said = str(registry_errors.translate(MlflowException(gone), "http://a:b@host"))
    assert said.startswith("the model registry at http://host does not answer.")


@pytest.mark.parametrize("text", ["{}", "", '{"model_version": "no"}', "It works!", "[]"])
def test_a_server_that_is_no_registry_is_said(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with answering(200, text) as place:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://{place}")
        with pytest.raises(InfrastructureError, match=f"{place} does not answer as MLflow's API does"):
            ACTS["promote"]()


@pytest.mark.parametrize(
    "address",
    ["localhost:5000", "htp://host", "postgresql+psycopg2://u:secret@127.0.0.1:1/x", "mysql+none://u:secret@host/x"],
)
def test_an_address_of_no_registry_is_said_at_once(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
    with pytest.raises(InfrastructureError, match="can't be opened") as caught:
        ACTS["history"]()
    assert "secret" not in str(caught.value)


def test_a_file_that_is_no_database_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mlflow.db").write_text("no database, and long enough for the head of one" * 9)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    with pytest.raises(InfrastructureError, match="file is not a database"):
        ACTS["history"]()


def test_limits_of_time_are_ours_unless_somebody_set_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "600")
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES")
    with registry_errors.impatient():
        assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "600"
        assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "2"
    assert "MLFLOW_HTTP_REQUEST_MAX_RETRIES" not in os.environ
