"""The Terraform code of both clouds leaves releases alone; each policy sees the mistake it is there for."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.infra import delivery_policies as policies
from tests.support.terraform import Code

ROOT = Path(__file__).resolve().parents[3]
CODE = Code.read(ROOT, "infra/modules/*/*/*.tf", "infra/stacks/*/*.tf")
Policy = Callable[[Code], list[str]]
S, AWS = policies.SERVICE, policies.AWS
AWS_PROD, GCP_PROD = "infra/stacks/aws-prod", "infra/stacks/gcp-prod"

# (policy, file, what is there, the mistake)
MISTAKES: list[tuple[Policy, str, str, str]] = [
    (
        policies.apply_undoes_no_release,
        f"{S}/main.tf",
        "load_balancer, task_definition]",
        "task_definition]",
    ),
    (
        policies.apply_undoes_no_release,
        f"{S}/balancing.tf",
        "ignore_changes = [action]",
        "ignore_changes = []",
    ),
    (policies.apply_undoes_no_release, f"{S}/balancing.tf", '_rule" "candidate"', '_rule" "other"'),
    (policies.apply_undoes_no_release, f"{policies.GCP}/service/main.tf", "      traffic,\n", ""),
    (policies.apply_undoes_no_release, f"{AWS}/lambda_worker/main.tf", "[image_uri]", "[]"),
    (
        policies.a_release_finds_two_groups_and_a_way_to_the_new_one,
        f"{S}/main.tf",
        "test_listener_rule ",
        "other ",
    ),
    (policies.a_release_finds_two_groups_and_a_way_to_the_new_one, f"{S}/balancing.tf", "= 5\n", "= 50\n"),
    (
        policies.a_release_finds_two_groups_and_a_way_to_the_new_one,
        f"{S}/balancing.tf",
        '"${role}-other"',
        "role",
    ),
    (
        policies.a_bad_deployment_goes_back_by_itself,
        f"{S}/main.tf",
        "rollback    = true",
        "rollback = false",
    ),
    (
        policies.a_bad_deployment_goes_back_by_itself,
        f"{S}/main.tf",
        '"deployment_circuit_breaker"',
        '"volume_configuration"',
    ),
    (policies.a_bad_deployment_goes_back_by_itself, f"{S}/alarms.tf", "= local.groups", "= local.targets"),
    (
        policies.alarms_and_scaling_see_requests_wherever_they_are,
        f"{AWS}/monitoring/alarms.tf",
        "for index, group in var.target_groups[each.key]",
        "for index, group in [var.target_groups[each.key][0]]",
    ),
    (
        policies.alarms_and_scaling_see_requests_wherever_they_are,
        f"{S}/scaling.tf",
        "ECSServiceAverageCPUUtilization",
        "ALBRequestCountPerTarget",
    ),
    (
        policies.the_pipeline_may_call_what_a_release_calls,
        f"{AWS}/identity/federation.tf",
        '"ecs:ContinueServiceDeployment", ',
        "",
    ),
    (
        policies.the_pipeline_may_call_what_a_release_calls,
        f"{AWS}/identity/federation.tf",
        '"s3:PutObject"',
        '"s3:PutObjectAcl"',
    ),
    (
        policies.only_who_holds_runs_may_be_protected,
        f"{AWS}/identity/main.tf",
        "task/${var.resources.cluster}/*",
        "task/*",
    ),
    (
        policies.only_who_holds_runs_may_be_protected,
        f"{AWS_PROD}/services.tf",
        '? ["protect"] : []',
        "? [] : []",
    ),
    (
        policies.only_who_holds_runs_may_be_protected,
        f"{AWS_PROD}/services.tf",
        'roles       = ["queue.look"]',
        'roles = ["queue.look", "protect"]',
    ),
    (
        policies.connections_are_compared_in_every_stack,
        f"{AWS_PROD}/services.tf",
        "= local.pool_size",
        "= 1",
    ),
    (
        policies.connections_are_compared_in_every_stack,
        f"{GCP_PROD}/services.tf",
        "module.connections.needed <= module.connections.permitted",
        "true",
    ),
    (
        policies.connections_are_compared_in_every_stack,
        f"{GCP_PROD}/services.tf",
        "tostring(local.pool_size)",
        '"9"',
    ),
    (policies.silence_from_outside_is_told, f"{AWS}/edge/probe.tf", '"breaching"', '"missing"'),
    (policies.silence_from_outside_is_told, f"{AWS_PROD}/main.tf", "{ aws = aws.global }", "{ aws = aws }"),
    (
        policies.limits_read_no_body_and_show_no_header,
        f"{AWS}/limits/main.tf",
        "sampled_requests_enabled   = false",
        "sampled_requests_enabled   = true",
    ),
    (
        policies.limits_read_no_body_and_show_no_header,
        f"{AWS}/limits/main.tf",
        "AWSManagedRulesAmazonIpReputationList",
        "AWSManagedRulesCommonRuleSet",
    ),
]


@pytest.mark.parametrize("policy", policies.POLICIES, ids=lambda policy: policy.__name__)
def test_the_code_keeps_the_policy(policy: Policy) -> None:
    assert policy(CODE) == []


@pytest.mark.parametrize(("policy", "file", "old", "new"), MISTAKES)
def test_the_policy_sees_a_mistake(policy: Policy, file: str, old: str, new: str) -> None:
    assert policy(CODE.replaced(file, old, new)) != []


def test_every_policy_has_a_mistake_that_it_sees() -> None:
    assert {policy for policy, *_ in MISTAKES} == set(policies.POLICIES)
