"""Requests to a `PushRoute` without a network, and queues that only remember."""

from dataclasses import dataclass, field

import httpx

from helium.adapters.cloud_tasks import PUSH_PATH, PushRoute, QueueAway
from helium.adapters.cloud_tasks.queue import Message
from helium.adapters.cloud_tasks.tokens import TokenRefused
from helium.kit.asgi import Message as AsgiMessage
from helium.kit.asgi import Scope

GENUINE = "Bearer genuine"


@dataclass
class Kept:
    """A queue that keeps what it is given."""

    messages: list[Message] = field(default_factory=list[Message])
    away: bool = False

    async def put(self, message: Message) -> None:
        if self.away:
            raise QueueAway("Away")
        self.messages.append(message)


class OneToken:
    """Lets `GENUINE` in."""

    async def verify(self, authorization: str | None) -> None:
        if authorization != GENUINE:
            raise TokenRefused("other")


async def pushed(
    route: PushRoute,
    body: bytes = b"",
    headers: dict[str, str] | None = None,
    *,
    path: str = PUSH_PATH,
    method: str = "POST",
) -> httpx.Response:
    """The answer to one push."""
    transport = httpx.ASGITransport(app=route)  # pyright: ignore[reportArgumentType] - an ASGI application
    async with httpx.AsyncClient(transport=transport, base_url="http://worker") as http:
        return await http.request(
            method, path, content=body, headers={"Authorization": GENUINE} | (headers or {})
        )


def scope_of(headers: dict[str, str]) -> Scope:
    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
    return {"type": "http", "path": PUSH_PATH, "method": "POST", "headers": raw}


@dataclass
class Wire:
    """The two directions of one ASGI request, by hand."""

    incoming: list[AsgiMessage] = field(default_factory=list[AsgiMessage])
    sent: list[AsgiMessage] = field(default_factory=list[AsgiMessage])
    received: int = 0

    async def receive(self) -> AsgiMessage:
        self.received += 1
        return self.incoming.pop(0)

    async def send(self, message: AsgiMessage) -> None:
        self.sent.append(message)

    @property
    def status(self) -> int:
        return self.sent[0]["status"]
