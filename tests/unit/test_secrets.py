"""Keys and passwords in what people, logs and records are shown: none, whoever wrote the text."""

from __future__ import annotations

import base64
import logging
import traceback

import pytest

from rationanomaly.cli import app as command_line
from rationanomaly.errors import InfrastructureError, brief
from rationanomaly.runs import registry_errors
from rationanomaly.text.secrets import MASK, Secrets, strike, strike_error
from rationanomaly.text.untrusted import InertFormatter

PASSWORD = "tr0ub4dor&3"
SPELLINGS = {
    "address": f"http://ada:{PASSWORD}@mlflow:5000/api",
    "address of a database": f"postgresql+psycopg2://ada:{PASSWORD}@db/mlflow",
    "alone": f"the password {PASSWORD} is wrong",
    "quoted": f"password=tr0ub4dor%263 for ada: {PASSWORD.replace('&', '%26')}",
    "basic": base64.b64encode(f"ada:{PASSWORD}".encode()).decode(),
}


@pytest.mark.parametrize("kind", SPELLINGS)
@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("MLFLOW_TRACKING_URI", f"http://ada:{PASSWORD}@mlflow:5000"),
        ("MLFLOW_TRACKING_URI", "http://ada:tr0ub4dor%263@mlflow:5000"),
        ("HTTPS_PROXY", f"http://ada:{PASSWORD}@proxy:3128"),
        ("DVC_REPOSITORY", f"https://ada:{PASSWORD}@git.example.org/data"),
    ],
)
def test_the_password_of_an_address_in_the_environment_is_struck(
    monkeypatch: pytest.MonkeyPatch, name: str, value: str, kind: str
) -> None:
    monkeypatch.setenv(name, value)
    struck = strike(SPELLINGS[kind])
    assert PASSWORD not in struck and "tr0ub4dor" not in struck and MASK in struck
    assert base64.b64encode(f"ada:{PASSWORD}".encode()).decode() not in struck


@pytest.mark.parametrize("name", ["MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN", "HF_TOKEN", "OPENAI_API_KEY"])
def test_what_a_variable_is_called_tells_a_secret(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setenv(name, PASSWORD)
    assert strike(f"token {PASSWORD} refused") == f"token {MASK} refused"


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("TOKENIZERS_PARALLELISM", "false", "false alarms"),
        ("AWS_WEB_IDENTITY_TOKEN_FILE", "/var/run/token", "/var/run/token is not there"),
        ("SSH_KEY", "/root/.ssh/id", "/root/.ssh/id is not there"),
        ("OPENAI_API_KEY", "EMPTY", "EMPTY line"),
        ("MLFLOW_TRACKING_URI", "http://mlflow:5000", "http://mlflow:5000 does not answer"),
        ("MODEL", "models:/log@champion", "models:/log@champion is not there"),
        ("MLFLOW_TRACKING_URI", f"http://rationanomaly:{PASSWORD}@mlflow:5000", "Run `rationanomaly base` again"),
    ],
)
def test_what_is_no_secret_is_left(monkeypatch: pytest.MonkeyPatch, name: str, value: str, text: str) -> None:
    monkeypatch.setenv(name, value)
    assert strike(text) == text


def test_a_user_without_a_password_is_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DVC_REPOSITORY", "https://ghp_0123456789@git.example.org/data")
    assert strike("ghp_0123456789 was refused") == f"{MASK} was refused"


@pytest.mark.parametrize("password", [PASSWORD, "p@ssword", "pa/ss/word-of-ada", "p@ss?word#of=ada"])
def test_a_password_that_is_not_quoted_as_it_should_be_is_struck_as_well(
    monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    uri = f"http://ada:{password}@mlflow:5000"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    assert password not in strike(f"Failed to parse: {uri}")
    assert password not in registry_errors.hidden(uri)


@pytest.mark.parametrize("key", ["password", "token", "X-Amz-Signature", "api_key", "sig"])
def test_a_login_or_a_key_in_an_address_is_struck_though_nobody_knows_it(key: str) -> None:
    assert strike("at https://bob:unknown@host/x") == f"at https://{MASK}@host/x"
    assert strike(f"at https://host/x?a=1&{key}=unknown&b=2") == f"at https://host/x?a=1&{key}={MASK}&b=2"


def test_no_log_record_shows_one_nor_its_traceback(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://ada:{PASSWORD}@mlflow:5000")
    try:
        raise OSError(f"http://ada:{PASSWORD}@mlflow:5000 is away")
    except OSError as error:
        said = logging.LogRecord(
            "urllib3", logging.WARNING, "pool.py", 1, "retrying %s", (PASSWORD,),
            (type(error), error, error.__traceback__),
        )  # fmt: skip
    shown = InertFormatter("%(message)s").format(said)
    assert "retrying" in shown and "OSError" in shown
    assert PASSWORD not in shown


class _StubbornError(Exception):
    """Its text is not made of what it holds."""

    def __str__(self) -> str:
        return f"http://ada:{PASSWORD}@mlflow"


def failed() -> InfrastructureError:
    """An error of ours behind three others."""
    try:
        try:
            try:
                raise _StubbornError
            except _StubbornError as first:
                raise ConnectionError(f"no route to http://ada:{PASSWORD}@mlflow") from first
        except ConnectionError:
            raise ValueError("bad answer", f"Basic {PASSWORD}")  # noqa: B904 - a context, not a cause
    except ValueError as last:
        error = InfrastructureError(f"http://ada:{PASSWORD}@mlflow does not answer", hint=f"Try {PASSWORD}")
        error.__cause__ = last
        error.add_note(f"with {PASSWORD}")
        return error


def test_the_whole_chain_of_an_error_is_struck(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://ada:{PASSWORD}@mlflow:5000")
    error = failed()
    assert PASSWORD in "".join(traceback.format_exception(error))
    strike_error(error)
    shown = "".join(traceback.format_exception(error))
    assert PASSWORD not in shown
    assert "no route to" in shown and "bad answer" in shown and "does not answer" in shown
    assert isinstance(error.__cause__, ValueError)


@pytest.mark.parametrize("words", [["rationanomaly"], ["rationanomaly", "--debug"]])
def test_neither_the_line_of_an_error_nor_its_frames_show_one(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], words: list[str]
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://ada:{PASSWORD}@mlflow:5000")
    monkeypatch.setattr("sys.argv", words)
    for error in (failed(), RuntimeError(f"http://ada:{PASSWORD}@mlflow " + "x" * 5000)):

        def application(error: Exception = error) -> None:
            raise error

        with pytest.raises(SystemExit):
            command_line.run_app(application)  # type: ignore[arg-type]
        said = capsys.readouterr().err
        assert "mlflow" in said and PASSWORD not in said
    if len(words) == 1:
        assert len(said) < 3000


def test_what_a_server_says_is_one_short_line() -> None:
    assert brief("a\n\x1b[31mb " + "c" * 10_000, 20) == "a [31mb " + "c" * 11 + "…"
    assert brief("short") == "short"


def test_secrets_do_not_show_themselves() -> None:
    known = Secrets()
    known.add(PASSWORD)
    assert PASSWORD not in repr(known)
