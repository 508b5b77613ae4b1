"""The body of a request: bounded in size and time, decompressed, whatever the client claims of it."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator
from contextlib import suppress

from fastapi import Request
from starlette.requests import ClientDisconnect

from rationanomaly.params.watch import ServeParams
from rationanomaly.serve.limits import Reservation
from rationanomaly.serve.problems import Problem

#: Bytes of one step of decompression.
_STEP = 1 << 16
_DRAIN_SECONDS = 1.0
#: ``wbits`` of zlib: a header of gzip, or of zlib itself.
_WINDOWS = {"gzip": 16 + zlib.MAX_WBITS, "deflate": zlib.MAX_WBITS}


async def read_body(request: Request, settings: ServeParams) -> bytes:
    """The whole body, decompressed; its bytes are held in the request's reservation.

    Raises:
        Problem: it is too large, too slow, cut off, or in no encoding that we know.
    """
    reservation: Reservation = request.state.reservation
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("identity", "", *_WINDOWS):
        raise Problem(415, "unknown_encoding", "Content-Encoding may be gzip, deflate or identity.")
    chunks = _decompress(request.stream(), _WINDOWS[encoding]) if encoding in _WINDOWS else request.stream()
    parts: list[bytes] = []
    size, limit = 0, settings.max_body_bytes
    try:
        async with asyncio.timeout(settings.body_seconds):
            if _announced(request) > limit:
                await _drain(request.stream(), limit)
                raise _too_large(limit)
            async for chunk in chunks:
                size += len(chunk)
                if size > limit:
                    parts.clear()
                    await _drain(chunks, limit)
                    raise _too_large(limit)
                reservation.grow(len(chunk))
                parts.append(chunk)
    except TimeoutError:
        raise Problem(408, "too_slow", "The request took too long to come.") from None
    except ClientDisconnect:
        raise Problem(400, "cut_off", "The request was cut off.") from None
    except zlib.error:
        raise Problem(400, "not_compressed", f"The body is not {encoding}, or damaged.") from None
    return b"".join(parts)


def _too_large(limit: int) -> Problem:
    return Problem(413, "body_too_large", f"The body is larger than {limit} bytes. Send less at once.")


def _announced(request: Request) -> int:
    length = request.headers.get("content-length", "0")
    return int(length) if length.isascii() and length.isdigit() else 0


async def _drain(chunks: AsyncIterator[bytes], limit: int) -> None:
    """Read for a moment and keep nothing: a client that is still sending would not see our answer."""
    with suppress(TimeoutError):
        async with asyncio.timeout(_DRAIN_SECONDS):
            async for chunk in chunks:
                limit -= len(chunk)
                if limit < 0:
                    return


async def _decompress(chunks: AsyncIterator[bytes], window: int) -> AsyncIterator[bytes]:
    """Decompressed steps of bounded size: a bomb is noticed before it is in memory."""
    decompressor = zlib.decompressobj(window)
    async for chunk in chunks:
        unread = chunk
        while unread and not decompressor.eof:
            out = decompressor.decompress(unread, _STEP)
            unread = decompressor.unconsumed_tail
            if out:
                yield out
        if decompressor.eof and (unread or decompressor.unused_data):
            raise zlib.error("something stands behind the end")
    # What the last step had no room for.
    while not decompressor.eof:
        out = decompressor.decompress(decompressor.unconsumed_tail, _STEP)
        if not out:
            raise zlib.error("cut off")
        yield out
