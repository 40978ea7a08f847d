"""Viewers that stall, leave, or grow old cost their own connection and nothing else."""

import asyncio
from collections.abc import Mapping, Sequence
from uuid import UUID

import pytest

from helium.core.budget import Usage
from helium.core.events import ItemDelta, LoggedEvent, RunCompleted
from helium.engine.tail import SEND_TIMEOUT_SECONDS, EventHub
from helium.features.runs.encoder import RunEventsEncoder
from helium.features.runs.stream import send_events
from helium.kit.asgi import ClientLeft, Message
from helium.kit.clock import ManualClock
from helium.kit.ids import new_id


class EmptyLog:
    """A store whose log has nothing to read."""

    async def read(self, cursors: Mapping[UUID, int], limit: int) -> Mapping[UUID, Sequence[LoggedEvent]]:
        return {}


class Client:
    """The other end of a connection."""

    def __init__(self) -> None:
        self.got: list[bytes] = []
        self.arrived = asyncio.Event()
        self.stalls = False
        self.left = asyncio.Event()

    async def send(self, message: Message) -> None:
        if self.stalls:
            self.arrived.set()
            await asyncio.Event().wait()
        self.got.append(message["body"])
        self.arrived.set()

    async def receive(self) -> Message:
        await self.left.wait()
        return {"type": "http.disconnect"}


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
def hub(clock: ManualClock) -> EventHub:
    return EventHub(EmptyLog(), clock, poll_seconds=1.0, buffer_events=8)  # pyright: ignore[reportArgumentType]


def delta(seq: int) -> LoggedEvent:
    event = ItemDelta(item_id="msg_1", index=0, text=f"t{seq} ")
    return LoggedEvent(seq=seq, event=event, created_at=0.0)


async def settle() -> None:
    """Let every task run until it waits."""
    for _ in range(20):
        await asyncio.get_running_loop().run_in_executor(None, lambda: None)


async def streaming(hub: EventHub, client: Client, run_id: UUID, **more: float) -> None:
    with hub.follow(run_id, 0, from_log=False) as viewer:
        await send_events(
            hub, viewer, RunEventsEncoder(), client.receive, client.send, heartbeat_seconds=15, **more
        )


async def test_a_client_that_takes_nothing_is_let_go(hub: EventHub, clock: ManualClock) -> None:
    run_id, client = new_id(), Client()
    client.stalls = True
    serving = asyncio.create_task(hub.serve(()))
    stream = asyncio.create_task(streaming(hub, client, run_id))
    await settle()
    hub.publish(run_id, [delta(1)])
    await client.arrived.wait()

    for _ in range(int(SEND_TIMEOUT_SECONDS) + 3):
        clock.advance(1.0)
        await settle()

    with pytest.raises(ClientLeft):
        await stream
    serving.cancel()


async def test_silence_brings_a_sign_of_life_and_finds_out_who_left(
    hub: EventHub, clock: ManualClock
) -> None:
    run_id, client = new_id(), Client()
    serving = asyncio.create_task(hub.serve(()))
    stream = asyncio.create_task(streaming(hub, client, run_id))
    await settle()
    for _ in range(17):
        clock.advance(1.0)
        await settle()
    assert client.got == [b": keep-alive\n\n"]

    client.left.set()
    for _ in range(17):
        clock.advance(1.0)
        await settle()
    await stream
    assert (client.got, hub.viewers) == ([b": keep-alive\n\n"], 0)
    serving.cancel()


async def test_a_draining_process_asks_its_viewers_to_come_back(hub: EventHub) -> None:
    run_id, client = new_id(), Client()
    stream = asyncio.create_task(streaming(hub, client, run_id))
    await settle()
    hub.close()
    await stream
    assert b"event: reconnect" in client.got[-1]


class WholeLog:
    """A store whose run has said one thing and ended."""

    async def read(self, cursors: Mapping[UUID, int], limit: int) -> Mapping[UUID, Sequence[LoggedEvent]]:
        end = LoggedEvent(seq=2, event=RunCompleted(usage=Usage()), created_at=0.0)
        return {run_id: [delta(1), end][after:] for run_id, after in cursors.items()}


async def test_a_draining_process_still_gives_a_finished_run_to_its_end(clock: ManualClock) -> None:
    hub = EventHub(WholeLog(), clock, poll_seconds=1.0, buffer_events=8)  # pyright: ignore[reportArgumentType]
    hub.close()
    run_id, client = new_id(), Client()
    with hub.follow(run_id, 0) as viewer:
        await send_events(
            hub, viewer, RunEventsEncoder(), client.receive, client.send, heartbeat_seconds=15
        )
    (shown,) = client.got
    assert (b"id: 1\n" in shown, b"event: run.completed" in shown) == (True, True)


async def test_an_old_connection_is_asked_to_come_back(hub: EventHub) -> None:
    client = Client()
    await streaming(hub, client, new_id(), until=0.0)
    assert b"event: reconnect" in client.got[-1]


async def test_the_stream_ends_with_the_runs_last_event(hub: EventHub) -> None:
    run_id, client = new_id(), Client()
    stream = asyncio.create_task(streaming(hub, client, run_id))
    await settle()
    hub.publish(run_id, [delta(1), LoggedEvent(seq=2, event=RunCompleted(), created_at=0.0)])
    await stream
    assert [part.count(b"id: ") for part in client.got] == [2]
