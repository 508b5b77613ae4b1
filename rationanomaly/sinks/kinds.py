"""The sink of each kind of settings. A new kind is one file, one class of params and one line here."""

from __future__ import annotations

from rationanomaly.params.watch.sinks import AlertmanagerSink, AnySink, MailSink, SlackSink
from rationanomaly.sinks.alertmanager import Alertmanager
from rationanomaly.sinks.mail import Mail
from rationanomaly.sinks.sink import Sink
from rationanomaly.sinks.slack import Slack
from rationanomaly.sinks.webhook import Webhook


def open_sink(name: str, settings: AnySink, seconds: float) -> Sink:
    """The sink that settings describe.

    Args:
        name: of the sink.
        settings: of one kind.
        seconds: of one attempt.

    Raises:
        ParamsError: it can't work like this: a variable is not set, or a template is wrong.
    """
    if isinstance(settings, AlertmanagerSink):
        return Alertmanager(name, settings, seconds)
    if isinstance(settings, SlackSink):
        return Slack(name, settings, seconds)
    if isinstance(settings, MailSink):
        return Mail(name, settings, seconds)
    return Webhook(name, settings, seconds)
