"""How commands get in: a token, a cookie, a login at Dex, a private authority; and what is said where they do not."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines import connection, dex
from rationanomaly.errors import InfrastructureError
from tests.dex_login import SESSION, DexLogin
from tests.pipeline.commands import PROFILE, Command, command, environment
from tests.pipelines_api import FakePipelines, serving
from tests.private_authority import Authority, make_authority

__all__ = ["command", "environment"]
CANARY = "canary-7f3a"
COMMANDS = {
    "submit": ("--params", str(PROFILE)),
    "status": ("a-run",),
    "logs": ("a-run", "sft"),
    "cancel": ("a-run",),
    "list": (),
    "schedule": ("--list",),
}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return make_authority(tmp_path_factory.mktemp("authority"))


def test_a_token_comes_from_the_environment_alone(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(FakePipelines(token=CANARY)) as host:
        monkeypatch.setenv(connection.TOKEN, "wrong")
        code, out, err = command("list", "--host", host)
        assert code == 7
        assert "401" in err and "KF_PIPELINES_TOKEN" in err
        monkeypatch.setenv(connection.TOKEN, CANARY)
        code, out, err = command("list", "--host", host)
    assert code == 0
    assert CANARY not in out + err


@pytest.mark.parametrize("name", COMMANDS)
@pytest.mark.parametrize("case", ["down", "401", "a login page", "another server"])
def test_every_command_says_in_one_line_that_it_cannot_get_in(command: Command, name: str, case: str) -> None:
    server = {
        "401": FakePipelines(token=CANARY),
        "a login page": FakePipelines(login=DexLogin()),
        "another server": FakePipelines(page=b"<html><title>Grafana</title></html>"),
    }.get(case, FakePipelines())
    with serving(server) as host:
        code, out, err = command(name, *COMMANDS[name], "--host", "http://127.0.0.1:9" if case == "down" else host)
    assert (code, out) == (7, "")
    expected = {"down": "can be reached", "another server": "is no Kubeflow Pipelines server"}.get(case, case)
    assert err.startswith("error ") and expected in err


def test_a_token_in_a_file_is_read_before_each_question(
    command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    file = tmp_path / "token"
    monkeypatch.setenv(connection.TOKEN_FILE, str(file))
    server = FakePipelines(token=CANARY)
    with serving(server) as host:
        assert command("list", "--host", host)[0] == 2
        file.write_text(f"{CANARY}\n")
        connected = connection.connect(host)
        server.token = "the-next"
        file.write_text("the-next")
        assert connected.ask("list runs", "GET", "/runs") == {}


def test_a_token_that_went_away_is_no_server_that_went_away(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(CANARY)
    monkeypatch.setenv(connection.TOKEN_FILE, str(file))
    with serving(FakePipelines(token=CANARY)) as host:
        connected = connection.connect(host)
        file.unlink()
        with pytest.raises(InfrastructureError, match=r"can't be read to list runs: \S*token: No such file"):
            connected.ask("list runs", "GET", "/runs")


@pytest.mark.parametrize("host", [f"https://user:{CANARY}@kubeflow.example.org", f"user:{CANARY}@kubeflow.example.org"])
def test_a_password_in_the_address_is_refused_and_not_shown(command: Command, host: str) -> None:
    code, out, err = command("list", "--host", host)
    assert code == 2
    assert CANARY not in out + err


def test_in_a_pod_its_service_account_is_enough(
    command: Command, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "token").write_text(CANARY)
    monkeypatch.setenv(connection.POD_TOKEN, str(tmp_path / "token"))
    with serving(FakePipelines(token=CANARY)) as host:
        assert command("list", "--host", host)[0] == 0


def test_a_cookie_opens_the_door_and_an_old_one_does_not(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving(FakePipelines(login=DexLogin(sessions={CANARY}))) as host:
        monkeypatch.setenv(connection.COOKIES, f"{SESSION}={CANARY}")
        code, out, err = command("list", "--host", host)
        assert code == 0
        assert CANARY not in out + err
        monkeypatch.setenv(connection.COOKIES, f"{SESSION}=of-yesterday")
        code, _, err = command("list", "--host", host)
    assert code == 7
    assert "a login page at /dex/auth answers in place of the Kubeflow Pipelines server" in err
    assert "KF_PIPELINES_COOKIES" in err
    assert "s3cr3t-state" not in err


@pytest.mark.parametrize("sign_in_page", [False, True], ids=["sent to Dex", "the page of oauth2-proxy"])
def test_without_credentials_the_login_page_is_no_wrong_server(command: Command, sign_in_page: bool) -> None:
    with serving(FakePipelines(login=DexLogin(sign_in_page=sign_in_page))) as host:
        code, _, err = command("list", "--host", host)
    assert code == 7
    assert "a login page" in err
    with serving(FakePipelines(page=b"<!doctype html><html><title>Grafana</title></html>")) as host:
        code, _, err = command("list", "--host", host)
    assert code == 7
    assert "is no Kubeflow Pipelines server" in err
    assert "--host" in err


@pytest.mark.parametrize("login", [DexLogin(), DexLogin(sign_in_page=True), DexLogin(approval=False)])
def test_user_and_password_open_a_session_at_dex(
    command: Command, monkeypatch: pytest.MonkeyPatch, login: DexLogin
) -> None:
    monkeypatch.setenv(dex.USERNAME, login.user)
    monkeypatch.setenv(dex.PASSWORD, login.password)
    with serving(FakePipelines(login=login)) as host:
        code, out, err = command("list", "--host", host)
    assert code == 0, err
    assert login.logins == [{"login": login.user, "password": login.password}]
    assert login.password not in out + err


def test_a_wrong_password_is_one_line_without_it(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(dex.USERNAME, "user@example.com")
    monkeypatch.setenv(dex.PASSWORD, CANARY)
    with serving(FakePipelines(login=DexLogin())) as host:
        code, _, err = command("list", "--host", host)
        assert code == 7
        assert "Dex does not let user@example.com in" in err
        monkeypatch.setenv(dex.CONNECTOR, "ldap")
        unknown = command("list", "--host", host)[2]
    assert "no form for the connector ldap" in unknown
    assert CANARY not in err + unknown


def test_without_a_login_at_the_server_none_is_tried(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(dex.USERNAME, "user@example.com")
    monkeypatch.setenv(dex.PASSWORD, CANARY)
    with serving(FakePipelines()) as host:
        assert command("list", "--host", host)[0] == 0


def test_a_private_authority_is_named_or_refused(
    command: Command, monkeypatch: pytest.MonkeyPatch, authority: Authority
) -> None:
    with serving(FakePipelines(), authority.context()) as host:
        assert host.startswith("https://")
        code, _, err = command("list", "--host", host)
        assert code == 7
        assert "certificate" in err and "--ca" in err
        assert command("list", "--host", host, "--ca", str(authority.ca))[0] == 0
        monkeypatch.setenv(connection.CA, str(authority.ca))
        assert command("list", "--host", host)[0] == 0
        code, _, err = command("list", "--host", host, "--ca", "nowhere.pem")
    assert code == 2
    assert "nowhere.pem" in err


def test_a_login_at_dex_goes_over_the_private_authority_too(
    command: Command, monkeypatch: pytest.MonkeyPatch, authority: Authority
) -> None:
    monkeypatch.setenv(dex.USERNAME, "user@example.com")
    monkeypatch.setenv(dex.PASSWORD, "12341234")
    with serving(FakePipelines(login=DexLogin()), authority.context()) as host:
        assert command("list", "--host", host, "--ca", str(authority.ca))[0] == 0
        code, _, err = command("list", "--host", host)
    assert code == 7
    assert "certificate" in err


def test_a_login_that_leads_out_of_tls_gets_no_password(
    command: Command, monkeypatch: pytest.MonkeyPatch, authority: Authority
) -> None:
    class Downgraded(DexLogin):
        def answer(self, verb, path, query, body, cookies):  # type: ignore[no-untyped-def]
            found = super().answer(verb, path, query, body, cookies)
            if found and "Location" in found[1]:
                found[1]["Location"] = f"{plain}{found[1]['Location']}"
            return found

    monkeypatch.setenv(dex.USERNAME, "user@example.com")
    monkeypatch.setenv(dex.PASSWORD, CANARY)
    login = Downgraded()
    with (
        serving(FakePipelines(login=login)) as plain,
        serving(FakePipelines(login=login), authority.context()) as host,
    ):
        code, _, err = command("list", "--host", host, "--ca", str(authority.ca))
    assert code == 7
    assert "out of TLS" in err
    assert login.logins == []
