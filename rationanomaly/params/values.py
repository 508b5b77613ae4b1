"""What a param can be: numbers in their ranges, and texts that must hold no secret."""

from __future__ import annotations

import re
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(gt=0)]
NonNegative = Annotated[int, Field(ge=0)]
#: What NumPy and torch take for one.
Seed = Annotated[int, Field(ge=0, lt=2**32)]
Rate = Annotated[float, Field(gt=0)]
Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
#: A number of things each of which takes long.
Few = Annotated[int, Field(ge=1, le=100)]
_LEAST_TEMPERATURE, _HIGHEST_TEMPERATURE = 0.01, 10
#: Of sampling: below, it is the likeliest token that is drawn; above, any token.
Temperature = Annotated[float, Field(ge=_LEAST_TEMPERATURE, le=_HIGHEST_TEMPERATURE)]

#: Of a name that is a folder: file systems take 255 bytes.
_LONGEST_NAME = 60


def _zero_or_temperature(value: float) -> float:
    if value and not _LEAST_TEMPERATURE <= value <= _HIGHEST_TEMPERATURE:
        text = "must be 0, or from {least} to {highest}"
        limits = {"least": _LEAST_TEMPERATURE, "highest": _HIGHEST_TEMPERATURE}
        raise PydanticCustomError("temperature", text, limits)
    return value


#: A temperature, or 0 for the likeliest tokens.
ZeroOrTemperature = Annotated[float, AfterValidator(_zero_or_temperature)]


def _without_secrets(url: str) -> str:
    """Refuse an address that holds a password or a query: params are written to manifests, DVC and MLflow."""
    if url.startswith("env:"):
        return "env:" + _variable_name(url.removeprefix("env:"))
    try:
        parts = urlsplit(url)
    except ValueError:
        parts = urlsplit("")
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise PydanticCustomError("secret", "must be an http(s) address, or env:NAME of a variable that holds one")
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise PydanticCustomError("secret", "must hold no user, password or query; put such a one in env:NAME")
    return url


def _run_name(name: str) -> str:
    """Refuse what can't be a folder's name on every system, or what a shell would take for more than a word."""
    if re.fullmatch(r"\w[\w.-]*", name) is None:
        text = "must be a word that names a folder: letters, digits, `_`, `-` and `.`, the first no `-` or `.`"
        raise PydanticCustomError("run_name", text)
    if len(name) > _LONGEST_NAME:
        raise PydanticCustomError("run_name", "must have at most {longest} characters", {"longest": _LONGEST_NAME})
    return name


def _variable_name(name: str) -> str:
    """Refuse what is not the name of an environment variable: it may be the key itself, pasted by mistake."""
    if re.fullmatch(r"[A-Z][A-Z0-9_]{0,63}", name) is None:
        raise PydanticCustomError("secret", "must be the NAME of an environment variable, in capitals, never its value")
    return name


_SECRET_QUERY = re.compile(r"[?&][^=&]*(?:passw|pwd|token|secret|key)[^=&]*=", re.IGNORECASE)


def _without_login(uri: str) -> str:
    """Refuse an address with a user or a password: the compiled pipeline shows it to whoever may see runs."""
    scheme, parted, behind = uri.partition("://")
    # Without a scheme, or with a slash in the password, it is the same mistake; the path of a folder may hold an @.
    login = scheme.lower() != "file" and "@" in behind if parted else re.search(r"^//.*@|^[^/]*:.*@", uri)
    if login or _SECRET_QUERY.search(uri):
        text = "must hold no user or password; put them in MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD"
        raise PydanticCustomError("secret", text)
    return uri


#: Of an MLflow server, without who asks it.
TrackingAddress = Annotated[str, AfterValidator(_without_login)]
#: An http(s) address without secrets, or env:NAME of a variable that holds one.
Address = Annotated[str, AfterValidator(_without_secrets)]


def _object_or_address(url: str) -> str:
    """As `_without_secrets`, or an object of S3: credentials come from the environment, never from here."""
    if not url.startswith("s3://"):
        return _without_secrets(url)
    if re.fullmatch(r"s3://[\w][\w.-]+/[^?#]*[^?#/](\?versionId=[\w.+/=-]+)?", url, re.ASCII) is None:
        raise PydanticCustomError("object", "must be s3://BUCKET/KEY, behind it nothing but ?versionId=ID")
    return url


#: An object of S3 as s3://BUCKET/KEY, with ?versionId=ID where it has versions; or what `Address` takes.
ObjectAddress = Annotated[str, AfterValidator(_object_or_address)]
#: NAME of an environment variable.
VariableName = Annotated[str, AfterValidator(_variable_name)]
#: Names an experiment and the folder of its outputs.
RunName = Annotated[str, AfterValidator(_run_name)]
