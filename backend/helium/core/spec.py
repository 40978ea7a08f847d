"""What a run was asked to do: the agent's definition with the caller's options laid over it."""

from typing import Any, Literal

import msgspec

from helium.core.budget import Limits
from helium.core.items import FunctionTool


class AgentSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An agent's definition, or, stored on a run, exactly what that run executes."""

    agent: str = "default"
    version: int = 1
    model: str = "offline:demo"
    fallback_models: tuple[str, ...] = ()
    instructions: str = ""
    tools: tuple[str, ...] = ()
    ask_before: tuple[str, ...] = ()
    """Names of tools that a person approves before each call."""
    caller_tools: tuple[FunctionTool, ...] = ()
    """Tools that the API's caller runs: the run ends with the call, the caller sends the result."""
    limits: Limits = Limits()
    temperature: float | None = None
    top_p: float | None = None
    max_output_tokens: int | None = None
    parallel_tool_calls: bool = True
    tool_choice: str | None = None
    """`auto`, `none`, `required`, or the name of the one tool that must be called."""
    text_format: dict[str, Any] | None = None
    """A JSON schema for the answer: {"name": …, "schema": {…}, "strict": bool}."""
    reasoning_effort: Literal["minimal", "low", "medium", "high"] | None = None
    metadata: dict[str, str] = msgspec.field(default_factory=dict)
    background: bool = False
    """Started without anybody waiting for the answer; shown on the wire, changes nothing else."""
