"""What the providers' tests share: a catalog that points at a fake provider."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack

import pytest
import uvloop

from helium.adapters.providers.catalog import ProviderCatalog
from helium.adapters.providers.http import Timeouts
from helium.kit.clock import SystemClock
from helium.ports import Model

from .fakes import KEY, Check, FakeProvider, Reply, check_chat, check_messages, check_responses

FORMATS: dict[str, tuple[str, Check]] = {
    "chat": ("openai-chat", check_chat),
    "responses": ("openai-responses", check_responses),
    "anthropic": ("anthropic", check_messages),
}


LOOPS: dict[str, Callable[[], asyncio.AbstractEventLoop]] = {
    "asyncio": asyncio.new_event_loop,
    "uvloop": uvloop.new_event_loop,
}
ON_BOTH_LOOPS = ("test_client", "test_http")
"""Helium runs on uvloop, whose transports are others; these modules are tested on both."""


def pytest_asyncio_loop_factories(
    config: pytest.Config, item: pytest.Item
) -> Mapping[str, Callable[[], asyncio.AbstractEventLoop]]:
    both = item.path.name.startswith(ON_BOTH_LOOPS)
    return LOOPS if both else {"asyncio": LOOPS["asyncio"]}


class Stage:
    """Starts fake providers and gives the real client's models for them."""

    def __init__(self, stack: AsyncExitStack) -> None:
        self._stack = stack

    async def __call__(
        self,
        form: str,
        replies: Sequence[Reply],
        *,
        key: str = KEY,
        timeouts: Timeouts | None = None,
        gather_seconds: float = 0.005,
    ) -> tuple[FakeProvider, Model]:
        name, check = FORMATS[form]
        fake = await self._stack.enter_async_context(FakeProvider(check, replies).running())
        environ = {
            "OPENAI_BASE_URL": f"{fake.url}/v1",
            "OPENAI_API_KEY": key,
            "ANTHROPIC_BASE_URL": fake.url,
            "ANTHROPIC_API_KEY": key,
        }
        catalog = ProviderCatalog(environ, SystemClock(), timeouts=timeouts, gather_seconds=gather_seconds)
        await self._stack.enter_async_context(catalog)
        return fake, catalog.resolve(f"{name}:m")[0]


@pytest.fixture
async def stage() -> AsyncIterator[Stage]:
    async with AsyncExitStack() as stack:
        yield Stage(stack)
