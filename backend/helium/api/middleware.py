"""The middleware, all pure ASGI; `app.py` lists it in the order of execution."""

import re
from collections.abc import Awaitable, Callable

from helium.api.errors import answer_for, retry_headers, to_helium_error
from helium.core.errors import InvalidRequest
from helium.kit.asgi import (
    BodyTooLarge,
    ClientLeft,
    ClientStalled,
    Message,
    Receive,
    Scope,
    Send,
    abort,
    header,
    leads_to,
    send_json,
)
from helium.kit.ids import new_id, to_wire
from helium.kit.log_context import bind, unbind

_REQUEST_ID = re.compile(r"[A-Za-z0-9_.-]{8,128}")
App = Callable[[Scope, Receive, Send], Awaitable[None]]


class RequestId:
    """Gives every request an id, in its log lines, its errors and the `x-request-id` header.

    While the process drains it also asks for a new connection with each answer: the next request then
    goes to another process, and none is under way on a connection when this one closes it.
    """

    def __init__(self, app: App, is_draining: Callable[[], bool] = lambda: False) -> None:
        self._app = app
        self._is_draining = is_draining

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = header(scope, b"x-request-id")
        request_id = given if given and _REQUEST_ID.fullmatch(given) else to_wire("req", new_id())
        scope["request_id"] = request_id

        # Not a coroutine: that would cost one more for each part of each stream.
        def send_with_id(message: Message) -> Awaitable[None]:
            if message["type"] == "http.response.start":
                message["headers"] = [
                    *message.get("headers", ()),
                    (b"x-request-id", request_id.encode()),
                ]
                if self._is_draining():
                    message["headers"].append((b"connection", b"close"))
            return send(message)

        bound = bind(request_id=request_id)
        try:
            await self._app(scope, receive, leads_to(send_with_id, send))
        finally:
            unbind(bound)


class Errors:
    """Turns every exception into an answer in the shape that the route's clients expect."""

    def __init__(self, app: App) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        def watched_send(message: Message) -> Awaitable[None]:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            return send(message)

        try:
            await self._app(scope, receive, leads_to(watched_send, send))
        except ClientLeft as left:
            scope["client_left"] = True
            if isinstance(left, ClientStalled):
                abort(scope)
            return
        except Exception as raised:  # noqa: BLE001 - the outermost boundary of a request
            error = raised
            if isinstance(raised, BodyTooLarge):
                error = InvalidRequest("The request is too large: 32 MiB at most.")
            if started and scope.get("error_answered"):
                return
            fact = to_helium_error(error)
            if started:
                return  # the stream breaks off; the client resumes from its cursor
            status, body, content_type = answer_for(scope["path"], fact, scope["request_id"])
            await send_json(send, status, body, content_type=content_type, headers=retry_headers(fact))
