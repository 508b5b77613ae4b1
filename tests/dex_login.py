"""A login as before a Kubeflow: oauth2-proxy or the OIDC service, and Dex with its pages."""

from __future__ import annotations

from dataclasses import dataclass, field
from http.cookies import SimpleCookie
from urllib.parse import parse_qs

SESSION = "authservice_session"
Answer = tuple[int, dict[str, str], bytes]


@dataclass
class DexLogin:
    """Lets through who has a session's cookie.

    Attributes:
        user, password: that Dex knows.
        sign_in_page: whether strangers get the page of oauth2-proxy with 403; else they are sent to Dex.
        approval: whether Dex asks for one after the password.
        sessions: values of cookies that are let through.
        logins: forms that were sent.
    """

    user: str = "user@example.com"
    password: str = "12341234"
    sign_in_page: bool = False
    approval: bool = True
    sessions: set[str] = field(default_factory=set)
    logins: list[dict[str, str]] = field(default_factory=list)

    def answer(
        self, verb: str, path: str, query: dict[str, list[str]], body: bytes, cookies: str | None
    ) -> Answer | None:
        """A page or a redirect; None: the question may pass."""
        if path.startswith("/dex/"):
            return self._dex(verb, path, query, body)
        if path == "/oauth2/start":
            return _redirect("/dex/auth?client_id=kubeflow&state=s3cr3t-state")
        if path == "/oauth2/callback":
            session = f"MTY-{len(self.sessions)}"
            self.sessions.add(session)
            return 302, {"Location": "/", "Set-Cookie": f"{SESSION}={session}; Path=/; HttpOnly"}, b""
        jar = SimpleCookie(cookies or "")
        if SESSION in jar and jar[SESSION].value in self.sessions:
            return None
        if self.sign_in_page:
            return (
                403,
                {"Content-Type": "text/html"},
                b"<!DOCTYPE html><html><a href='/oauth2/start'>Sign in</a></html>",
            )
        return _redirect("/dex/auth?client_id=kubeflow&state=s3cr3t-state")

    def _dex(self, verb: str, path: str, query: dict[str, list[str]], body: bytes) -> Answer:
        form = {name: values[0] for name, values in parse_qs(body.decode()).items()}
        if path == "/dex/auth":
            return _page("Log in to dex: <a href='/dex/auth/local'>email</a>")
        if path == "/dex/auth/local":
            return _redirect("/dex/auth/local/login?state=s3cr3t-state")
        if path == "/dex/auth/local/login" and verb == "GET":
            return _page("<form><input name=login><input type=password name=password></form>")
        if path == "/dex/auth/local/login":
            self.logins.append(form)
            if (form.get("login"), form.get("password")) != (self.user, self.password):
                return 401, {"Content-Type": "text/html"}, b"<html>Invalid Email Address and Password</html>"
            return _redirect("/dex/approval?req=r" if self.approval else "/oauth2/callback?code=c", 303)
        if path == "/dex/approval" and verb == "POST" and form == {"approval": "approve"}:
            return _redirect("/oauth2/callback?code=c", 303)
        if path == "/dex/approval":
            return _page("<form>Grant access</form>")
        return 404, {"Content-Type": "text/plain"}, b"404 page not found"


def _redirect(place: str, status: int = 302) -> Answer:
    return status, {"Location": place}, b""


def _page(text: str) -> Answer:
    return 200, {"Content-Type": "text/html; charset=utf-8"}, f"<!DOCTYPE html><html>{text}</html>".encode()
