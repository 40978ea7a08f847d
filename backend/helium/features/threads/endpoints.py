"""`/v1/threads`: conversations."""

from datetime import datetime
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from helium.core.errors import Conflict, InvalidRequest
from helium.features.deps import ProductDep, RunAccessDep, SubjectDep, ThreadAccessDep
from helium.features.identity.service import require
from helium.features.runs.schemas import RunOut, run_out
from helium.features.threads.repository import ThreadRepository, ThreadRow
from helium.kit.ids import from_wire, to_wire
from helium.kit.text import without_nul
from helium.kit.times import moment

router = APIRouter(prefix="/v1/threads", tags=["threads"])


class ThreadCreate(BaseModel):
    model_config = ConfigDict(extra="forbid")
    title: Annotated[str, Field(max_length=200)] = ""
    metadata: Annotated[dict[str, str], Field(max_length=16)] = Field(default_factory=dict)


class ThreadOut(BaseModel):
    id: str
    title: str
    status: Literal[
        "idle",
        "queued",
        "in_progress",
        "requires_action",
        "completed",
        "failed",
        "cancelled",
        "incomplete",
    ]
    metadata: dict[str, str]
    created_at: datetime
    updated_at: datetime


class ThreadList(BaseModel):
    data: list[ThreadOut]
    next_cursor: str | None


class ThreadRuns(BaseModel):
    data: list[RunOut]


def thread_out(row: ThreadRow) -> ThreadOut:
    values: dict[str, Any] = {"title": row.title, "metadata": row.metadata, "status": row.status}
    return ThreadOut(
        id=to_wire("thr", row.id),
        created_at=moment(row.created_at),
        updated_at=moment(row.updated_at),
        **values,
    )


@router.get("")
async def list_threads(
    subject: SubjectDep,
    product: ProductDep,
    limit: Annotated[int, Query(ge=1, le=200)] = 50,
    after: str | None = None,
) -> ThreadList:
    """The workspace's threads, the last used first."""
    before = _cursor(after) if after is not None else None
    rows = await ThreadRepository(product.database).recent(subject.workspace_id, before=before, limit=limit)
    last = rows[-1] if len(rows) == limit else None
    cursor = f"{last.updated_at!r}~{to_wire('thr', last.id)}" if last is not None else None
    return ThreadList(data=[thread_out(row) for row in rows], next_cursor=cursor)


@router.post("", status_code=201)
async def create_thread(body: ThreadCreate, subject: SubjectDep, product: ProductDep) -> ThreadOut:
    """Make an empty thread."""
    require(subject, "runs")
    metadata = {without_nul(k): without_nul(v) for k, v in body.metadata.items()}
    row = await ThreadRepository(product.database).create(
        subject.workspace_id, without_nul(body.title), metadata
    )
    return thread_out(row)


@router.get("/{thread_id}")
async def get_thread(thread_id: str, subject: SubjectDep, threads: ThreadAccessDep) -> ThreadOut:
    """One thread."""
    return thread_out(await threads.thread(subject, thread_id))


@router.delete("/{thread_id}", status_code=204)
async def delete_thread(thread_id: str, subject: SubjectDep, threads: ThreadAccessDep) -> None:
    """Delete a thread with all its runs. 409 while one of them is active."""
    require(subject, "runs")
    row = await threads.thread(subject, thread_id)
    if not await threads.repository.delete(row.id):
        raise Conflict("A run of this thread is not finished. Cancel it first.")


@router.get("/{thread_id}/runs")
async def list_thread_runs(
    thread_id: str,
    subject: SubjectDep,
    threads: ThreadAccessDep,
    runs: RunAccessDep,
    limit: Annotated[int, Query(ge=1, le=200)] = 100,
) -> ThreadRuns:
    """The thread's last runs, oldest first, with what is recorded of each answer."""
    thread = await threads.thread(subject, thread_id)
    rows = await runs.repository.of_thread(thread.id, limit)
    ids = [row.id for row in rows]
    outputs = await runs.repository.outputs(ids)
    actions = await runs.repository.pending_actions(ids)
    return ThreadRuns(data=[run_out(row, outputs.get(row.id, []), actions.get(row.id)) for row in rows])


def _cursor(text: str) -> tuple[float, Any]:
    seconds, _, wire_id = text.partition("~")
    thread_id = from_wire("thr", wire_id)
    try:
        if thread_id is not None:
            return float(seconds), thread_id
    except ValueError:
        pass
    raise InvalidRequest("This cursor is not one of ours. Take `next_cursor` as it is.", param="after")
