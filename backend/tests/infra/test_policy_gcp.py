"""The Terraform code for Google Cloud keeps its policies; each policy sees the mistake it is there for."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from helium.cli.serve import TIDY_END_SECONDS
from helium.settings import PREFIX, Settings, load_settings
from tests.infra import gcp_policies as policies
from tests.support.terraform import Code

ROOT = Path(__file__).resolve().parents[3]
CODE = Code.read(
    ROOT, "infra/modules/gcp/*/*.tf", "infra/stacks/gcp-*/*.tf", "infra/stacks/gcp-*/README.md"
)
Policy = Callable[[Code], list[str]]
PROD, STAGING = "infra/stacks/gcp-prod", "infra/stacks/gcp-staging"
M = policies.MODULES

# (policy, file, what is there, the mistake)
MISTAKES: list[tuple[Policy, str, str, str]] = [
    (policies.cpu_idle_is_explicit, policies.SERVICE, "        cpu_idle          = false\n", ""),
    (
        policies.cpu_idle_is_explicit,
        policies.SERVICE,
        "cpu_idle          = false",
        "cpu_idle          = true",
    ),
    (policies.probes_tell_life_from_readiness, policies.SERVICE, "/api/health", "/api/ready"),
    (policies.probes_tell_life_from_readiness, policies.SERVICE, "readiness_probe", "unknown_probe"),
    (
        policies.no_worker_is_public,
        policies.SERVICE,
        '"INGRESS_TRAFFIC_INTERNAL_ONLY"',
        '"INGRESS_TRAFFIC_ALL"',
    ),
    (policies.no_worker_is_public, f"{PROD}/services.tf", 'each.key != "worker"', "true"),
    (
        policies.no_worker_is_public,
        f"{M}/service/variables.tf",
        '!(var.public && var.role == "worker")',
        "true",
    ),
    (policies.no_worker_is_public, f"{M}/blobs/main.tf", '"serviceAccount:${each.value}"', '"allUsers"'),
    (policies.no_role_is_primitive_or_wide, f"{PROD}/services.tf", "roles/run.developer", "roles/editor"),
    (
        policies.no_role_is_primitive_or_wide,
        f"{M}/blobs/main.tf",
        "roles/storage.objectUser",
        "roles/storage.admin",
    ),
    (
        policies.each_queue_has_one_for_the_dead,
        f"{M}/queue/main.tf",
        '"${var.name}-dead"',
        '"${var.name}-other"',
    ),
    (policies.each_queue_has_one_for_the_dead, f"{M}/queue/main.tf", '"PAUSED"', '"RUNNING"'),
    (
        policies.each_queue_has_one_for_the_dead,
        f"{M}/queue/main.tf",
        "max_attempts       = -1",
        "max_attempts = 5",
    ),
    (
        policies.prod_is_protected_against_deletion,
        f"{M}/database/main.tf",
        "= var.deletion_protection",
        "= false",
    ),
    (
        policies.prod_is_protected_against_deletion,
        f"{M}/blobs/main.tf",
        'var.environment == "staging"',
        "true",
    ),
    (
        policies.prod_is_protected_against_deletion,
        f"{PROD}/sizes.tf",
        "protection = true",
        "protection = false",
    ),
    (
        policies.images_have_digests,
        policies.SERVICE,
        "image = var.image",
        'image = "helium-backend:latest"',
    ),
    (policies.images_have_digests, f"{PROD}/variables.tf", "@sha256:[", "["),
    (
        policies.secrets_are_in_no_state_and_no_variable,
        f"{M}/secrets/main.tf",
        "secret_data_wo  ",
        "secret_data  ",
    ),
    (
        policies.secrets_are_in_no_state_and_no_variable,
        f"{M}/database/main.tf",
        "password_wo  ",
        "password  ",
    ),
    (
        policies.secrets_are_in_no_state_and_no_variable,
        f"{M}/secrets/variables.tf",
        "ephemeral   = true",
        "",
    ),
    (policies.secrets_are_in_no_state_and_no_variable, policies.SERVICE, '"secret:gcp:${id}"', "id"),
    (policies.settings_are_real, policies.SERVICE, "HELIUM_HOST", "HELIUM_HOSTS"),
    (policies.files_are_short, f"{PROD}/main.tf", "\n", "\n\n\n\n"),
    (
        policies.variables_are_typed_described_and_checked,
        f"{M}/cache/variables.tf",
        "  type        = string\n",
        "",
    ),
    (
        policies.variables_are_typed_described_and_checked,
        f"{M}/cache/outputs.tf",
        "  description",
        "  # text",
    ),
    (
        policies.variables_are_typed_described_and_checked,
        f"{M}/queue/variables.tf",
        '"senders"',
        '"a_sender"',
    ),
    (
        policies.versions_are_ranges_in_modules_and_exact_in_stacks,
        f"{PROD}/terraform.tf",
        "5.14.0",
        "~> 5.14",
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


def test_the_platform_gives_more_time_than_a_drain_needs() -> None:
    grace = CODE.local(policies.SERVICE, "grace_seconds")
    drains = [module.body["drain_seconds"] for module in CODE.blocks("module") if module.name == "service"]

    assert len(drains) == 2
    assert all(grace > drain + TIDY_END_SECONDS for drain in drains)
    assert f"var.drain_seconds + {TIDY_END_SECONDS:g} < {grace}" in CODE.files[f"{M}/service/variables.tf"]


def test_requests_may_last_as_long_as_pushes_and_streams() -> None:
    timeouts = CODE.local(policies.SERVICE, "timeouts")
    settings = Settings()

    assert (
        timeouts["worker"]
        > CODE.local(policies.SERVICE, "push_seconds")
        >= 2 * settings.worker.step_timeout_seconds
    )
    assert timeouts["stream"] > settings.stream.max_connection_seconds
    assert timeouts["api"] > settings.stream.max_connection_seconds


def test_the_settings_of_a_stack_can_be_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    written: dict[str, str] = CODE.local(f"{PROD}/services.tf", "settings")
    for name, value in written.items():
        assert name.startswith(PREFIX)
        if not re.search(r"\$\{", value):
            monkeypatch.setenv(name, value)

    settings = load_settings()

    assert settings.queue.kind == "cloud_tasks"
    assert settings.blobs.max_bytes < 32 * 1024 * 1024, "Cloud Run takes no larger request"


def test_staging_and_prod_differ_in_sizes_only() -> None:
    def files(stack: str) -> dict[str, str]:
        return {
            path.name: path.read_text() for path in (ROOT / stack).glob("*.tf") if path.name != "sizes.tf"
        }

    assert files(PROD).keys() >= {"main.tf", "services.tf", "variables.tf", "outputs.tf", "terraform.tf"}
    assert files(PROD) == files(STAGING)


def test_the_queue_pushes_no_more_than_workers_take() -> None:
    for stack in (PROD, STAGING):
        assert (
            "min(5000, local.services.worker.max * local.services.worker.concurrency)"
            in CODE.files[f"{stack}/main.tf"]
        )
    assert "HELIUM_QUEUE__CONCURRENCY = var.concurrency" in CODE.files[policies.SERVICE]


def test_every_alert_names_a_page_that_is_there() -> None:
    pages = set(re.findall(r'page += "(\w+)"', CODE.files[f"{M}/monitoring/alerts.tf"]))

    assert len(pages) >= 6
    assert [
        page for page in sorted(pages) if not (ROOT / f"docs/operations/runbooks/{page}.md").exists()
    ] == []


def test_each_module_has_a_page_with_its_variables_and_outputs() -> None:
    for module in sorted((ROOT / M).iterdir()):
        page = (module / "README.md").read_text()
        code = Code.read(module, "*.tf")
        for kind, heading in (("variable", "## Variables"), ("output", "## Outputs")):
            rows = re.findall(r"^\| `(\w+)` \|", page.partition(heading)[2].partition("## ")[0], re.M)
            assert rows == [each.name for each in code.blocks(kind)], f"{module.name}: {heading}"


def test_the_use_that_a_page_shows_is_what_the_test_plans() -> None:
    for module in sorted((ROOT / M).iterdir()):
        planned = (module / "tests/plan.tftest.hcl").read_text()
        inputs = planned.partition("\nvariables {\n")[2].partition("\n}\n")[0]
        assert inputs, module.name
        assert inputs in (module / "README.md").read_text(), module.name
