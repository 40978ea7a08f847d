"""The adapter of the pydantic-ai library. Without the package only its absence can be tested."""

import importlib.util
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Any

import msgspec
import pytest

from helium.adapters.providers import library
from helium.adapters.providers.catalog import ProviderCatalog
from helium.adapters.providers.library import LibraryModel
from helium.adapters.providers.opaque import Proof, seal
from helium.core.errors import InvalidRequest, ModelFailed, Retryable
from helium.core.items import Reasoning, ToolResult, assistant_message, user_message
from helium.kit.clock import SystemClock
from helium.ports import (
    ArgumentsDelta,
    ModelEvent,
    ModelFinished,
    ModelRequest,
    ReasoningDelta,
    ReasoningDone,
    TextDelta,
    ToolCallStarted,
)

from .test_requests import CONVERSATION, SCHEMA, TOOL
from .transcripts import joined

INSTALLED = importlib.util.find_spec("pydantic_ai") is not None
installed = pytest.mark.skipif(not INSTALLED, reason="pydantic-ai is not installed")


async def answer(model: LibraryModel, request: ModelRequest) -> list[ModelEvent]:
    return [event async for batch in model.stream(request) for event in batch]


def told(stream: Any) -> LibraryModel:
    """A model that streams what the function says."""
    from pydantic_ai.models.function import FunctionModel  # type: ignore[import-not-found]

    return LibraryModel(FunctionModel(stream_function=stream), SystemClock(), gather_seconds=0.005)


def without_usage(events: Sequence[ModelEvent]) -> list[ModelEvent | str]:
    return [event.reason if isinstance(event, ModelFinished) else event for event in joined(events)]


REQUEST = ModelRequest(model="function:m", items=CONVERSATION, instructions="Be brief.", tools=[TOOL])


@pytest.mark.skipif(INSTALLED, reason="pydantic-ai is installed")
def test_without_the_package_it_is_said_what_to_install() -> None:
    with pytest.raises(InvalidRequest, match=r"pip install 'pydantic-ai-slim\[bedrock\]'"):
        ProviderCatalog({}, SystemClock()).resolve("pydantic-ai:bedrock:claude")


@installed
def test_a_provider_that_the_library_does_not_know_is_an_invalid_request() -> None:
    with pytest.raises(InvalidRequest):
        ProviderCatalog({}, SystemClock()).resolve("pydantic-ai:zzz:m")


@installed
async def test_the_librarys_test_model_answers() -> None:
    model = library.resolve("test", SystemClock())
    assert isinstance(model, LibraryModel)
    events = await answer(model, ModelRequest(model="test", items=[user_message("1", "Hi")]))
    assert without_usage(events) == [TextDelta("success (no tool calls)"), "stop"]
    last = events[-1]
    assert isinstance(last, ModelFinished)
    assert last.usage.input_tokens > 0


@installed
async def test_thinking_text_and_parallel_calls_come_in_order() -> None:
    from pydantic_ai.models.function import (  # type: ignore[import-not-found]
        DeltaThinkingPart,
        DeltaToolCall,
    )

    async def stream(_: Any, info: Any) -> AsyncIterator[Any]:
        yield {0: DeltaThinkingPart(content="Hm")}
        yield {0: DeltaThinkingPart(content="m.")}
        yield {0: DeltaThinkingPart(signature="sig")}
        yield {1: DeltaToolCall(name=info.function_tools[0].name, tool_call_id="a")}
        yield {1: DeltaToolCall(json_args='{"city":')}
        yield {1: DeltaToolCall(json_args='"Bonn"}')}
        yield {2: DeltaToolCall(name="bare", tool_call_id="b")}

    events = without_usage(await answer(told(stream), REQUEST))
    thought, done, *calls = events
    assert thought == ReasoningDelta("Hmm.")
    assert isinstance(done, ReasoningDone)
    proof = msgspec.json.decode(done.opaque or "{}", type=Proof)
    assert (proof.format, proof.model, proof.signature) == ("library", "function:m", "sig")
    assert calls == [
        ToolCallStarted(0, "a", "weather"),
        ArgumentsDelta(0, '{"city":"Bonn"}'),
        ToolCallStarted(1, "b", "bare"),
        ArgumentsDelta(1, "{}"),
        "tool_calls",
    ]


@installed
async def test_the_conversation_reaches_the_library_in_its_classes() -> None:
    seen: list[Any] = []

    async def stream(messages: Any, info: Any) -> AsyncIterator[str]:
        seen.extend([messages, info])
        yield "ok"

    opaque = seal(Proof(format="library", model="function:m", signature="s", provider="p"))
    items = [*CONVERSATION, Reasoning(id="9", text="Hm", opaque=opaque), assistant_message("10", "Yes")]
    items += [user_message("11", "So?"), ToolResult(id="12", call_id="unknown", output="x")]
    request = replace(REQUEST, items=items, text_format={"name": "x", "schema": SCHEMA})
    await answer(told(stream), request)
    kinds = [[part.part_kind for part in message.parts] for message in seen[0]]
    assert kinds == [
        ["system-prompt", "system-prompt", "user-prompt"],
        ["text", "tool-call", "tool-call"],
        ["tool-return", "tool-return", "user-prompt"],
        ["thinking", "text"],
        ["user-prompt"],
    ]
    assert [part.content for part in seen[0][2].parts] == ["sun", "rain", "And now?"]
    assert seen[1].model_request_parameters.output_object.json_schema == SCHEMA


@installed
async def test_the_librarys_errors_become_ours() -> None:
    from pydantic_ai.exceptions import (  # type: ignore[import-not-found]
        ModelConnectionError,
        ModelHTTPError,
        UserError,
    )

    cases: list[tuple[Exception, type[Exception], str]] = [
        (ModelHTTPError(429, "m", {"message": "slow"}), Retryable, ""),
        (ModelHTTPError(401, "m"), ModelFailed, "model_auth"),
        (ModelHTTPError(400, "m", {"message": "bad"}), ModelFailed, "model_refused_request"),
        (ModelConnectionError("m", "gone"), Retryable, ""),
        (UserError("cannot"), ModelFailed, "model_refused_request"),
    ]
    for error, expected, code in cases:

        async def stream(_: Any, __: Any, error: Exception = error) -> AsyncIterator[str]:
            yield "Once"
            raise error

        with pytest.raises(expected) as caught:
            await answer(told(stream), REQUEST)
        assert getattr(caught.value, "code", "") == code
