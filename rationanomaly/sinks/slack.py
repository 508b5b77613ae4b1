"""Incidents to an incoming webhook of Slack, or of what speaks as it does: Mattermost, Rocket.Chat, Zulip."""

from __future__ import annotations

from collections.abc import Sequence

from rationanomaly.params.watch.sinks import SlackSink
from rationanomaly.remote.credentials import resolve
from rationanomaly.remote.http import Server
from rationanomaly.sinks.message import Message, write_row
from rationanomaly.sinks.templates import TEXT, inert, read_texts

#: Characters of a message; Slack cuts at 40,000, and nobody reads so many.
_LONGEST = 4000
_FENCE = "\n```"


class Slack:
    """Posts messages whose log text is shown as it is: it can't mention anybody, link or format.

    Raises:
        ParamsError: the variable of the address is not set, or a template is wrong.
    """

    refresh_seconds: float | None = None

    def __init__(self, name: str, settings: SlackSink, seconds: float) -> None:
        owner = f"the sink {name}"
        self._texts = read_texts(name, settings.title, settings.text, escape, built_in=f"```\n{TEXT}{_FENCE}")
        url = resolve(settings.url, owner)
        self._server = Server(owner, url, seconds, headers={"Content-Type": "application/json"}, secrets=[url])

    def send(self, message: Message) -> None:
        """See `Sink.send`."""
        link = f"\n<{message.link}|Open the incident>" if message.link else ""
        body = f"*{self._texts.title(message)}*\n{_fitted(self._texts.text(message))}{link}"
        self._server.request("POST", content=write_row({"text": body}).encode())

    def repeat(self, messages: Sequence[Message]) -> None:
        """Never called."""

    def close(self) -> None:
        """See `Sink.close`."""
        self._server.close()


def escape(text: str) -> str:
    """A value of a message as text and nothing else, inside a code block and outside.

    https://docs.slack.dev/messaging/formatting-message-text#escaping names the three characters; the others are those
    that end a code block, and that mention or link in servers that speak Markdown.
    """
    shown = inert(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    # A word joiner behind the sign: the text reads the same, and names nobody.
    return shown.replace("`", "'").replace("](", "] (").replace("@", "@\u2060").replace("*", "∗")


def _fitted(text: str) -> str:
    """A text within the limit, with the code block closed that the cut has opened."""
    if len(text) <= _LONGEST:
        return text
    cut = text[:_LONGEST]
    # An entity is never cut in two.
    tail = cut.rfind("&", len(cut) - 5)
    cut = cut[:tail] if tail >= 0 and ";" not in cut[tail:] else cut
    return f"{cut}…{_FENCE if cut.count('```') % 2 else ''}"
