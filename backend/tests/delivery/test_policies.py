"""The pipeline keeps its policies; each policy sees the mistake it is there for."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.delivery import release, safety
from tests.delivery.pipeline import Pipeline

ROOT = Path(__file__).resolve().parents[3]
PIPELINE = Pipeline.read(ROOT)
ALL = (*safety.ALL, *release.ALL)
Policy = Callable[[Pipeline], list[str]]
CHECK, RELEASE = ".github/workflows/check.yml", ".github/workflows/release.yml"
CLOUD, STACK = ".github/workflows/release-cloud.yml", ".github/workflows/stack.yml"
PAGE, PREVIEW = ".github/workflows/page.yml", ".github/workflows/preview.yml"
DRILL, TERRAFORM = ".github/workflows/drill.yml", ".github/workflows/terraform.yml"
LOGIN, START = ".github/actions/login/action.yml", ".github/scripts/start_release.sh"
CHECKOUT = "actions/checkout@3d3c42e5aac5ba805825da76410c181273ba90b1 # v7.0.1"
DIGEST = "${{ needs.build.outputs.digest }}"
STEP = "      - run: make check\n"

# (policy, file, what is there, the mistake)
MISTAKES: list[tuple[Policy, str, str, str]] = [
    (safety.actions_are_pinned, CHECK, CHECKOUT, "actions/checkout@v7"),
    (safety.actions_are_pinned, CHECK, CHECKOUT, CHECKOUT.partition(" ")[0]),
    (safety.actions_are_pinned, LOGIN, "7c6bc770dae815cd3e89ee6cdf493a5fab2cc093", "v3"),
    (safety.actions_are_pinned, CHECK, "debian:bookworm@sha256:", "debian:bookworm-"),
    (safety.triggers_are_safe, PREVIEW, "  pull_request:", "  pull_request_target:"),
    (
        safety.rights_are_least,
        CHECK,
        "permissions: {}\n\nconcurrency",
        "permissions: read-all\n\nconcurrency",
    ),
    (safety.rights_are_least, RELEASE, "      id-token: write", "      packages: write"),
    (safety.rights_are_least, CHECK, "    permissions:\n      contents: read\n    steps", "    steps"),
    (safety.rights_are_least, DRILL, "      issues: write", "      actions: write"),
    (safety.jobs_end, CHECK, "    timeout-minutes: 20\n", ""),
    (safety.jobs_end, CHECK, "timeout-minutes: 20", "timeout-minutes: 2000"),
    (safety.runs_wait_for_each_other, DRILL, "concurrency:\n  group: drill\n", "env:\n  group: drill\n"),
    (safety.runs_wait_for_each_other, RELEASE, "cancel-in-progress: false", "cancel-in-progress: true"),
    (safety.checkouts_keep_no_token, CHECK, "persist-credentials: false", "persist-credentials: true"),
    (safety.commands_are_constant, CHECK, STEP, "      - run: echo ${{ github.head_ref }}\n"),
    (safety.commands_are_constant, CHECK, STEP, "      - run: echo ${{ secrets.RELEASE_TOKEN }}\n"),
    (safety.commands_are_constant, LOGIN, "gcloud auth print-access-token", "echo ${{ inputs.cloud }}"),
    (
        safety.secrets_are_handed_over_one_by_one,
        CLOUD,
        "      HELIUM_RELEASE_CLUSTER: ${{ vars.AWS_CLUSTER }}",
        "      HELIUM_RELEASE_CLUSTER: ${{ secrets.AWS_CLUSTER }}",
    ),
    (
        safety.secrets_are_handed_over_one_by_one,
        RELEASE,
        "gcp-provider: ${{ vars.GCP_PROVIDER }}",
        "gcp-provider: ${{ secrets.GCP_PROVIDER }}",
    ),
    (safety.strangers_get_nothing, PREVIEW, f"{safety.OURS}\n", "true\n"),
    (safety.strangers_get_nothing, TERRAFORM, safety.OURS, "true"),
    (
        safety.strangers_get_nothing,
        CHECK,
        STEP,
        f"{STEP}        env: {{ KEY: '${{{{ secrets.KEY }}}}' }}\n",
    ),
    (safety.identities_have_an_environment, RELEASE, "60\n    environment: staging\n", "60\n"),
    (safety.identities_have_an_environment, DRILL, "    environment: drill\n", ""),
    (release.production_is_approved, RELEASE, "    environment: production\n", "    environment: prod\n"),
    (
        release.production_is_approved,
        RELEASE,
        "    needs: [staging-gcp, staging-aws]",
        "    needs: [staging-gcp]",
    ),
    (release.production_is_approved, RELEASE, "    needs: [build, approve]", "    needs: [build]"),
    (release.production_is_approved, RELEASE, "needs.approve.result == 'success' && contains", "contains"),
    (release.production_is_approved, STACK, "environment: apply-", "environment: plan-"),
    (release.applies_write_real_values, STACK, "APPROVED: ", 'PLACEHOLDERS: "true"\n          APPROVED: '),
    (release.applies_write_real_values, STACK, "plan_stack.sh -lock=false", "apply_stack.sh"),
    (
        release.images_are_named_by_digest,
        RELEASE,
        f'digest: {DIGEST}\n      stages: "5',
        'digest: latest\n      stages: "5',
    ),
    (release.images_are_named_by_digest, CLOUD, '"$NAME@$DIGEST"', '"$NAME:latest"'),
    (release.images_are_named_by_digest, START, "@sha256:[0-9a-f]{64}$", "."),
    (release.images_are_verified, RELEASE, "cosign sign --yes", "echo"),
    (release.images_are_verified, RELEASE, "          fail-build: true\n", ""),
    (release.images_are_verified, CLOUD, "cosign verify", "echo"),
    (
        release.the_page_comes_last,
        RELEASE,
        "needs: [approve, page, prod-gcp, prod-aws]",
        "needs: [approve, page, prod-gcp]",
    ),
    (
        release.the_page_comes_last,
        RELEASE,
        "      && (needs.prod-aws.result == 'success' || needs.prod-aws.result == 'skipped')\n",
        "",
    ),
    (release.the_page_comes_last, PAGE, "(--prod --skip-domain)", "(--prod)"),
    (release.the_page_comes_last, PAGE, "url=$(vercel deploy", "vercel promote; url=$(vercel deploy"),
    (release.staging_is_tried, RELEASE, "      load: true\n", ""),
    (release.staging_is_tried, RELEASE, "    needs: [check, build]", "    needs: [build]"),
    (release.staging_is_tried, CLOUD, "--most-errors 0.01", ""),
    (release.staging_is_tried, CLOUD, "scripts/smoke.py", "scripts/sizes.py"),
    (release.what_was_begun_is_ended, CLOUD, "if: always() && (needs.release", "if: (needs.release"),
    (release.what_was_begun_is_ended, CLOUD, " || needs.release.result == 'cancelled'", ""),
    (release.what_was_begun_is_ended, CLOUD, "end_release.sh resume", "end_release.sh status"),
    (
        safety.calls_fit,
        RELEASE,
        "      cloud: gcp\n      environment: prod\n",
        "      environment: prod\n",
    ),
    (safety.calls_fit, RELEASE, "      load: true", "      pressure: true"),
    (safety.calls_fit, CLOUD, "          aws-role: ", "          aws-roll: "),
    (safety.calls_fit, TERRAFORM, "      id-token: write\n", ""),
    (
        safety.no_registry_is_named,
        CHECK,
        "debian:bookworm@",
        f"{safety.REGISTRIES[4]}/debian:bookworm@",
    ),
    (safety.no_registry_is_named, RELEASE, "${{ vars.GCP_REGISTRY }}", "us-east4-docker.pkg.dev/mine"),
]


@pytest.mark.parametrize("policy", ALL, ids=lambda policy: policy.__name__)
def test_the_pipeline_keeps_the_policy(policy: Policy) -> None:
    assert policy(PIPELINE) == []


@pytest.mark.parametrize(
    ("policy", "file", "old", "new"),
    MISTAKES,
    ids=[f"{policy.__name__}-{number}" for number, (policy, *_) in enumerate(MISTAKES)],
)
def test_the_policy_sees_the_mistake(policy: Policy, file: str, old: str, new: str) -> None:
    assert policy(PIPELINE.replaced(file, old, new)) != []


def test_every_policy_is_shown_to_bite() -> None:
    assert {policy for policy, *_ in MISTAKES} == set(ALL)


def test_every_script_of_the_pipeline_is_used() -> None:
    scripts = {Path(path).name for path in PIPELINE.files if path.startswith(".github/scripts/")}
    for script in scripts:
        users = [path for path, text in PIPELINE.files.items() if re.search(rf"scripts/{script}\b", text)]
        assert users, f"nobody uses {script}"
