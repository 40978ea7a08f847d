"""`/v1/agents`: named definitions with immutable versions."""

from datetime import datetime
from typing import Annotated, Literal

from fastapi import APIRouter
from pydantic import BaseModel, ConfigDict, Field

from helium.core.budget import Limits
from helium.core.spec import AgentSpec
from helium.features.agents.repository import AgentRow
from helium.features.deps import AgentsDep, SubjectDep
from helium.features.identity.service import require
from helium.kit.times import moment

router = APIRouter(prefix="/v1/agents", tags=["agents"])


class LimitsBody(BaseModel):
    """The bounds of each run; a bound that is null is not set."""

    model_config = ConfigDict(extra="forbid")
    max_steps: Annotated[int, Field(ge=1, le=10_000)] = 100
    max_tokens: Annotated[int | None, Field(ge=1)] = 1_000_000
    max_cost_microusd: Annotated[int | None, Field(ge=0)] = None
    max_seconds: Annotated[float | None, Field(gt=0)] = 86_400.0
    max_tool_calls: Annotated[int | None, Field(ge=0)] = None


class AgentCreate(BaseModel):
    model_config = ConfigDict(extra="forbid")
    name: str
    model: Annotated[str, Field(description="`provider:model`, e.g. `openai:gpt-5-mini`.")]
    fallback_models: Annotated[list[str], Field(max_length=5)] = []
    instructions: Annotated[str, Field(max_length=100_000)] = ""
    tools: Annotated[list[str], Field(max_length=100)] = []
    ask_before: Annotated[list[str], Field(description="Tools that a person approves.")] = []
    limits: LimitsBody = LimitsBody()
    temperature: Annotated[float | None, Field(ge=0, le=2)] = None
    top_p: Annotated[float | None, Field(gt=0, le=1)] = None
    max_output_tokens: Annotated[int | None, Field(ge=1)] = None
    reasoning_effort: Literal["minimal", "low", "medium", "high"] | None = None


class AgentOut(BaseModel):
    name: str
    version: int
    model: str
    fallback_models: list[str]
    instructions: str
    tools: list[str]
    ask_before: list[str]
    created_at: datetime


class AgentList(BaseModel):
    data: list[AgentOut]


def agent_out(row: AgentRow) -> AgentOut:
    definition = row.definition
    return AgentOut(
        name=row.name,
        version=row.version,
        model=definition.model,
        fallback_models=list(definition.fallback_models),
        instructions=definition.instructions,
        tools=list(definition.tools),
        ask_before=list(definition.ask_before),
        created_at=moment(row.created_at),
    )


@router.get("")
async def list_agents(subject: SubjectDep, agents: AgentsDep) -> AgentList:
    """The workspace's agents, `default` among them."""
    return AgentList(data=[agent_out(row) for row in await agents.all(subject.workspace_id)])


@router.post("", status_code=201)
async def save_agent(body: AgentCreate, subject: SubjectDep, agents: AgentsDep) -> AgentOut:
    """Make an agent, or a new version of the one with this name."""
    require(subject, "agents")
    definition = AgentSpec(
        agent=body.name,
        model=body.model,
        fallback_models=tuple(body.fallback_models),
        instructions=body.instructions,
        tools=tuple(body.tools),
        ask_before=tuple(body.ask_before),
        limits=Limits(**body.limits.model_dump()),
        temperature=body.temperature,
        top_p=body.top_p,
        max_output_tokens=body.max_output_tokens,
        reasoning_effort=body.reasoning_effort,
    )
    return agent_out(await agents.save(subject.workspace_id, body.name, definition))


@router.get("/{name}")
async def get_agent(name: str, subject: SubjectDep, agents: AgentsDep) -> AgentOut:
    """The agent's current version."""
    return agent_out(await agents.get(subject.workspace_id, name))
