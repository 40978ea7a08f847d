"""`/v1/models`, in OpenAI's shape: the agents, and the providers that are configured."""

from typing import Literal

from fastapi import APIRouter
from pydantic import BaseModel

from helium.features.deps import AgentsDep, ProductDep, SubjectDep

router = APIRouter(prefix="/v1/models", tags=["models"])


class ModelOut(BaseModel):
    id: str
    object: Literal["model"]
    created: int
    owned_by: str


class ModelList(BaseModel):
    object: Literal["list"]
    data: list[ModelOut]


@router.get("")
async def list_models(subject: SubjectDep, product: ProductDep, agents: AgentsDep) -> ModelList:
    """What `model` may be: the workspace's agents by name, and `provider:model`."""
    data = [
        ModelOut(id=agent.name, object="model", created=int(agent.created_at), owned_by="workspace")
        for agent in await agents.listed(subject.workspace_id)
    ]
    data.extend(
        ModelOut(id=name, object="model", created=0, owned_by=name.partition(":")[0])
        for name in product.platform.models.names()
    )
    return ModelList(object="list", data=data)
