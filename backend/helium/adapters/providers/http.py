"""The streaming client: one request, an answer in batches, every failure translated once.

The first content goes out at once. After that nobody is woken per token: we sleep for the gather
window and take whatever has arrived in it with one call of the decoder.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from helium import __version__
from helium.adapters.providers.failures import Problem, Source, failure, problem_from_body, retry_after
from helium.adapters.providers.http1 import Broken, Response
from helium.adapters.providers.http1_dial import NotConnected
from helium.adapters.providers.http1_pool import Pool
from helium.adapters.providers.http1_route import route_to
from helium.adapters.providers.http_wait import Silence, Ticker, Timeouts
from helium.adapters.providers.wire import Decoder
from helium.core.errors import InvalidRequest, Retryable
from helium.kit.clock import Clock
from helium.ports import ModelEvent, ModelRequest

__all__ = ["Endpoint", "HttpModel", "Timeouts", "Upstream", "Wire"]

MAX_ERROR_BODY = 1 << 16
ERROR_BODY_SECONDS = 2.0
"""How long to wait for the rest of a refusal; what has come by then is enough."""
LINGER_SECONDS = 0.05
"""How long to wait for the end of a body after its last event, so that the connection can be kept."""
WIDEST_WINDOW = 0.25
WINDOW_PER_STREAM = 0.0005
"""Seconds by which each open stream widens the window. Up to 80 of them a reader sees 25 batches a second,
with 200 ten, with 500 and more four. With 1,000, a token each 100 ms, that halves the CPU per run."""

_HEADERS = {
    "Accept": "text/event-stream",
    "Accept-Encoding": "identity",
    "Content-Type": "application/json",
    "User-Agent": f"helium/{__version__}",
}


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
    """The connections to all providers, one for each process. Closed with `aclose`."""

    def __init__(self, timeouts: Timeouts | None = None) -> None:
        self.timeouts = timeouts or Timeouts()
        self.pool = Pool(connect_seconds=self.timeouts.connect)
        self.ticker = Ticker()
        self.open_streams = 0

    def window(self, least: float) -> float:
        """Seconds for which a stream gathers: at least so many, and more when there are many streams."""
        return max(least, min(WIDEST_WINDOW, self.open_streams * WINDOW_PER_STREAM))

    async def aclose(self) -> None:
        await self.pool.aclose()


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
        self.upstream = upstream
        self.endpoint = endpoint
        self._wire = wire
        self._clock = clock
        self._gather_seconds = gather_seconds
        try:
            self._route = route_to(endpoint.url)
            self._head = self._route.post_head({**_HEADERS, **endpoint.headers})
        except ValueError as error:
            raise InvalidRequest(
                f"{endpoint.provider} cannot be reached: {error}.", param="model"
            ) from None

    async def stream(self, request: ModelRequest) -> AsyncIterator[Sequence[ModelEvent]]:
        upstream, provider = self.upstream, self.endpoint.provider
        decoder = self._wire.decoder(request)
        silence = Silence(upstream.timeouts, decoder, provider)
        upstream.open_streams += 1
        try:
            response = await self._open(request, silence)
            try:
                flow = _Flow(response, decoder, silence, upstream, self._gather_seconds)
                while events := await flow.next():
                    yield events
            finally:
                await _leave(response, finished=decoder.finished)
        except NotConnected:
            seconds = upstream.timeouts.connect
            raise Retryable(f"no connection to {provider} within {seconds:g} s") from None
        except (Broken, OSError) as error:
            words = str(error) if isinstance(error, Broken) else type(error).__name__
            raise Retryable(f"the connection to {provider} broke: {words}") from error
        finally:
            upstream.open_streams -= 1
            silence.end()

    async def _open(self, request: ModelRequest, silence: Silence) -> Response:
        body = self._wire.encode(request)
        head = self._head + _own_lines(request.idempotency_key, len(body))
        try:
            async with asyncio.timeout(silence.seconds()):
                response = await self.upstream.pool.post(self._route, head, body)
        except TimeoutError:
            raise Retryable(silence.sentence()) from None
        try:
            problem = await self._problem(response)
        except BaseException:
            response.close()
            raise
        if problem is None:
            return response
        response.release()
        raise failure(problem, self._source(request))

    async def _problem(self, response: Response) -> Problem | None:
        headers = response.headers
        kind = headers.get("content-type", "").partition(";")[0].strip().lower()
        if headers.get("content-encoding", "identity").lower() != "identity":
            return Problem(message="it compressed its answer, unasked", status=_bad(response.status))
        if response.status == 200 and kind not in ("application/json", "text/html"):
            return None
        body = await _short_body(response)
        if response.status == 200:
            problem = problem_from_body(502, body)
            return problem if problem.message else Problem(message="it sent no stream", status=502)
        wish = {**headers, "Retry-After": headers.get("retry-after")}
        return problem_from_body(response.status, body, retry_after(wish, self._clock))

    def _source(self, request: ModelRequest) -> Source:
        endpoint = self.endpoint
        return Source(
            provider=endpoint.provider,
            model=request.model,
            key_variable=endpoint.key_variable,
            secrets=endpoint.secrets,
        )


class _Flow:
    """Reads a body in batches. An empty batch is the end."""

    __slots__ = ("_begun", "_decoder", "_least", "_response", "_silence", "_upstream")

    def __init__(
        self, response: Response, decoder: Decoder, silence: Silence, upstream: Upstream, least: float
    ) -> None:
        self._response = response
        self._decoder = decoder
        self._silence = silence
        self._upstream = upstream
        self._least = least
        self._begun = False

    async def next(self) -> list[ModelEvent]:
        decoder, response = self._decoder, self._response
        if self._begun and not decoder.finished and not response.over:
            await self._gather()
        while not decoder.finished:
            data = response.read_nowait()
            if not data and not response.at_eof():
                await self._silence.bound(response.arrival())
                data = response.read_nowait()
            if events := decoder.feed(data) if data else decoder.close():
                if not self._begun:
                    self._begun = True
                    self._silence.first_content_came()
                return events
        return []

    def _gather(self) -> "asyncio.Future[None]":
        """Let more arrive for one window, and then until something has; the end ends it early."""
        response, upstream = self._response, self._upstream
        window = upstream.window(self._least)
        upstream.ticker.call_later(window, response.wake)
        return self._silence.bound(response.arrival(rest=True), after=window)


def _own_lines(idempotency_key: str, length: int) -> bytes:
    """The end of a request's head: what differs from one to the next."""
    sendable = idempotency_key.isascii() and idempotency_key.isprintable()
    named = f"X-Client-Request-Id: {idempotency_key or '-'}\r\n" if sendable else ""
    return f"{named}Content-Length: {length}\r\n\r\n".encode()


def _bad(status: int) -> int:
    return 502 if status == 200 else status


async def _short_body(response: Response) -> bytes:
    """A refusal's body, as far as it comes soon."""
    body = b""
    try:
        async with asyncio.timeout(ERROR_BODY_SECONDS):
            while len(body) < MAX_ERROR_BODY and (data := await response.readany()):
                body += data
    except (TimeoutError, Broken):
        pass
    return body[:MAX_ERROR_BODY]


async def _leave(response: Response, *, finished: bool) -> None:
    """Give the connection back if its answer was read to the end, else close it."""
    if finished and not response.over:
        try:
            async with asyncio.timeout(LINGER_SECONDS):
                while await response.readany():
                    pass
        except (TimeoutError, Broken):
            pass
    response.release()
