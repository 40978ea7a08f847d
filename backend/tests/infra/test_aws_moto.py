"""The staging stack of AWS, planned and applied by Terraform and Amazon's own provider, against moto.

It needs `terraform`, a mirror with the provider `hashicorp/aws` 5.100.0 (`HELIUM_TEST_TERRAFORM_MIRROR`
names another folder than the usual ones) and `.venv-fakes`. Without them it is skipped; in CI it fails.
"""

import json
from collections import Counter
from pathlib import Path

import pytest

from tests.infra.aws_moto import CACHE_PASSWORD, DATABASE_PASSWORD, Stack, mirror
from tests.support.moto_server import moto_server

pytestmark = [pytest.mark.process, pytest.mark.timeout(600)]


def test_the_staging_stack_is_planned_and_applied_and_its_state_knows_no_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mirror()
    # Seconds until a certificate counts as proven.
    monkeypatch.setenv("MOTO_ACM_VALIDATION_WAIT", "0")
    with moto_server() as server:
        stack = Stack(tmp_path, server)
        stack.terraform("init", "-no-color", "-input=false")
        planned = stack.plan()
        stack.terraform("apply", "-no-color", "-input=false", "plan.bin")
        state = stack.state()

    made = Counter(each["type"] for each in json.loads(state)["resources"] for _ in each["instances"])
    changes = [each for each in planned["resource_changes"] if each["change"]["actions"] == ["create"]]
    assert len(changes) > 110
    assert (made["aws_ecs_service"], made["aws_ecs_task_definition"]) == (3, 4)
    assert (made["aws_sqs_queue"], made["aws_lb_listener_rule"], made["aws_scheduler_schedule"]) == (
        2,
        5,
        2,
    )
    assert (made["aws_s3_bucket"], made["aws_cloudwatch_log_metric_filter"]) == (2, 1)
    # Neither the plan nor the state knows a secret's value.
    for secret in (DATABASE_PASSWORD, CACHE_PASSWORD):
        assert secret not in json.dumps(planned)
        assert secret not in state
