"""One model step: call, stream into the log, retry what passes, fall back, give the answer."""

import asyncio
from collections.abc import Sequence
from contextlib import aclosing

from helium.core.budget import Usage
from helium.core.errors import InvalidRequest, ModelFailed, Retryable
from helium.core.events import StepRetracted, StepRetrying
from helium.core.history import complete_calls
from helium.core.items import FunctionTool, Item
from helium.core.spec import AgentSpec
from helium.core.steps import StepResult
from helium.engine.answer import Answer
from helium.engine.journal import Journal
from helium.engine.options import EngineOptions
from helium.kit import trace
from helium.kit.failpoint import failpoint
from helium.kit.metrics import instruments as metrics
from helium.kit.metrics.calls import ModelCall
from helium.kit.retry import backoff
from helium.platform import Platform
from helium.ports import Model, ModelRequest


async def call_model(
    journal: Journal,
    platform: Platform,
    options: EngineOptions,
    conversation: Sequence[Item],
    tools: Sequence[FunctionTool],
) -> tuple[StepResult, Usage]:
    """Ask the agent's model, then its fallbacks in order, each with a few tries.

    Raises `ModelFailed` when none of them answers.
    """
    spec = journal.run.row.spec
    failure = ModelFailed("model_unavailable", "No model is configured.")
    for name in (spec.model, *spec.fallback_models):
        try:
            model, own_name = platform.models.resolve(name)
        except InvalidRequest as error:
            failure = ModelFailed("model_not_configured", error.message)
            continue
        request = _request(own_name, journal, spec, conversation, tools)
        try:
            call = ModelCall(name)
            result, usage = await _tries(journal, platform, options, model, request, call)
            priced = platform.models.price(name, usage)
            call.cost(priced.cost_microusd)
            return result, priced
        except ModelFailed as error:
            failure = error
    raise failure


async def _tries(
    journal: Journal,
    platform: Platform,
    options: EngineOptions,
    model: Model,
    request: ModelRequest,
    call: ModelCall,
) -> tuple[StepResult, Usage]:
    for attempt in range(1, options.model_tries + 1):
        call.begin()
        try:
            async with asyncio.timeout(options.step_timeout_seconds):
                return await _observed(journal, model, request, call, attempt)
        except TimeoutError:
            call.ended("timeout")
            _retract(journal)
            raise ModelFailed("model_timeout", "The model did not finish in time.") from None
        except ModelFailed:
            call.ended("failed")
            _retract(journal)
            raise
        except Retryable as error:
            call.ended("retryable")
            _retract(journal)
            if attempt == options.model_tries:
                raise ModelFailed(
                    "model_unavailable", f"The model did not answer: {error.reason}."
                ) from error
            wait = backoff(attempt) if error.after_seconds is None else error.after_seconds
            wait = min(wait, 60.0)
            journal.pen.append(
                StepRetrying(
                    position=journal.position,
                    reason=error.reason,
                    after_seconds=round(wait, 3),
                    try_number=attempt + 1,
                )
            )
            await platform.clock.sleep(wait)
    raise AssertionError("the last try returns or raises")


async def _observed(
    journal: Journal, model: Model, request: ModelRequest, call: ModelCall, try_number: int
) -> tuple[StepResult, Usage]:
    with trace.span("model", model=request.model, provider=call.provider, try_number=try_number) as span:
        result, usage = await _stream(journal, model, request, call)
        span.note(
            finish=result.finish,
            input_tokens=usage.input_tokens,
            cached_tokens=usage.cached_tokens,
            output_tokens=usage.output_tokens,
            reasoning_tokens=usage.reasoning_tokens,
        )
        return result, usage


async def _stream(
    journal: Journal, model: Model, request: ModelRequest, call: ModelCall
) -> tuple[StepResult, Usage]:
    """One try: every batch of the stream becomes events, and the items are known at any moment."""
    caller_tools = frozenset(tool.name for tool in journal.run.row.spec.caller_tools)
    answer = Answer(journal.index, journal.new_item_id, caller_tools)
    failpoint("model.before_call")
    async with aclosing(model.stream(request)) as stream:  # pyright: ignore[reportArgumentType]
        async for batch in stream:
            call.said()
            events = answer.take(batch)
            if events:
                journal.open_items = answer
                journal.pen.append(*events)
                failpoint("model.mid_stream")
                await journal.pen.room()
    if answer.finished is None:
        raise Retryable("the answer was cut off")
    failpoint("model.after_call")
    result, usage = answer.result(request.model)
    call.answered(usage)
    return result, usage


def _retract(journal: Journal) -> None:
    """Take back what this try said: its text never happened."""
    if journal.open_items.items:
        metrics.RETRACTIONS.of("retry").add()
        journal.pen.append(
            StepRetracted(position=journal.position, items=tuple(i.id for i in journal.open_items.items))
        )
    journal.forget_open_items()


def _request(
    model: str,
    journal: Journal,
    spec: AgentSpec,
    conversation: Sequence[Item],
    tools: Sequence[FunctionTool],
) -> ModelRequest:
    return ModelRequest(
        model=model,
        items=complete_calls(conversation),
        instructions=spec.instructions,
        tools=tools,
        tool_choice=spec.tool_choice,
        parallel_tool_calls=spec.parallel_tool_calls,
        temperature=spec.temperature,
        top_p=spec.top_p,
        max_output_tokens=spec.max_output_tokens,
        text_format=spec.text_format,
        reasoning_effort=spec.reasoning_effort,
        idempotency_key=f"{journal.run.lease.run_id.hex}-{journal.position}",
    )
