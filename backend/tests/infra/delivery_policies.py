"""What releases and checks from outside need of the Terraform code: a sentence for each fault."""

import re
from pathlib import Path

from tests.support.terraform import Code, Named

AWS, GCP = "infra/modules/aws", "infra/modules/gcp"
SERVICE = f"{AWS}/service"
STACKS = (
    "infra/stacks/aws-staging",
    "infra/stacks/aws-prod",
    "infra/stacks/gcp-staging",
    "infra/stacks/gcp-prod",
)
# What `helium release` changes: `apply` must leave it as it is.
CHANGED_BY_RELEASES = {
    "aws_ecs_service": {"deployment_configuration", "desired_count", "load_balancer", "task_definition"},
    "aws_lambda_function": {"image_uri"},
    "google_cloud_run_v2_job": {"template[0].template[0].containers[0].image"},
    "google_cloud_run_v2_service": {"template[0].containers[0].image", "template[0].revision", "traffic"},
}
WEIGHED = {"api", "candidate"}
WAYS = {"alternate_target_group_arn", "production_listener_rule", "role_arn", "test_listener_rule"}
CALL = re.compile(r'"((?:continue|describe|list|register|run|stop|update)_[a-z_]+)"')
# Rules of Amazon's that look at addresses only.
READS_NO_BODY = {"AWSManagedRulesAmazonIpReputationList"}


def apply_undoes_no_release(code: Code) -> list[str]:
    found = [
        f"{resource}: apply would undo {', '.join(sorted(missing))}."
        for resource in code.resources(*CHANGED_BY_RELEASES)
        # No release changes the backup, and Terraform renews its image.
        if "/backup/" not in resource.file
        if (missing := CHANGED_BY_RELEASES[resource.kind] - _ignored(resource))
    ]
    rules = [rule for rule in code.resources("aws_lb_listener_rule") if rule.name in WEIGHED]
    if {rule.name for rule in rules} != WEIGHED:
        found.append("There are not two rules whose weights a release moves.")
    return found + [
        f"{rule}: apply would move traffic." for rule in rules if "action" not in _ignored(rule)
    ]


def a_release_finds_two_groups_and_a_way_to_the_new_one(code: Code) -> list[str]:
    (service,) = code.resources("aws_ecs_service")
    balancers = [each["load_balancer"] for each in service.body["dynamic"] if "load_balancer" in each]
    ways = (
        balancers[0]["content"][0].get("dynamic", [{}])[0].get("advanced_configuration", {})
        if balancers
        else {}
    )
    found = (
        [] if ways and set(ways["content"][0]) == WAYS else [f"{service}: a release cannot move traffic."]
    )
    rules = {rule.name: rule.body for rule in code.resources("aws_lb_listener_rule")}
    if "candidate" not in rules or rules["candidate"]["priority"] >= 10:
        found.append("Streams would not come to a revision without traffic: its rule must be asked first.")
    if '"${role}-other"' not in str(code.local(f"{SERVICE}/balancing.tf", "groups")):
        found.append("api has one target group only.")
    return found


def a_bad_deployment_goes_back_by_itself(code: Code) -> list[str]:
    (service,) = code.resources("aws_ecs_service")
    found = (
        [] if service.body["alarms"][0].get("rollback") is True else [f"{service}: no alarm takes it back."]
    )
    breakers = [each for each in service.body["dynamic"] if "deployment_circuit_breaker" in each]
    if not breakers:
        found.append(f"{service}: a rolling deployment that fails goes on for ever.")
    alarms = {
        alarm.name: alarm.body
        for alarm in code.resources("aws_cloudwatch_metric_alarm")
        if SERVICE in alarm.file
    }
    if alarms.get("errors", {}).get("for_each") != "${local.groups}":
        found.append("The alarm that takes a deployment back does not look at both target groups.")
    return found


def alarms_and_scaling_see_requests_wherever_they_are(code: Code) -> list[str]:
    found: list[str] = []
    for file in ("burn.tf", "alarms.tf", "dashboard.tf"):
        if "for index, group in var.target_groups[" not in code.files[f"{AWS}/monitoring/{file}"]:
            found.append(f"{file}: after a release it looks at a target group without requests.")
    if "ALBRequestCountPerTarget" in code.files[f"{SERVICE}/scaling.tf"]:
        found.append("ALBRequestCountPerTarget knows one target group.")
    return found


def the_pipeline_may_call_what_a_release_calls(code: Code) -> list[str]:
    permitted = code.files[f"{AWS}/identity/federation.tf"]
    root = Path(__file__).resolve().parents[2] / "helium/release"
    calls = {call for file in root.glob("*ecs*.py") for call in CALL.findall(file.read_text())}
    actions = {"ecs:" + "".join(word.title() for word in call.split("_")) for call in calls}
    actions |= {"s3:GetObject", "s3:PutObject", "s3:ListBucket", "cloudwatch:GetMetricData"}
    return [
        f"The pipeline may not {action}." for action in sorted(actions) if f'"{action}"' not in permitted
    ]


def only_who_holds_runs_may_be_protected(code: Code) -> list[str]:
    found: list[str] = []
    statements = code.local(f"{AWS}/identity/main.tf", "statements")
    if statements["protect"][0]["Resource"] != [
        "arn:aws:ecs:${local.here}:task/${var.resources.cluster}/*"
    ]:
        found.append("Protection reaches further than the tasks of the cluster.")
    for stack in STACKS[:2]:
        accounts = code.local(f"{stack}/services.tf", "accounts")
        having = {
            role for role, account in accounts.items() if re.search(r"\bprotect\b", str(account["roles"]))
        }
        if having != {"worker"}:
            found.append(f"{stack}: {', '.join(sorted(having)) or 'nobody'} may be protected.")
    return found


def connections_are_compared_in_every_stack(code: Code) -> list[str]:
    found: list[str] = []
    for stack in STACKS:
        text = code.files[f"{stack}/services.tf"]
        ours = [
            each
            for each in code.blocks("module")
            if each.name == "connections" and each.file.startswith(stack)
        ]
        given = ours[0].body if ours else {}
        if (given.get("processes"), given.get("pool_size")) != ("${local.processes}", "${local.pool_size}"):
            found.append(f"{stack}: nobody compares connections.")
        if text.count("module.connections.needed <= module.connections.permitted") != 2:
            found.append(f"{stack}: a database of ours must refuse, and Supabase warn.")
        if "tostring(local.pool_size)" not in text or "tostring(module.connections.pooler)" not in text:
            found.append(f"{stack}: processes have other numbers than those that are compared.")
    return found


def silence_from_outside_is_told(code: Code) -> list[str]:
    alarms = [each for each in code.resources("aws_cloudwatch_metric_alarm") if each.name == "unreachable"]
    found = [
        f"{alarm}: silence is not told."
        for alarm in alarms
        if alarm.body["treat_missing_data"] != "breaching" or not alarm.body.get("alarm_actions")
    ]
    if not alarms or not code.resources("google_monitoring_uptime_check_config"):
        found.append("Nobody looks from outside.")
    for stack in STACKS[:2]:
        edge = next(
            each for each in code.blocks("module") if each.name == "edge" and each.file.startswith(stack)
        )
        if "aws.global" not in str(edge.body.get("providers")):
            found.append(f"{stack}: Route 53 tells what it sees to us-east-1 only.")
    return found


def limits_read_no_body_and_show_no_header(code: Code) -> list[str]:
    found: list[str] = []
    for acl in code.resources("aws_wafv2_web_acl"):
        views = [
            acl.body["visibility_config"][0],
            *[rule["visibility_config"][0] for rule in acl.body["rule"]],
        ]
        if any(view["sampled_requests_enabled"] for view in views):
            found.append(f"{acl}: samples show callers' keys.")
        statements = [rule["statement"][0] for rule in acl.body["rule"]]
        groups = [
            each["managed_rule_group_statement"][0]["name"]
            for each in statements
            if "managed_rule_group_statement" in each
        ]
        if set(groups) - READS_NO_BODY or len(groups) + sum(
            "rate_based_statement" in each for each in statements
        ) < len(statements):
            found.append(f"{acl}: a rule reads bodies, and prompts look like attacks.")
    return found


def _ignored(resource: Named) -> set[str]:
    names = resource.body.get("lifecycle", [{}])[0].get("ignore_changes", [])
    return {str(name).removeprefix("${").removesuffix("}") for name in names}


POLICIES = (
    apply_undoes_no_release,
    a_release_finds_two_groups_and_a_way_to_the_new_one,
    a_bad_deployment_goes_back_by_itself,
    alarms_and_scaling_see_requests_wherever_they_are,
    the_pipeline_may_call_what_a_release_calls,
    only_who_holds_runs_may_be_protected,
    connections_are_compared_in_every_stack,
    silence_from_outside_is_told,
    limits_read_no_body_and_show_no_header,
)
