"""The agent that Amazon ECS runs beside each container, as far as it protects the container.

`PUT $ECS_AGENT_URI/task-protection/v1/state`, plain HTTP to an address of the host's own link. The agent
asks ECS in the name of the container's role, which needs `ecs:UpdateTaskProtection`.
"""

import asyncio
import json
from collections.abc import Mapping
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlsplit

VARIABLE = "ECS_AGENT_URI"
PATH = "/task-protection/v1/state"
MOST_BYTES = 65536
# What asking again soon does not change: the role lacks the right, or no service owns the container.
FINAL = frozenset(
    {"AccessDeniedException", "ClientException", "InvalidParameterException", "TASK_NOT_VALID", "MISSING"}
)


class AgentUriInvalid(Exception):
    """The agent's address is none."""


class Unanswered(Exception):
    """The agent did not do what was asked. `final`: nor will it when it is asked again soon."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.final = reason in FINAL


def agent_of(environ: Mapping[str, str]) -> "Agent | None":
    """The agent that the environment names; None outside ECS. Raises `AgentUriInvalid`."""
    uri = environ.get(VARIABLE)
    return Agent(uri) if uri else None


class Agent:
    """A connection for each question: they are minutes apart."""

    def __init__(self, uri: str, *, timeout_seconds: float = 4.0) -> None:
        parts = urlsplit(uri)
        if parts.scheme != "http" or parts.hostname is None:
            raise AgentUriInvalid(f"{VARIABLE} is not of the form http://host/path.")
        self._host, self._port = parts.hostname, parts.port or 80
        self._path = parts.path.rstrip("/") + PATH
        self._timeout = timeout_seconds

    async def protect(self, minutes: int) -> None:
        """Nobody scales this container in or replaces it for so long, 1 to 2880. Raises `Unanswered`."""
        await self._put({"ProtectionEnabled": True, "ExpiresInMinutes": minutes})

    async def release(self) -> None:
        """It may end again. Raises `Unanswered`."""
        await self._put({"ProtectionEnabled": False})

    async def _put(self, wanted: Mapping[str, object]) -> None:
        try:
            status, body = await asyncio.to_thread(self._ask, json.dumps(wanted).encode())
        except (OSError, HTTPException) as error:
            raise Unanswered(type(error).__name__) from None
        reason = _refusal(status, body, protected=wanted["ProtectionEnabled"] is True)
        if reason is not None:
            raise Unanswered(reason)

    def _ask(self, body: bytes) -> tuple[int, bytes]:
        connection = HTTPConnection(self._host, self._port, timeout=self._timeout)
        try:
            connection.request("PUT", self._path, body, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            return answer.status, answer.read(MOST_BYTES)
        finally:
            connection.close()


def _refusal(status: int, body: bytes, *, protected: bool) -> str | None:
    """Why it was not done, in the agent's own word; None if it was."""
    try:
        answer: Any = json.loads(body)
    except ValueError:
        answer = None
    if not isinstance(answer, dict):
        return f"status {status}"
    match answer:
        case {"failure": {"Reason": str(reason)}}:  # also with status 200
            return reason
        case {"error": {"Code": str(code)}}:
            return code
        case {"protection": {"ProtectionEnabled": bool(enabled)}} if status == 200:
            return None if enabled is protected else "not changed"
        case _:
            return f"status {status}"
