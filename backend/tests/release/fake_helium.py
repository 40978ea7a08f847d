"""What a new revision answers in these tests, and the Prometheus that counts its requests."""

import re
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

OLD_IMAGE = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/helium@sha256:" + "0" * 64


@dataclass(slots=True)
class FakeHelium:
    """Answers the smoke test, and Prometheus's queries. Change it to make a bad release."""

    ready: int = 200
    run_status: str = "completed"
    silent: bool = False
    token: str = "good"
    requests: float | None = 1000.0
    """None: Prometheus has no series."""
    errors: float = 0.0
    prometheus: int = 200
    burns_at: int | None = None
    """The percentage of traffic from which on errors are seen."""
    percent: int = 0
    tests: int = 0
    looks: int = 0
    keys: set[str] = field(default_factory=set[str])

    async def answer(self, path: str, request: web.Request) -> web.Response:
        if path == "/api/ready":
            return web.json_response({}, status=self.ready)
        if request.headers.get("Authorization") != f"Bearer {self.token}":
            return web.json_response({}, status=401)
        if request.method == "POST":
            body = await request.json()
            assert body["background"] is True
            assert body["model"] == "offline:demo"
            self.keys.add(request.headers["Idempotency-Key"])
            self.tests += 1
            return web.json_response({"id": "resp_1", "status": "queued"})
        return web.json_response(self._run())

    async def query(self, request: web.Request) -> web.Response:
        self.looks += 1
        if self.prometheus != 200:
            return web.json_response({}, status=self.prometheus)
        query = str((await request.post())["query"])
        assert re.search(r"\[\d+s\]", query)
        burning = self.burns_at is not None and self.percent >= self.burns_at
        wrong = (self.requests or 0) / 2 if burning else self.errors
        value = wrong if "5.." in query else self.requests
        result = [] if value is None else [{"metric": {}, "value": [0, str(value)]}]
        return web.json_response({"status": "success", "data": {"resultType": "vector", "result": result}})

    def _run(self) -> dict[str, Any]:
        said = {"type": "output_text", "text": "Hello."}
        message = {"type": "message", "content": [said]}
        output = [message] if self.run_status == "completed" and not self.silent else []
        return {"id": "resp_1", "status": self.run_status, "output": output}
