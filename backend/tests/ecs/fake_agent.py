"""The agent's endpoint on loopback: it answers as ECS's agent does, or as it was told to."""

import asyncio
import json
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

PATH = "/api/0123/task-protection/v1/state"
ARN = "arn:aws:ecs:us-east-1:123456789012:task/helium-prod/0123"
THROTTLED = (400, {"error": {"Arn": ARN, "Code": "ThrottlingException", "Message": "Rate exceeded"}})
FORBIDDEN = (400, {"error": {"Arn": ARN, "Code": "AccessDeniedException", "Message": "not authorized"}})
BLOCKED = (200, {"failure": {"Arn": ARN, "Reason": "DEPLOYMENT_BLOCKED", "Detail": "others are protected"}})
NO_SERVICE = (200, {"failure": {"Arn": ARN, "Reason": "TASK_NOT_VALID", "Detail": "not of a service"}})
BROKEN = (500, None)
SILENT = (0, None)
"""The connection ends without an answer."""
Answer = tuple[int, dict[str, Any] | None]


@dataclass(slots=True)
class FakeAgent:
    """What was asked, and what is answered next; when there is nothing, what was asked is done."""

    uri: str = ""
    asked: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    answers: list[Answer] = field(default_factory=list[Answer])
    protected: bool = False
    wrong: list[str] = field(default_factory=list[str])

    @property
    def wishes(self) -> list[bool]:
        return [each["ProtectionEnabled"] for each in self.asked]

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        lengths = [line.split(":")[1] for line in head.lower().split("\r\n") if "content-length" in line]
        body = await reader.readexactly(int(lengths[0]))
        if not head.startswith(f"PUT {PATH} HTTP/1.1") or "application/json" not in head:
            self.wrong.append(head)
        status, answer = self._answer(json.loads(body))
        if status:
            text = b"" if answer is None else json.dumps(answer).encode()
            writer.write(f"HTTP/1.1 {status} -\r\nContent-Length: {len(text)}\r\n\r\n".encode() + text)
        writer.close()

    def _answer(self, wish: dict[str, Any]) -> Answer:
        self.asked.append(wish)
        if self.answers:
            return self.answers.pop(0)
        self.protected = wish["ProtectionEnabled"]
        return 200, {"protection": {"ProtectionEnabled": self.protected, "TaskArn": ARN}}


@asynccontextmanager
async def fake_agent() -> AsyncGenerator[FakeAgent]:
    agent = FakeAgent()
    server = await asyncio.start_server(agent.serve, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()
    agent.uri = f"http://{host}:{port}/api/0123"
    async with server:
        yield agent
    assert agent.wrong == []
