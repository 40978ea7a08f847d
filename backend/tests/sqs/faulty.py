"""The real service, of which a test sees every request, holds some, and has entries of others fail."""

import asyncio
from collections.abc import Callable
from typing import Any

Request = dict[str, Any]
Failed = dict[str, Any]


def nothing_fails(name: str, request: Request) -> list[Failed]:
    return []


def failed(entry: dict[str, Any], *, sender: bool = False) -> Failed:
    """What a batch's answer says of an entry that was not taken."""
    return {"Id": entry["Id"], "SenderFault": sender, "Code": "InternalError", "Message": "not now"}


class Faulty:
    """An SQS client around another one."""

    def __init__(self, api: Any) -> None:
        self.api = api
        self.calls: list[tuple[str, Request]] = []
        self.fails: Callable[[str, Request], list[Failed]] = nothing_fails
        self.gate: dict[str, asyncio.Event] = {}
        """Requests of this name wait for the event."""
        self.late: dict[str, asyncio.Event] = {}
        """Answers to requests of this name wait for the event."""

    def named(self, name: str) -> list[Request]:
        return [request for called, request in self.calls if called == name]

    async def get_queue_url(self, **request: Any) -> Request:
        return await self._call("get_queue_url", request)

    async def get_queue_attributes(self, **request: Any) -> Request:
        return await self._call("get_queue_attributes", request)

    async def receive_message(self, **request: Any) -> Request:
        return await self._call("receive_message", request)

    async def send_message_batch(self, **request: Any) -> Request:
        return await self._batch("send_message_batch", request)

    async def delete_message_batch(self, **request: Any) -> Request:
        return await self._batch("delete_message_batch", request)

    async def change_message_visibility_batch(self, **request: Any) -> Request:
        return await self._batch("change_message_visibility_batch", request)

    async def _call(self, name: str, request: Request) -> Request:
        self.calls.append((name, request))
        if name in self.gate:
            await self.gate[name].wait()
        answer = await getattr(self.api, name)(**request)
        if name in self.late:
            await self.late[name].wait()
        return answer

    async def _batch(self, name: str, request: Request) -> Request:
        refused = self.fails(name, request)
        names = {each["Id"] for each in refused}
        taken = [entry for entry in request["Entries"] if entry["Id"] not in names]
        if not taken:
            self.calls.append((name, {**request, "Entries": []}))
            return {"Failed": refused}
        answer = await self._call(name, {**request, "Entries": taken})
        return {**answer, "Failed": [*answer.get("Failed", []), *refused]}
