"""Helium's facts in OpenTelemetry's words: HTTP's and generative AI's conventions where they have one.

A fact that is not listed here leaves the process nowhere: this table is what keeps texts out.
"""

import re
from collections.abc import Callable, Mapping
from uuid import UUID

from helium.kit.ids import to_wire
from helium.kit.trace import Fact, What

Value = str | int | float | tuple[str, ...]

NAMES: Mapping[str, str] = {
    "run_id": "helium.run.id",
    "workspace_id": "helium.workspace.id",
    "thread_id": "gen_ai.conversation.id",
    "worker_id": "helium.worker.id",
    "request_id": "helium.request.id",
    "attempt": "helium.run.attempt",
    "takeover": "helium.run.takeover",
    "waited_seconds": "helium.queue.wait",
    "deliveries": "helium.queue.deliveries",
    "outcome": "helium.outcome",
    "agent": "gen_ai.agent.name",
    "position": "helium.step.position",
    "step": "helium.step.kind",
    "provider": "gen_ai.provider.name",
    "model": "gen_ai.request.model",
    "try_number": "helium.model.try",
    "finish": "gen_ai.response.finish_reasons",
    "input_tokens": "gen_ai.usage.input_tokens",
    "cached_tokens": "gen_ai.usage.cache_read.input_tokens",
    "output_tokens": "gen_ai.usage.output_tokens",
    "reasoning_tokens": "gen_ai.usage.reasoning.output_tokens",
    "tool": "gen_ai.tool.name",
    "call_id": "gen_ai.tool.call.id",
    "effect": "helium.tool.effect",
    "method": "http.request.method",
    "route": "http.route",
    "status": "http.response.status_code",
    "body_bytes": "http.response.body.size",
}

OPERATIONS: Mapping[str, str] = {
    "attempt": "invoke_agent",
    "lost_attempt": "invoke_agent",
    "model": "chat",
    "tool": "execute_tool",
}

# Where the conventions have a word of their own for a provider.
PROVIDERS: Mapping[str, str] = {
    "azure": "azure.ai.openai",
    "bedrock": "aws.bedrock",
    "gemini": "gcp.gemini",
    "google": "gcp.gemini",
    "mistral": "mistral_ai",
    "openai-responses": "openai",
    "vertex": "gcp.vertex_ai",
    "xai": "x_ai",
}

_PREFIXES = {"run_id": "run", "workspace_id": "ws", "thread_id": "thr", "worker_id": "wrk"}
# A name or an id. Whatever else gets into such a fact, a model's invention for one, is not sent.
_WORD = re.compile(r"[A-Za-z0-9_.:/@+ {}-]{1,128}")
UNSPEAKABLE = "other"


def name_of(what: What, facts: Mapping[str, Fact]) -> str:
    """The span's name: few of them, so that they can be counted."""
    match what:
        case "request":
            return f"{facts.get('method')} {facts.get('route', '')}".strip()
        case "accept":
            return "accept run"
        case "delivery":
            return "process delivery"
        case "attempt" | "lost_attempt":
            return f"invoke_agent {_word(facts.get('agent'))}"
        case "step":
            return f"step {_word(facts.get('step'))}"
        case "model":
            return f"chat {_word(facts.get('model'))}"
        case "tool":
            return f"execute_tool {_word(facts.get('tool'))}"


def attributes_of(
    what: What, facts: Mapping[str, Fact], error: str | None, redact: Callable[[str], str] = str
) -> dict[str, Value]:
    """What is said of a span. Facts without a name in `NAMES` are left out."""
    found: dict[str, Value] = {
        NAMES[fact]: _value(fact, value, redact)
        for fact, value in facts.items()
        if value is not None and fact in NAMES
    }
    if what in OPERATIONS:
        found["gen_ai.operation.name"] = OPERATIONS[what]
    if error is not None:
        found["error.type"] = redact(_word(error))
    return found


def _value(fact: str, value: str | int | float | UUID, redact: Callable[[str], str]) -> Value:
    match value:
        case UUID():
            return to_wire(_PREFIXES.get(fact, "id"), value)
        case str() if fact == "finish":
            return (_word(value),)
        case str() if fact == "provider":
            return PROVIDERS.get(value, redact(_word(value)))
        case str():
            return redact(_word(value))
        case _:
            return value


def _word(value: object) -> str:
    text = str(value)
    return text if _WORD.fullmatch(text) else UNSPEAKABLE
