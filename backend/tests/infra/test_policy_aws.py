"""What must never be in the Terraform of AWS, whoever changes it: read from the parsed code."""

import json
import re
from pathlib import Path

import pytest

from helium.bootstrap.secrets import SECRET_VARIABLES
from helium.cli.backup import KEY
from helium.cli.serve import TIDY_END_SECONDS
from helium.settings import Settings
from tests.infra.aws_terraform import MODULES, ROOT, STACKS, blocks, files, first, lines_about
from tests.support.settings_names import setting_names

SERVICE = MODULES / "service"
BLOBS = MODULES / "blobs"
BACKUP = MODULES / "backup"
MOST_LINES = 400
# What a comment above a wildcard says, and then why there is no smaller unit.
REASON = "Reason for the wildcard:"


def service_text() -> str:
    (task,) = blocks("resource", "aws_ecs_task_definition", within=SERVICE)
    return task.body["container_definitions"]


def test_there_is_something_to_look_at() -> None:
    assert len(blocks("resource")) > 90
    assert len({file.parent for file in files()}) == 15


def test_files_stay_readable() -> None:
    assert [str(file) for file in files() if len(file.read_text().splitlines()) > MOST_LINES] == []


def test_every_module_has_the_same_files() -> None:
    expected = {
        "main.tf",
        "variables.tf",
        "outputs.tf",
        "versions.tf",
        "README.md",
        "tests/plan.tftest.hcl",
    }

    assert {
        str(module / name)
        for module in MODULES.iterdir()
        if module.is_dir()
        for name in expected
        if not (module / name).is_file()
    } == set()


def test_every_variable_is_typed_and_described() -> None:
    variables = blocks("variable")

    assert len(variables) > 100
    assert [str(each) for each in variables if not {"type", "description"} <= set(each.body)] == []


def test_every_text_and_number_is_validated() -> None:
    plain = [
        each
        for each in blocks("variable")
        if each.body["type"] in ("string", "number", "${string}", "${number}")
    ]

    assert len(plain) > 70
    assert [str(each) for each in plain if "validation" not in each.body] == []


def test_every_output_is_described() -> None:
    assert [str(each) for each in blocks("output") if not each.body.get("description")] == []


def test_variables_and_outputs_are_in_order() -> None:
    for file in files():
        if file.name in ("variables.tf", "outputs.tf"):
            names = re.findall(r'^(?:variable|output) "(\w+)"', file.read_text(), re.M)
            assert names == sorted(names), file


def test_every_container_has_a_health_check_that_asks_the_process_only() -> None:
    assert "healthCheck = {command = [" in service_text()
    assert "/api/health" in service_text()
    assert "/api/ready" not in service_text()


def test_every_target_group_has_a_health_check_that_asks_for_readiness() -> None:
    groups = blocks("resource", "aws_lb_target_group")

    assert groups != []
    assert {first(group.body, "health_check")["path"] for group in groups} == {"/api/ready"}


def test_a_container_is_killed_only_after_its_drain() -> None:
    (text,) = [b.body["stop_timeout"] for b in blocks("locals", within=SERVICE) if "stop_timeout" in b.body]
    found = re.fullmatch(r"\$\{ceil\(var\.drain_seconds\) \+ (\d+)\}", text)

    assert found is not None
    assert int(found[1]) > 7 > TIDY_END_SECONDS
    assert "stopTimeout = local.stop_timeout" in service_text()


def test_requests_may_end_before_their_task_does() -> None:
    (group,) = blocks("resource", "aws_lb_target_group")

    assert "ceil(var.drain_seconds) + 10" in group.body["deregistration_delay"]


def test_the_drain_has_the_default_of_the_settings() -> None:
    (drain,) = [each for each in blocks("variable", "drain_seconds")]

    assert drain.body["default"] == Settings().worker.drain_seconds


def test_nothing_has_a_public_address_but_nat_gateways() -> None:
    (service,) = blocks("resource", "aws_ecs_service")
    (balancer,) = blocks("resource", "aws_lb")

    assert first(service.body, "network_configuration")["assign_public_ip"] is False
    assert balancer.body["internal"] is True
    assert {
        subnet.body.get("map_public_ip_on_launch", False) for subnet in blocks("resource", "aws_subnet")
    } == {False}
    assert [each.name for each in blocks("resource", "aws_eip")] == ["nat"]


def test_no_path_leads_to_a_worker() -> None:
    (public,) = blocks("variable", "public", within=SERVICE)

    assert public.body["validation"][0]["condition"] == '${var.public == (var.role != "worker")}'
    assert [
        str(each) for each in blocks("resource", "aws_lambda_function_url", "aws_apigatewayv2_api")
    ] == []


def test_nothing_is_open_to_the_world() -> None:
    rules = blocks("resource", "aws_vpc_security_group_ingress_rule")

    assert len(rules) == 4
    assert [str(rule) for rule in rules if "cidr_ipv4" in rule.body or "cidr_ipv6" in rule.body] == []
    # Rules inside a group, or of the older kind, would not be seen above.
    assert blocks("resource", "aws_security_group_rule") == []
    assert [
        str(group) for group in blocks("resource", "aws_security_group") if "ingress" in group.body
    ] == []


def test_no_action_is_a_wildcard_but_where_it_is_denied() -> None:
    for file, number, line in lines_about(r'"[a-z0-9]+:[^"]*\*"|"\*:\*"'):
        if "Action" in line:
            before = "\n".join(file.read_text().splitlines()[number - 4 : number])
            assert '"Deny"' in before, f"{file}:{number + 1} permits {line.strip()}"


def test_each_wildcard_resource_has_a_written_reason() -> None:
    found = lines_about(r'Resource\s*=\s*(\["\*"\]|"\*")')

    assert found != []
    for file, number, _ in found:
        before = "\n".join(file.read_text().splitlines()[max(0, number - 9) : number])
        assert REASON in before, f"{file}:{number + 1}"


def test_nobody_is_an_administrator() -> None:
    assert lines_about(r"AdministratorAccess|PowerUserAccess|IAMFullAccess|policy/.*FullAccess") == []
    assert blocks("resource", "aws_iam_user", "aws_iam_access_key") == []


def test_each_queue_has_a_queue_of_the_dead() -> None:
    queues = {each.name for each in blocks("resource", "aws_sqs_queue")}
    redrives = {each.name: each.body for each in blocks("resource", "aws_sqs_queue_redrive_policy")}

    assert queues == {"this", "dead"}
    assert set(redrives) == queues - {"dead"}
    assert "aws_sqs_queue.dead.arn" in redrives["this"]["redrive_policy"]
    assert len(blocks("resource", "aws_sqs_queue_redrive_allow_policy")) == 1


def test_queues_are_standard_and_keep_their_messages() -> None:
    (kept,) = [block.body for block in blocks("locals", within=MODULES / "queue")]

    assert [str(each) for each in blocks("resource", "aws_sqs_queue") if "fifo_queue" in each.body] == []
    assert (kept["max_receive_count"], kept["retention_seconds"]) == (20, "${4 * 24 * 60 * 60}")
    assert kept["dead_retention_seconds"] == "${14 * 24 * 60 * 60}"


def test_lambda_gives_back_what_was_refused() -> None:
    (mapping,) = blocks("resource", "aws_lambda_event_source_mapping")

    assert mapping.body["function_response_types"] == ["ReportBatchItemFailures"]


def test_images_are_named_by_digest() -> None:
    images = blocks("variable", "image")

    assert len(images) == 5
    assert [str(each) for each in images if "@sha256:[0-9a-f]{64}$" not in json.dumps(each.body)] == []
    assert blocks("resource", "aws_ecr_repository") != []
    assert {each.body["image_tag_mutability"] for each in blocks("resource", "aws_ecr_repository")} == {
        "IMMUTABLE"
    }
    assert lines_about(r":latest\b") == []


def test_no_secret_is_in_a_plain_environment() -> None:
    for module in ("service", "lambda_worker", "backup"):
        (text,) = [
            b.body["environment"]
            for b in blocks("locals", within=MODULES / module)
            if "environment" in b.body
        ]
        assert 'for name, arn in var.secrets : name => "secret:aws:${arn}"' in text
        if module == "backup":
            continue  # whose settings are of files only
        (settings,) = blocks("variable", "settings", within=MODULES / module)
        assert {"HELIUM_DATABASE_URL", "HELIUM_REDIS_URL"} <= set(
            re.findall(r"HELIUM_\w+", str(settings.body))
        )


def test_whatever_may_be_a_reference_is_followed_by_helium() -> None:
    for variable in blocks("variable", "secrets"):
        if variable.file.is_relative_to(BACKUP):
            continue  # which has two, by name
        (pattern,) = re.findall(r'regex\("(\^\(HELIUM_DATABASE_URL.*?\$)"', str(variable.body))
        assert [name for name in SECRET_VARIABLES if not re.fullmatch(pattern, name)] == []
        assert not re.fullmatch(pattern, "SENTRY_DSN")


def test_no_password_or_value_reaches_the_state() -> None:
    unsafe = re.compile(r"^(password|auth_token|passwords|secret_string|secret_binary|master_password)$")

    assert [
        f"{each} {name}" for each in blocks("resource") for name in each.body if unsafe.match(name)
    ] == []
    assert len(blocks("resource", "aws_secretsmanager_secret_version")) == 3
    for version in blocks("resource", "aws_secretsmanager_secret_version"):
        assert {"secret_string_wo", "secret_string_wo_version"} <= set(version.body), version
    for variable in blocks(
        "variable", "password", "values", "cache_password", "database_password", "secret_values"
    ):
        assert (variable.body.get("ephemeral"), variable.body.get("sensitive")) == (True, True), variable


def test_prod_cannot_be_deleted_by_a_command() -> None:
    (database,) = blocks("resource", "aws_db_instance")
    (balancer,) = blocks("resource", "aws_lb")
    (protection,) = blocks("variable", "deletion_protection")
    buckets = blocks("resource", "aws_s3_bucket")

    assert database.body["deletion_protection"] == "${var.deletion_protection}"
    assert database.body["skip_final_snapshot"] is False
    assert 'var.environment != "prod"' in protection.body["validation"][0]["condition"]
    assert balancer.body["enable_deletion_protection"] == '${var.environment == "prod"}'
    assert {bucket.body["force_destroy"] for bucket in buckets} == {False}
    (sizes,) = [b.body for b in blocks("locals", within=STACKS[1]) if "deletion_protection" in b.body]
    assert sizes["deletion_protection"] is True
    assert sizes["high_availability"] is True


def test_files_never_expire_by_age() -> None:
    (rules,) = [
        each.body["rule"]
        for each in blocks("resource", "aws_s3_bucket_lifecycle_configuration", within=BLOBS)
    ]
    expirations = [expiration for rule in rules for expiration in rule.get("expiration", [])]

    assert expirations == [{"expired_object_delete_marker": True}]
    assert [rule["abort_incomplete_multipart_upload"] for rule in rules if "expiration" not in rule] == [
        [{"days_after_initiation": 1}]
    ]


@pytest.mark.parametrize("module", [BLOBS, BACKUP], ids=lambda module: module.name)
def test_the_bucket_is_closed_and_encrypted(module: Path) -> None:
    (block,) = blocks("resource", "aws_s3_bucket_public_access_block", within=module)

    assert {value for name, value in block.body.items() if name != "bucket"} == {True}
    assert blocks("resource", "aws_s3_bucket_server_side_encryption_configuration", within=module) != []
    assert "TlsOnly" in str(
        [each.body for each in blocks("resource", "aws_s3_bucket_policy", within=module)]
    )


def test_what_is_stored_and_sent_is_encrypted() -> None:
    (cache,) = blocks("resource", "aws_elasticache_replication_group")
    (database,) = blocks("resource", "aws_db_instance")

    assert (cache.body["transit_encryption_mode"], cache.body["at_rest_encryption_enabled"]) == (
        "required",
        True,
    )
    assert (database.body["storage_encrypted"], database.body["publicly_accessible"]) == (True, False)
    assert {each.body["protocol"] for each in blocks("resource", "aws_lb_listener")} == {"HTTPS"}
    assert {each.body["sqs_managed_sse_enabled"] for each in blocks("resource", "aws_sqs_queue")} == {True}


def test_every_variable_of_helium_is_a_setting() -> None:
    used = {
        name
        for file in files()
        if file.name != "variables.tf"
        for name in re.findall(r"\bHELIUM_[A-Z_]+\b", file.read_text())
    }

    assert len(used) > 15
    assert used - setting_names() == {KEY}


def test_staging_and_prod_differ_in_their_sizes_only() -> None:
    staging, prod = ({file.name: file.read_text() for file in files(stack)} for stack in STACKS)

    assert {name for name in staging | prod if staging.get(name) != prod.get(name)} == {"sizes.tf"}


def test_stacks_name_one_version_of_the_provider() -> None:
    for stack in STACKS:
        assert re.search(r'version = "\d+\.\d+\.\d+"', (stack / "terraform.tf").read_text())


def test_no_absolute_path_or_account_is_in_the_code() -> None:
    assert [
        str(file.relative_to(ROOT))
        for file in files()
        if re.search(r"/work/|/opt/|\b\d{12}\b(?!\.dkr)", file.read_text())
    ] == []
