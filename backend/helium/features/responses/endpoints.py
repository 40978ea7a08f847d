"""`/v1/responses`, raw ASGI: create (plain, streaming, in the background), retrieve, cancel."""

from uuid import UUID

import msgspec
from pydantic import ValidationError

from helium.core.errors import InvalidRequest, RunAlreadyFinished
from helium.core.states import TERMINAL
from helium.engine.tail import Viewer, is_final
from helium.features.agents.service import AgentService
from helium.features.identity.service import require
from helium.features.identity.subject import Subject
from helium.features.product import Product
from helium.features.responses.encoder import ResponsesEncoder
from helium.features.responses.inputs import lay_over, to_items
from helium.features.responses.objects import response_of
from helium.features.responses.schemas import ConversationRef, ResponseCreate
from helium.features.runs.access import RunAccess
from helium.features.runs.repository import RunRepository
from helium.features.runs.service import RunRequest, cancel_run, new_run, start_run
from helium.features.runs.stream import send_events
from helium.features.threads.access import ThreadAccess
from helium.features.threads.repository import ThreadRepository
from helium.kit.asgi import Receive, Scope, Send, header, read_body, send_json, start_stream
from helium.ports import NewRun, RunRow

WAITED_FOR = TERMINAL | {"requires_action"}
CANCEL_WAIT_SECONDS = 5.0
MAX_BODY = 32 * 1024 * 1024
_json = msgspec.json.Encoder().encode


class ResponsesRoutes:
    """The Responses API of one process. Errors are raised; the caller gives them OpenAI's shape."""

    def __init__(self, product: Product, agents: AgentService) -> None:
        self._product = product
        self._agents = agents
        self._runs = RunAccess(RunRepository(product.database))
        self._threads = ThreadAccess(ThreadRepository(product.database))

    async def create(self, scope: Scope, receive: Receive, send: Send) -> None:
        """`POST /v1/responses`: start a run; answer at once, at its end, or as it goes."""
        subject = await self._subject(scope)
        require(subject, "runs")
        raw = await read_body(receive, MAX_BODY)
        body = parse(raw)
        request = await self._request(subject, body, header(scope, b"idempotency-key"), raw)
        new = new_run(subject, request)
        if body.background and not body.stream:
            await self._background(new, send)
            return
        # Subscribed before it is started: its first event cannot be missed, and needs no reading.
        with self._product.hub.follow(new.id, 0, from_log=False) as viewer:
            run_id, new = await start_run(self._product, new)
            if run_id == new.id:
                encoder = ResponsesEncoder(new)
                if body.stream:
                    await start_stream(send)
                    await self._follow(viewer, encoder, receive, send)
                else:
                    await self._whole(viewer, encoder, send)
                return
        await self._again(run_id, receive, send, stream=bool(body.stream))

    async def retrieve(
        self, scope: Scope, receive: Receive, send: Send, wire_id: str, query: dict[str, str]
    ) -> None:
        """`GET /v1/responses/{id}`, with `stream=true&starting_after=n` the stream after event n."""
        row = await self._runs.run(await self._subject(scope), wire_id)
        if query.get("stream") == "true":
            await self._stream_stored(row, _number(query.get("starting_after")), receive, send)
        else:
            await self._send_stored(row, send)

    async def cancel(self, scope: Scope, send: Send, wire_id: str) -> None:
        """`POST /v1/responses/{id}/cancel`: the Response as it is then; also if it had finished."""
        subject = await self._subject(scope)
        require(subject, "runs")
        row = await self._runs.run(subject, wire_id)
        try:
            await cancel_run(self._product, row)
        except RunAlreadyFinished:
            pass
        else:
            await self._until_final(row)
        await self._send_stored(await self._runs.run(subject, wire_id), send)

    # --- starting ------------------------------------------------------------------------------

    async def _subject(self, scope: Scope) -> Subject:
        return await self._product.identity.authenticate(header(scope, b"authorization"))

    async def _request(
        self, subject: Subject, body: ResponseCreate, key: str | None, raw: bytes
    ) -> RunRequest:
        agent_id, spec = await self._agents.resolve(subject.workspace_id, body.model)
        previous = thread = None
        if body.previous_response_id is not None and body.conversation is not None:
            raise InvalidRequest(
                "Give previous_response_id or conversation, not both.", param="conversation"
            )
        if body.previous_response_id is not None:
            previous = await self._runs.run(subject, body.previous_response_id)
        if body.conversation is not None:
            ref = body.conversation
            wire_id = ref.id if isinstance(ref, ConversationRef) else ref
            thread = await self._threads.thread(subject, wire_id)
        return RunRequest(
            agent_id=agent_id,
            spec=lay_over(spec, body),
            input=to_items(body.input),
            thread_id=thread.id if thread else previous.thread_id if previous else None,
            previous_run_id=previous.id if previous else None,
            idempotency_key=key,
            body=raw,
        )

    # --- answering -----------------------------------------------------------------------------

    async def _background(self, new: NewRun, send: Send) -> None:
        run_id, _ = await start_run(self._product, new)
        row = await self._runs.repository.run(run_id)
        assert row is not None
        await self._send_stored(row, send)

    async def _follow(
        self, viewer: Viewer, encoder: ResponsesEncoder, receive: Receive, send: Send
    ) -> None:
        await send_events(
            self._product.hub,
            viewer,
            encoder,
            receive,
            send,
            heartbeat_seconds=self._product.options.heartbeat_seconds,
        )

    async def _whole(self, viewer: Viewer, encoder: ResponsesEncoder, send: Send) -> None:
        """Wait for the end, or for the moment at which a person must decide, and answer."""
        closing = self._product.hub.closing
        while not closing.is_set():
            events = await viewer.next(self._product.options.heartbeat_seconds)
            encoder.encode(events)
            if encoder.status in WAITED_FOR:
                break
        await send_json(send, 200, _json(encoder.response()))

    async def _until_final(self, row: RunRow) -> None:
        """Wait until a run that was asked to stop has stopped; its holder may be another process."""
        deadline = self._product.platform.clock.monotonic() + CANCEL_WAIT_SECONDS
        with self._product.hub.follow(row.id, row.last_seq) as viewer:
            while self._product.platform.clock.monotonic() < deadline:
                if is_final(await viewer.next(CANCEL_WAIT_SECONDS)):
                    return

    async def _send_stored(self, row: RunRow, send: Send) -> None:
        outputs = await self._runs.repository.outputs([row.id])
        body = response_of(row, outputs.get(row.id, []))
        await send_json(send, 200, _json(body))

    async def _stream_stored(self, row: RunRow, after: int, receive: Receive, send: Send) -> None:
        """The run's stream from its first event on, without those up to `after`."""
        await start_stream(send)
        encoder = ResponsesEncoder(row, after=after)
        with self._product.hub.follow(row.id, 0) as viewer:
            await self._follow(viewer, encoder, receive, send)

    async def _again(self, run_id: UUID, receive: Receive, send: Send, *, stream: bool) -> None:
        """The answer to a request whose idempotency key started this run before."""
        row = await self._runs.repository.run(run_id)
        assert row is not None
        if stream:
            await self._stream_stored(row, -1, receive, send)
            return
        with self._product.hub.follow(run_id, 0) as viewer:
            await self._whole(viewer, ResponsesEncoder(row), send)


def parse(raw: bytes) -> ResponseCreate:
    """The request. Raises `InvalidRequest` that names the first field that is wrong."""
    try:
        return ResponseCreate.model_validate_json(raw)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        path = [str(part) for part in first["loc"]]
        name = ".".join(path) or "body"
        if first["type"] == "extra_forbidden":
            raise InvalidRequest(f"The parameter {name!r} is not supported.", param=name) from None
        raise InvalidRequest(f"{name}: {first['msg']}.", param=name) from None


def _number(text: str | None) -> int:
    if text is None or text == "":
        return -1
    if not text.lstrip("-").isdecimal() or len(text) > 9:
        raise InvalidRequest("starting_after must be a number.", param="starting_after")
    return int(text)
