"""What ECS calls things: pure functions of its JSON."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

from helium.release.record import Plan

TAG = "helium-release"
UNDER_WAY = {"PENDING", "IN_PROGRESS", "STOP_REQUESTED", "ROLLBACK_REQUESTED", "ROLLBACK_IN_PROGRESS"}
GOOD = "SUCCESSFUL"
TESTED, BEFORE_STEP, SHIFTED = (
    "POST_TEST_TRAFFIC_SHIFT",
    "PRE_PRODUCTION_TRAFFIC_SHIFT",
    "POST_PRODUCTION_TRAFFIC_SHIFT",
)
LEAST_STEP = 3
SPARE_MINUTES = 30
"""Beyond soak and patience, after which ECS rolls a deployment back that nobody goes on with."""
_KEPT = [
    "family",
    "taskRoleArn",
    "executionRoleArn",
    "networkMode",
    "containerDefinitions",
    "volumes",
    "placementConstraints",
    "requiresCompatibilities",
    "cpu",
    "memory",
    "pidMode",
    "ipcMode",
    "proxyConfiguration",
    "ephemeralStorage",
    "runtimePlatform",
]

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Deployment:
    """A service's deployment, as ECS tells of it."""

    arn: str
    status: str
    stage: str
    weight: float
    hook: str
    """Id of the pause that waits for us; empty: none."""
    revision: str
    reason: str

    @property
    def under_way(self) -> bool:
        return self.status in UNDER_WAY

    @property
    def paused(self) -> bool:
        return self.status == "IN_PROGRESS" and bool(self.hook)


def deployment(answer: Mapping[str, Any]) -> Deployment:
    target = answer.get("targetServiceRevision", {})
    hooks = answer.get("lifecycleHookDetails", [])
    return Deployment(
        arn=answer["serviceDeploymentArn"],
        status=answer.get("status", ""),
        stage=answer.get("lifecycleStage", ""),
        weight=target.get("requestedProductionTrafficWeight", 0.0),
        hook=next((hook["hookId"] for hook in hooks if hook.get("status") == "AWAITING_ACTION"), ""),
        revision=target.get("arn", ""),
        reason=answer.get("statusReason", ""),
    )


def step(plan: Plan) -> int:
    """The step of a linear deployment that meets every stage; ECS wants 3 % at least."""
    return reduce(math.gcd, plan.stages)


def gradual(configured: Mapping[str, Any], plan: Plan) -> Json:
    """A linear deployment that waits for us before each step, and rolls back if we never come."""
    minutes = math.ceil((plan.soak_seconds + plan.patience_seconds) / 60) + SPARE_MINUTES
    pause = {
        "targetType": "PAUSE",
        "lifecycleStages": [TESTED, BEFORE_STEP, SHIFTED],
        "timeoutConfiguration": {"timeoutInMinutes": minutes, "action": "ROLLBACK"},
    }
    return {
        **_plain(configured),
        "strategy": "LINEAR",
        "linearConfiguration": {"stepPercent": float(step(plan)), "stepBakeTimeInMinutes": 0},
        "bakeTimeInMinutes": 0,
        "lifecycleHooks": [pause],
    }


def at_once(configured: Mapping[str, Any]) -> Json:
    """All traffic in one step, without a pause: for going back."""
    return {**_plain(configured), "strategy": "BLUE_GREEN", "bakeTimeInMinutes": 0, "lifecycleHooks": []}


def _plain(configured: Mapping[str, Any]) -> Json:
    """What is kept of a service's configuration. The circuit breaker belongs to rolling deployments."""
    return {key: configured[key] for key in ("alarms",) if key in configured}


def registration(definition: Mapping[str, Any], image: str, release_id: str) -> Json:
    """A revision of a task definition with another image, and nothing else changed."""
    made = {key: definition[key] for key in _KEPT if definition.get(key) is not None}
    containers = [dict(each) for each in made["containerDefinitions"]]
    main = next((each for each in containers if each.get("essential", True)), containers[0])
    main["image"] = image
    return {**made, "containerDefinitions": containers, "tags": [{"key": TAG, "value": release_id}]}


def carries(described: Mapping[str, Any], image: str, release_id: str) -> bool:
    """Whether this is the revision that the release registered."""
    tags = {tag["key"]: tag["value"] for tag in described.get("tags", [])}
    images = {each["image"] for each in described["taskDefinition"]["containerDefinitions"]}
    return tags.get(TAG) == release_id and image in images


def suffix(arn: str, kind: str) -> str:
    """What CloudWatch calls it: `targetgroup/name/id`, or `app/name/id` of a listener's rule."""
    if kind == "targetgroup":
        return "targetgroup/" + arn.partition(":targetgroup/")[2]
    return "/".join(arn.partition(f":{kind}/")[2].split("/")[:3])
