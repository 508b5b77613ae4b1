"""What the refusals and the silence of a Kubeflow Pipelines server mean, and what to do about them."""

from __future__ import annotations

import contextlib
import re
import ssl
from collections.abc import Iterator
from urllib.parse import urlsplit

from kfp_server_api import ApiException
from urllib3.exceptions import HTTPError, ReadTimeoutError
from urllib3.exceptions import SSLError as PoolSSLError

from rationanomaly.errors import InfrastructureError
from rationanomaly.launch.trainjob.cluster import api_message

#: Dex, oauth2-proxy, the OIDC service before it, Keycloak, and what else sends users to a form.
_LOGIN_PATH = re.compile(r"/(dex|oauth2?|auth|authorize|login|log-?in|sign_?-?in|sso|realms)(/|$)", re.IGNORECASE)
_LOGIN_PAGE = re.compile(r"type=.?password|/oauth2/(start|sign_in)|/dex/|sign in|log in", re.IGNORECASE)
_ACCESS = "Set KF_PIPELINES_TOKEN, KF_PIPELINES_COOKIES, or KF_PIPELINES_USERNAME and KF_PIPELINES_PASSWORD for Dex"


class SilenceError(InfrastructureError):
    """The server may answer again, and may have done what it was asked to."""


class RefusalError(InfrastructureError):
    """The server refused.

    Attributes:
        status: of HTTP.
    """

    status: int = 0


@contextlib.contextmanager
def explained(action: str) -> Iterator[None]:
    """Let what the server refuses, or its silence, be an `InfrastructureError`.

    Args:
        action: what it was asked to do, behind "to".
    """
    try:
        yield
    except ApiException as error:
        raise _of_status(error, action) from error
    except (FileNotFoundError, PermissionError) as error:  # Of a token that is read before each question.
        problem = f"what proves who you are can't be read to {action}: {error.filename}: {error.strerror}"
        raise InfrastructureError(problem, hint="Have it written anew") from error
    except (HTTPError, OSError) as error:
        # The reason is that of the last of several tries.
        reason = getattr(error, "reason", error)
        if isinstance(reason, ssl.SSLError | PoolSSLError):
            problem = f"the certificate of the Kubeflow Pipelines server can't be checked to {action}: {_short(reason)}"
            hint = "Name the file of your authority's certificates with --ca or in KF_PIPELINES_SSL_CA_CERTS"
            raise InfrastructureError(problem, hint=hint) from error
        if isinstance(reason, ReadTimeoutError | TimeoutError):
            problem = f"the Kubeflow Pipelines server took the question to {action}, and does not answer"
            raise SilenceError(problem, hint="Look at its pages before trying again") from error
        problem = f"no Kubeflow Pipelines server can be reached to {action}"
        raise SilenceError(problem, hint="Name it with --host URL or in KF_PIPELINES_ENDPOINT") from error


def page_error(text: str, action: str) -> InfrastructureError:
    """For a web page that came where the API answers with JSON."""
    if _LOGIN_PAGE.search(text):
        return login_error(action)
    problem = f"what was asked to {action} is no Kubeflow Pipelines server: it answers with something else than JSON"
    return InfrastructureError(problem, hint="Correct --host; on a full Kubeflow it ends in /pipeline")


def login_error(action: str, where: str = "") -> InfrastructureError:
    """For a login page in place of an answer."""
    problem = f"a login page{where} answers in place of the Kubeflow Pipelines server, asked to {action}"
    return InfrastructureError(problem, hint=f"{_ACCESS}; a cookie lasts some hours")


def _of_status(error: ApiException, action: str) -> InfrastructureError:
    status, body = int(error.status or 0), str(error.body or "")
    if 300 <= status < 400:
        return _of_redirect(str((error.headers or {}).get("Location", "")), action)
    if "<html" in body.lower() or "<!doctype" in body.lower():
        return page_error(body, action)
    problem = f"the Kubeflow Pipelines server refused to {action}: {status} {api_message(error)}"
    if status >= 500:
        return SilenceError(problem, hint="Try again; see the server's log")
    refused = RefusalError(problem, hint=_ACCESS if status in (401, 403) else "Compare it with the server's log")
    refused.status = status
    return refused


def _of_redirect(location: str, action: str) -> InfrastructureError:
    parts = urlsplit(location)  # Its query may hold what opens a session.
    if _LOGIN_PATH.search(parts.path):
        return login_error(action, f" at {parts.netloc}{parts.path}" if parts.netloc else f" at {parts.path}")
    place = f"{parts.scheme}://{parts.netloc}{parts.path}" if parts.netloc else parts.path
    return InfrastructureError(
        f"the server sends who asks it to {action} on to {place}", hint="Name the right address with --host"
    )


def _short(error: BaseException) -> str:
    """The one thing that OpenSSL says, without the place in its source."""
    return re.sub(r"\s*\(_ssl\.c:\d+\)|^\(?.*?\]\s*", "", str(error)).strip(" ')") or type(error).__name__
