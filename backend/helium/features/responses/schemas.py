"""The request of `POST /v1/responses`. What is not supported is refused by name, never ignored."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field


class Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Loose(BaseModel):
    """Items that a client sends back as it got them: fields of ours that it does not know stay."""

    model_config = ConfigDict(extra="ignore")


class InputText(Loose):
    type: Literal["input_text"]
    text: str


class InputImage(Loose):
    type: Literal["input_image"]
    image_url: Annotated[str, Field(pattern=r"^(https://|data:image/)")]
    detail: Literal["auto", "low", "high"] | None = None


class OutputText(Loose):
    type: Literal["output_text"]
    text: str


class OutputRefusal(Loose):
    type: Literal["refusal"]
    refusal: str


InputPart = Annotated[InputText | InputImage | OutputText | OutputRefusal, Field(discriminator="type")]


class InputMessage(Loose):
    type: Literal["message"] = "message"
    role: Literal["user", "assistant", "system", "developer"]
    content: str | list[InputPart]


class FunctionCall(Loose):
    type: Literal["function_call"]
    call_id: str
    name: str
    arguments: str


class FunctionCallOutput(Loose):
    type: Literal["function_call_output"]
    call_id: str
    output: str | list[InputPart]


class McpCall(Loose):
    """A call that Helium carried out itself, sent back by a client that keeps its own history."""

    type: Literal["mcp_call"]
    id: str
    name: str
    arguments: str
    output: str | None = None


class SummaryText(Loose):
    type: Literal["summary_text"]
    text: str


class ReasoningItem(Loose):
    type: Literal["reasoning"]
    id: str | None = None
    summary: list[SummaryText] = []
    encrypted_content: str | None = None


InputItem = (
    Annotated[FunctionCall | FunctionCallOutput | McpCall | ReasoningItem, Field(discriminator="type")]
    | InputMessage
)


class FunctionToolParam(Loose):
    type: Literal["function"]
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,64}$")]
    description: str | None = None
    parameters: dict[str, Any] | None = None
    strict: bool | None = None


class ForcedTool(Strict):
    type: Literal["function"]
    name: str


class TextFormat(Strict):
    type: Literal["text", "json_schema", "json_object"]
    name: str | None = None
    schema_: Annotated[dict[str, Any] | None, Field(alias="schema")] = None
    strict: bool | None = None
    description: str | None = None


class TextOptions(Strict):
    format: TextFormat | None = None


class ReasoningOptions(Strict):
    effort: Literal["minimal", "low", "medium", "high"] | None = None
    summary: Literal["auto", "concise", "detailed"] | None = None


class ConversationRef(Strict):
    id: str


class StreamOptions(Strict):
    include_obfuscation: Literal[False] | None = None


class ResponseCreate(Strict):
    """What a run is asked to do, in the words of the Responses API. `model` names an agent, or is
    `provider:model` for a bare model."""

    model: Annotated[str, Field(max_length=200)] = "default"
    input: Annotated[str, Field(max_length=1_000_000)] | list[InputItem]
    instructions: Annotated[str | None, Field(max_length=100_000)] = None
    stream: bool | None = None
    background: bool | None = None
    store: Literal[True] | None = None
    previous_response_id: str | None = None
    conversation: str | ConversationRef | None = None
    metadata: Annotated[dict[str, str] | None, Field(max_length=16)] = None
    temperature: Annotated[float | None, Field(ge=0, le=2)] = None
    top_p: Annotated[float | None, Field(gt=0, le=1)] = None
    max_output_tokens: Annotated[int | None, Field(ge=1)] = None
    max_tool_calls: Annotated[int | None, Field(ge=0)] = None
    parallel_tool_calls: bool | None = None
    tools: list[FunctionToolParam] | None = None
    tool_choice: Literal["auto", "none", "required"] | ForcedTool | None = None
    text: TextOptions | None = None
    reasoning: ReasoningOptions | None = None
    truncation: Literal["disabled"] | None = None
    stream_options: StreamOptions | None = None
    service_tier: Literal["auto", "default"] | None = None
    include: Annotated[list[str] | None, Field(max_length=0)] = None
