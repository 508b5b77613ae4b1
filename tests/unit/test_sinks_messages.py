"""What webhooks, Slack and mail servers get: signed, inert, the same when it is sent again."""

from __future__ import annotations

import base64
import email
import email.policy
import hashlib
import hmac
import json
import shutil
import ssl
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, Envelope, LoginPassword

from rationanomaly.errors import ParamsError
from rationanomaly.params.watch.sinks import MailSink, SlackSink, WebhookSink
from rationanomaly.remote.http import RefusedError, UnreachableError
from rationanomaly.remote.signing import read_secret
from rationanomaly.signals.alert import LineRef
from rationanomaly.sinks.mail import Mail
from rationanomaly.sinks.message import Message, bounded
from rationanomaly.sinks.slack import Slack
from rationanomaly.sinks.templates import read_texts
from rationanomaly.sinks.webhook import Webhook
from tests.loopback import free_port
from tests.sink_incidents import HOSTILE, Receiver, incident, receiving

LINK = "https://logs.example.org/incidents/i1"


def message(text: str = "link down on n1", version: int = 1, change: Any = "opened", **changes: Any) -> Message:
    made = incident(version=version, state="resolved" if change == "resolved" else "open", text=text, **changes)
    return Message(made.id, version, change, bounded(made), "line", "n1", LINK)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with receiving() as receiver:
        yield receiver


# ---------------------------------------------------------------- webhook


def webhook(receiver: Receiver, clock: float = 1_700_000_000.0, **changes: Any) -> Webhook:
    settings = WebhookSink.model_validate({"kind": "webhook", "url": receiver.url} | changes)
    return Webhook("hook", settings, 5.0, clock=lambda: clock)


def test_a_webhook_gets_the_incident_and_a_key_that_stays_the_same(receiver: Receiver) -> None:
    for _ in range(2):
        webhook(receiver).send(message(version=3, change="updated"))
    first, second = receiver.requests
    assert first.headers["idempotency-key"] == second.headers["idempotency-key"] == "i1.3"
    assert first.body == second.body
    row = first.json()
    assert (row["type"], row["key"], row["link"]) == ("incident.updated", "i1.3", LINK)
    assert row["incident"]["first_cause"]["lines"][0]["line"] == 7
    assert "webhook-signature" not in first.headers


def test_a_signature_holds_for_id_time_and_body(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    key = bytes(range(32))
    monkeypatch.setenv("HOOK_SECRET", f"whsec_{base64.b64encode(key).decode()}")
    webhook(receiver, secret="HOOK_SECRET").send(message(HOSTILE))
    (got,) = receiver.requests
    assert (got.headers["webhook-id"], got.headers["webhook-timestamp"]) == ("i1.1", "1700000000")
    version, _, signature = got.headers["webhook-signature"].partition(",")
    signed = f"{got.headers['webhook-id']}.{got.headers['webhook-timestamp']}.".encode() + got.body
    assert version == "v1"
    assert base64.b64decode(signature) == hmac.new(key, signed, hashlib.sha256).digest()


@pytest.mark.parametrize("secret", ["short", "whsec_no base64!", "whsec_c2hvcnQ="])
def test_a_secret_that_protects_nothing_is_refused(secret: str) -> None:
    with pytest.raises(ParamsError, match="the secret of a webhook") as raised:
        read_secret(secret)
    assert secret not in str(raised.value)


def test_a_message_is_bounded_whatever_the_incident_holds(receiver: Receiver) -> None:
    line = LineRef("a" * 5000, 1, 1.0, None, HOSTILE * 1000)
    cause = incident(text=HOSTILE * 1000).first_cause
    alerts = tuple(type(cause)(**(vars_of(cause) | {"subject": str(n), "lines": (line,) * 50})) for n in range(500))
    names = tuple(f"n{number}" for number in range(5000))
    huge = message(HOSTILE * 1000, alerts=alerts, nodes=names, templates=dict.fromkeys(names, 1), sessions=names)
    webhook(receiver).send(huge)
    (got,) = receiver.requests
    assert len(got.body) < 500_000
    row = got.json()["incident"]
    assert (row["alerts"][0]["subject"], row["alerts"][-1]["subject"], row["node_count"]) == ("0", "499", 5000)


def vars_of(alert: Any) -> dict[str, Any]:
    return {name: getattr(alert, name) for name in alert.__dataclass_fields__}


# ---------------------------------------------------------------- Slack


@pytest.fixture
def slack(receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> Slack:
    monkeypatch.setenv("SLACK_HOOK", f"{receiver.url}/services/T0/B0/s3cret")
    return Slack("chat", SlackSink.model_validate({"kind": "slack", "url": "env:SLACK_HOOK"}), 60.0)


def test_slack_gets_a_text_with_its_link(slack: Slack, receiver: Receiver) -> None:
    slack.send(message(change="resolved"))
    (got,) = receiver.requests
    text = got.json()["text"]
    assert got.path == "/services/T0/B0/s3cret"
    assert text.startswith("*[resolved] link down on n1*\n```\n")
    assert text.endswith(f"\n```\n<{LINK}|Open the incident>")
    assert "1970-01-01 00:03:40 UTC" in text


def test_hostile_text_can_mention_link_and_format_nothing(slack: Slack, receiver: Receiver) -> None:
    slack.send(message(HOSTILE * 100))
    text = receiver.requests[0].json()["text"].removesuffix(f"<{LINK}|Open the incident>")
    assert "<" not in text
    assert text.count("```") == 2
    assert "@here" not in text
    assert "](" not in text
    assert text.partition("\n")[0].count("*") == 2
    assert "\x1b" not in text


def test_the_secret_address_is_shown_in_no_error(slack: Slack, receiver: Receiver) -> None:
    receiver.answers = [(404, {}, b"no_team at /services/T0/B0/s3cret"), (500, {}, receiver.url.encode() * 100_000)]
    for _ in range(2):
        with pytest.raises(UnreachableError) as raised:
            slack.send(message())
        assert "the sink chat at 127.0.0.1" in str(raised.value)
        assert f"{receiver.url}/services" not in str(raised.value)
        assert "s3cret" not in str(raised.value)


# ---------------------------------------------------------------- mail


@dataclass
class Box:
    """What a mail server has taken.

    Attributes:
        reply: to the text of the next mail.
        refused: recipients that are not taken.
    """

    reply: str = "250 OK"
    refused: frozenset[str] = frozenset()
    mails: list[EmailMessage] = field(default_factory=list)

    async def handle_RCPT(self, _server: Any, _session: Any, envelope: Envelope, address: str, _options: Any) -> str:  # noqa: N802
        if address in self.refused:
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server: Any, _session: Any, envelope: Envelope) -> str:  # noqa: N802
        assert isinstance(envelope.content, bytes)
        mail = email.message_from_bytes(envelope.content, policy=email.policy.default)
        assert isinstance(mail, EmailMessage)
        if self.reply.startswith("250"):
            self.mails.append(mail)
        return self.reply


@dataclass
class Post:
    """A mail server that is running."""

    port: int
    box: Box


@contextmanager
def posted(**options: Any) -> Iterator[Post]:
    box = Box()
    controller = Controller(box, hostname="127.0.0.1", port=free_port(), ready_timeout=60.0, **options)
    controller.start()
    try:
        yield Post(controller.port, box)
    finally:
        controller.stop()


@pytest.fixture
def post() -> Iterator[Post]:
    with posted() as post:
        yield post


def mail_sink(port: int, **changes: Any) -> Mail:
    settings = {
        "kind": "mail", "host": "127.0.0.1", "port": port, "tls": "none", "sender": "Logs <logs@example.org>",
        "to": ["ops@example.org", "Night <night@example.org>"],
    }  # fmt: skip
    return Mail("post", MailSink.model_validate(settings | changes), 60.0)


def test_a_mail_says_what_happened_and_the_mails_of_an_incident_are_one_thread(post: Post) -> None:
    sink = mail_sink(post.port)
    sink.send(message())
    sink.send(message())
    sink.send(message(version=2, change="resolved"))
    first, again, last = post.box.mails
    assert first["Subject"] == "[opened] link down on n1"
    assert first["To"] == "ops@example.org, Night <night@example.org>"
    assert "First cause, 1970-01-01 00:01:40 UTC: link down on n1" in first.get_content()
    assert LINK in first.get_content()
    assert first["Message-ID"] == again["Message-ID"] != last["Message-ID"]
    assert first["References"] == last["References"]
    assert first["Auto-Submitted"] == "auto-generated"


def test_hostile_text_adds_no_header_and_no_line(post: Post) -> None:
    mail_sink(post.port).send(message(HOSTILE * 20))
    (mail,) = post.box.mails
    assert mail["Bcc"] is None
    assert len(mail["Subject"]) <= 200
    assert mail.get_content_type() == "text/plain"
    content = mail.get_content()
    assert "\x1b" not in content
    assert "\u202e" not in content
    assert not any(line.startswith("Bcc") for line in content.splitlines())
    assert "{{ 7*7 }}" in content


def test_a_server_that_refuses_the_text_is_not_taken_for_one_that_is_away(post: Post) -> None:
    sink = mail_sink(post.port)
    post.box.reply = "554 looks like spam"
    with pytest.raises(RefusedError, match="says 554: looks like spam"):
        sink.send(message())
    post.box.reply = "451 later"
    with pytest.raises(UnreachableError, match="says 451: later"):
        sink.send(message())
    post.box.refused = frozenset({"ops@example.org", "night@example.org"})
    with pytest.raises(UnreachableError, match="refuses every recipient: 550: no such mailbox"):
        sink.send(message())
    post.box.refused, post.box.reply = frozenset({"ops@example.org"}), "250 OK"
    sink.send(message())
    assert len(post.box.mails) == 1
    with pytest.raises(UnreachableError, match="can't be reached"):
        mail_sink(1).send(message())


def test_a_server_without_encryption_gets_nothing_where_it_is_asked_for(post: Post) -> None:
    with pytest.raises(UnreachableError, match="STARTTLS extension not supported"):
        mail_sink(post.port, tls="starttls").send(message())
    assert post.box.mails == []


@pytest.fixture
def certificate(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """Of 127.0.0.1, by itself, and trusted here."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl is not installed")
    key, file = tmp_path / "key.pem", tmp_path / "certificate.pem"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "1",
         "-keyout", key, "-out", file, "-subj", "/CN=localhost", "-addext", "subjectAltName=IP:127.0.0.1"],
        check=True, capture_output=True,
    )  # fmt: skip
    monkeypatch.setenv("SSL_CERT_FILE", str(file))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file, key)
    return context


def test_a_login_is_encrypted_and_a_wrong_password_is_said_without_it(
    certificate: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    def check(_server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        right = data.password == b"r1ght-pass"
        return AuthResult(success=right, handled=right, message=None if right else f"535 no: {data.password.decode()}")

    monkeypatch.setenv("MAIL_USER", "us")
    login = {"tls": "starttls", "user": "MAIL_USER", "password": "MAIL_PASSWORD"}
    with posted(authenticator=check, auth_required=True, tls_context=certificate) as post:
        monkeypatch.setenv("MAIL_PASSWORD", "r1ght-pass")
        mail_sink(post.port, **login).send(message())
        assert len(post.box.mails) == 1
        monkeypatch.setenv("MAIL_PASSWORD", "wr0ng-pass")
        with pytest.raises(UnreachableError, match="refuses the login") as raised:
            mail_sink(post.port, **login).send(message())
        assert "wr0ng" not in str(raised.value)
        monkeypatch.delenv("SSL_CERT_FILE")
        with pytest.raises(UnreachableError, match="certificate verify failed"):
            mail_sink(post.port, **login).send(message())
        assert len(post.box.mails) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"user": "MAIL_USER"},
        {"user": "MAIL_USER", "password": "MAIL_PASSWORD", "tls": "none"},
        {"sender": "nobody"},
        {"to": ["@example.org"]},
    ],
)
def test_mail_settings_that_can_not_work_are_refused(changes: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MAIL_USER", "us")
    monkeypatch.setenv("MAIL_PASSWORD", "s3cret")
    with pytest.raises(ParamsError, match=r"watch\.sinks\.to\.post"):
        mail_sink(25, **changes)


# ---------------------------------------------------------------- templates


def test_a_template_of_ones_own_is_filled_in() -> None:
    texts = read_texts("chat", "{{ change }}: {{ incident.title }}", "{{ incident.lines }} @ {{ link }}")
    assert texts.title(message()) == "opened: link down on n1"
    assert texts.text(message()) == f"3 @ {LINK}"


def test_an_incident_that_a_template_can_not_show_is_shown_nevertheless() -> None:
    texts = read_texts("chat", None, "{{ incident.first_cause.measures.observed }}")
    assert "First cause" in texts.text(message())


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{{ incident.titel }}", "can't be filled in: 'dict object' has no attribute 'titel'"),
        ("{% for %}", "is no Jinja template"),
        ("{{ ().__class__.__base__.__subclasses__() }}", "can't be filled in: .*unsafe"),
        ("{{ incident.update({}) }}", "can't be filled in: .*unsafe"),
        ("{% for n in range(10**8) %}x{% endfor %}", "can't be filled in: Range too big"),
    ],
)
def test_a_template_that_can_not_work_is_refused_at_once(text: str, said: str) -> None:
    with pytest.raises(ParamsError, match=said):
        read_texts("chat", None, text)


def test_log_text_is_no_template() -> None:
    shown = read_texts("chat", None, None).text(message(HOSTILE))
    assert "{{ 7*7 }}" in shown
    assert json.dumps(shown).isascii()
