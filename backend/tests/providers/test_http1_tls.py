"""TLS and proxies, on loopback, with a certificate made here."""

import asyncio
import ssl
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from helium.adapters.providers.http1 import Broken, Response
from helium.adapters.providers.http1_pool import Pool
from helium.adapters.providers.http1_route import Origin, Proxy, Route, route_to

from .wires import Serve, Wire, self_signed, server

PLAIN = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"


@pytest.fixture(autouse=True)
def no_proxies(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "no_proxy", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return self_signed(tmp_path_factory.mktemp("tls"))


@pytest.fixture
def trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> ssl.SSLContext:
    """The server's side; the client trusts it through the environment, as an operator would do it."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    return context


@asynccontextmanager
async def posted(url: str) -> AsyncGenerator[Response]:
    pool = Pool(connect_seconds=5.0)
    route = route_to(url)
    head = route.post_head({}) + b"Content-Length: 3\r\n\r\n"
    try:
        async with asyncio.timeout(5):
            response = await pool.post(route, head, b"ask")
        yield response
        response.release()
    finally:
        await pool.aclose()


def answering(asked: list[str]) -> Serve:
    async def serve(wire: Wire) -> None:
        first, headers, _ = await wire.request()
        asked.append(f"{first}, {headers}")
        await wire.send(PLAIN)
        await wire.reader.read()

    return serve


async def test_a_certificate_that_the_environment_trusts_is_enough(trusted: ssl.SSLContext) -> None:
    asked: list[str] = []
    async with (
        server(answering(asked), trusted) as to,
        posted(f"https://localhost:{to.port}/") as response,
    ):
        assert await response.readany() == b"hello"
    host = {"Host": f"localhost:{to.port}", "Content-Length": "3"}
    assert asked == [f"POST / HTTP/1.1, {host}"]


async def test_a_certificate_for_another_host_is_refused(trusted: ssl.SSLContext) -> None:
    async with server(answering([]), trusted) as to:
        with pytest.raises(ssl.SSLCertVerificationError, match=r"127\.0\.0\.1"):
            async with posted(f"https://127.0.0.1:{to.port}/"):
                pass


async def test_a_certificate_that_nobody_trusts_is_refused(
    trusted: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    async with server(answering([]), trusted) as to:
        with pytest.raises(ssl.SSLCertVerificationError, match="self-signed"):
            async with posted(f"https://localhost:{to.port}/"):
                pass


async def test_an_answer_over_tls_that_is_cut_is_broken(trusted: ssl.SSLContext) -> None:
    async def serve(wire: Wire) -> None:
        await wire.request()
        await wire.send(PLAIN[:-1])
        wire.writer.transport.abort()

    async with server(serve, trusted) as to, posted(f"https://localhost:{to.port}/") as response:
        assert await response.readany() == b"hell"
        with pytest.raises(Broken, match="before the end"):
            await response.readany()


def tunnelling(port: int, asked: list[str]) -> Serve:
    """A proxy that carries bytes to that port, whatever host it is asked for."""

    async def serve(wire: Wire) -> None:
        first, headers, _ = await wire.request()
        asked.append(f"{first}, {headers}")
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        await wire.send(b"HTTP/1.1 200 Go on\r\n\r\n")

        async def carry(source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
            try:
                while data := await source.read(1 << 16):
                    sink.write(data)
            finally:
                sink.close()

        try:
            await asyncio.gather(carry(wire.reader, writer), carry(reader, wire.writer))
        finally:
            writer.close()

    return serve


async def test_https_goes_through_a_tunnel_that_the_proxy_opens(
    trusted: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked, tunnels = list[str](), list[str]()
    async with server(answering(asked), trusted) as to, server(tunnelling(to.port, tunnels)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:p%40ss@127.0.0.1:{proxy.port}")
        async with posted("https://localhost/v1") as response:
            assert await response.readany() == b"hello"
    login = {"Host": "localhost:443", "Proxy-Authorization": "Basic bWU6cEBzcw=="}
    assert tunnels == [f"CONNECT localhost:443 HTTP/1.1, {login}"]
    assert asked == [f"POST /v1 HTTP/1.1, { ({'Host': 'localhost', 'Content-Length': '3'}) }"]


async def test_a_tunnel_is_kept_for_the_next_request(
    trusted: ssl.SSLContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    tunnels: list[str] = []

    async def serve(wire: Wire) -> None:
        while True:
            await wire.request()
            await wire.send(PLAIN)

    async with server(serve, trusted) as to, server(tunnelling(to.port, tunnels)) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"127.0.0.1:{proxy.port}")
        pool, route = Pool(), route_to("https://localhost/")
        for _ in range(3):
            response = await pool.post(route, route.post_head({}) + b"\r\n", b"")
            assert await response.readany() == b"hello"
            response.release()
        await pool.aclose()
    assert len(tunnels) == 1


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (b"HTTP/1.1 407 Who?\r\nContent-Length: 0\r\n\r\n", "the proxy answered 407"),
        (b"SSH-2.0-x\r\n\r\n", "the proxy spoke no HTTP"),
        (b"HTTP/1.1 200 OK", "the proxy closed the connection"),
    ],
)
async def test_a_proxy_that_opens_no_tunnel_is_broken(
    answer: bytes, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def serve(wire: Wire) -> None:
        await wire.request()
        await wire.send(answer)

    async with server(serve) as proxy:
        monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{proxy.port}")
        with pytest.raises(Broken, match=words):
            async with posted("https://model.example/"):
                pass


async def test_http_asks_the_proxy_for_the_whole_address(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    async with server(answering(asked)) as proxy:
        monkeypatch.setenv("HTTP_PROXY", f"http://me:pass@127.0.0.1:{proxy.port}")
        async with posted("http://model.example:8080/v1?a=b") as response:
            assert await response.readany() == b"hello"
    headers = {
        "Host": "model.example:8080",
        "Proxy-Authorization": "Basic bWU6cGFzcw==",
        "Content-Length": "3",
    }
    assert asked == [f"POST http://model.example:8080/v1?a=b HTTP/1.1, {headers}"]


def test_a_host_that_needs_no_proxy_is_reached_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")
    monkeypatch.setenv("NO_PROXY", "inside.example")
    through = Proxy(Origin("proxy.example", 3128, tls=False))
    assert route_to("https://a.inside.example/x").origin == Origin("a.inside.example", 443, tls=True)
    assert route_to("https://outside.example/x").origin == Origin(
        "outside.example", 443, tls=True, proxy=through
    )


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        (
            "http://user:p%3Aw@h/a b/%2F?q=ü",
            Route(
                Origin("h", 80, tls=False),
                "/a%20b/%2F?q=%C3%BC",
                {"Host": "h", "Authorization": "Basic dXNlcjpwOnc="},
            ),
        ),
        ("https://[::1]:8443", Route(Origin("::1", 8443, tls=True), "/", {"Host": "[::1]:8443"})),
        (
            "https://bücher.example",
            Route(Origin("xn--bcher-kva.example", 443, tls=True), "/", {"Host": "xn--bcher-kva.example"}),
        ),
    ],
)
def test_an_address_becomes_a_route(url: str, expected: Route) -> None:
    assert route_to(url) == expected


def test_a_header_of_ones_own_replaces_that_of_the_address() -> None:
    head = route_to("http://user:word@h/").post_head({"authorization": "Bearer k"})
    assert head == b"POST / HTTP/1.1\r\nHost: h\r\nauthorization: Bearer k\r\n"


@pytest.mark.parametrize("value", ["a\r\nX: b", "a\nb", "a\x00", "€"])
def test_a_header_that_cannot_be_sent_is_refused_and_not_shown(value: str) -> None:
    with pytest.raises(ValueError, match=r"^the header 'X-Key' has a character that HTTP does not allow$"):
        route_to("http://h").post_head({"X-Key": value})


@pytest.mark.parametrize("url", ["ftp://h", "http://", "/path"])
def test_an_address_that_leads_nowhere_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match="http"):
        route_to(url)


def test_a_proxy_of_another_kind_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "socks5://h:1080")
    with pytest.raises(ValueError, match="not socks5://"):
        route_to("https://model.example")
