"""`/v1/runs`: start, look, stop, decide. The event stream is beside it, in `stream.py`."""

from typing import Annotated
from uuid import UUID

import msgspec
from fastapi import APIRouter, Query, Request

from helium.core.errors import InvalidRequest
from helium.core.states import RunStatus
from helium.features.deps import (
    AgentsDep,
    IdempotencyKey,
    ProductDep,
    RunAccessDep,
    SubjectDep,
    ThreadAccessDep,
)
from helium.features.identity.service import require
from helium.features.runs.access import RunAccess
from helium.features.runs.repository import RunRepository
from helium.features.runs.schemas import (
    ActionDecision,
    RunCreate,
    RunList,
    RunOut,
    input_items,
    run_out,
)
from helium.features.runs.service import RunRequest, cancel_run, decide_action, new_run, start_run
from helium.kit.ids import from_wire, to_wire
from helium.ports import RunRow

router = APIRouter(prefix="/v1/runs", tags=["runs"])


async def whole_run(repository: RunRepository, row: RunRow) -> RunOut:
    """A run with its recorded output and, if it waits, the action that it waits for."""
    outputs = await repository.outputs([row.id])
    actions = await repository.pending_actions([row.id])
    return run_out(row, outputs.get(row.id, []), actions.get(row.id))


async def _fresh(runs: RunAccess, run_id: UUID) -> RunOut:
    row = await runs.repository.run(run_id)
    assert row is not None
    return await whole_run(runs.repository, row)


@router.post("", status_code=202)
async def create_run(  # noqa: PLR0913 - each is a dependency of the route
    body: RunCreate,
    request: Request,
    subject: SubjectDep,
    product: ProductDep,
    agents: AgentsDep,
    threads: ThreadAccessDep,
    runs: RunAccessDep,
    idempotency_key: IdempotencyKey = None,
) -> RunOut:
    """Start a run. When this answers, the run is durable and will be executed."""
    require(subject, "runs")
    thread = await threads.thread(subject, body.thread_id) if body.thread_id is not None else None
    agent_id, spec = await agents.resolve(subject.workspace_id, body.agent)
    if body.metadata:
        spec = msgspec.structs.replace(spec, metadata=body.metadata)
    new = new_run(
        subject,
        RunRequest(
            agent_id=agent_id,
            spec=spec,
            input=input_items(body.input),
            thread_id=thread.id if thread is not None else None,
            when_busy=body.when_busy,
            idempotency_key=idempotency_key,
            body=await request.body(),
        ),
    )
    run_id, _ = await start_run(product, new)
    return await _fresh(runs, run_id)


@router.get("")
async def list_runs(
    subject: SubjectDep,
    runs: RunAccessDep,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    after: Annotated[str | None, Query(description="`next_cursor` of the page before.")] = None,
    status: RunStatus | None = None,
) -> RunList:
    """The workspace's runs, newest first, without their output."""
    before = from_wire("run", after) if after is not None else None
    if after is not None and before is None:
        raise InvalidRequest("This cursor is not one of ours. Take `next_cursor` as it is.", param="after")
    rows = await runs.repository.recent(subject.workspace_id, before=before, status=status, limit=limit)
    actions = await runs.repository.pending_actions([row.id for row in rows])
    cursor = to_wire("run", rows[-1].id) if len(rows) == limit else None
    return RunList(data=[run_out(row, [], actions.get(row.id)) for row in rows], next_cursor=cursor)


@router.get("/{run_id}")
async def get_run(run_id: str, subject: SubjectDep, runs: RunAccessDep) -> RunOut:
    """One run, with what is recorded of its answer."""
    return await whole_run(runs.repository, await runs.run(subject, run_id))


@router.post("/{run_id}/cancel", status_code=202)
async def cancel(run_id: str, subject: SubjectDep, product: ProductDep, runs: RunAccessDep) -> RunOut:
    """Stop a run. Partial text stays. 409 if it ended in another way before."""
    require(subject, "runs")
    row = await runs.run(subject, run_id)
    await cancel_run(product, row)
    return await _fresh(runs, row.id)


@router.post("/{run_id}/actions/{action_id}")
async def decide(
    run_id: str,
    action_id: str,
    body: ActionDecision,
    subject: SubjectDep,
    product: ProductDep,
    runs: RunAccessDep,
    idempotency_key: IdempotencyKey = None,
) -> RunOut:
    """Decide what the run waits for; it goes on. Exactly one caller wins, the others get 409."""
    require(subject, "runs")
    row = await runs.run(subject, run_id)
    action = await runs.action(subject, row.id, action_id)
    await decide_action(product, subject, action, body.decision, body.answer, idempotency_key)
    return await _fresh(runs, row.id)
