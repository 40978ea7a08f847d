"""The web page: a folder of files that the front end's build wrote."""

from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.staticfiles import StaticFiles

from helium.core.errors import NotFound
from helium.kit.asgi import Receive, Scope, Send, send_json

SECURITY_HEADERS = [
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"DENY"),
]
MISSING = (
    b"<!doctype html><meta charset=utf-8><title>Helium</title>"
    b"<p>Helium runs, but its page is not built. <code>make page</code> builds it;"
    b" the API is at <code>/v1</code>."
)


class Page:
    def __init__(self, folder: Path | None) -> None:
        self._files = StaticFiles(directory=folder, check_dir=False) if folder is not None else None

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._files is None:
            headers = [(b"cache-control", b"no-store")]
            await send_json(send, 200, MISSING, content_type=b"text/html", headers=headers)
            return
        path: str = scope["path"].strip("/")
        name = path or "index.html"
        if "." not in name.rpartition("/")[2]:
            name += ".html"
        immutable = name.startswith("_next/static/")
        cache = b"public, max-age=31536000, immutable" if immutable else b"no-cache"
        try:
            response = await self._files.get_response(name, scope)
        except HTTPException:
            raise NotFound(f"There is no page /{path}.") from None
        response.raw_headers.extend([(b"cache-control", cache), *SECURITY_HEADERS])
        await response(scope, receive, send)
