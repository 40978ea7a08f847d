"""The way to a URL: whose connection, through which proxy, with which first lines of a request."""

import re
from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import SplitResult, quote, unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

_PORTS = {"http": 80, "https": 443}
_IN_PATH = "/%:@!$&'()*+,;=~-._"
_IN_QUERY = _IN_PATH + "?"
_NAME = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")


@dataclass(frozen=True, slots=True)
class Origin:
    """Requests with equal origins can share a connection."""

    host: str
    port: int
    tls: bool
    proxy: "Proxy | None" = None
    """The proxy to ask for a tunnel; None if this origin is reached, or is a proxy, itself."""


@dataclass(frozen=True, slots=True)
class Proxy:
    origin: Origin
    authorization: str | None = field(default=None, repr=False)

    def connect_head(self, host: str, port: int) -> bytes:
        """The request for a tunnel to there."""
        target = f"{_bracketed(host)}:{port}"
        headers = {"Host": target}
        if self.authorization:
            headers["Proxy-Authorization"] = self.authorization
        return head_bytes(f"CONNECT {target}", headers) + b"\r\n"


@dataclass(frozen=True, slots=True)
class Route:
    """Where to connect to for a URL, and what to ask for there."""

    origin: Origin
    target: str
    headers: Mapping[str, str] = field(repr=False)
    """What the address itself asks for: `Host`, and its user and password."""

    def post_head(self, headers: Mapping[str, str]) -> bytes:
        """The head of a POST, without the empty line at its end, so that more can follow.

        Raises `ValueError` for a header that cannot be sent; its sentence does not show the value.
        """
        named = {name.lower() for name in headers}
        own = {name: value for name, value in self.headers.items() if name.lower() not in named}
        return head_bytes(f"POST {self.target}", {**own, **headers})


def head_bytes(first: str, headers: Mapping[str, str]) -> bytes:
    """A request's first lines, checked: a line break in a value would begin another header."""
    for name, value in headers.items():
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise ValueError(f"the header {name!r} has a character that HTTP does not allow")
    lines = [f"{first} HTTP/1.1", *(f"{name}: {value}" for name, value in headers.items()), ""]
    return "\r\n".join(lines).encode("latin-1")


def route_to(url: str) -> Route:
    """The way to a URL, through the proxy that the environment names for it.

    Found once for each endpoint, because looking through the environment is not cheap. Raises
    `ValueError` with a sentence for an address that leads nowhere.
    """
    parts = urlsplit(url)
    origin = _origin(parts)
    path = quote(parts.path or "/", safe=_IN_PATH)
    target = f"{path}?{quote(parts.query, safe=_IN_QUERY)}" if parts.query else path
    default = origin.port == _PORTS[parts.scheme]
    host = _bracketed(origin.host) if default else f"{_bracketed(origin.host)}:{origin.port}"
    headers = {"Host": host}
    if login := _basic(parts):
        headers["Authorization"] = login
    proxy = proxy_for(parts)
    if proxy is None:
        return Route(origin, target, headers)
    if origin.tls:
        return Route(Origin(origin.host, origin.port, tls=True, proxy=proxy), target, headers)
    if proxy.authorization:
        headers["Proxy-Authorization"] = proxy.authorization
    return Route(proxy.origin, f"http://{host}{target}", headers)


def proxy_for(parts: SplitResult) -> Proxy | None:
    """The proxy that the environment names for this address (`HTTPS_PROXY`, `NO_PROXY`, …)."""
    named = getproxies().get(parts.scheme)
    if not named or (parts.hostname and proxy_bypass(parts.hostname)):
        return None
    found = urlsplit(named if "://" in named else f"http://{named}")
    if found.scheme not in _PORTS:
        raise ValueError(f"a proxy must be http:// or https://, not {found.scheme}://")
    return Proxy(_origin(found), _basic(found))


def _origin(parts: SplitResult) -> Origin:
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError("an address must be of the form http(s)://host")
    host = parts.hostname
    if not host.isascii():
        host = host.encode("idna").decode()
    return Origin(host, parts.port or _PORTS[parts.scheme], tls=parts.scheme == "https")


def _basic(parts: SplitResult) -> str | None:
    if parts.username is None:
        return None
    login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return f"Basic {b64encode(login.encode()).decode()}"


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host
