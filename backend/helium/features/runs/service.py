"""Starting, stopping and deciding: what the routes for runs and for responses share."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from uuid import UUID

import msgspec

from helium.core.errors import ActionAlreadyDecided, InvalidRequest, ThreadMoved
from helium.core.items import Item, Message
from helium.core.spec import AgentSpec
from helium.features.identity.subject import Subject
from helium.features.product import Product
from helium.features.runs.repository import RunRepository
from helium.kit.ids import new_id
from helium.kit.text import json_without_nul, without_nul
from helium.ports import ActionRow, NewRun, RunRow, WhenBusy

TITLE_LENGTH = 80
MAX_KEY_LENGTH = 255

# What may be decided about which kind of action.
DECISIONS = {
    "approval": ("approve", "deny"),
    "question": ("answer", "approve", "deny"),
    "in_doubt": ("done", "repeat", "deny"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class RunRequest:
    """A run that somebody asked for, on whichever route."""

    agent_id: UUID | None
    spec: AgentSpec
    input: Sequence[Item]
    thread_id: UUID | None = None
    previous_run_id: UUID | None = None
    when_busy: WhenBusy = "reject"
    idempotency_key: str | None = None
    body: bytes = b""
    """The request as it came: an idempotency key stands for exactly these bytes."""


def new_run(subject: Subject, request: RunRequest) -> NewRun:
    """The run to be accepted. Raises `InvalidRequest` for a key that cannot be kept."""
    key = request.idempotency_key
    if key is not None and not 0 < len(key) <= MAX_KEY_LENGTH:
        raise InvalidRequest(f"An Idempotency-Key has 1 to {MAX_KEY_LENGTH} characters.")
    items = [_clean(item) for item in request.input]
    return NewRun(
        id=new_id(),
        workspace_id=subject.workspace_id,
        thread_id=request.thread_id or new_id(),
        new_thread=request.thread_id is None,
        agent_id=request.agent_id,
        spec=_clean_spec(request.spec),
        input=items,
        title=_title(items),
        previous_run_id=request.previous_run_id,
        when_busy=request.when_busy,
        idempotency_key=key,
        request_hash=hashlib.sha256(request.body).digest() if key is not None else b"",
    )


async def start_run(product: Product, new: NewRun) -> tuple[UUID, NewRun]:
    """Accept the run; its id, or the id of the run that this idempotency key started before.

    Where a thread has gone on since the run that is to be continued, the new run branches off into
    a thread of its own; the run as it was started comes back too.
    """
    try:
        started = await product.starter.start(new)
    except ThreadMoved:
        new = replace(new, thread_id=new_id(), new_thread=True)
        started = await product.starter.start(new)
    if new.when_busy == "interrupt" and product.worker is not None and not new.new_thread:
        product.worker.cancel(await product.platform.runs.cancels(product.worker.id))
    return (started if isinstance(started, UUID) else new.id), new


async def cancel_run(product: Product, run: RunRow) -> None:
    """Ask for the end of a run; once more for a cancelled one changes nothing.

    Raises `RunAlreadyFinished` for a run that ended in another way.
    """
    if run.status == "cancelled":
        return
    status = await product.platform.runs.request_cancel(run.id)
    if status == "in_progress":
        product.platform.bus.publish("cancel", [run.id])
        if product.worker is not None:
            product.worker.cancel([run.id])
    elif status == "cancelled":
        product.hub.announce([run.id])
        await product.platform.bell.ring(await product.platform.runs.promote(1))


async def decide_action(
    product: Product,
    subject: Subject,
    action: ActionRow,
    decision: str,
    answer: str | None,
    idempotency_key: str | None = None,
) -> None:
    """Record a person's decision and queue the run. Raises `ActionAlreadyDecided`, except for the
    same decision by the same subject under the same idempotency key: that one has won already."""
    allowed = DECISIONS[action.kind]
    if decision not in allowed:
        raise InvalidRequest(
            f"This action is of kind {action.kind!r}: decide {' or '.join(allowed)}.",
            param="decision",
        )
    if decision == "answer" and not answer:
        raise InvalidRequest("The decision `answer` needs an `answer`.", param="answer")
    decided_by = f"{subject.kind}:{subject.id.hex}"
    if idempotency_key is not None:
        decided_by += f"#{without_nul(idempotency_key)}"
    try:
        run = await product.platform.runs.decide(
            action.id,
            decision=decision,
            answer=without_nul(answer) if answer else None,
            decided_by=decided_by,
        )
    except ActionAlreadyDecided:
        winner = await RunRepository(product.database).decision(action.id)
        if idempotency_key is None or winner != (decision, answer, decided_by):
            raise
        return
    product.hub.announce([run.id])
    await product.platform.bell.ring([run.id])


def _title(items: Sequence[Item]) -> str:
    for item in items:
        if isinstance(item, Message) and item.role == "user" and item.text.strip():
            line = " ".join(item.text.split())
            return line if len(line) <= TITLE_LENGTH else line[: TITLE_LENGTH - 1] + "…"
    return ""


def _clean(item: Item) -> Item:
    raw = msgspec.json.encode(item)
    clean = json_without_nul(raw)
    return item if clean is raw else msgspec.json.decode(clean, type=Item)


def _clean_spec(spec: AgentSpec) -> AgentSpec:
    raw = msgspec.json.encode(spec)
    clean = json_without_nul(raw)
    return spec if clean is raw else msgspec.json.decode(clean, type=AgentSpec)
