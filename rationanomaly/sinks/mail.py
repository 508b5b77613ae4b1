"""Incidents as e-mails, one thread of mails for each incident."""

from __future__ import annotations

import hashlib
import logging
import smtplib
import ssl
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import formatdate, parseaddr

from rationanomaly.errors import ParamsError, one_line
from rationanomaly.params.watch.sinks import MailSink
from rationanomaly.remote.credentials import from_environment
from rationanomaly.remote.http import RefusedError, UnreachableError
from rationanomaly.sinks.message import Message
from rationanomaly.sinks.templates import read_texts

_log = logging.getLogger(__name__)


class Mail:
    """Sends plain text: no part of a mail is HTML, so log text in it can do nothing.

    A mail that is sent a second time after a crash has the same Message-ID, by which mail programs drop it.

    Raises:
        ParamsError: a variable is not set, an address is none, a template is wrong, or a password would travel in
            clear text.
    """

    refresh_seconds: float | None = None

    def __init__(self, name: str, settings: MailSink, seconds: float) -> None:
        self._name, self._settings, self._seconds = name, settings, seconds
        self._texts = read_texts(name, settings.title, settings.text)
        owner = f"the sink {name}"
        self._login = None
        if settings.user is not None:
            if settings.password is None or settings.tls == "none":
                hint = "Name a variable under `password`, and let `tls` be starttls or implicit"
                raise ParamsError(f"`watch.sinks.to.{name}` has a user and no protected password", hint=hint)
            self._login = (from_environment(settings.user, owner), from_environment(settings.password, owner))
        for address in (settings.sender, *settings.to):
            local, _, host = parseaddr(address)[1].rpartition("@")
            if not local or not host:
                hint = "Write it like ops@example.org, or like Operators <ops@example.org>"
                raise ParamsError(f"`watch.sinks.to.{name}`: {address!r} is no mail address", hint=hint)
        self._host = parseaddr(settings.sender)[1].rpartition("@")[2]

    def send(self, message: Message) -> None:
        """See `Sink.send`."""
        with self._errors(), self._connected() as server:
            refused = server.send_message(self._mail(message))
        if refused:  # Others have it, so it counts as sent.
            _log.warning(
                "the sink %s: %d of %d recipients are refused", self._name, len(refused), len(self._settings.to)
            )

    def repeat(self, messages: Sequence[Message]) -> None:
        """Never called."""

    def close(self) -> None:
        """See `Sink.close`."""

    @contextmanager
    def _connected(self) -> Iterator[smtplib.SMTP]:
        settings, context = self._settings, ssl.create_default_context()
        if settings.tls == "implicit":
            server: smtplib.SMTP = smtplib.SMTP_SSL(
                settings.host, settings.port, timeout=self._seconds, context=context
            )
        else:
            server = smtplib.SMTP(settings.host, settings.port, timeout=self._seconds)
        with server:
            if settings.tls == "starttls":
                server.starttls(context=context)
            if self._login is not None:
                server.login(*self._login)
            yield server

    @contextmanager
    def _errors(self) -> Iterator[None]:
        where = f"the sink {self._name} at {self._settings.host}:{self._settings.port}"
        try:
            yield
        except smtplib.SMTPAuthenticationError as error:
            hint = "Check the variables of user and password"
            raise UnreachableError(f"{where} refuses the login ({error.smtp_code})", hint=hint) from None
        except smtplib.SMTPRecipientsRefused as error:
            code, text = next(iter(error.recipients.values()))
            hint = "Check `to`, and whether this server takes mails for it"
            raise UnreachableError(f"{where} refuses every recipient: {_said(code, text)}", hint=hint) from None
        except smtplib.SMTPDataError as error:
            # 5xx is for good, by RFC 5321, 4.2.1; before the text of the mail it isn't the mail that is at fault.
            kind = RefusedError if error.smtp_code >= 500 else UnreachableError
            raise kind(f"{where} says {_said(error.smtp_code, error.smtp_error)}") from None
        except smtplib.SMTPResponseException as error:
            raise UnreachableError(f"{where} says {_said(error.smtp_code, error.smtp_error)}") from None
        except smtplib.SMTPNotSupportedError as error:
            raise UnreachableError(f"{where}: {error}", hint="Check `tls`, and what the server offers") from None
        except (smtplib.SMTPException, OSError) as error:
            raise UnreachableError(f"{where} can't be reached: {error or type(error).__name__}") from None

    def _mail(self, message: Message) -> EmailMessage:
        mail = EmailMessage(policy=SMTP)
        mail["From"], mail["To"] = self._settings.sender, ", ".join(self._settings.to)
        mail["Subject"] = self._texts.title(message)
        mail["Date"] = formatdate()
        mail["Message-ID"] = self._identity(message.key)
        first = self._identity(f"{message.incident}.thread")
        mail["References"] = first
        mail["In-Reply-To"] = first
        mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's absence note answers.
        link = f"\n\n{message.link}" if message.link else ""
        mail.set_content(f"{self._texts.text(message)}{link}\n", charset="utf-8", cte="quoted-printable")
        return mail

    def _identity(self, key: str) -> str:
        digest = hashlib.sha256(f"{self._name}\0{key}".encode("utf-8", "surrogatepass")).hexdigest()[:32]
        return f"<{digest}@{one_line(self._host)}>"


def _said(code: int, text: bytes | str) -> str:
    said = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    return f"{code}: {said[:200]}"
