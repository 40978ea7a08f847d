"""Asks the new revision for a run, and waits for its end."""

import json
from collections.abc import Mapping
from typing import Any
from uuid import uuid4

import aiohttp

from helium.kit.clock import Clock
from helium.release.ports import Candidate, StepFailed

QUESTION = "Say hello."
"""Any model answers it without a tool."""
CALL_SECONDS = 15.0
LOOK_SECONDS = 0.5
ENDS = {"completed", "failed", "cancelled", "incomplete", "requires_action"}


class _NotYet(Exception):
    """No good answer; the text says which."""


class Smoke:
    """`/api/ready`, then a run through the API to its end.

    `model`: who answers; the offline model costs nothing and needs no key. `seconds`: for each of the
    two, with as many tries as fit, for a new revision may be cold.
    """

    def __init__(self, clock: Clock, *, token: str, model: str, seconds: float) -> None:
        self._clock = clock
        self._token = token
        self._model = model
        self._seconds = seconds

    async def test(self, candidate: Candidate) -> None:
        """Raises `StepFailed` with what was answered instead."""
        timeout = aiohttp.ClientTimeout(total=CALL_SECONDS)
        async with aiohttp.ClientSession(timeout=timeout, headers=dict(candidate.headers)) as http:
            await self._until(lambda: _ready(http, candidate.url), "/api/ready")
            run = _Run(http, candidate.url, self._token, self._model)
            await self._until(run.start, "the start of a run")
            await self._until(run.end, "the end of a run")

    async def _until(self, look: Any, what: str) -> None:
        deadline = self._clock.monotonic() + self._seconds
        while True:
            try:
                await look()
                return
            except _NotYet as error:
                said = str(error)
            except (aiohttp.ClientError, TimeoutError) as error:
                said = type(error).__name__
            if self._clock.monotonic() >= deadline:
                raise StepFailed(f"The smoke test failed at {what}: {said}. See the new revision's log.")
            await self._clock.sleep(LOOK_SECONDS)


async def _ready(http: aiohttp.ClientSession, url: str) -> None:
    async with http.get(f"{url}/api/ready", allow_redirects=False) as response:
        if response.status != 200:
            raise _NotYet(f"status {response.status}")


class _Run:
    """One run. Starting it again is the same run."""

    def __init__(self, http: aiohttp.ClientSession, url: str, token: str, model: str) -> None:
        self._http = http
        self._url = f"{url}/v1/responses"
        self._headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": f"smoke-{uuid4().hex}"}
        self._body = {"model": model, "input": QUESTION, "background": True}
        self._id = ""

    async def start(self) -> None:
        answer = await self._call("POST", self._url, self._body)
        self._id = str(answer.get("id", ""))

    async def end(self) -> None:
        answer = await self._call("GET", f"{self._url}/{self._id}", None)
        status = answer.get("status")
        if status not in ENDS:
            raise _NotYet(f"the run is {status}")
        if status != "completed" or not _text(answer):
            said = "without an answer" if status == "completed" else f"as {status}"
            raise StepFailed(f"The smoke test's run {self._id} ended {said}: see it with `helium debug`.")

    async def _call(self, method: str, url: str, body: Mapping[str, Any] | None) -> dict[str, Any]:
        call = self._http.request(method, url, json=body, headers=self._headers, allow_redirects=False)
        async with call as response:
            text = await response.text()
            if response.status in {401, 403}:
                raise StepFailed(
                    f"The smoke test's token was refused with {response.status}:"
                    " put a valid API key into HELIUM_RELEASE_TOKEN."
                )
            if response.status not in {200, 201, 202}:
                raise _NotYet(f"status {response.status}")
        try:
            answer: dict[str, Any] = json.loads(text)
        except ValueError:
            raise _NotYet("no JSON") from None
        return answer


def _text(answer: Mapping[str, Any]) -> str:
    messages = [item for item in answer.get("output", []) if item.get("type") == "message"]
    return "".join(part.get("text", "") for message in messages for part in message.get("content", []))
