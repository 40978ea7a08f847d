"""`ReleaseTarget` on ECS: a linear deployment of ECS itself that pauses before each step.

ECS shifts, scales and, if nobody comes before a pause's time is over, rolls back: a releaser that died
for good leaves no half-shifted traffic. A pause is answered by its id, so a superseded releaser's answer
is refused. The record lies in S3.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from helium.kit.clock import Clock
from helium.release import ecs_bodies as bodies
from helium.release.amazon import AmazonApi, Refused
from helium.release.ecs_bodies import BEFORE_STEP, GOOD, SHIFTED, TESTED, Deployment, Json
from helium.release.ports import Candidate, NotReleasable, StepFailed, Superseded
from helium.release.record import Release
from helium.release.s3_record import S3Record, elsewhere


@dataclass(frozen=True, slots=True, kw_only=True)
class EcsPlace:
    """Where the services are. `services`: name by role. `url`, `headers`: what the test rule takes."""

    cluster: str
    services: Mapping[str, str]
    url: str
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    poll_seconds: float = 5.0
    act_seconds: float = 1800.0


class Ecs:
    def __init__(
        self, api: AmazonApi, record: S3Record, place: EcsPlace, clock: Clock, *, shifted: str
    ) -> None:
        self._api = api
        self._record = record
        self._place = place
        self._clock = clock
        self._shifted = shifted
        self._revisions: dict[str, Json] = {}

    async def read(self) -> Release | None:
        return await self._record.read()

    async def save(self, release: Release, *, over: Release | None) -> None:
        await self._record.save(release, over=over)

    async def survey(self) -> Mapping[str, str]:
        found: dict[str, str] = {}
        for role, name in self._place.services.items():
            service = await self._service(role)
            newest = await self._newest(role)
            if newest is not None and newest.under_way:
                raise NotReleasable(f"A deployment of {name} is under way: wait for its end, or stop it.")
            if role == self._shifted and not _advanced(service):
                raise NotReleasable(
                    f"{name} has no alternate target group and test rule: apply the infrastructure first."
                )
            found[role] = service["taskDefinition"]
        return found

    async def migrate(self, release: Release) -> None:
        definition = await self._registered(release, self._shifted)
        service = await self._service(self._shifted)
        container = service["loadBalancers"][0]["containerName"]
        started = await self._changed(
            release,
            "run_task",
            cluster=self._place.cluster,
            taskDefinition=definition,
            # Asked again with the same token, ECS names the task that it started before.
            clientToken=release.id,
            startedBy=f"helium-release-{release.id}",
            networkConfiguration=service["networkConfiguration"],
            launchType="FARGATE",
            overrides={"containerOverrides": [{"name": container, "command": ["migrate"]}]},
        )
        if not started.get("tasks"):
            reason = next((each.get("reason", "") for each in started.get("failures", [])), "no capacity")
            raise StepFailed(f"The migration did not start: {reason}.")
        await self._migrated(started["tasks"][0]["taskArn"], container)

    async def create(self, release: Release) -> str:
        if bodies.step(release.plan) < bodies.LEAST_STEP:
            raise StepFailed("ECS shifts 3 % at least: choose stages with a common divisor of 3 or more.")
        definition = await self._registered(release, self._shifted)
        newest = await self._newest(self._shifted)
        if newest is None or await self._definition(newest) != definition:
            service = await self._service(self._shifted)
            configuration = bodies.gradual(service.get("deploymentConfiguration", {}), release.plan)
            await self._update(release, self._shifted, definition, configuration)
            await self._appeared(self._shifted, definition)
        await self._pause(release, definition, lambda at: at.stage == TESTED, answer_others=False)
        return definition

    async def candidate(self, release: Release) -> Candidate:
        return Candidate(self._place.url, self._place.headers)

    async def names(self, release: Release) -> Mapping[str, str]:
        newest = await self._mine(release)
        revision = await self._revision(newest.revision)
        balancer = (revision.get("loadBalancers") or [{}])[0]
        advanced = _advanced(await self._service(self._shifted)) or {}
        return {
            "service": self._place.services[self._shifted],
            "revision": release.candidate.rpartition("/")[2],
            "target_group": bodies.suffix(balancer.get("targetGroupArn", ""), "targetgroup"),
            "load_balancer": bodies.suffix(advanced.get("productionListenerRule", ""), "listener-rule"),
        }

    async def shift(self, release: Release, percent: int) -> None:
        def there(at: Deployment) -> bool:
            stage = SHIFTED if percent == 100 else BEFORE_STEP
            return at.stage == stage and at.weight >= percent

        await self._pause(release, release.candidate, there, answer_others=True)

    async def verify(self, release: Release, percent: int) -> None:
        newest = await self._mine(release)
        if not newest.under_way or newest.weight != percent or newest.status != "IN_PROGRESS":
            raise StepFailed(
                f"ECS ended the deployment ({newest.status.lower()}): {newest.reason or 'see ECS'}."
            )

    async def promote(self, release: Release) -> None:
        for role in self._place.services:
            if role != self._shifted:
                await self._rolled(release, role, await self._registered(release, role))
        newest = await self._mine(release)
        if newest.paused:
            await self._answer(release, newest, "CONTINUE")
        await self._successful(newest)

    async def restore(self, release: Release) -> None:
        for role, definition in release.before.items():
            newest = await self._newest(role)
            if newest is not None and newest.under_way and await self._definition(newest) != definition:
                await self._back(release, role, newest)
            if (await self._service(role))["taskDefinition"] != definition:
                await self._rolled(release, role, definition)

    async def _pause(
        self, release: Release, definition: str, there: Callable[[Deployment], bool], *, answer_others: bool
    ) -> None:
        """Wait until the deployment pauses where it shall; let it go on from where it shall not."""
        deadline = self._clock.monotonic() + self._place.act_seconds
        while True:
            newest = await self._newest(self._shifted)
            if newest is None or await self._definition(newest) != definition:
                raise StepFailed("The deployment is not the newest any more: somebody else deployed.")
            if newest.status != "IN_PROGRESS" and newest.status != "PENDING":
                raise StepFailed(
                    f"ECS ended the deployment ({newest.status.lower()}): {newest.reason or 'see ECS'}."
                )
            if newest.paused and (there(newest) or not answer_others):
                return
            if newest.paused:
                await self._answer(release, newest, "CONTINUE")
            if self._clock.monotonic() >= deadline:
                raise StepFailed("The deployment does not go on: see the service's events.")
            await self._clock.sleep(self._place.poll_seconds)

    async def _answer(self, release: Release, paused: Deployment, action: str) -> bool:
        """False if that pause is over meanwhile, which the next look shows."""
        try:
            await self._own(release)
            await self._api.change(
                "continue_service_deployment",
                serviceDeploymentArn=paused.arn,
                hookId=paused.hook,
                action=action,
            )
        except Refused:
            return False
        return True

    async def _back(self, release: Release, role: str, newest: Deployment) -> None:
        """Make ECS roll a deployment back, and wait for the end of that."""
        deadline = self._clock.monotonic() + self._place.act_seconds
        while newest.under_way:
            if newest.paused:
                await self._answer(release, newest, "ROLLBACK")
            elif newest.status in {"IN_PROGRESS", "PENDING"}:
                await self._stopped(release, newest)
            if self._clock.monotonic() >= deadline:
                raise StepFailed(f"ECS does not roll {role} back: stop its deployment by hand.")
            await self._clock.sleep(self._place.poll_seconds)
            newest = await self._described(newest.arn)

    async def _stopped(self, release: Release, newest: Deployment) -> None:
        await self._own(release)
        try:
            await self._api.change(
                "stop_service_deployment", serviceDeploymentArn=newest.arn, stopType="ROLLBACK"
            )
        except Refused:
            return  # it ended meanwhile, or pauses: the next look shows

    async def _rolled(self, release: Release, role: str, definition: str) -> None:
        """Bring a service to a task definition, at once or rolling as it is configured."""
        newest = await self._newest(role)
        if newest is None or await self._definition(newest) != definition or _given_up(newest):
            service = await self._service(role)
            configured = service.get("deploymentConfiguration", {})
            configuration = bodies.at_once(configured) if role == self._shifted else None
            await self._update(release, role, definition, configuration)
            newest = await self._appeared(role, definition)
        await self._successful(newest)

    async def _appeared(self, role: str, definition: str) -> Deployment:
        """The deployment that was just asked for; ECS may list it a moment later."""
        deadline = self._clock.monotonic() + self._place.act_seconds
        while True:
            newest = await self._newest(role)
            if newest is not None and await self._definition(newest) == definition:
                return newest
            if self._clock.monotonic() >= deadline:
                raise StepFailed("The deployment does not begin: see the service's events.")
            await self._clock.sleep(self._place.poll_seconds)

    async def _successful(self, newest: Deployment) -> None:
        deadline = self._clock.monotonic() + self._place.act_seconds
        while newest.under_way:
            if self._clock.monotonic() >= deadline:
                raise StepFailed("The deployment does not end: see the service's events.")
            await self._clock.sleep(self._place.poll_seconds)
            newest = await self._described(newest.arn)
        if newest.status != GOOD:
            raise StepFailed(
                f"ECS ended a deployment ({newest.status.lower()}): {newest.reason or 'see ECS'}."
            )

    async def _migrated(self, task: str, container: str) -> None:
        deadline = self._clock.monotonic() + 2 * self._place.act_seconds
        while True:
            answer = await self._ask("describe_tasks", cluster=self._place.cluster, tasks=[task])
            found = next(iter(answer.get("tasks", [])), {})
            if found.get("lastStatus") == "STOPPED":
                break
            if self._clock.monotonic() >= deadline:
                raise StepFailed("The migration does not end: look at its task.")
            await self._clock.sleep(self._place.poll_seconds)
        codes = [each.get("exitCode") for each in found["containers"] if each["name"] == container]
        if codes != [0]:
            raise StepFailed(f"The migration failed ({found.get('stoppedReason', 'see its log')}).")

    async def _registered(self, release: Release, role: str) -> str:
        """The task definition of this release: the family's newest with the image, registered once."""
        family = self._place.services[role]
        newest = await self._ask("describe_task_definition", taskDefinition=family, include=["TAGS"])
        if bodies.carries(newest, release.image, release.id):
            return newest["taskDefinition"]["taskDefinitionArn"]
        made = bodies.registration(newest["taskDefinition"], release.image, release.id)
        answer = await self._changed(release, "register_task_definition", **made)
        return answer["taskDefinition"]["taskDefinitionArn"]

    async def _update(
        self, release: Release, role: str, definition: str, configuration: Json | None
    ) -> None:
        more: Json = {} if configuration is None else {"deploymentConfiguration": configuration}
        service = self._place.services[role]
        where = {"cluster": self._place.cluster, "service": service, "taskDefinition": definition}
        try:
            await self._changed(release, "update_service", **where, **more)
        except StepFailed:
            newest = await self._newest(role)
            if newest is None or await self._definition(newest) != definition:
                raise
            # An earlier try was carried out, and its answer lost.

    async def _mine(self, release: Release) -> Deployment:
        newest = await self._newest(self._shifted)
        if newest is None or await self._definition(newest) != release.candidate:
            raise StepFailed("The deployment is not the newest any more: somebody else deployed.")
        return newest

    async def _newest(self, role: str) -> Deployment | None:
        where = {"cluster": self._place.cluster, "service": self._place.services[role]}
        found: list[Json] = []
        page: Json = {}
        while True:
            answer = await self._ask("list_service_deployments", **where, **page)
            found += answer.get("serviceDeployments", [])
            if not answer.get("nextToken"):
                break
            page = {"nextToken": answer["nextToken"]}
        found.sort(key=lambda each: each["createdAt"])
        return await self._described(found[-1]["serviceDeploymentArn"]) if found else None

    async def _described(self, arn: str) -> Deployment:
        answer = await self._ask("describe_service_deployments", serviceDeploymentArns=[arn])
        return bodies.deployment(answer["serviceDeployments"][0])

    async def _definition(self, newest: Deployment) -> str:
        return (await self._revision(newest.revision)).get("taskDefinition", "") if newest.revision else ""

    async def _revision(self, arn: str) -> Json:
        """It never changes, so it is asked for once."""
        if arn not in self._revisions:
            answer = await self._ask("describe_service_revisions", serviceRevisionArns=[arn])
            if not answer.get("serviceRevisions"):
                return {}
            self._revisions[arn] = answer["serviceRevisions"][0]
        return self._revisions[arn]

    async def _service(self, role: str) -> Json:
        name = self._place.services[role]
        answer = await self._ask("describe_services", cluster=self._place.cluster, services=[name])
        if not answer.get("services"):
            raise NotReleasable(
                f"There is no service {name}: apply the infrastructure first, or check the names."
            )
        return answer["services"][0]

    async def _own(self, release: Release) -> None:
        stored = await self._record.read()
        if stored is None or (stored.id, stored.holder) != (release.id, release.holder):
            raise Superseded(elsewhere(stored))

    async def _ask(self, call: str, **request: Any) -> Json:
        try:
            return await self._api.ask(call, **request)
        except Refused as error:
            raise NotReleasable(f"Amazon refuses {call} ({error.code}): {error}") from error

    async def _changed(self, release: Release, call: str, **request: Any) -> Json:
        await self._own(release)
        try:
            return await self._api.change(call, **request)
        except Refused as error:
            raise StepFailed(f"Amazon refuses {call} ({error.code}): {error}") from error


def _advanced(service: Mapping[str, Any]) -> Json | None:
    balancers = service.get("loadBalancers") or [{}]
    advanced: Json = balancers[0].get("advancedConfiguration") or {}
    return advanced if {"alternateTargetGroupArn", "testListenerRule"} <= advanced.keys() else None


def _given_up(newest: Deployment) -> bool:
    """Ended otherwise than well: this release's own failure is not tried again, an older one's is over."""
    return not newest.under_way and newest.status != GOOD
