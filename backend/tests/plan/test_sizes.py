"""What plans believe of Terraform is what is in Terraform."""

from functools import cache
from pathlib import Path
from typing import Any

import hcl2
import pytest

from helium.plan.assumptions import Assumptions, Cloud, Environment
from helium.plan.capacity import TARGETS
from helium.plan.sizes import CLOUD_SQL, POOL_SIZE, RDS, ROLES, STACKS, SUPABASE, Size, connections
from helium.settings import Settings

ROOT = Path(__file__).parents[3]
KEPT_BY_POSTGRES = 3


@cache
def local_values(path: str) -> dict[str, Any]:
    with (ROOT / path).open() as file:
        read: dict[str, Any] = hcl2.load(file)
    return {name.strip('"'): value for block in read["locals"] for name, value in block.items()}


def plain(value: Any) -> Any:
    """A value without the quotes that the parser keeps."""
    if isinstance(value, dict):
        return {str(name).strip('"'): plain(each) for name, each in value.items()}
    return value.strip('"') if isinstance(value, str) else value


@pytest.mark.parametrize(("cloud", "environment"), STACKS)
def test_a_stack_has_the_sizes_of_terraform(cloud: Cloud, environment: Environment) -> None:
    stack = STACKS[cloud, environment]
    given = plain(local_values(f"infra/stacks/{cloud}-{environment}/sizes.tf"))

    assert given["high_availability"] == stack.high_availability
    assert given["database_size"] == stack.database_size
    assert given["cache_size"] == "small"
    assert {role: Size(**given["services"][role]) for role in ROLES} == stack.services


@pytest.mark.parametrize(("cloud", "environment"), STACKS)
def test_a_process_has_the_pool_of_terraform(cloud: Cloud, environment: Environment) -> None:
    text = (ROOT / f"infra/stacks/{cloud}-{environment}/services.tf").read_text()

    assert f"pool_size = {POOL_SIZE}\n" in text


def test_supabase_has_the_clients_that_terraform_counts() -> None:
    sizes = plain(local_values("infra/modules/common/connections/main.tf"))["sizes"]

    assert {each.size: each.connections for each in SUPABASE} == {
        name: limits["clients"]
        for name, limits in sizes.items()
        if name in {each.size for each in SUPABASE}
    }


def test_databases_have_the_connections_of_terraform_but_those_of_postgres() -> None:
    google = plain(local_values("infra/modules/gcp/database/main.tf"))["sizes"]
    amazon = plain(local_values("infra/modules/aws/database/main.tf"))["connections"]

    assert {each.size: each.connections for each in CLOUD_SQL} == {
        name: size["connections"] - KEPT_BY_POSTGRES for name, size in google.items()
    }
    assert {each.size: each.connections for each in RDS} == {
        name: count - KEPT_BY_POSTGRES for name, count in amazon.items()
    }


def test_the_target_on_aws_is_that_of_terraform() -> None:
    text = (ROOT / "infra/modules/aws/service/scaling.tf").read_text()

    assert f"full = {TARGETS['aws']:g}\n" in text
    assert f"target_value       = {Assumptions().cpu_target * 100:g}\n" in text


def test_sixty_processes_may_open_360_connections() -> None:
    assert connections(60) == (2 + 1) * 60 * 2 == 360


def test_assumptions_about_settings_are_their_defaults() -> None:
    stream = Settings().stream

    assert Assumptions().gather_seconds == stream.gather_seconds
    assert Assumptions().connection_seconds == stream.max_connection_seconds
