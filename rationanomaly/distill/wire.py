"""One call to an OpenAI-compatible chat endpoint, and what can go wrong with it.

The `openai` client sends it; its own retries are off, for attempts, waits and costs are counted in `teachers.endpoint`.
Whatever it raises may hold the address, the key or text that the server wrote, so nothing of it leaves this module but
what has gone through `Secrets.strike`.
"""

from __future__ import annotations

import asyncio
import email.utils
import json
import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit, urlunsplit

from rationanomaly.distill.answer_form import in_asked_form
from rationanomaly.distill.budget import Tokens
from rationanomaly.distill.journal import Kept
from rationanomaly.distill.keys import from_environment
from rationanomaly.params import DistillParams
from rationanomaly.text.secrets import Secrets

if TYPE_CHECKING:
    import httpx2
    from openai import AsyncOpenAI

#: A longer body is no chat completion; an endless one must not fill the memory.
LONGEST_BODY = 4 * 1024 * 1024
_LONGEST_DETAIL = 200
#: Where servers put what a model thought: DeepSeek and vLLM, OpenRouter and newer vLLM, Ollama.
_THOUGHT_FIELDS = ("reasoning_content", "reasoning", "thinking", "reasoning_details")
#: In the type of a content's part that holds such thoughts.
_THOUGHTS = ("think", "reason")
_WORTH_ANOTHER_TRY = frozenset({408, 409, 425, 429})
_OURS_TO_FIX = {
    401: "Check the key: distill.endpoint.key names the variable that holds it",
    403: "Check what the key may do, and distill.endpoint.model",
    404: "Check distill.endpoint.url and distill.endpoint.model",
}


@dataclass(frozen=True)
class Reply:
    """What one sending of a request came to.

    Attributes:
        outcome: `answer`, or a reason code: `unreachable`, `timeout`, `garbled`, `refused`.
        detail: one sentence, for people.
        answer: the text, if there is one.
        used: tokens that the server says it took; None if it did not say. Nothing where it surely did not run.
        again: whether another try may help.
        wait: seconds that the server asked to wait before it; None if it did not.
        hint: what a person has to do before any call can succeed (wrong key, no such model, no credit); else None.
    """

    outcome: str
    detail: str = ""
    answer: Kept | None = None
    used: Tokens | None = None
    again: bool = False
    wait: float | None = None
    hint: str | None = None


class Wire:
    """A client for one endpoint; an async context manager.

    Raises:
        ParamsError: an environment variable that params name is not set.
    """

    def __init__(self, settings: DistillParams, secrets: Secrets) -> None:
        self._settings, self._secrets = settings, secrets
        self._client = _open_client(settings, secrets)

    async def __aenter__(self) -> Wire:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._client.close()

    async def send(self, messages: Sequence[dict[str, str]], seed: int, seconds: float) -> Reply:
        """Send one request, once, and wait at most so many seconds for all of the answer."""
        import openai

        try:
            async with asyncio.timeout(seconds):
                raw = await self._client.chat.completions.with_raw_response.create(**self._request(messages, seed))
                return read_completion(raw.http_response.content, self._secrets.strike)
        except TimeoutError:
            return Reply("timeout", f"no whole answer within {seconds:g} s", again=True)
        except openai.APITimeoutError as error:
            sent = not _never_sent(error)
            return Reply("timeout", "the connection timed out", used=None if sent else Tokens(), again=True)
        except openai.APIStatusError as error:
            return self._refused(error.status_code, error.response.headers, error.body)
        except openai.APIConnectionError as error:
            if _never_sent(error):
                return Reply("unreachable", "no connection", used=Tokens(), again=True)
            return Reply("garbled", "the connection broke before the answer was whole", again=True)
        except Exception as error:
            # Any other exception of the client: its text may hold what must not be shown, so only its kind is kept.
            return Reply("garbled", f"the answer can't be read ({type(error).__name__})", again=True)

    def _request(self, messages: Sequence[dict[str, str]], seed: int) -> dict[str, Any]:
        endpoint = self._settings.endpoint
        request = {
            "model": endpoint.model,
            "messages": list(messages),
            "temperature": self._settings.temperature,
            "seed": seed,
            endpoint.output_limit_name: self._settings.output_tokens,
        }
        return {name: value for name, value in request.items() if value is not None}

    def _refused(self, status: int, headers: httpx2.Headers, body: object) -> Reply:
        text = _message_of(body)
        detail = self._secrets.strike(f"HTTP {status}: {text}")[:_LONGEST_DETAIL]
        hint = "Add credit to the account" if "insufficient_quota" in text else _OURS_TO_FIX.get(status)
        again = hint is None and (status in _WORTH_ANOTHER_TRY or status >= 500)
        wait = retry_after(headers.get("retry-after"))
        return Reply("unreachable" if again else "refused", detail, None, Tokens(), again, wait, hint)


def read_completion(body: bytes, strike: Callable[[str], str]) -> Reply:
    """Read the body of a chat completion without trusting any of it."""
    garbled = Reply("garbled", "what came is no chat completion", again=True)
    try:
        document = json.loads(body)
    except ValueError:
        return garbled
    if not isinstance(document, dict):
        return garbled
    used = _usage(document.get("usage"))
    choices = document.get("choices")
    choice = choices[0] if isinstance(choices, list) and choices else None
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(choice, dict) or not isinstance(message, dict):
        return Reply(garbled.outcome, garbled.detail, used=used, again=True)
    text = in_asked_form(*(strike(part) for part in _texts(message)))
    return Reply("answer", answer=Kept(text, strike(str(choice.get("finish_reason") or "stop"))[:40]), used=used)


def _texts(message: dict[str, Any]) -> tuple[str, str]:
    """What a message says, and what its writer thought before, where the server tells these apart."""
    content = message.get("content")
    parts = [part for part in content if isinstance(part, dict)] if isinstance(content, list) else [{"text": content}]
    said, thought = list[str](), list[str]()
    for part in parts:
        (thought if any(name in str(part.get("type")) for name in _THOUGHTS) else said).append(_text_of(part))
    apart = (_text_of({"text": message.get(name)}) for name in _THOUGHT_FIELDS)
    return "".join(said), "".join(thought) or next(filter(None, apart), "")


def _text_of(part: Mapping[str, Any]) -> str:
    """The text of one part of a message; it may lie a list deeper."""
    found = next((part[name] for name in ("text", *_THOUGHT_FIELDS) if part.get(name)), "")
    if isinstance(found, list):
        found = "".join(str(below.get("text") or "") for below in found if isinstance(below, dict))
    return found if isinstance(found, str) else ""


def retry_after(value: str | None, now: Callable[[], float] = time.time) -> float | None:
    """Seconds to wait by a ``Retry-After`` header: a number of seconds or an HTTP date (RFC 9110, 10.2.3)."""
    if value is None:
        return None
    try:
        seconds = float(value)
    except ValueError:
        try:
            seconds = email.utils.parsedate_to_datetime(value).timestamp() - now()
        except (TypeError, ValueError, OverflowError):
            return None
    return None if math.isnan(seconds) else max(0.0, seconds)


def _usage(value: object) -> Tokens | None:
    if not isinstance(value, dict):
        return None
    prompt, completion = value.get("prompt_tokens"), value.get("completion_tokens")
    if type(prompt) is not int or type(completion) is not int or prompt < 0 or completion < 0:
        return None
    return Tokens(prompt, completion)


def _message_of(body: object) -> str:
    """The human part of an error body; the client has taken the outer ``error`` off already."""
    text = body.get("message") or body.get("detail") if isinstance(body, dict) else body
    code = body.get("code") if isinstance(body, dict) else None
    shown = " ".join(str(part) for part in (code, text) if part)
    return " ".join(shown.split()) or "no explanation"


def _never_sent(error: BaseException) -> bool:
    """Whether the connection itself could not be made, so that nothing can have been billed."""
    import httpx2

    return isinstance(error.__cause__, httpx2.ConnectError | httpx2.ConnectTimeout | httpx2.PoolTimeout)


def _open_client(settings: DistillParams, secrets: Secrets) -> AsyncOpenAI:
    from openai import AsyncOpenAI, DefaultAsyncHttpxClient

    endpoint = settings.endpoint
    key = from_environment(endpoint.key) if endpoint.key else "none"
    url = endpoint.url
    if url.startswith("env:"):
        url = from_environment(url.removeprefix("env:"))
    secrets.add(key)
    secrets.add_url(url)
    headers = {name: from_environment(variable) for name, variable in endpoint.headers.items()}
    for value in headers.values():
        secrets.add(value)
    parts = urlsplit(url)
    return AsyncOpenAI(
        api_key=key,
        base_url=urlunsplit((parts.scheme, parts.netloc, parts.path, "", "")),
        default_query=dict(parse_qsl(parts.query)),
        # A compressed body could grow beyond the limit after it was counted.
        default_headers={"Accept-Encoding": "identity", **headers},
        max_retries=0,
        timeout=endpoint.call_seconds,
        # A redirect would carry the headers, and the key in them, to another host.
        http_client=DefaultAsyncHttpxClient(follow_redirects=False, event_hooks={"response": [_bound_body]}),
    )


async def _bound_body(response: httpx2.Response) -> None:
    """Let the body of a response end with an error behind `LONGEST_BODY` bytes."""
    import httpx2

    class Bounded(httpx2.AsyncByteStream):
        def __init__(self, stream: Any) -> None:
            self._stream = stream

        async def __aiter__(self) -> Any:
            length = 0
            async for piece in self._stream:
                length += len(piece)
                if length > LONGEST_BODY:
                    raise httpx2.ReadError("the body is too long")
                yield piece

        async def aclose(self) -> None:
            await self._stream.aclose()

    response.stream = Bounded(response.stream)
