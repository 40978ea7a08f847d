"""The streaming client: one request, an answer in batches, every failure translated once.

The first content goes out at once. After that nobody is woken per token: we sleep for the gather
window and take whatever has arrived in it with one call of the decoder.
"""

import asyncio
import io
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import aiohttp

from helium import __version__
from helium.adapters.providers.failures import Problem, Source, failure, problem_from_body, retry_after
from helium.adapters.providers.wire import Decoder
from helium.core.errors import Retryable
from helium.kit.clock import Clock
from helium.ports import ModelEvent, ModelRequest

LARGE_BODY = 1 << 20
MAX_ERROR_BODY = 1 << 16
LINGER_SECONDS = 0.05
"""How long to wait for the end of a body after its last event, so that the connection can be kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Timeouts:
    """How long each kind of silence may last, in seconds."""

    connect: float = 10.0
    first_token: float = 60.0
    """From the request to the first content."""
    between_chunks: float = 60.0
    thinking: float = 600.0
    """Instead of the two above while the model is known to think without showing it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """Where a provider's models are, and what opens the door."""

    provider: str
    url: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    key_variable: str | None = None
    secrets: tuple[str, ...] = field(default=(), repr=False)


class Wire(Protocol):
    """A wire format: pure functions from and to bytes."""

    def encode(self, request: ModelRequest) -> bytes: ...

    def decoder(self, request: ModelRequest) -> Decoder: ...


class Upstream:
    """The connections to all providers. Made inside the running loop, closed with `aclose`."""

    def __init__(self, timeouts: Timeouts | None = None) -> None:
        self.timeouts = timeouts or Timeouts()
        self._session: aiohttp.ClientSession | None = None

    @property
    def session(self) -> aiohttp.ClientSession:
        if self._session is None or self._session.closed:
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=0, keepalive_timeout=30, ttl_dns_cache=300),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=self.timeouts.connect),
                cookie_jar=aiohttp.DummyCookieJar(),
                read_bufsize=1 << 18,
                headers={
                    "Accept": "text/event-stream",
                    "Accept-Encoding": "identity",
                    "Content-Type": "application/json",
                    "User-Agent": f"helium/{__version__}",
                },
            )
        return self._session

    async def aclose(self) -> None:
        if self._session is not None:
            await self._session.close()


def proxy_for(url: str) -> str | None:
    """The proxy that the environment names for this address (`HTTPS_PROXY`, `NO_PROXY`, …).

    Found once for each endpoint: aiohttp's `trust_env` looks for it, and reads `~/.netrc` in a
    thread, with every request (0.5 ms of CPU).
    """
    parts = urlsplit(url)
    if parts.hostname is None or proxy_bypass(parts.hostname):
        return None
    return getproxies().get(parts.scheme)


class HttpModel:
    """A model behind HTTP, in one of the wire formats."""

    def __init__(
        self,
        upstream: Upstream,
        endpoint: Endpoint,
        wire: Wire,
        clock: Clock,
        *,
        gather_seconds: float = 0.04,
    ) -> None:
        self._upstream = upstream
        self.endpoint = endpoint
        self._wire = wire
        self._clock = clock
        self._gather_seconds = gather_seconds
        self._proxy = proxy_for(endpoint.url)

    async def stream(self, request: ModelRequest) -> AsyncIterator[Sequence[ModelEvent]]:
        endpoint = self.endpoint
        source = Source(
            provider=endpoint.provider,
            model=request.model,
            key_variable=endpoint.key_variable,
            secrets=endpoint.secrets,
        )
        decoder = self._wire.decoder(request)
        silence = _Silence(self._upstream.timeouts, decoder, endpoint.provider)
        try:
            response = await self._open(request, source, silence)
            try:
                flow = _Flow(response.content, decoder, silence, self._clock, self._gather_seconds)
                while events := await flow.next():
                    yield events
            finally:
                await _leave(response, finished=decoder.finished)
        except aiohttp.ConnectionTimeoutError:
            seconds = self._upstream.timeouts.connect
            raise Retryable(f"no connection to {endpoint.provider} within {seconds:g} s") from None
        except (aiohttp.ClientError, ConnectionError) as error:
            raise Retryable(
                f"the connection to {endpoint.provider} broke: {type(error).__name__}"
            ) from error

    async def _open(
        self, request: ModelRequest, source: Source, silence: "_Silence"
    ) -> aiohttp.ClientResponse:
        body = self._wire.encode(request)
        headers = dict(self.endpoint.headers)
        if request.idempotency_key.isascii() and request.idempotency_key.isprintable():
            headers["X-Client-Request-Id"] = request.idempotency_key or "-"
        async with silence.bounded():
            response = await self._upstream.session.post(
                self.endpoint.url,
                data=body if len(body) < LARGE_BODY else io.BytesIO(body),
                headers=headers,
                proxy=self._proxy,
                allow_redirects=False,
            )
            try:
                problem = await self._problem(response)
            except BaseException:
                response.close()
                raise
        if problem is None:
            return response
        response.close()
        raise failure(problem, source)

    async def _problem(self, response: aiohttp.ClientResponse) -> Problem | None:
        if response.status == 200 and response.content_type not in ("application/json", "text/html"):
            return None
        body = await response.content.read(MAX_ERROR_BODY)
        if response.status == 200:
            problem = problem_from_body(502, body)
            return problem if problem.message else Problem(message="it sent no stream", status=502)
        return problem_from_body(response.status, body, retry_after(response.headers, self._clock))


class _Silence:
    """Bounds how long a provider may say nothing."""

    def __init__(self, timeouts: Timeouts, decoder: Decoder, provider: str) -> None:
        self._timeouts = timeouts
        self._decoder = decoder
        self._provider = provider
        self._deadline: float | None = asyncio.get_running_loop().time() + timeouts.first_token

    def first_content_came(self) -> None:
        self._deadline = None

    def bounded(self) -> "_Bounded":
        if self._decoder.thinking:
            limit = self._timeouts.thinking
        elif self._deadline is None:
            limit = self._timeouts.between_chunks
        else:
            left = self._deadline - asyncio.get_running_loop().time()
            return _Bounded(left, f"{self._provider} sent no token for {self._timeouts.first_token:g} s")
        return _Bounded(limit, f"{self._provider} fell silent for {limit:g} s")


class _Bounded:
    """`asyncio.timeout` whose end is a `Retryable` with a sentence."""

    def __init__(self, seconds: float, sentence: str) -> None:
        self._timeout = asyncio.timeout(max(seconds, 0.0))
        self._sentence = sentence

    async def __aenter__(self) -> None:
        await self._timeout.__aenter__()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: object
    ) -> None:
        try:
            await self._timeout.__aexit__(kind, error, None)
        except TimeoutError:
            raise Retryable(self._sentence) from None


class _Flow:
    """Reads a body in batches. An empty batch is the end."""

    def __init__(
        self,
        content: aiohttp.StreamReader,
        decoder: Decoder,
        silence: _Silence,
        clock: Clock,
        gather_seconds: float,
    ) -> None:
        self._content = content
        self._decoder = decoder
        self._silence = silence
        self._clock = clock
        self._gather_seconds = gather_seconds
        self._begun = False
        self._window: asyncio.Timeout | None = None
        content.on_eof(self._end_window)

    async def next(self) -> list[ModelEvent]:
        if self._begun and not self._decoder.finished:
            await self._gather()
        while not self._decoder.finished:
            events = await self._take()
            if events:
                if not self._begun:
                    self._begun = True
                    self._silence.first_content_came()
                return events
        return []

    async def _take(self) -> list[ModelEvent]:
        data = self._content.read_nowait()
        if not data and not self._content.at_eof():
            async with self._silence.bounded():
                data = await self._content.readany()
        return self._decoder.feed(data) if data else self._decoder.close()

    async def _gather(self) -> None:
        """Let more arrive for one window; the end of the body ends it early."""
        if self._content.is_eof():
            return
        try:
            async with asyncio.timeout(None) as self._window:
                await self._clock.sleep(self._gather_seconds)
        except TimeoutError:
            pass
        finally:
            self._window = None

    def _end_window(self) -> None:
        if self._window is not None:
            self._window.reschedule(asyncio.get_running_loop().time())


async def _leave(response: aiohttp.ClientResponse, *, finished: bool) -> None:
    """Give the connection back if its answer was read to the end, else close it."""
    if finished and not response.content.at_eof():
        try:
            async with asyncio.timeout(LINGER_SECONDS):
                await response.content.read()
        except (TimeoutError, aiohttp.ClientError):
            pass
    if response.content.at_eof():
        response.release()
    else:
        response.close()
