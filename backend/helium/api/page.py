"""The web page: a folder of files that the front end's build wrote."""

import base64
import hashlib
import mimetypes
import re
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
POLICY = (
    "default-src 'self'; script-src 'self' {scripts}; style-src 'self' 'unsafe-inline'; "
    "img-src 'self' data: blob:; font-src 'self' data:; connect-src 'self'; object-src 'none'; "
    "base-uri 'none'; form-action 'self'; frame-ancestors 'none'"
)
MISSING = (
    b"<!doctype html><meta charset=utf-8><title>Helium</title>"
    b"<p>Helium runs, but its page is not built. <code>make page</code> builds it;"
    b" the API is at <code>/v1</code>."
)
_INLINE_SCRIPT = re.compile(rb"<script(?![^>]*\ssrc=)[^>]*>(.*?)</script>", re.DOTALL)


class Page:
    """Answers for everything that is not the API."""

    def __init__(self, folder: Path | None) -> None:
        self._files: StaticFiles | None = None
        self._policies: dict[str, bytes] = {}
        if folder is not None:
            mimetypes.init()  # reads files: now, not with the first request
            self._files = StaticFiles(directory=folder, check_dir=False)
            for file in folder.rglob("*.html"):
                self._policies[str(file.relative_to(folder))] = _policy(file.read_bytes())

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._files is None:
            headers = [(b"cache-control", b"no-store"), *SECURITY_HEADERS]
            await send_json(send, 200, MISSING, content_type=b"text/html", headers=headers)
            return
        path: str = scope["path"].strip("/")
        name = path or "index.html"
        if "." not in name.rpartition("/")[2]:
            name += ".html"
        try:
            response = await self._files.get_response(name, scope)
        except HTTPException:
            raise NotFound(f"There is no page /{path}.") from None
        immutable = name.startswith("_next/static/")
        cache = b"public, max-age=31536000, immutable" if immutable else b"no-cache"
        response.raw_headers.extend([(b"cache-control", cache), *SECURITY_HEADERS])
        if name in self._policies:
            response.raw_headers.append((b"content-security-policy", self._policies[name]))
        await response(scope, receive, send)


def _policy(html: bytes) -> bytes:
    """The content security policy of one page: its own inline scripts by hash, and no others."""
    hashes = {
        base64.b64encode(hashlib.sha256(script).digest()).decode()
        for script in _INLINE_SCRIPT.findall(html)
    }
    return POLICY.format(scripts=" ".join(f"'sha256-{digest}'" for digest in sorted(hashes))).encode()
