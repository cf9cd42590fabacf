"""HTTP for images that other people's tasks name: no address on the local network, unless it is said to be fine.

Whoever makes tasks in Label Studio chooses their addresses, and the server would otherwise read, for them, what only it
can reach. So the address of the peer is looked at once connected, which no name that changes its meaning gets around.
"""

import http.client
import ipaddress
import ssl
import urllib.request
from collections.abc import Collection
from typing import Any

from hqsam.serving.http.label_studio.addresses import LabelStudio, origin_of
from hqsam.version import __version__


class PrivateAddressError(OSError):
    """A host is on the local network or on this machine."""


class ImageRequest(urllib.request.Request):
    """A request for an image, and whether its answer may come from the local network."""

    def __init__(
        self, address: str, server: LabelStudio, local_hosts: Collection[str], is_trusted: bool = False
    ) -> None:
        super().__init__(address, headers={"User-Agent": f"hqsam/{__version__}", "Accept": "image/*,*/*"})
        self.server, self.local_hosts = server, local_hosts
        self.is_trusted = is_trusted or origin_of(address) == server.origin
        """It goes to Label Studio, or was redirected there by it, as to a storage of its own."""

    @property
    def may_be_local(self) -> bool:
        """True if the host may be on the local network. A proxy's address says nothing about the host's."""
        host = origin_of(self.full_url)[1]
        names = {host, host.rpartition(":")[0] or host}
        return self.is_trusted or self.has_proxy() or bool(names & set(self.local_hosts))


def opener() -> urllib.request.OpenerDirector:
    """Return an opener of `ImageRequest`s for http and https alone."""
    made = urllib.request.OpenerDirector()
    for handler in (
        urllib.request.ProxyHandler(),
        _Http(),
        _Https(context=ssl.create_default_context()),
        _Redirects(),
        urllib.request.HTTPDefaultErrorHandler(),
        urllib.request.HTTPErrorProcessor(),
        urllib.request.UnknownHandler(),
    ):
        made.add_handler(handler)
    return made


class _PublicHttp(http.client.HTTPConnection):
    """A connection that ends, before anything is sent, if the peer is on the local network."""

    def connect(self) -> None:
        super().connect()
        peer = self.sock.getpeername()[0]
        if not ipaddress.ip_address(peer.partition("%")[0]).is_global:
            self.close()
            raise PrivateAddressError(f"{self.host} is {peer}, on the local network")


class _PublicHttps(http.client.HTTPSConnection, _PublicHttp):
    """The same with TLS, which begins after the peer was looked at."""


class _Http(urllib.request.HTTPHandler):
    def http_open(self, req: Any) -> http.client.HTTPResponse:
        return self.do_open(http.client.HTTPConnection if req.may_be_local else _PublicHttp, req)


class _Https(urllib.request.HTTPSHandler):
    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__(context=context)
        self._tls = context

    def https_open(self, req: Any) -> http.client.HTTPResponse:
        connection = http.client.HTTPSConnection if req.may_be_local else _PublicHttps
        return self.do_open(connection, req, context=self._tls)


class _Redirects(urllib.request.HTTPRedirectHandler):
    """Follows redirects; the key stays with Label Studio."""

    max_redirections = 5

    def redirect_request(
        self, req: Any, fp: Any, code: int, msg: str, headers: http.client.HTTPMessage, newurl: str
    ) -> ImageRequest | None:
        if super().redirect_request(req, fp, code, msg, headers, newurl) is None:
            return None
        request = ImageRequest(newurl, req.server, req.local_hosts, req.is_trusted)
        if origin_of(newurl) == origin_of(req.full_url) and req.has_header("Authorization"):
            request.add_header("Authorization", req.get_header("Authorization"))
        return request
