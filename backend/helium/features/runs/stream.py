"""Following a run over HTTP: one code path for the first connection and for every later one."""

import asyncio
import random
import time
from collections.abc import Sequence
from typing import Protocol

from helium.core.errors import InvalidRequest
from helium.core.events import LoggedEvent
from helium.engine.tail import EventHub, Viewer, is_final
from helium.features.product import Product
from helium.features.runs.access import RunAccess
from helium.features.runs.encoder import RunEventsEncoder
from helium.features.runs.repository import RunRepository
from helium.kit.asgi import (
    ClientStalled,
    Receive,
    Scope,
    Send,
    client_left,
    direct,
    header,
    send_chunk,
    start_stream,
)
from helium.kit.metrics.viewing import Viewing


class Encoder(Protocol):
    """Turns events into the bytes of one wire protocol: a pure function of the log so far."""

    def encode(self, events: Sequence[LoggedEvent]) -> bytes: ...

    def farewell(self, pause_milliseconds: int) -> bytes:
        """What tells a client to come back after a pause, because this process goes away."""
        ...


async def send_events(
    hub: EventHub,
    viewer: Viewer,
    encoder: Encoder,
    receive: Receive,
    send: Send,
    *,
    heartbeat_seconds: float,
    until: float = float("inf"),
) -> None:
    """Send the run's events to its end, until the client leaves, or until this process drains.

    `until` is a monotonic time at which the viewer is asked to come back, so that no connection
    grows old and a deploy finds few of them.
    """
    viewing = Viewing(again=viewer.tail > 0)
    try:
        await _send(hub, viewer, encoder, (receive, send), heartbeat_seconds, until, viewing)
    finally:
        viewing.end()


async def _send(
    hub: EventHub,
    viewer: Viewer,
    encoder: Encoder,
    client: tuple[Receive, Send],
    heartbeat_seconds: float,
    until: float,
    viewing: Viewing,
) -> None:
    receive, send = client
    between = send  # the first part takes the long way, so that all know that this is a stream
    viewer.sender = asyncio.current_task()

    async def write(chunk: bytes, *, last: bool = False) -> None:
        viewer.sending_since = hub.now()
        try:
            await send_chunk(send if last else between, chunk, last=last)
        except asyncio.CancelledError:
            if viewer.stalled(hub.now()):
                raise ClientStalled from None
            raise
        finally:
            viewer.sending_since = None

    # What the log already has is given also by a process that drains: a finished run needs no other one.
    while (not hub.closing.is_set() or not viewer.keeps_up) and time.monotonic() < until:
        events = await viewer.next(heartbeat_seconds)
        if is_final(events):
            await write(encoder.encode(events), last=True)
            viewing.sent(events[0].created_at)
            viewing.reason = "finished"
            return
        if events:
            chunk = encoder.encode(events)
            if chunk:
                await write(chunk)
                between = direct(send)
                viewing.sent(events[0].created_at)
            del chunk
        elif not hub.closing.is_set():
            if await client_left(receive):
                return
            await write(b": keep-alive\n\n")
        del events
    # The herd comes back spread out, and to another instance.
    viewing.reason = "asked_back"
    await write(encoder.farewell(random.randint(100, 3000)), last=True)


async def run_events(product: Product, scope: Scope, receive: Receive, send: Send, wire_id: str) -> None:
    """`GET /v1/runs/{id}/events`: the run's log after `Last-Event-ID`, then what follows, live."""
    subject = await product.identity.authenticate(header(scope, b"authorization"))
    access = RunAccess(RunRepository(product.database))
    run = await access.run(subject, wire_id)
    after = _cursor(header(scope, b"last-event-id"))
    retry = b"retry: %d\n" % random.randint(500, 3000)
    await start_stream(send)
    if after > run.last_seq:
        # The client has seen a log that this database does not have: it lost its newest part.
        await send_chunk(send, retry + b"event: reset\ndata: {}\n\n")
        after = 0
    else:
        await send_chunk(send, retry + b"\n")
    if run.finished_at is not None and after >= run.last_seq:
        await send_chunk(send, b"", last=True)
        return
    run_id = run.id
    del run, access, subject  # a viewer may stay for minutes: what it no longer needs is not kept
    with product.hub.follow(run_id, after) as viewer:
        await send_events(
            product.hub,
            viewer,
            RunEventsEncoder(),
            receive,
            send,
            heartbeat_seconds=product.options.heartbeat_seconds,
            until=time.monotonic() + product.options.max_connection_seconds,
        )


def _cursor(text: str | None) -> int:
    if text is None or text == "":
        return 0
    if not text.isdecimal() or len(text) > 9:
        raise InvalidRequest("Last-Event-ID must be the id of an event: a number.", param="Last-Event-ID")
    return int(text)
