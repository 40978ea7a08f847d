"""What the Dramatiq adapter promises beside the contract: prefixes, blips, threads and their limits."""

import asyncio
import subprocess
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from uuid import UUID, uuid4

import dramatiq
import dramatiq.broker
import pytest
import redis
from dramatiq.middleware import TimeLimit, default_middleware

from helium.adapters.dramatiq.broker import DramatiqOptions, WorkerBroker, connect, octets, sending_broker
from helium.kit.clock import SystemClock
from helium.ports import Delivery, Refuse, Verdict
from tests.contract.queues.dramatiq import (
    CONCURRENCY,
    QUEUE,
    OpenDramatiq,
    opened,
)
from tests.contract.queues.side import Broken, Held, Recorder
from tests.support.processes import hold, until
from tests.support.redis_server import RedisServer, redis_server
from tests.support.servers import require

_clock = SystemClock()
BEAT_SECONDS = 2.0
OPENSSL = Path("/usr/bin/openssl")


@pytest.fixture
def server() -> Iterator[RedisServer]:
    with redis_server() as server:
        yield server


@pytest.fixture
async def queue(server: RedisServer) -> AsyncIterator[OpenDramatiq]:
    async with opened(server, heartbeat_seconds=BEAT_SECONDS) as queue:
        yield queue


def new_runs(count: int) -> list[UUID]:
    return [uuid4() for _ in range(count)]


async def none_left(queue: OpenDramatiq) -> None:
    async def empty() -> bool:
        return await queue.left() == 0

    await until(empty, "no message left")


async def test_a_full_worker_keeps_what_it_has_and_takes_no_more(queue: OpenDramatiq) -> None:
    full, idle, run = Held(), Recorder(), new_runs(1)
    async with queue.consumer(full):
        await queue.bell.ring(new_runs(CONCURRENCY))
        await until(lambda: full.under_way == CONCURRENCY, "a full worker")
        async with queue.consumer(idle):
            await queue.bell.ring(run)
            await until(lambda: len(idle.seen) == 1, "the next message at the idle worker", 2)
            await hold(2.5 * BEAT_SECONDS)
            assert idle.runs() == run
            full.release.set()
            await none_left(queue)
    assert full.began == CONCURRENCY


async def test_two_installations_on_one_server_do_not_mix(server: RedisServer) -> None:
    seen, names, runs = [Recorder(), Recorder()], ("one", "two"), [new_runs(5), new_runs(5)]
    async with AsyncExitStack() as stack:
        queues = [await stack.enter_async_context(opened(server, prefix=name)) for name in names]
        for queue, execute in zip(queues, seen, strict=True):
            await stack.enter_async_context(queue.consumer(execute))
        for queue, own in zip(queues, runs, strict=True):
            await queue.bell.ring(own)
        for queue in queues:
            await none_left(queue)
        keys = [octets(key).decode() for key in await queues[0].client.keys()]
    assert [set(execute.runs()) for execute in seen] == [set(own) for own in runs]
    assert keys != []
    assert all(key.startswith(("one:", "two:")) for key in keys), keys


async def test_a_silent_redis_costs_a_ring_its_time_out(queue: OpenDramatiq, server: RedisServer) -> None:
    execute, runs, consumer = Recorder(), new_runs(1), queue.new_consumer()
    async with consumer.consume(execute):
        await until(lambda: consumer.healthy, "a healthy consumer")
        server.freeze()
        try:
            began = _clock.monotonic()
            await asyncio.gather(*(queue.bell.ring(new_runs(1)) for _ in range(50)))
            assert _clock.monotonic() - began < queue.options.timeout_seconds + 0.5
            threads = [
                thread.name for thread in threading.enumerate() if thread.name.startswith("asyncio_")
            ]
            assert len(threads) <= 2, "one sends, and one started the consumer"
            await until(lambda: not consumer.healthy, "a consumer that knows")
        finally:
            server.thaw()
        await until(lambda: consumer.healthy, "a healthy consumer")
        await queue.bell.ring(runs)
        await until(lambda: runs[0] in execute.runs(), "a delivery")
    assert not consumer.healthy


async def test_delayed_messages_outlive_a_silent_redis(queue: OpenDramatiq, server: RedisServer) -> None:
    execute, runs, consumer = Recorder(), new_runs(20), queue.new_consumer()

    async def fetched() -> bool:
        keys = await queue.client.keys("*__acks__*.DQ")
        return bool(keys) and await queue.client.scard(keys[0]) == len(runs)

    async with consumer.consume(execute):
        await queue.bell.ring(runs, 3.0)
        await until(fetched, "delayed messages in the worker's memory")
        server.freeze()
        try:
            await until(lambda: not consumer.healthy, "a consumer that knows")
        finally:
            server.thaw()
        await until(lambda: set(execute.runs()) == set(runs), "all deliveries")
        await none_left(queue)


@pytest.mark.parametrize("fails", [False, True], ids=["refused", "failed"])
async def test_what_is_put_back_while_redis_is_silent_is_not_lost(
    queue: OpenDramatiq, server: RedisServer, fails: bool
) -> None:
    began, answer, seen = asyncio.Event(), asyncio.Event(), Recorder()

    async def execute(delivery: Delivery) -> Verdict:
        if seen.seen:
            return await seen(delivery)
        seen.seen.append(delivery)
        began.set()
        await answer.wait()
        if fails:
            raise ZeroDivisionError("a bug")
        return Refuse(0.1)

    consumer, runs = queue.new_consumer(), new_runs(1)
    async with consumer.consume(execute):
        await queue.bell.ring(runs)
        await began.wait()
        server.freeze()
        try:
            await until(lambda: not consumer.healthy, "a consumer that knows")
            answer.set()
            await hold(1.5 * queue.options.timeout_seconds)
        finally:
            server.thaw()
        await until(lambda: seen.runs() == runs * 2, "a second delivery")
        assert seen.seen[1].deliveries == 2
        await none_left(queue)


async def test_guard_a_message_that_cannot_be_acknowledged_is_told_by_its_id_alone(
    queue: OpenDramatiq, server: RedisServer, caplog: pytest.LogCaptureFixture
) -> None:
    execute, runs = Held(), new_runs(1)
    async with queue.consumer(execute):
        await queue.bell.ring(runs)
        await until(lambda: execute.under_way == 1, "an execution")
        server.freeze()
        try:
            execute.release.set()
            await until(lambda: "Failed to post_process_message" in caplog.text, "Dramatiq's line")
        finally:
            server.thaw()
        await none_left(queue)

    assert str(runs[0]) not in caplog.text


async def test_a_worker_that_stops_without_redis_gives_back_late(
    queue: OpenDramatiq, server: RedisServer
) -> None:
    held, execute, runs = Held(), Recorder(), new_runs(1)
    async with queue.consumer(held):
        await queue.bell.ring(runs)
        await until(lambda: held.under_way == 1, "an execution")
        server.freeze()
        began = _clock.monotonic()
    try:
        assert _clock.monotonic() - began < 8  # Cloud Run grants 10 s to a process that ends
        assert held.cancelled == 1
    finally:
        server.thaw()
    async with queue.consumer(execute):
        await until(lambda: set(execute.runs()) == set(runs), "the next consumer")
        await none_left(queue)


async def test_a_worker_that_is_stopped_while_it_starts_gives_back_what_it_has(
    queue: OpenDramatiq, monkeypatch: pytest.MonkeyPatch
) -> None:
    held, execute, runs, started = Held(), Recorder(), new_runs(2), threading.Event()
    start = dramatiq.Worker.start

    def start_slowly(worker: dramatiq.Worker) -> None:
        start(worker)
        started.wait(20)

    async def consume() -> None:
        async with queue.consumer(held):
            raise AssertionError("it was cancelled before")

    monkeypatch.setattr(dramatiq.Worker, "start", start_slowly)
    await queue.bell.ring(runs)
    consuming = asyncio.create_task(consume())
    await until(lambda: held.under_way == 2, "two executions")
    consuming.cancel()
    await until(lambda: held.cancelled == 2, "the end of both")
    started.set()
    with pytest.raises(asyncio.CancelledError):
        await consuming
    async with queue.consumer(execute):
        await until(lambda: set(execute.runs()) == set(runs), "the next consumer")
        await none_left(queue)


async def test_a_message_that_nobody_can_read_is_buried(queue: OpenDramatiq) -> None:
    execute, runs = Recorder(), new_runs(3)
    for name, content in (("one", "{not JSON"), ("two", '{"queue_name": 1, "args": []}')):
        await queue.client.hset(queue.key("msgs"), name, content)
        await queue.client.rpush(queue.key("msgs").removesuffix(".msgs"), name)
    async with queue.consumer(execute):
        await queue.bell.ring(runs)
        await none_left(queue)
    assert set(execute.runs()) == set(runs)
    buried = await queue.client.hkeys(queue.key("XQ.msgs"))
    assert {octets(name) for name in buried} == {b"one", b"two"}


async def test_what_was_fetched_and_not_begun_is_put_back(queue: OpenDramatiq) -> None:
    await queue.bell.ring(new_runs(5))

    def fetch_one_and_stop() -> tuple[int, int]:
        broker = WorkerBroker(queue.options)
        consumer = broker.consume(QUEUE, prefetch=5)
        message = next(consumer)
        assert message is not None
        during = broker.client.llen(f"{broker.namespace}:{QUEUE}")
        consumer.close()
        after = broker.client.llen(f"{broker.namespace}:{QUEUE}")
        broker.client.close()
        return during, after

    # The one that it was given is its own to give back.
    assert await asyncio.to_thread(fetch_one_and_stop) == (0, 4)


async def test_a_dead_workers_message_is_found_soon_after_its_time(queue: OpenDramatiq) -> None:
    execute, runs = Recorder(), new_runs(1)

    def fetch_and_die() -> None:
        broker = WorkerBroker(queue.options)
        assert next(broker.consume(QUEUE)) is not None
        broker.client.close()

    await queue.bell.ring(runs)
    await asyncio.to_thread(fetch_and_die)
    async with queue.consumer(execute):
        await until(lambda: execute.runs() == runs, "a delivery", BEAT_SECONDS + 6)


async def test_an_abandoned_thread_acknowledges_nothing(queue: OpenDramatiq) -> None:
    await queue.bell.ring(new_runs(2))

    def answer_late() -> None:
        broker = WorkerBroker(queue.options)
        consumer = broker.consume(QUEUE, prefetch=2)
        first, second = next(consumer), next(consumer)
        assert first is not None
        assert second is not None
        broker.abandoned.set()
        consumer.ack(first)
        consumer.nack(second)
        broker.client.close()

    await asyncio.to_thread(answer_late)
    assert (await queue.left(), await queue.buried()) == (2, [])


async def test_failures_are_bounded_and_refusals_are_not_among_them(queue: OpenDramatiq) -> None:
    execute, run = Broken(times=2), new_runs(1)
    refused = 0

    async def refuse_then_fail(delivery: Delivery) -> Verdict:
        nonlocal refused
        refused += 1
        return Refuse(0.01) if refused <= 3 else await execute(delivery)

    async def is_buried() -> bool:
        return list(await queue.buried()) == [str(run[0])]

    async with queue.new_consumer(max_failures=1).consume(refuse_then_fail):
        await queue.bell.ring(run)
        await until(is_buried, "a message in the dead-letter queue")
        assert [delivery.deliveries for delivery in execute.seen] == [4, 5]
        await none_left(queue)


async def test_dramatiqs_time_limit_leaves_long_executions_alone(
    queue: OpenDramatiq, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(TimeLimit.__init__, "__kwdefaults__", {"time_limit": 100, "interval": 20})
    held = Held()
    async with queue.consumer(held):
        await queue.bell.ring(new_runs(1))
        await until(lambda: held.under_way == 1, "an execution")
        await hold(0.5)
        held.release.set()
        await none_left(queue)
    assert (held.began, held.cancelled) == (1, 0)


def test_the_given_certificates_are_trusted_and_no_others(tmp_path: Path) -> None:
    ours, other = self_signed(tmp_path / "ours"), self_signed(tmp_path / "other")
    pair = ("--tls-cert-file", str(ours), "--tls-key-file", str(ours.with_name("key.pem")))
    with redis_server(*pair, "--tls-ca-cert-file", str(ours), "--tls-auth-clients", "no") as server:
        url = f"rediss://localhost:{server.port}/0?ssl_cert_reqs=none"
        with connect(DramatiqOptions(url=url, queue=QUEUE, ca_file=ours)) as client:
            assert client.ping()
        refused = pytest.raises(redis.ConnectionError, match="certificate verify failed")
        with connect(DramatiqOptions(url=url, queue=QUEUE, ca_file=other)) as client, refused:
            client.ping()
        with pytest.raises(ValueError, match="rediss"):
            connect(DramatiqOptions(url=server.url, queue=QUEUE, ca_file=ours))


def self_signed(folder: Path) -> Path:
    """A certificate for this machine, its key beside it; it is its own authority."""
    require(OPENSSL)
    folder.mkdir()
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    made = [OPENSSL, "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    named = ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    subprocess.run([*made, *named, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    return certificate


def test_a_password_is_not_shown() -> None:
    options = DramatiqOptions(url="redis://:hidden-word@127.0.0.1/0", queue=QUEUE)
    assert "hidden-word" not in repr(options)


def test_brokers_are_made_explicitly_and_keep_the_default_middleware(queue: OpenDramatiq) -> None:
    kinds = [type(middleware) for middleware in sending_broker(queue.options).middleware]
    assert kinds == default_middleware
    worker = [type(middleware) for middleware in WorkerBroker(queue.options).middleware]
    assert worker[: len(default_middleware)] == default_middleware
    assert dramatiq.broker.global_broker is None
