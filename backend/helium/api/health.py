"""`/api/health`: this process lives. `/api/ready`: it can serve, and is not draining."""

import asyncio

import msgspec

from helium.core.errors import NotFound, Unavailable
from helium.db.database import CONNECTION_ERRORS
from helium.features.product import Product
from helium.kit.asgi import Send, send_json

READY_TIMEOUT_SECONDS = 2.0


class HealthRoutes:
    def __init__(self, product: Product) -> None:
        self._product = product

    async def answer(self, path: str, send: Send) -> None:
        if path == "/api/health":
            await send_json(send, 200, b'{"status":"ok"}')
        elif path == "/api/ready":
            await self._ready()
            said = {"status": "ready", "database": "ok", "redis": self._redis()}
            await send_json(send, 200, msgspec.json.encode(said))
        else:
            raise NotFound(f"There is no route {path}.")

    def _redis(self) -> str:
        """For people: a process without its Redis is slower, and ready all the same (I7)."""
        if self._product.cache is None:
            return "none"
        return "ok" if self._product.platform.bus.healthy else "away"

    async def _ready(self) -> None:
        if self._product.hub.closing.is_set():
            raise Unavailable("This process is draining.")
        try:
            async with asyncio.timeout(READY_TIMEOUT_SECONDS):
                await self._product.database.fetchrow("select 1")
        except CONNECTION_ERRORS:
            raise Unavailable("The database does not answer.") from None
