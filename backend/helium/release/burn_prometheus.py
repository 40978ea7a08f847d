"""`BurnSource` on a Prometheus: its HTTP API, which Managed Prometheus of both clouds has too."""

import json
import math
import string
from collections.abc import Mapping
from typing import Any

import aiohttp

from helium.release.ports import Seen, Unanswered

REQUESTS = 'sum(increase(request_duration_seconds_count{route=~"/v1/.*",status!~"429|499"}[$window]))'
ERRORS = 'sum(increase(request_duration_seconds_count{route=~"/v1/.*",status=~"5.."}[$window]))'
"""Of all revisions together: those of the SLO `api-availability` in infra/monitoring/slo.yaml."""
CALL_SECONDS = 15.0


class PrometheusBurn:
    """Two queries, in which `$window`, `$service` and `$revision` are replaced.

    No series of requests is no answer, rather than no request: monitoring that is away must not look like
    a quiet night. No series of errors is no error.
    """

    def __init__(self, url: str, *, requests: str, errors: str, token: str) -> None:
        self._url = f"{url.rstrip('/')}/api/v1/query"
        self._requests = string.Template(requests)
        self._errors = string.Template(errors)
        self._headers = {"Authorization": f"Bearer {token}"} if token else {}

    async def read(self, names: Mapping[str, str], window_seconds: float) -> Seen:
        given = {**names, "window": f"{math.ceil(window_seconds)}s"}
        timeout = aiohttp.ClientTimeout(total=CALL_SECONDS)
        async with aiohttp.ClientSession(timeout=timeout, headers=self._headers) as http:
            requests = await self._value(http, self._requests.safe_substitute(given))
            if requests is None:
                raise Unanswered("Prometheus has no series of requests")
            return Seen(requests, await self._value(http, self._errors.safe_substitute(given)) or 0.0)

    async def _value(self, http: aiohttp.ClientSession, query: str) -> float | None:
        try:
            async with http.post(self._url, data={"query": query}) as response:
                status, text = response.status, await response.text()
        except (aiohttp.ClientError, TimeoutError) as error:
            raise Unanswered(f"Prometheus is away ({type(error).__name__})") from None
        if status != 200:
            raise Unanswered(f"Prometheus answered {status}")
        return _first(text)


def _first(text: str) -> float | None:
    try:
        answer: Any = json.loads(text)
        found: list[Any] = answer["data"]["result"]
        value = float(found[0]["value"][1]) if found else None
    except (ValueError, KeyError, IndexError, TypeError):
        raise Unanswered("Prometheus answered something else than a vector") from None
    return None if value is None or math.isnan(value) else value
