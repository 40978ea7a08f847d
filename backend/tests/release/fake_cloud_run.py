"""The Cloud Run Admin API v2, as far as releases use it, on the loopback interface.

Operations take some looks. Etags, the rules for traffic and for annotations, and what follows from a
changed template are as Google documents them.
"""

import copy
import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

from tests.release.fake_helium import OLD_IMAGE, FakeHelium
from tests.release.server import Fault, next_fault

PROJECT, REGION = "p", "us-east4"
PARENT = f"projects/{PROJECT}/locations/{REGION}"
OUTPUT = {"name", "uri", "latestCreatedRevision", "latestReadyRevision", "trafficStatuses", "reconciling"}
Json = dict[str, Any]


@dataclass(slots=True)
class Operation:
    name: str
    left: int
    finish: Callable[[], Json]
    result: Json | None = None


@dataclass(slots=True)
class FakeCloudRun:
    helium: FakeHelium = field(default_factory=FakeHelium)
    address: str = ""
    services: dict[str, Json] = field(default_factory=dict[str, Json])
    revisions: dict[str, Json] = field(default_factory=dict[str, Json])
    job: Json = field(default_factory=dict[str, Any])
    operations: dict[str, Operation] = field(default_factory=dict[str, Operation])
    changes: list[str] = field(default_factory=list[str])
    migrated: list[str] = field(default_factory=list[str])
    splits: list[dict[str, int]] = field(default_factory=list[dict[str, int]])
    faults: deque[Fault] = field(default_factory=deque[Fault])
    meanwhile: Callable[[str, str], None] = lambda method, path: None
    broken: set[str] = field(default_factory=set[str])
    """Services whose new revisions do not become ready."""
    migration_fails: bool = False
    looks: int = 2
    """How many looks an operation takes."""
    count: int = 0

    def __post_init__(self) -> None:
        for name in ("helium-backend", "helium-stream", "helium-worker"):
            self._install(name)
        image = {"containers": [{"image": OLD_IMAGE}]}
        self.job = {"name": f"{PARENT}/jobs/helium-backend-migrate", "etag": "j0"}
        self.job["template"] = {"template": image}

    def _install(self, name: str) -> None:
        sidecar = {"name": "metrics", "image": "registry.example/sidecar@sha256:" + "1" * 64}
        template: Json = {"containers": [sidecar, {"name": "helium", "image": OLD_IMAGE}]}
        revision = f"{name}-00001"
        self.revisions[revision] = {"labels": {}, **copy.deepcopy(template)}
        self.services[name] = {
            "name": f"{PARENT}/services/{name}",
            "etag": f"{name}-0",
            "uri": f"{self.address}/{name}",
            "template": template,
            "traffic": [{"type": "TRAFFIC_TARGET_ALLOCATION_TYPE_LATEST", "percent": 100}],
            "trafficStatuses": [{"revision": revision, "percent": 100}],
            "latestCreatedRevision": f"{PARENT}/services/{name}/revisions/{revision}",
            "latestReadyRevision": f"{PARENT}/services/{name}/revisions/{revision}",
            "annotations": {},
        }

    def running(self) -> dict[str, dict[str, int]]:
        """Percent of the traffic by image, for each service, as it flows."""
        return {name: self._images(service["trafficStatuses"]) for name, service in self.services.items()}

    def _images(self, statuses: list[Json]) -> dict[str, int]:
        found: dict[str, int] = {}
        for entry in statuses:
            if entry.get("percent"):
                image = self.revisions[entry["revision"]]["containers"][1]["image"]
                found[image] = found.get(image, 0) + entry["percent"]
        return found

    def tags(self) -> list[str]:
        return [
            entry["tag"] for each in self.services.values() for entry in each["traffic"] if "tag" in entry
        ]

    async def answer(self, request: web.Request) -> web.Response:
        path = request.path
        if path.startswith("/tag/"):
            _, _, tag, rest = path.split("/", 3)
            assert tag in self.tags(), "the smoke test reached no tagged revision"
            return await self.helium.answer(f"/{rest}", request)
        if path.startswith("/prometheus"):
            return await self.helium.query(request)
        self.meanwhile(request.method, path)
        fault = next_fault(self.faults, changes=request.method != "GET")
        if fault and not fault.carried_out:
            return _error(fault.status, "try again")
        body = await request.json() if request.can_read_body else {}
        answer = self._route(request.method, path.removeprefix("/v2/"), body)
        return _error(fault.status, "lost") if fault else answer

    def _route(self, method: str, name: str, body: Json) -> web.Response:
        if method == "GET":
            self._tick()
            return self._get(name)
        self.changes.append(f"{method} {name}")
        if name.endswith(":run"):
            return self._started(self._migrated)
        if "/jobs/" in name:
            return self._patch_job(body)
        return self._patch(name.rpartition("/")[2], body)

    def _get(self, name: str) -> web.Response:
        last = name.rpartition("/")[2]
        if "/operations/" in name:
            return web.json_response(_operation(self.operations[name]))
        if "/revisions/" in name:
            return web.json_response(self.revisions[last])
        if "/jobs/" in name:
            known = self.job["name"] == name
            return web.json_response(self.job) if known else _error(404, "no such job")
        if last not in self.services:
            return _error(404, "no such service")
        return web.json_response(self.services[last])

    def _patch_job(self, body: Json) -> web.Response:
        if body.get("etag") != self.job["etag"]:
            return _error(409, "ABORTED: the etag does not match")
        self.count += 1
        self.job = {**body, "etag": f"j{self.count}"}
        return self._started(lambda: self.job)

    def _migrated(self) -> Json:
        self.migrated.append(self.job["template"]["template"]["containers"][0]["image"])
        done = {"failedCount": 1} if self.migration_fails else {"succeededCount": 1}
        return {"name": "executions/e1", **done}

    def _patch(self, name: str, body: Json) -> web.Response:
        old = self.services[name]
        if "etag" in body and body["etag"] != old["etag"]:
            return _error(409, "ABORTED: the etag does not match")
        if sum(entry.get("percent", 0) for entry in body["traffic"]) != 100:
            return _error(400, "the traffic must sum up to 100")
        if any("revision" in each and each["revision"] not in self.revisions for each in body["traffic"]):
            return _error(400, "no such revision")
        if any(".com/" in key or "knative" in key for key in body.get("annotations", {})):
            return _error(400, "annotations of this namespace are rejected")
        self.count += 1
        kept = {key: old[key] for key in OUTPUT if key in old}
        new = {**copy.deepcopy(body), **kept, "etag": f"{name}-{self.count}", "reconciling": True}
        self.services[name] = new
        made = self._revision(name, old, new)
        return self._started(lambda: self._settled(name, made))

    def _revision(self, name: str, old: Json, new: Json) -> str | None:
        if json.dumps(old["template"], sort_keys=True) == json.dumps(new["template"], sort_keys=True):
            return None
        revision = f"{name}-{self.count + 1:05d}"
        self.revisions[revision] = {"labels": {}, **copy.deepcopy(new["template"])}
        new["latestCreatedRevision"] = f"{PARENT}/services/{name}/revisions/{revision}"
        return revision

    def _settled(self, name: str, made: str | None) -> Json:
        service = self.services[name]
        service["reconciling"] = False
        if made and name in self.broken:
            return {"error": {"code": 9, "message": f"Revision '{made}' is not ready"}}
        if made:
            service["latestReadyRevision"] = f"{PARENT}/services/{name}/revisions/{made}"
        service["trafficStatuses"] = [self._status(service, entry) for entry in service["traffic"]]
        split = self._images(service["trafficStatuses"])
        if name == "helium-backend" and (not self.splits or self.splits[-1] != split):
            self.splits.append(split)
        self.helium.percent = sum(
            share
            for image, share in self._images(self.services["helium-backend"]["trafficStatuses"]).items()
            if image != OLD_IMAGE
        )
        return {}

    def _status(self, service: Json, entry: Json) -> Json:
        revision = entry.get("revision") or service["latestReadyRevision"].rpartition("/")[2]
        uri = {"uri": f"{self.address}/tag/{entry['tag']}"} if "tag" in entry else {}
        return {**entry, "revision": revision, **uri}

    def _started(self, finish: Callable[[], Json]) -> web.Response:
        name = f"{PARENT}/operations/o{len(self.operations)}"
        self.operations[name] = Operation(name, self.looks, finish)
        return web.json_response(_operation(self.operations[name]))

    def _tick(self) -> None:
        for operation in self.operations.values():
            operation.left -= 1
            if operation.left <= 0 and operation.result is None:
                operation.result = operation.finish()


def _operation(operation: Operation) -> Json:
    if operation.result is None:
        return {"name": operation.name}
    if "error" in operation.result:
        return {"name": operation.name, "done": True, "error": operation.result["error"]}
    return {"name": operation.name, "done": True, "response": operation.result}


def _error(status: int, message: str) -> web.Response:
    return web.json_response({"error": {"code": status, "message": message}}, status=status)
