"""Services of a fake ECS, and their deployments from stage to stage."""

from dataclasses import dataclass, field
from typing import Any

ACCOUNT = "123456789012"
CLUSTER = "helium-prod"
DEPLOYMENT = "serviceDeployment"
ELB = f"arn:aws:elasticloadbalancing:eu-central-1:{ACCOUNT}"
RULE = f"{ELB}:listener-rule/app/helium-prod/50dc/f2f7"
GROUPS = (f"{ELB}:targetgroup/helium-prod-api/1", f"{ELB}:targetgroup/helium-prod-api-next/2")
Json = dict[str, Any]


def family(definition: str) -> str:
    return definition.rpartition("/")[2].partition(":")[0]


@dataclass(slots=True)
class FakeDeployment:
    """One deployment. `plan` is what lies before it: pauses, weights, and its end."""

    number: int
    service: "FakeService"
    definition: str
    before: str
    configuration: Json
    group: str
    status: str = "PENDING"
    stage: str = ""
    weight: float = 0.0
    hook: str = ""
    reason: str = ""
    plan: list[tuple[str, float]] = field(default_factory=list[tuple[str, float]])

    @property
    def arn(self) -> str:
        base = f"arn:aws:ecs:eu-central-1:{ACCOUNT}:service-deployment"
        return f"{base}/{CLUSTER}/{self.service.name}/{self.number}"

    @property
    def revision(self) -> str:
        return self.arn.replace("service-deployment", "service-revision")

    @property
    def balancers(self) -> list[Json]:
        return [{"targetGroupArn": self.group, "productionListenerRule": f"{RULE}/1"}] if self.group else []

    @property
    def under_way(self) -> bool:
        return self.status in {"PENDING", "IN_PROGRESS", "ROLLBACK_IN_PROGRESS"}

    def begin(self) -> None:
        if self.configuration.get("strategy") != "LINEAR":
            self.plan = [("PRODUCTION_TRAFFIC_SHIFT", 100.0), ("", 100.0)]
            return
        step = self.configuration["linearConfiguration"]["stepPercent"]
        assert step >= 3
        [hook] = self.configuration["lifecycleHooks"]
        assert hook["targetType"] == "PAUSE"
        assert not {"TEST_TRAFFIC_SHIFT", "PRODUCTION_TRAFFIC_SHIFT"} & set(hook["lifecycleStages"])
        assert hook["timeoutConfiguration"]["action"] == "ROLLBACK"
        shares = [min(step * number, 100.0) for number in range(int(-(-100 // step)))]
        self.plan = [("SCALE_UP", 0.0), ("POST_TEST_TRAFFIC_SHIFT", 0.0)]
        self.plan += [("PRE_PRODUCTION_TRAFFIC_SHIFT", share) for share in shares]
        self.plan += [("POST_PRODUCTION_TRAFFIC_SHIFT", 100.0), ("CLEAN_UP", 100.0), ("", 100.0)]

    def go_on(self, *, fails: bool) -> None:
        """A moment passes."""
        if self.status == "ROLLBACK_IN_PROGRESS":
            self.status, self.weight, self.service.definition = "ROLLBACK_SUCCESSFUL", 0.0, self.before
        elif self.under_way and not self.hook:
            self.status = "IN_PROGRESS"
            if fails:
                self.roll_back("tasks failed to start")
                return
            self.stage, self.weight = self.plan.pop(0)
            if not self.stage:
                self.status = "SUCCESSFUL"
            elif self.stage.startswith(("PRE_", "POST_")):
                self.hook = f"ecs-pause-{self.number}-{len(self.plan)}"

    def proceed(self) -> None:
        self.hook = ""

    def roll_back(self, reason: str) -> None:
        self.status, self.hook, self.reason = "ROLLBACK_IN_PROGRESS", "", reason

    def brief(self) -> Json:
        return {"serviceDeploymentArn": self.arn, "createdAt": 1.7e9 + self.number, "status": self.status}

    def described(self) -> Json:
        hooks = [{"hookId": self.hook, "targetType": "PAUSE", "status": "AWAITING_ACTION"}]
        target = {"arn": self.revision, "requestedProductionTrafficWeight": self.weight}
        return {
            **self.brief(),
            "lifecycleStage": self.stage or "CLEAN_UP",
            "statusReason": self.reason,
            "targetServiceRevision": target,
            "lifecycleHookDetails": hooks if self.hook else [],
        }


@dataclass(slots=True)
class FakeService:
    name: str
    definition: str
    public: bool
    deployments: list[FakeDeployment] = field(default_factory=list[FakeDeployment])

    def deploy(self, definition: str, configuration: Json | None) -> None:
        number = len(self.deployments) + 1
        group = GROUPS[number % 2] if self.public else ""
        made = FakeDeployment(number, self, definition, self.definition, configuration or {}, group)
        made.begin()
        self.deployments.append(made)
        self.definition = definition

    def go_on(self, *, fails: bool) -> None:
        if self.deployments:
            self.deployments[-1].go_on(fails=fails)

    def shares(self) -> dict[str, float]:
        """Percent by task definition; what is not the new one's is the old one's."""
        if not self.deployments:
            return {self.definition: 100.0}
        newest = self.deployments[-1]
        shares = {newest.before: 100.0 - newest.weight}
        shares[newest.definition] = shares.get(newest.definition, 0.0) + newest.weight
        return shares

    def described(self) -> Json:
        advanced = {"alternateTargetGroupArn": GROUPS[1], "productionListenerRule": f"{RULE}/1"}
        advanced |= {"testListenerRule": f"{RULE}/2", "roleArn": f"arn:aws:iam::{ACCOUNT}:role/shift"}
        balancer = {"targetGroupArn": GROUPS[0], "containerName": "api", "containerPort": 8000}
        network = {"awsvpcConfiguration": {"subnets": ["subnet-1"]}}
        return {
            "serviceName": self.name,
            "taskDefinition": self.definition,
            "loadBalancers": [{**balancer, "advancedConfiguration": advanced}] if self.public else [],
            "networkConfiguration": network,
            "deploymentConfiguration": {"alarms": {"alarmNames": ["a"], "enable": True, "rollback": True}},
        }
