"""A raw input in an object store that speaks S3, continued by ranges.

Endpoint, region and credentials are boto3's own: AWS_ENDPOINT_URL_S3, AWS_DEFAULT_REGION, AWS_ACCESS_KEY_ID and
AWS_SECRET_ACCESS_KEY of the environment, or the role of the pod.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rationanomaly.errors import named_extras
from rationanomaly.staging.part import Part
from rationanomaly.staging.sources import place

_CHUNK = 1024 * 1024
_HINTS: Mapping[str, str] = {
    "403": "Let the key of AWS_ACCESS_KEY_ID read it: s3:GetObject, s3:GetObjectVersion",
    "404": "Correct bucket, key and version; AWS_ENDPOINT_URL_S3 says which store is asked",
}
_NO_CREDENTIALS = "Put AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY into the secret and name them in cluster.secret_keys"


def receive(uri: str, part: Part) -> None:
    """Get what ``uri`` names and has not come yet.

    Raises:
        InfrastructureError: the store refuses or breaks off, or boto3 is not installed.
        InputError: it is larger than allowed.
    """
    with named_extras():
        from botocore.exceptions import BotoCoreError, ClientError
    try:
        _receive(uri, part)
    except (ClientError, BotoCoreError) as error:
        reason, hint = reason_of(error)
        raise part.failed(reason, hint) from None


def client(seconds: float = 30.0, tries: int = 5) -> Any:
    """A client of the store that the environment names."""
    with named_extras():
        import boto3
        from botocore.config import Config
    config = Config(connect_timeout=seconds, read_timeout=seconds, retries={"total_max_attempts": tries})
    return boto3.session.Session().client("s3", config=config)


def named(uri: str) -> dict[str, str]:
    """The arguments that name an object."""
    bucket, key, version = place(uri)
    return {"Bucket": bucket, "Key": key} | ({"VersionId": version} if version else {})


def reason_of(error: Exception) -> tuple[str, str | None]:
    """What an error of boto3 is, without addresses, and what to do about it."""
    from botocore.exceptions import ClientError, NoCredentialsError

    if isinstance(error, ClientError):
        status = str(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", ""))
        code = str(error.response.get("Error", {}).get("Code", ""))
        return f"refused: {' '.join(dict.fromkeys((status, code)))}", _HINTS.get(status)
    return type(error).__name__, _NO_CREDENTIALS if isinstance(error, NoCredentialsError) else None


def _receive(uri: str, part: Part) -> None:
    store, wanted = client(), named(uri)
    head = store.head_object(**wanted)
    total, already = int(head["ContentLength"]), part.size
    part.refuse_above(total)
    if already == total and already:
        return  # Its digest or version decides.
    asked = {"Range": f"bytes={already}-"} if 0 < already < total else {}
    # Between the two requests it may be overwritten.
    answer = store.get_object(**wanted, IfMatch=head["ETag"], **asked)
    part.write(_chunks(answer["Body"]), already if asked else 0, total)


def _chunks(body: Any) -> Iterator[bytes]:
    yield from body.iter_chunks(_CHUNK)
