"""`POST /api/page-errors`: the page tells of its own defects, and this process passes them on.

So the page needs no address of another host in its policy, and no key: whoever may use the page may report.
A report is the kind of an exception and places in our own files. It has no text, and one that does not look
like that is refused.
"""

import time
from collections.abc import Callable
from typing import Annotated, Any

import msgspec

from helium.api.middleware import App
from helium.core.errors import InvalidRequest, MethodNotAllowed, TooManyRequests
from helium.features.product import Product
from helium.kit.asgi import Receive, Scope, Send, header, read_body, send_json

PATH = "/api/page-errors"
MOST_BYTES = 16 * 1024
PER_MINUTE = 30
Word = Annotated[str, msgspec.Meta(pattern=r"^[A-Za-z0-9_$.<>\[\] ]{0,80}$")]
File = Annotated[str, msgspec.Meta(pattern=r"^(/[A-Za-z0-9_.~-]+)*$", max_length=200)]
Place = Annotated[int, msgspec.Meta(ge=0, le=10_000_000)]
PassOn = Callable[[str, list[dict[str, Any]], dict[str, str]], None]


class PageFrame(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    function: Word
    file: File
    line: Place
    column: Place


class PageError(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    kind: Word
    where: Annotated[str, msgspec.Meta(pattern=r"^(home|chat|other)$")]
    frames: Annotated[list[PageFrame], msgspec.Meta(max_length=30)]
    """The innermost first, as browsers give them."""


_decoder = msgspec.json.Decoder(PageError)


def page_errors(product: Product, pass_on: PassOn) -> App:
    """The route, as an ASGI application. 204, or a problem."""
    minute, passed = -1, 0

    async def answer(scope: Scope, receive: Receive, send: Send) -> None:
        nonlocal minute, passed
        if scope["method"] != "POST":
            raise MethodNotAllowed("This route answers POST only.")
        subject = await product.identity.authenticate(header(scope, b"authorization"))
        report = _report(await read_body(receive, MOST_BYTES))
        now = int(time.monotonic() // 60)
        minute, passed = (minute, passed + 1) if now == minute else (now, 1)
        if passed > PER_MINUTE:
            raise TooManyRequests("Enough reports for now.", retry_after_seconds=60)
        tags = {"where": report.where, "workspace_id": f"ws_{subject.workspace_id.hex}"}
        pass_on(report.kind or "Error", [_frame(frame) for frame in reversed(report.frames)], tags)
        await send_json(send, 204, b"")

    return answer


def _report(body: bytes) -> PageError:
    try:
        return _decoder.decode(body)
    except msgspec.DecodeError:
        raise InvalidRequest("This is not a report of the page.") from None


def _frame(frame: PageFrame) -> dict[str, Any]:
    return {
        "filename": frame.file or "elsewhere",
        "function": frame.function,
        "lineno": frame.line,
        "colno": frame.column,
        "in_app": bool(frame.file),
    }
