"""Amazon ECS, the load balancer's rule that it shifts, and S3, as far as releases use them.

Linear deployments with pauses go through the stages that Amazon documents; each call lets them go on by
one. The protocols are those of the SDK: JSON with `X-Amz-Target`, and REST for S3.
"""

import json
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import md5

from aiohttp import web

from tests.release.ecs_deployment import (
    ACCOUNT,
    CLUSTER,
    DEPLOYMENT,
    FakeDeployment,
    FakeService,
    Json,
    family,
)
from tests.release.fake_helium import OLD_IMAGE, FakeHelium
from tests.release.server import Fault, next_fault

NAMES = ("helium-prod-api", "helium-prod-stream", "helium-prod-worker")
READ = {"Describe", "List"}


class _Refuse(Exception):
    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


@dataclass(slots=True)
class FakeEcs:
    helium: FakeHelium = field(default_factory=FakeHelium)
    services: dict[str, FakeService] = field(default_factory=dict[str, FakeService])
    definitions: dict[str, list[Json]] = field(default_factory=dict[str, list[Json]])
    started: dict[str, Json] = field(default_factory=dict[str, Json])
    objects: dict[str, bytes] = field(default_factory=dict[str, bytes])
    changes: list[str] = field(default_factory=list[str])
    migrated: list[str] = field(default_factory=list[str])
    splits: list[float] = field(default_factory=list[float])
    faults: deque[Fault] = field(default_factory=deque[Fault])
    meanwhile: Callable[[str], None] = lambda call: None
    broken: set[str] = field(default_factory=set[str])
    migration_fails: bool = False

    def __post_init__(self) -> None:
        for name in NAMES:
            container = {"name": name.rpartition("-")[2], "image": OLD_IMAGE, "essential": True}
            self.definitions[name] = []
            arn = self._register({"family": name, "containerDefinitions": [container], "cpu": "512"})
            self.services[name] = FakeService(name, arn, public=name.endswith("-api"))

    def running(self) -> dict[str, dict[str, float]]:
        """Percent of the traffic, or of the tasks, by image, for each service."""
        return {
            name: {self._image(arn): share for arn, share in service.shares().items() if share}
            for name, service in self.services.items()
        }

    def expire_pauses(self) -> None:
        """Nobody came in time."""
        for service in self.services.values():
            if service.deployments and service.deployments[-1].hook:
                service.deployments[-1].roll_back("the pause's time is over")

    async def answer(self, request: web.Request) -> web.Response:
        if request.path.startswith("/prometheus"):
            return await self.helium.query(request)
        if request.path.startswith("/live"):
            tested = request.headers.get("x-helium-release") == "candidate"
            assert tested, "the smoke test reached the old revision"
            return await self.helium.answer(request.path.removeprefix("/live"), request)
        call = request.headers.get("X-Amz-Target", "").rpartition(".")[2] or f"{request.method}Object"
        self.meanwhile(call)
        reads = any(call.startswith(each) for each in {*READ, "GET"})
        fault = next_fault(self.faults, changes=not reads)
        if fault and not fault.carried_out:
            return _error(fault.status, "ServerException")
        answer = await self._carried_out(call, request)
        return _error(fault.status, "ServerException") if fault else answer

    async def _carried_out(self, call: str, request: web.Request) -> web.Response:
        body = await request.read()
        if call.endswith("Object"):
            return self._object(request, body)
        if not any(call.startswith(each) for each in READ):
            self.changes.append(call)
        self._tick()
        try:
            return _json(getattr(self, f"_{call}")(json.loads(body)))
        except _Refuse as error:
            return _error(400, error.code)

    def _object(self, request: web.Request, body: bytes) -> web.Response:
        stored = self.objects.get(request.path)
        if request.method == "GET":
            if stored is None:
                return web.Response(status=404, text="<Error><Code>NoSuchKey</Code></Error>")
            return web.Response(body=stored, headers={"ETag": _etag(stored)})
        self.changes.append("PutObject")
        wanted, never = request.headers.get("If-Match"), request.headers.get("If-None-Match")
        assert wanted or never == "*", "the record was written without a condition"
        if (never and stored is not None) or (wanted and (stored is None or _etag(stored) != wanted)):
            return web.Response(status=412, text="<Error><Code>PreconditionFailed</Code></Error>")
        self.objects[request.path] = body
        return web.Response(headers={"ETag": _etag(body)})

    def _tick(self) -> None:
        for name, service in self.services.items():
            service.go_on(fails=name in self.broken)
        split = self.running()["helium-prod-api"]
        self.helium.percent = int(sum(share for image, share in split.items() if image != OLD_IMAGE))
        if not self.splits or self.splits[-1] != self.helium.percent:
            self.splits.append(self.helium.percent)

    def _DescribeServices(self, body: Json) -> Json:
        found = [self.services[name] for name in body["services"] if name in self.services]
        return {"services": [each.described() for each in found]}

    def _ListServiceDeployments(self, body: Json) -> Json:
        briefs = [each.brief() for each in self.services[body["service"]].deployments]
        first = int(body.get("nextToken", 0))
        more = {"nextToken": str(first + 1)} if first + 1 < len(briefs) else {}
        return {"serviceDeployments": briefs[first : first + 1], **more}

    def _DescribeServiceDeployments(self, body: Json) -> Json:
        return {
            "serviceDeployments": [self._deployment(arn).described() for arn in body[f"{DEPLOYMENT}Arns"]]
        }

    def _DescribeServiceRevisions(self, body: Json) -> Json:
        arn = body["serviceRevisionArns"][0]
        found = next(each for each in self._all() if each.revision == arn)
        return {
            "serviceRevisions": [{"taskDefinition": found.definition, "loadBalancers": found.balancers}]
        }

    def _DescribeTaskDefinition(self, body: Json) -> Json:
        newest = self.definitions[body["taskDefinition"]][-1]
        return {"taskDefinition": newest, "tags": newest.get("tags", [])}

    def _RegisterTaskDefinition(self, body: Json) -> Json:
        assert {"cpu", "containerDefinitions"} <= body.keys()
        self._register(body)
        return {"taskDefinition": self.definitions[body["family"]][-1]}

    def _register(self, body: Json) -> str:
        versions = self.definitions[body["family"]]
        prefix = f"arn:aws:ecs:eu-central-1:{ACCOUNT}:task-definition"
        arn = f"{prefix}/{body['family']}:{len(versions) + 1}"
        versions.append({**body, "taskDefinitionArn": arn, "status": "ACTIVE"})
        return arn

    def _RunTask(self, body: Json) -> Json:
        arn = self.started.setdefault(body["clientToken"], {"taskArn": f"task/{len(self.started)}"})[
            "taskArn"
        ]
        container = self.definitions[family(body["taskDefinition"])][-1]["containerDefinitions"][0]
        assert body["overrides"]["containerOverrides"] == [
            {"name": container["name"], "command": ["migrate"]}
        ]
        if len(self.migrated) < len(self.started):
            self.migrated.append(self._image(body["taskDefinition"]))
        return {"tasks": [{"taskArn": arn}], "failures": []}

    def _DescribeTasks(self, body: Json) -> Json:
        containers = [{"name": "api", "exitCode": int(self.migration_fails)}]
        return {"tasks": [{"lastStatus": "STOPPED", "stoppedReason": "exited", "containers": containers}]}

    def _UpdateService(self, body: Json) -> Json:
        service = self.services[body["service"]]
        if service.deployments and service.deployments[-1].under_way:
            raise _Refuse("ServiceDeploymentInProgress")
        service.deploy(body["taskDefinition"], body.get("deploymentConfiguration"))
        return {"service": service.described()}

    def _ContinueServiceDeployment(self, body: Json) -> Json:
        deployment = self._deployment(body["serviceDeploymentArn"])
        if deployment.hook != body["hookId"]:
            raise _Refuse("InvalidParameterException")
        if body["action"] == "ROLLBACK":
            deployment.roll_back("asked for")
        else:
            deployment.proceed()
        return {"serviceDeploymentArn": deployment.arn}

    def _StopServiceDeployment(self, body: Json) -> Json:
        deployment = self._deployment(body["serviceDeploymentArn"])
        if not deployment.under_way:
            raise _Refuse("ConflictException")
        deployment.roll_back("stopped")
        return {"serviceDeploymentArn": deployment.arn}

    def _all(self) -> list[FakeDeployment]:
        return [each for service in self.services.values() for each in service.deployments]

    def _deployment(self, arn: str) -> FakeDeployment:
        return next(each for each in self._all() if each.arn == arn)

    def _image(self, definition: str) -> str:
        number = int(definition.rpartition(":")[2])
        return self.definitions[family(definition)][number - 1]["containerDefinitions"][0]["image"]


def _etag(body: bytes) -> str:
    return f'"{md5(body, usedforsecurity=False).hexdigest()}"'


def _json(answer: Json, status: int = 200) -> web.Response:
    return web.Response(status=status, text=json.dumps(answer), content_type="application/x-amz-json-1.1")


def _error(status: int, code: str) -> web.Response:
    return _json({"__type": code, "message": f"{code} of {CLUSTER}"}, status)
