"""Keys, agents and models through a cache that processes share: fresh in time, and no secret in it."""

from collections.abc import AsyncIterator, Iterator
from uuid import UUID

import httpx
import pytest

from helium.adapters.cache.entry import name_of
from helium.adapters.cache.json_cache import JsonCache
from helium.adapters.redis.connection import open_redis
from helium.bootstrap import Helium
from helium.core.errors import NotFound, Unauthenticated
from helium.core.spec import AgentSpec
from helium.features.agents.repository import AgentRepository
from helium.features.agents.service import CACHE_SECONDS as AGENT_SECONDS
from helium.features.agents.service import AgentService
from helium.features.identity.key_format import make_key
from helium.features.identity.service import CACHE_SECONDS, Identity
from helium.kit.clock import ManualClock
from helium.kit.ids import new_id
from tests.cache.places import RedisPlace
from tests.support.redis_server import RedisServer, redis_server

pytestmark = pytest.mark.postgres


@pytest.fixture(scope="module")
def server() -> Iterator[RedisServer]:
    with redis_server() as running:
        yield running


@pytest.fixture
async def place(server: RedisServer) -> AsyncIterator[RedisPlace]:
    clock = ManualClock()
    async with open_redis(server.url, clock=clock) as redis:
        await redis.client.flushdb()
        yield RedisPlace(redis, clock, near_seconds=1.0)


class Process:
    """What one process knows: its own memory, and the cache that it shares."""

    def __init__(self, helium: Helium, place: RedisPlace) -> None:
        database = helium.product.database
        self.cache: JsonCache = place.front()
        self.identity = Identity(database, place.clock, cache=self.cache)
        repository = AgentRepository(database)
        self.agents = AgentService(repository, helium.product.platform, place.clock, cache=self.cache)


@pytest.fixture
def here(helium: Helium, place: RedisPlace) -> Process:
    return Process(helium, place)


@pytest.fixture
def there(helium: Helium, place: RedisPlace) -> Process:
    return Process(helium, place)


@pytest.fixture
async def workspace(helium: Helium) -> UUID:
    workspace_id = new_id()
    await helium.database.execute("insert into workspace (id, name) values ($1, 'test')", workspace_id)
    return workspace_id


@pytest.fixture
async def token(helium: Helium, workspace: UUID) -> str:
    _, text = await helium.product.identity.create_key(workspace, "test", ("runs",))
    return text


async def test_a_key_is_looked_up_once_for_all_processes(
    here: Process, there: Process, token: str, workspace: UUID
) -> None:
    subjects = [await process.identity.authenticate(f"Bearer {token}") for process in (here, there, here)]

    assert len(set(subjects)) == 1
    assert (subjects[0].workspace_id, subjects[0].scopes) == (workspace, {"runs"})
    assert (here.cache.counts["identity"].computes, there.cache.counts["identity"].computes) == (1, 0)


async def test_redis_holds_neither_a_token_nor_a_part_of_it(
    here: Process, place: RedisPlace, token: str
) -> None:
    await here.identity.authenticate(f"Bearer {token}")

    names = await place.names()
    values = [await place.redis.client.get(name) for name in names]
    assert len(names) == 2
    secret = token.split("_")[3]
    assert all(secret not in repr(kept) for kept in (*names, *values))


async def test_a_key_that_is_revoked_works_no_longer_anywhere(
    here: Process, there: Process, place: RedisPlace, token: str, workspace: UUID
) -> None:
    header = f"Bearer {token}"
    subject = await here.identity.authenticate(header)
    await there.identity.authenticate(header)
    await here.identity.revoke(subject, subject.id)

    with pytest.raises(Unauthenticated):
        await here.identity.authenticate(header)
    await place.age(CACHE_SECONDS / 2)
    with pytest.raises(Unauthenticated):
        await there.identity.authenticate(header)


async def test_a_revoked_key_works_for_ten_seconds_at_most_if_no_process_hears_of_it(
    helium: Helium, here: Process, place: RedisPlace, token: str
) -> None:
    header = f"Bearer {token}"
    subject = await here.identity.authenticate(header)
    await helium.database.execute("update api_key set revoked_at = now() where id = $1", subject.id)

    worked_until = 0.0
    processes = [here]
    for half_seconds in range(1, 24):
        await place.age(0.5)
        if half_seconds < 12:
            processes.append(Process(helium, place))
        for process in processes:
            try:
                await process.identity.authenticate(header)
                worked_until = half_seconds / 2
            except Unauthenticated:
                pass
    assert CACHE_SECONDS - 1 <= worked_until <= CACHE_SECONDS


async def test_a_key_is_revoked_here_at_once_also_while_redis_is_away(
    here: Process, place: RedisPlace, server: RedisServer, token: str
) -> None:
    header = f"Bearer {token}"
    subject = await here.identity.authenticate(header)
    server.freeze()
    try:
        await here.identity.revoke(subject, subject.id)
    finally:
        server.thaw()

    for seconds in (0.0, 1.0, 1.0):
        await place.age(seconds)
        with pytest.raises(Unauthenticated):
            await here.identity.authenticate(header)


async def test_a_wrong_token_is_refused_each_time_and_kept_nowhere(
    here: Process, place: RedisPlace, token: str
) -> None:
    subject = await here.identity.authenticate(f"Bearer {token}")
    before = sorted(await place.names("entry"))
    wrong = [make_key(subject.id), make_key(new_id()), token[:-1], "x"]
    for text in (*wrong, *wrong):
        with pytest.raises(Unauthenticated):
            await here.identity.authenticate(f"Bearer {text}")
    assert sorted(await place.names("entry")) == before


WRONG_SHAPES = ["1", '"x"', "{}", '{"id":"x","workspace_id":1,"scopes":[]}', None]


@pytest.mark.parametrize("shape", WRONG_SHAPES)
async def test_what_the_cache_holds_in_another_shape_is_read_again(
    here: Process, there: Process, place: RedisPlace, token: str, shape: str | None, workspace: UUID
) -> None:
    subject = await here.identity.authenticate(f"Bearer {token}")
    _, spec = await here.agents.resolve(workspace, "default")
    listed = await here.agents.listed(workspace)
    stranger = f'{{"id":"{new_id()}","workspace_id":"{new_id()}","scopes":["keys"]}}'
    tags = {name_of(f"identity:{subject.id}"): "i", name_of(f"agents:{workspace}"): "a"}
    for tag, version in tags.items():
        await place.redis.client.set(place.redis.key("cache", "tag", tag), version)
    versions = "{" + ",".join(f'"{tag}":"{version}"' for tag, version in tags.items()) + "}"
    for name in await place.names("entry"):
        await place.redis.client.set(name, f"[{shape or stranger},0,{versions}]", ex=100)

    assert await there.identity.authenticate(f"Bearer {token}") == subject
    assert await there.agents.resolve(workspace, "default") == (None, spec)
    assert await there.agents.listed(workspace) == listed
    assert there.cache.counts["identity"].hits == 1


async def test_a_new_version_of_an_agent_is_used_here_at_once_and_soon_elsewhere(
    here: Process, there: Process, place: RedisPlace, workspace: UUID
) -> None:
    for version in (1, 2, 3):
        row = await here.agents.save(workspace, "clerk", AgentSpec(instructions=f"v{version}"))
        assert await here.agents.resolve(workspace, "clerk") == (row.id, row.definition)

        await place.age(2)
        assert await there.agents.resolve(workspace, "clerk") == (row.id, row.definition)
    assert here.cache.counts["agents"].computes == 3
    assert there.cache.counts["agents"].computes == 0


async def test_a_new_version_is_used_within_five_seconds_if_the_word_of_it_is_lost(
    helium: Helium, here: Process, place: RedisPlace, workspace: UUID
) -> None:
    await here.agents.save(workspace, "clerk", AgentSpec(instructions="old"))
    await here.agents.resolve(workspace, "clerk")
    await AgentRepository(helium.database).save(workspace, "clerk", AgentSpec(instructions="new"))

    old_until = 0.0
    processes = [here]
    for quarter_seconds in range(1, 28):
        await place.age(0.25)
        processes.append(Process(helium, place))
        for process in processes:
            if (await process.agents.resolve(workspace, "clerk"))[1].instructions == "old":
                old_until = quarter_seconds / 4
    assert AGENT_SECONDS - 1 <= old_until <= AGENT_SECONDS


async def test_the_default_agent_and_unknown_names_are_as_without_a_cache(
    helium: Helium, here: Process, there: Process, workspace: UUID
) -> None:
    plain = AgentService(
        AgentRepository(helium.database), helium.product.platform, helium.product.platform.clock
    )
    for name in ("default", "offline:demo"):
        wanted = await plain.resolve(workspace, name)
        assert [await process.agents.resolve(workspace, name) for process in (here, there)] == [wanted] * 2
    assert here.cache.counts["agents"].misses == 1
    for _ in range(2):
        with pytest.raises(NotFound):
            await here.agents.resolve(workspace, "nobody")


async def test_the_list_of_agents_is_shared_and_follows_what_is_saved(
    here: Process, there: Process, place: RedisPlace, workspace: UUID
) -> None:
    for names in (["default"], ["default", "clerk"]):
        if len(names) > 1:
            await here.agents.save(workspace, "clerk", AgentSpec())
            await place.age(place.near_seconds)
        for process in (here, there):
            assert [agent.name for agent in await process.agents.listed(workspace)] == names
    assert here.cache.counts["models"].computes == 2
    assert there.cache.counts["models"].computes == 0
    assert await here.agents.listed(new_id()) != await here.agents.listed(workspace)


async def test_the_models_are_the_agents_by_name_and_what_the_providers_have(
    client: httpx.AsyncClient, stranger: httpx.AsyncClient
) -> None:
    await client.post("/v1/agents", json={"name": "clerk", "model": "offline:demo"})

    data = (await client.get("/v1/models")).json()["data"]
    assert [model["id"] for model in data if model["owned_by"] == "workspace"] == ["default", "clerk"]
    assert "offline:*" in {model["id"] for model in data if model["owned_by"] == "offline"}
    theirs = (await stranger.get("/v1/models")).json()["data"]
    assert [model["id"] for model in theirs if model["owned_by"] == "workspace"] == ["default"]


async def test_another_workspaces_agents_are_never_given(
    here: Process, there: Process, workspace: UUID, helium: Helium
) -> None:
    stranger = new_id()
    await helium.database.execute("insert into workspace (id, name) values ($1, 'x')", stranger)
    await here.agents.save(workspace, "clerk", AgentSpec(instructions="ours"))
    await here.agents.resolve(workspace, "clerk")

    with pytest.raises(NotFound):
        await there.agents.resolve(stranger, "clerk")
