"""The connection: lazy, bounded, one slot for keys that belong together."""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from redis.crc import key_slot
from redis.exceptions import NoPermissionError, ReadOnlyError

from helium.adapters.redis.connection import REDIS_ERRORS, RedisAway, key, open_redis
from helium.kit.clock import SystemClock
from tests.support.processes import free_port
from tests.support.redis_server import RedisServer, redis_server

clock = SystemClock()


async def seconds_to_fail(command: Callable[[], Awaitable[object]]) -> tuple[float, Exception]:
    began = clock.monotonic()
    with pytest.raises(REDIS_ERRORS) as caught:
        await command()
    assert isinstance(caught.value, Exception)
    return clock.monotonic() - began, caught.value


async def test_it_opens_while_redis_is_away_and_works_when_it_comes(server: RedisServer) -> None:
    server.kill()
    async with open_redis(server.url, timeout_seconds=0.5) as redis:
        await seconds_to_fail(lambda: redis.call(redis.client.ping))

        server.restart()
        await clock.sleep(0.55)

        assert await redis.call(redis.client.ping)


async def test_nobody_listening_is_found_at_once() -> None:
    async with open_redis(f"redis://127.0.0.1:{free_port()}", timeout_seconds=5.0) as redis:
        seconds, _ = await seconds_to_fail(redis.client.ping)  # pyright: ignore[reportArgumentType]

    assert seconds < 4


async def test_a_frozen_redis_costs_a_call_the_timeout_once(server: RedisServer) -> None:
    async with open_redis(server.url, timeout_seconds=0.5) as redis:
        assert await redis.call(redis.client.ping)
        server.freeze()

        first, _ = await seconds_to_fail(lambda: redis.call(redis.client.ping))
        later = [await seconds_to_fail(lambda: redis.call(redis.client.ping)) for _ in range(100)]

    assert 0.45 < first < 3
    assert sum(seconds for seconds, _ in later) < 0.4
    assert {type(error) for _, error in later} == {RedisAway}


async def test_the_client_alone_is_bounded_too(server: RedisServer) -> None:
    server.freeze()
    async with open_redis(server.url, timeout_seconds=0.2) as redis:
        seconds, _ = await seconds_to_fail(redis.client.ping)  # pyright: ignore[reportArgumentType]

    assert seconds < 3


async def test_a_restarted_redis_is_found_again_without_a_failed_call(server: RedisServer) -> None:
    async with open_redis(server.url) as redis:
        assert await redis.call(redis.client.ping)
        server.restart()
        await clock.sleep(0.01)  # the loop hears that the connection was closed

        assert await redis.call(redis.client.ping)


async def test_more_calls_than_connections_wait_for_each_other(redis_url: str) -> None:
    async with open_redis(redis_url, max_connections=2) as redis:
        answers = await asyncio.gather(*(redis.call(redis.client.ping) for _ in range(50)))
        clients = await redis.client.info("clients")

    assert all(answers)
    assert clients["connected_clients"] <= 3


async def test_a_server_that_became_a_replica_is_left() -> None:
    with redis_server() as server:
        async with open_redis(server.url) as redis:
            before = await redis.call(redis.client.client_id)
            await redis.client.execute_command("REPLICAOF", "127.0.0.1", free_port())

            with pytest.raises(ReadOnlyError):
                await redis.call(lambda: redis.client.set("a", "b"))

            assert await redis.call(redis.client.client_id) != before


async def test_a_user_that_may_do_little_may_do_that(redis_url: str, redis_prefix: str) -> None:
    async with open_redis(redis_url) as root:
        rules = [f"~{redis_prefix}:*", f"&{redis_prefix}:*", "+ping", "+set", ">word"]
        await root.client.execute_command("ACL", "SETUSER", redis_prefix, "on", *rules)
    url = redis_url.replace("//", f"//{redis_prefix}:word@")
    async with open_redis(url, prefix=redis_prefix) as redis:
        assert await redis.call(redis.client.ping)
        assert await redis.call(lambda: redis.client.set(redis.key("one"), "1"))

        with pytest.raises(NoPermissionError):
            await redis.call(lambda: redis.client.set("other:one", "1"))
        with pytest.raises(NoPermissionError):
            await redis.call(lambda: redis.client.get(redis.key("one")))


def test_keys_with_the_same_first_part_share_a_slot() -> None:
    assert key("helium", "cache", "a", "b") == "helium:{cache}:a:b"
    assert key("helium", "cache") == "helium:{cache}"
    slots = {key_slot(key("helium", "cache", name).encode()) for name in "abcdefgh"}
    assert slots == {key_slot(b"cache")}


@pytest.mark.parametrize("first", ["", "a}b", "{"])
def test_a_part_that_would_break_the_braces_is_refused(first: str) -> None:
    with pytest.raises(ValueError, match="not fit"):
        key("helium", first, "b")


async def test_an_idle_connection_is_kept_alive(redis_url: str) -> None:
    async with open_redis(redis_url) as redis:
        pool = redis.client.connection_pool
        connection = await pool.get_connection()
        writer = connection._writer  # pyright: ignore[reportPrivateUsage]
        assert writer is not None
        sock = writer.get_extra_info("socket")
        seconds = sock.getsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE)
        await pool.release(connection)

    assert seconds == 5


async def test_the_password_is_in_no_text(server: RedisServer) -> None:
    async with open_redis(server.url_as("somebody", "open-sesame")) as redis:
        _, error = await seconds_to_fail(lambda: redis.call(redis.client.ping))

        assert "open-sesame" not in f"{redis!r} {redis.client.connection_pool!r} {error!r} {error}"


async def test_a_socket_file_will_do(tmp_path: Path) -> None:
    path = tmp_path / "redis.sock"
    with redis_server("--unixsocket", str(path)):
        async with open_redis(f"unix://{path}") as redis:
            assert await redis.call(redis.client.ping)


@pytest.mark.parametrize("url", ["redis://me:open/sesame@127.0.0.1", "http://127.0.0.1", "127.0.0.1:6379"])
async def test_a_url_that_cannot_be_read_is_not_repeated(url: str) -> None:
    with pytest.raises(ValueError, match="cannot be read") as caught:
        async with open_redis(url):
            pass

    assert "open" not in str(caught.value)


async def test_a_ca_file_without_tls_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="rediss://"):
        async with open_redis("redis://127.0.0.1", ca_file=tmp_path / "ca.pem"):
            pass
