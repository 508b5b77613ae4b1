"""What a registry that doesn't do as asked means: a page, a refusal, silence. Over real HTTP."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from mlflow import MlflowClient
from mlflow.exceptions import MlflowException

from rationanomaly.errors import InfrastructureError, InputError, from_document
from rationanomaly.params import Params
from rationanomaly.register.policy import Policy
from rationanomaly.register.promotion import history, promote, rollback
from rationanomaly.runs import bounded, registry_errors, tracking
from rationanomaly.runs.model_registry import digest_at, fetch_folder
from tests.loopback import free_port
from tests.mlflow_store import new_store
from tests.registered import add_version

#: Seconds after which what hangs is a failure.
LONGEST = 120
POLICY = Policy(minimum={}, not_worse={})
PAGE = "<!doctype html><title>Sign in</title><p>who are you?"
ABSENT = '{"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "Registered Model with name=log not found"}'


@contextmanager
def serving(handle: Callable[[BaseHTTPRequestHandler], None], over: threading.Event) -> Iterator[str]:
    """A server that handles every request in one way; its host and port.

    Args:
        handle: answers, or doesn't.
        over: is set at the end, so that whoever waits in ``handle`` goes.
    """

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            handle(self)

        do_POST = do_GET  # noqa: N815 (the server's name)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            over.set()
            server.shutdown()
            thread.join()


def say(request: BaseHTTPRequestHandler, status: int, body: bytes, headers: Mapping[str, str] | None = None) -> None:
    request.send_response(status)
    for name, value in {"Content-Length": str(len(body)), **(headers or {})}.items():
        request.send_header(name, value)
    request.end_headers()
    request.wfile.write(body)


@contextmanager
def answering(status: int, text: str, headers: Mapping[str, str] | None = None) -> Iterator[str]:
    """A server that is well, and gives one answer to all that is asked."""

    def handle(request: BaseHTTPRequestHandler) -> None:
        if request.path == "/health":
            say(request, 200, b"OK")
        else:
            say(request, status, text.encode(), headers)

    with serving(handle, threading.Event()) as place:
        yield place


@contextmanager
def silent() -> Iterator[str]:
    """A server that is well, and answers nothing that is asked."""
    over = threading.Event()

    def handle(request: BaseHTTPRequestHandler) -> None:
        if request.path == "/health":
            say(request, 200, b"OK")
        else:
            over.wait(LONGEST)

    with serving(handle, over) as place:
        yield place


@contextmanager
def talking(piece: bytes, pause: float, *, also_well: bool) -> Iterator[str]:
    """A server that sends a piece again and again and never comes to an end; where it is asked how it is, too."""
    over = threading.Event()

    def handle(request: BaseHTTPRequestHandler) -> None:
        if request.path == "/health" and not also_well:
            say(request, 200, b"OK")
            return
        request.send_response(200)
        request.end_headers()
        try:
            while not over.wait(pause):
                request.wfile.write(piece)
        except OSError:
            pass  # Who asked has gone.

    with serving(handle, over) as place:
        yield place


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "120")  # A busy machine is no fault of the server.
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
    with silent() as place:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://{place}")
        with pytest.raises(InfrastructureError, match=r"did not answer in time\. .*MLFLOW_HTTP_REQUEST_TIMEOUT"):
            ACTS["promote"]()


@pytest.mark.parametrize("act", ACTS)
@pytest.mark.parametrize("also_well", [False, True])
def test_an_answer_that_never_ends_is_waited_for_no_longer_than_one_that_never_comes(
    act: str, also_well: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded, "_SECONDS", 0.5)
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_TIMEOUT")
    with talking(b" ", 0.1, also_well=also_well) as place:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://{place}")
        with pytest.raises(InfrastructureError, match=rf"{place} did not answer in time"):
            ACTS[act]()


def test_a_server_that_fell_silent_is_asked_no_more() -> None:
    nobody: Any = object()
    run = tracking.StepRun(nobody, "run", "parent", ends_run=True, ends_parent=True, headlines=True, spent={})
    silence = registry_errors.silent("http://host")
    run.fail("register", silence, {})
    with pytest.raises(AttributeError):
        run.fail("register", ValueError(), {})
    assert type(from_document(silence.document())) is InfrastructureError


def test_nobody_at_the_address_is_said_before_a_step_begins(monkeypatch: pytest.MonkeyPatch, params: Params) -> None:
    monkeypatch.setattr(bounded, "_PAUSES", (0.01,))
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{free_port()}/?token=hunter2secret")
    lineage = tracking.Lineage("0" * 64, "1", "2", "3")
    with (
        pytest.raises(InfrastructureError, match=r"does not answer\. Check MLFLOW_TRACKING_URI") as caught,
        tracking.step_run("register", params, lineage, {}, {}),
    ):
        pytest.fail("began")
    assert "hunter2secret" not in str(caught.value)


def test_who_asks_to_be_asked_again_in_an_hour_is_not_obeyed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded, "_SECONDS", 0.5)
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_TIMEOUT")
    with answering(503, "busy", headers={"Retry-After": "3600"}) as place:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://{place}")
        with pytest.raises(InfrastructureError, match="did not answer in time"):
            ACTS["promote"]()


@pytest.mark.parametrize(
    ("timeout", "retries", "seconds"),
    [(None, None, 12), ("12", "2", 12), ("60", "2", 180), ("60", None, 60), ("1", "0", 12), ("soon", "2", 12)],
)
def test_whoever_set_the_variables_of_mlflow_waits_as_long_as_they_say(
    timeout: str | None, retries: str | None, seconds: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in (("TIMEOUT", timeout), ("MAX_RETRIES", retries)):
        monkeypatch.delenv(f"MLFLOW_HTTP_REQUEST_{name}", raising=False)
        if value is not None:
            monkeypatch.setenv(f"MLFLOW_HTTP_REQUEST_{name}", value)
    assert bounded._limit() == seconds


def test_files_that_do_not_come_are_waited_for_until_nothing_comes_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded, "_STANDSTILL", 0.0)
    monkeypatch.setattr(bounded, "_SECONDS", 0.0)
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_TIMEOUT")
    monkeypatch.setattr(bounded, "_INTERVAL", 0.01)
    over = threading.Event()
    try:
        with pytest.raises(InfrastructureError, match="did not answer in time"):
            bounded.fetching("http://host", tmp_path, lambda: over.wait(LONGEST))
    finally:
        over.set()
    assert bounded.fetching("http://host", tmp_path, lambda: "all") == "all"


def test_files_that_keep_coming_are_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    looked = 0
    size = bounded._size
    stop = threading.Event()

    def measure(folder: Path) -> int:
        nonlocal looked
        looked += 1
        (folder / "file").write_bytes(b"x" * looked)
        if looked == 5:
            stop.set()
        return size(folder)

    monkeypatch.setattr(bounded, "_size", measure)
    monkeypatch.setattr(bounded, "_STANDSTILL", 0.0)
    monkeypatch.setattr(bounded, "_SECONDS", 0.0)
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_TIMEOUT")
    monkeypatch.setattr(bounded, "_INTERVAL", 0.01)
    assert bounded.fetching("http://host", tmp_path, lambda: stop.wait(LONGEST))
    assert looked >= 5


def test_an_error_of_a_call_is_raised_where_it_was_made() -> None:
    def fail() -> None:
        raise InputError("a reason")

    with pytest.raises(InputError, match="a reason"):
        bounded.within("http://host", fail)


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


def test_a_database_that_can_only_be_read_is_one_line(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    store = new_store(tmp_path_factory)
    add_version(MlflowClient(store, store), "log")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///file:{store.removeprefix('sqlite:///')}?mode=ro&uri=true")
    capfd.readouterr()
    with pytest.raises(InfrastructureError, match=r"can only be read\. Check that you may write"):
        promote("models:/log/1", "champion", POLICY)
    assert capfd.readouterr() == ("", "")


def test_a_locked_database_is_said() -> None:
    said = str(registry_errors.translate(MlflowException("(x) database is locked\n[SQL: …]"), "sqlite:///mlflow.db"))
    assert said.startswith("mlflow.db: another process keeps MLflow's database for itself. End it")


def test_limits_of_time_are_ours_unless_somebody_set_them(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "600")
    monkeypatch.delenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES")
    with registry_errors.impatient():
        assert os.environ["MLFLOW_HTTP_REQUEST_TIMEOUT"] == "600"
        assert os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] == "2"
    assert "MLFLOW_HTTP_REQUEST_MAX_RETRIES" not in os.environ
