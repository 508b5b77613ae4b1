"""Signed webhooks, by the scheme of https://www.standardwebhooks.com (version 1)."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac

from rationanomaly.errors import ParamsError

#: Of secrets that are written in base64.
_PREFIX = "whsec_"
#: Bytes of a secret, below which it can be guessed.
_SHORTEST = 16


def read_secret(text: str) -> bytes:
    """The key of a secret: base64 behind ``whsec_``, else the bytes of the text.

    Raises:
        ParamsError: it is no base64, or has fewer than 16 bytes.
    """
    hint = "Make one with `openssl rand -base64 32` and put whsec_ before it"
    try:
        key = base64.b64decode(text.removeprefix(_PREFIX), validate=True) if text.startswith(_PREFIX) else text.encode()
    except binascii.Error:
        raise ParamsError("the secret of a webhook begins with whsec_ and isn't base64 behind it", hint=hint) from None
    if len(key) < _SHORTEST:
        raise ParamsError(f"the secret of a webhook has fewer than {_SHORTEST} bytes", hint=hint)
    return key


def signed_headers(key: bytes, identity: str, seconds: int, body: bytes) -> dict[str, str]:
    """The three headers of a signed webhook: the signature is over id, time and body, so none of them can be changed.

    Args:
        key: the secret.
        identity: of the message, the same for each attempt.
        seconds: since 1970; receivers refuse what is minutes old.
        body: as it is sent.
    """
    signed = b".".join([identity.encode(), str(seconds).encode(), body])
    signature = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    return {"webhook-id": identity, "webhook-timestamp": str(seconds), "webhook-signature": f"v1,{signature}"}
