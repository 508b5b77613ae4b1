"""Params section `watch.sinks`."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

from rationanomaly.params.section import Section
from rationanomaly.params.values import Address, Positive, Rate, VariableName

#: Of a sink: it stands in the database, in logs and in metrics.
SinkName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,39}$")]


def _one_line(text: str) -> str:
    """Refuse what could end a header of a mail."""
    if not text.strip() or not text.isprintable():
        raise PydanticCustomError("one_line", "must be one line of printable text")
    return text


Line = Annotated[str, AfterValidator(_one_line)]


class _Sink(Section):
    """What all sinks have.

    Attributes:
        updates: whether it gets changes of an incident, beside its beginning and its end.
        title: Jinja template of one line; null: the built-in one. docs/sinks.md names the values.
        text: Jinja template of the text; null: the built-in one.
    """

    updates: bool = True
    title: str | None = None
    text: str | None = None


class AlertmanagerSink(_Sink):
    """A Prometheus Alertmanager, API v2.

    Attributes:
        kind: alertmanager.
        url: of the server, without `/api/v2`.
        labels: fixed labels of each alert, beside `alertname`, `incident`, `kind` and `node`.
        token: NAME of the environment variable of a bearer token; null: none.
        refresh_seconds: pause between two reports of an open incident: the server forgets what nobody repeats.
    """

    kind: Literal["alertmanager"]
    url: Address
    labels: dict[Annotated[str, Field(pattern=r"^[a-zA-Z_][a-zA-Z0-9_]*$")], Line] = Field(default_factory=dict)
    token: VariableName | None = None
    refresh_seconds: Rate = 60.0


class WebhookSink(_Sink):
    """A web address that gets incidents as JSON.

    Attributes:
        kind: webhook.
        url: where they are posted.
        secret: NAME of the environment variable of the secret that signs them; null: unsigned.
        token: NAME of the environment variable of a bearer token; null: none.
    """

    kind: Literal["webhook"]
    url: Address
    secret: VariableName | None = None
    token: VariableName | None = None


class SlackSink(_Sink):
    """An incoming webhook of Slack, Mattermost, Rocket.Chat and others that take `{"text": …}`.

    Attributes:
        kind: slack.
        url: env:NAME of the variable that holds the address: whoever knows it can post.
    """

    kind: Literal["slack"]
    url: Address


class MailSink(_Sink):
    """E-mail.

    Attributes:
        kind: mail.
        host: of the mail server.
        port: 587 as a rule; 465 with tls implicit, 25 without.
        tls: starttls, implicit or none.
        user: NAME of the environment variable of the user; null: no login.
        password: NAME of the environment variable of the password.
        sender: address that the mails are from.
        to: addresses of the recipients.
    """

    kind: Literal["mail"]
    host: Line
    port: Annotated[int, Field(ge=1, le=65535)] = 587
    tls: Literal["starttls", "implicit", "none"] = "starttls"
    user: VariableName | None = None
    password: VariableName | None = None
    sender: Line
    to: Annotated[list[Line], Field(min_length=1)]


AnySink = Annotated[AlertmanagerSink | WebhookSink | SlackSink | MailSink, Field(discriminator="kind")]


class SinkParams(Section):
    """Where incidents are sent.

    Attributes:
        to: name → where and how; docs/sinks.md has an example of each kind.
        incident_url: of the page of incidents, as its readers reach it: messages link there; null: they don't.
        first_retry_seconds: pause behind the first attempt that failed; it doubles with each, with jitter.
        retry_seconds: longest pause between two attempts to send.
        timeout_seconds: of one attempt.
        max_waiting: messages that wait for a sink; above it updates are dropped first, with a line in the log.
    """

    to: dict[SinkName, AnySink]
    incident_url: Address | None
    first_retry_seconds: Rate
    retry_seconds: Rate
    timeout_seconds: Rate
    max_waiting: Positive
