"""A key is rotated while runs are under way: the real client, a strict provider, references."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from helium.adapters.providers.catalog import ProviderCatalog
from helium.adapters.providers.failures import Problem, failure
from helium.adapters.providers.http import HttpModel
from helium.adapters.providers.presets import KEY_VARIABLES
from helium.adapters.secrets.kept import FORCED_SECONDS
from helium.core.errors import InvalidRequest, ModelFailed, Retryable
from helium.core.items import user_message
from helium.kit.clock import SystemClock
from helium.ports import Model, ModelRequest, TextDelta
from tests.engine.world import Recorder, texts
from tests.engine.world import World as Engine
from tests.providers.fakes import KEY as FAKES_KEY
from tests.providers.fakes import Asked, FakeProvider, Reply, check_chat

from .scripted import World, opened

OLD, NEW = "sk-old-0123456789", "sk-new-9876543210"
HELLO = ModelRequest(model="m", items=[user_message("1", "Hello?")])


def chat(*deltas: dict[str, Any], reason: str = "stop") -> Reply:
    chunks: list[Any] = [{"choices": [{"index": 0, "delta": delta}]} for delta in deltas]
    chunks.append({"choices": [{"index": 0, "delta": {}, "finish_reason": reason}]})
    lines = [b"data: %s\n\n" % msgspec.json.encode(chunk) for chunk in chunks]
    return Reply([*lines, b"data: [DONE]\n\n"])


ANSWER = chat({"role": "assistant", "content": "Hello!"})
ROTATE = chat(
    {
        "role": "assistant",
        "tool_calls": [
            {"index": 0, "id": "c1", "type": "function", "function": {"name": "rotate", "arguments": "{}"}}
        ],
    },
    reason="tool_calls",
)


class Stage:
    """A provider that accepts one key at a time, and a model whose key is kept in a scripted place."""

    def __init__(self, world: World, stack: AsyncExitStack) -> None:
        self.world = world
        self.accepted = OLD
        self.fake: FakeProvider
        world.source.value = OLD
        self._stack = stack

    async def model(self, *replies: Reply) -> Model:
        self.fake = await self._stack.enter_async_context(
            FakeProvider(self._check, replies or [ANSWER]).running()
        )
        environ = {"OPENAI_BASE_URL": f"{self.fake.url}/v1", "OPENAI_API_KEY": "secret:gcp:a_key"}
        self.world.secrets.environ = environ
        catalog = ProviderCatalog(environ, SystemClock(), gather_seconds=0.005, keys=self.world.secrets)
        await self._stack.enter_async_context(catalog)
        return catalog.resolve("openai-chat:m")[0]

    def shown(self) -> list[str]:
        """The keys that the provider was shown, in order."""
        return [asked.headers["authorization"].removeprefix("Bearer ") for asked in self.fake.asked]

    def _check(self, asked: Asked) -> str | None:
        if asked.headers.get("authorization") != f"Bearer {self.accepted}":
            return "key"
        return check_chat(replace(asked, headers={**asked.headers, "authorization": f"Bearer {FAKES_KEY}"}))


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with opened() as world, AsyncExitStack() as stack:
        yield Stage(world, stack)


async def answer(model: Model) -> str:
    events = [event async for batch in model.stream(HELLO) for event in batch]
    return "".join(event.text for event in events if isinstance(event, TextDelta))


async def test_a_run_in_flight_survives_the_rotation_of_its_key(stage: Stage) -> None:
    async def rotate(arguments: dict[str, Any]) -> str:
        stage.accepted = stage.world.source.value = NEW
        return "rotated"

    engine = Engine(await stage.model(ROTATE, ANSWER), Recorder("rotate", do=rotate))

    view = await engine.finish(await engine.start())

    assert (view.status, texts(view)) == ("completed", ["Hello!"])
    assert stage.shown() == [OLD, OLD, NEW]
    assert stage.world.source.reads == 2


async def test_a_new_key_is_used_after_the_ttl_before_the_old_one_is_refused(stage: Stage) -> None:
    model = await stage.model()
    await answer(model)
    stage.accepted = stage.world.source.value = NEW
    stage.world.clock.advance(400)

    assert await answer(model) == "Hello!"
    assert stage.shown() == [OLD, NEW]


async def test_a_key_with_a_newline_at_its_end_is_sent_without_and_rotated_all_the_same(
    stage: Stage,
) -> None:
    model = await stage.model()
    stage.world.source.value = f"{OLD}\n"
    await answer(model)
    stage.accepted, stage.world.source.value = NEW, f"{NEW}\n"

    assert await answer(model) == "Hello!"
    assert stage.shown() == [OLD, OLD, NEW]


async def test_many_runs_at_once_read_the_new_key_once(stage: Stage) -> None:
    model = await stage.model()
    await answer(model)
    stage.accepted = stage.world.source.value = NEW

    answers: Sequence[str] = await asyncio.gather(*(answer(model) for _ in range(20)))

    assert answers == ["Hello!"] * 20
    assert stage.world.source.reads == 2
    assert (stage.shown().count(OLD), stage.shown().count(NEW)) == (21, 20)


async def test_a_key_that_is_simply_wrong_is_refused_without_a_flood(stage: Stage) -> None:
    model = await stage.model()
    stage.accepted = NEW
    for _ in range(5):
        with pytest.raises(ModelFailed) as refused:
            await answer(model)
        assert refused.value.code == "model_auth"
        assert "OPENAI_API_KEY" in str(refused.value)
        assert OLD not in str(refused.value)
    assert (stage.shown(), stage.world.source.reads) == ([OLD] * 5, 2)

    stage.world.clock.advance(FORCED_SECONDS)
    stage.world.source.value = NEW
    assert await answer(model) == "Hello!"


async def test_a_new_key_that_is_refused_too_is_not_tried_for_ever(stage: Stage) -> None:
    model = await stage.model()
    await answer(model)
    stage.accepted, stage.world.source.value = "another", NEW

    with pytest.raises(ModelFailed):
        await answer(model)
    assert stage.shown() == [OLD, OLD, NEW]


async def test_a_key_that_cannot_be_read_is_worth_another_try_and_a_missing_one_is_not(
    stage: Stage,
) -> None:
    model = await stage.model()
    stage.world.source.away = True
    with pytest.raises(Retryable, match="the key of OpenAI cannot be read"):
        await answer(model)

    stage.world.source.away, stage.world.source.value = False, None
    stage.world.clock.advance(2)
    with pytest.raises(ModelFailed, match="There is no key for OpenAI: OPENAI_API_KEY leads to none"):
        await answer(model)
    assert stage.fake.asked == []


async def test_a_key_that_no_header_can_hold_is_refused_without_showing_it(stage: Stage) -> None:
    model = await stage.model()
    stage.world.source.value = "sk-one\nsk-two"

    with pytest.raises(ModelFailed) as refused:
        await answer(model)
    assert refused.value.code == "model_auth"
    assert "sk-" not in str(refused.value)


async def test_a_refusal_for_another_reason_is_not_tried_again(stage: Stage) -> None:
    reply = Reply([b'{"error": {"message": "no"}}'], status=404, content_type="application/json")
    model = await stage.model(reply)

    with pytest.raises(ModelFailed):
        await answer(model)
    assert (len(stage.fake.asked), stage.world.source.reads) == (1, 1)


async def test_an_answer_that_has_begun_is_not_begun_again(stage: Stage) -> None:
    begun = b'data: {"choices": [{"index": 0, "delta": {"role": "assistant", "content": "Hel"}}]}\n\n'
    error = b'data: {"error": {"message": "revoked", "code": "invalid_api_key"}}\n\n'
    model = await stage.model(Reply([begun, error], pause=0.05), ANSWER)
    said = list[str]()

    async def read() -> None:
        async for batch in model.stream(HELLO):
            said.extend(event.text for event in batch if isinstance(event, TextDelta))
            stage.accepted = stage.world.source.value = NEW

    with pytest.raises(ModelFailed) as refused:
        await read()
    assert (said, refused.value.code, stage.shown()) == (["Hel"], "model_auth", [OLD])


async def test_a_key_in_the_variable_itself_takes_the_direct_way(stage: Stage) -> None:
    environ = {"OPENAI_API_KEY": OLD}
    stage.world.secrets.environ = environ
    catalog = ProviderCatalog(environ, SystemClock(), keys=stage.world.secrets)

    assert isinstance(catalog.resolve("openai:m")[0], HttpModel)


async def test_an_address_that_leads_nowhere_is_said_before_the_first_call(
    stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "socks5://127.0.0.1:9")
    environ = {"OPENAI_BASE_URL": "http://models.example/v1", "OPENAI_API_KEY": "secret:gcp:a_key"}
    stage.world.secrets.environ = environ
    catalog = ProviderCatalog(environ, SystemClock(), keys=stage.world.secrets)

    with pytest.raises(InvalidRequest, match="a proxy must be"):
        catalog.resolve("openai:m")


def test_gemini_refuses_a_key_with_a_status_of_its_own() -> None:
    said = "API key not valid. Please pass a valid API key."
    refusal = failure(Problem(message=said, kind="400 INVALID_ARGUMENT", status=400))

    assert isinstance(refusal, ModelFailed)
    assert refusal.code == "model_auth"


def test_the_variables_that_may_refer_to_a_key_are_known() -> None:
    assert {"OPENAI_API_KEY", "GOOGLE_API_KEY", "OLLAMA_API_KEY"} <= set(KEY_VARIABLES)
    assert len(set(KEY_VARIABLES)) == len(KEY_VARIABLES)
