"""What every route is given: the product, the caller, the services."""

from typing import Annotated

from fastapi import Depends, Header, Request
from fastapi.security import HTTPBearer

from helium.features.agents.repository import AgentRepository
from helium.features.agents.service import AgentService
from helium.features.identity.subject import Subject
from helium.features.product import Product
from helium.features.runs.access import RunAccess
from helium.features.runs.repository import RunRepository
from helium.features.threads.access import ThreadAccess
from helium.features.threads.repository import ThreadRepository

_bearer = HTTPBearer(auto_error=False, description="An API key: `hel_…`.")


def get_product(request: Request) -> Product:
    return request.app.state.product


ProductDep = Annotated[Product, Depends(get_product)]


async def get_subject(
    request: Request, product: ProductDep, _: Annotated[object, Depends(_bearer)]
) -> Subject:
    return await product.identity.authenticate(request.headers.get("authorization"))


SubjectDep = Annotated[Subject, Depends(get_subject)]


def get_run_access(product: ProductDep) -> RunAccess:
    return RunAccess(RunRepository(product.database))


def get_thread_access(product: ProductDep) -> ThreadAccess:
    return ThreadAccess(ThreadRepository(product.database))


def get_agents(request: Request) -> AgentService:
    return request.app.state.agents


RunAccessDep = Annotated[RunAccess, Depends(get_run_access)]
ThreadAccessDep = Annotated[ThreadAccess, Depends(get_thread_access)]
AgentsDep = Annotated[AgentService, Depends(get_agents)]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key",
        description="The same key with the same body gives the first answer again.",
    ),
]


def agent_service(product: Product) -> AgentService:
    """The process's agents, with their cache."""
    return AgentService(
        AgentRepository(product.database), product.platform, product.platform.clock, cache=product.cache
    )
