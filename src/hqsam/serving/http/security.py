"""Access control: host, origin and token of every request, checked before anything else.

A server on localhost can be reached by every page that is open in the same browser, so being local is no protection.

| attack                                      | what stops it                                                          |
| ------------------------------------------- | ---------------------------------------------------------------------- |
| another page posts a form, or loads a URL   | the token; `Origin` and `Sec-Fetch-Site` are checked; the cookie is    |
|                                             | SameSite=Strict and changes then need a header that no form can send   |
| a name that suddenly points to 127.0.0.1    | `Host` must be one of ours (DNS rebinding)                             |
| reading answers from another page           | no CORS header is ever sent                                            |
| another user, another machine               | the token, shown and readable only to the user who started the server  |
| a page in a frame, a script in an upload    | the headers of every answer                                            |
| who has Label Studio's password             | it opens Label Studio's paths alone; the token does not follow from it |

Label Studio's paths are there only if the server was started with them. Its backend calls them with HTTP basic auth; it
sends `/webhook` without, which therefore answers anyone, reads nothing and does nothing.
"""

import base64
import ipaddress
import secrets
import socket
from collections.abc import Mapping
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.requests import cookie_parser

from hqsam.serving.http.errors import ApiError
from hqsam.serving.settings import Settings

OPEN_PATHS = ("/v1/health", "/v1/openapi.json")
"""Paths that need no token, as the files of the page; nothing in them is the user's."""
LABEL_STUDIO_PATHS = ("/health", "/versions", "/setup", "/predict")
"""Paths that need Label Studio's password instead of the token."""
LABEL_STUDIO_USER = "hqsam"
PAGE_HEADER = "x-hqsam"
_SAFE = ("GET", "HEAD", "OPTIONS")
_LOCAL = ("localhost", "127.0.0.1", "[::1]")

_CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; connect-src 'self'; "
    "font-src 'self'; worker-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'"
)
SECURITY_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": _CSP,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}
"""Headers of every response."""


class AccessControl:
    """Checks a request by its method, path and headers, before its body is read."""

    def __init__(self, settings: Settings) -> None:
        self._token = settings.token.encode()
        credentials = f"{LABEL_STUDIO_USER}:{settings.label_studio_password}"
        self._label_studio = credentials.encode() if settings.label_studio else b""
        self._beyond_localhost = not _is_local(settings.host)
        names = {*_LOCAL, settings.host.lower(), *(name.lower() for name in settings.allowed_hosts)}
        self._names = names | ({socket.gethostname().lower()} if self._beyond_localhost else set())
        self.cookie = f"hqsam_{settings.port}"
        """Name of the cookie; cookies know no ports, so two servers on one machine need two names."""

    def check(self, method: str, path: str, headers: Headers) -> None:
        """Check a request.

        Raises:
            ApiError: 421 for a wrong host, 403 for a wrong origin, 401 without the token.
        """
        host = headers.get("host", "")
        self._check_host(host)
        if path in LABEL_STUDIO_PATHS and self._label_studio:
            self._check_label_studio(host, headers)
            return
        if not _needs_token(path):
            return
        _check_origin(host, headers)
        if self.is_token(_bearer(headers)):
            return
        if not self.is_token(cookie_parser(headers.get("cookie", "")).get(self.cookie, "")):
            raise ApiError(
                401, "token", "the token is missing or from an earlier start; open the address that hqsam serve printed"
            )
        if method not in _SAFE and headers.get(PAGE_HEADER) != "1":
            raise ApiError(403, "origin", "changes that come with the cookie need the header X-Hqsam: 1")

    def is_token(self, given: str) -> bool:
        """Return True if the token is the server's, in a time that does not tell how much of it is right."""
        return secrets.compare_digest(given.encode(), self._token)

    def is_label_studio(self, headers: Headers) -> bool:
        """Return True if a request has Label Studio's password, and Label Studio is served at all."""
        return bool(self._label_studio) and secrets.compare_digest(_basic(headers), self._label_studio)

    def _check_label_studio(self, host: str, headers: Headers) -> None:
        _check_origin(host, headers)
        if not self.is_label_studio(headers):
            raise ApiError(
                401,
                "password",
                "the user and the password are missing or wrong; hqsam serve prints them when it starts",
            )

    def _check_host(self, host: str) -> None:
        name = _name_of(host)
        # A name can be made to point here by whoever owns it; an address cannot.
        if name in self._names or (self._beyond_localhost and _is_address(name)):
            return
        raise ApiError(
            421, "host", f"this server is not called {name[:100]!r}; if it should be, start it with --allow-host"
        )


def _needs_token(path: str) -> bool:
    return (path.startswith("/v1") and path not in OPEN_PATHS) or path == "/metrics"


def _check_origin(host: str, headers: Headers) -> None:
    """Refuse requests of other pages: browsers name the page; other programs name none, and have the token."""
    origin, site = headers.get("origin"), headers.get("sec-fetch-site", "same-origin")
    if (origin is None or urlsplit(origin).netloc.lower() == host.lower()) and site in ("same-origin", "none"):
        return
    raise ApiError(403, "origin", "this request comes from another page; only hqsam's own page may use this server")


def _bearer(headers: Headers) -> str:
    scheme, _, token = headers.get("authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _basic(headers: Headers) -> bytes:
    """Return user and password of HTTP basic auth, as `user:password`."""
    scheme, _, encoded = headers.get("authorization", "").partition(" ")
    try:
        return base64.b64decode(encoded, validate=True) if scheme.lower() == "basic" else b""
    except ValueError:
        return b""


def _name_of(host: str) -> str:
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdecimal() else host
    return name.lower().removesuffix(".")


def _is_local(host: str) -> bool:
    return host in ("localhost", "127.0.0.1", "::1")


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True
