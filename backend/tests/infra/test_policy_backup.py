"""The Terraform code keeps the policies of backups; each policy sees the mistake it is there for."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import SecretStr

from helium.cli import backup
from helium.cli.failure import Failure
from helium.settings import Settings
from tests.infra import backup_policies as policies
from tests.support.terraform import Code

ROOT = Path(__file__).resolve().parents[3]
CODE = Code.read(
    ROOT,
    *(f"infra/modules/*/{module}/*.tf" for module in ("backup", "blobs", "identity", "monitoring")),
    "infra/stacks/gcp-*/*.tf",
    "infra/stacks/aws-staging/*.tf",
    "infra/stacks/aws-prod/*.tf",
)
Policy = Callable[[Code], list[str]]
G, A = policies.GCP, policies.AWS
GCP_PROD, AWS_PROD = "infra/stacks/gcp-prod", "infra/stacks/aws-prod"
ALERTS, ALARM = "infra/modules/gcp/monitoring/alerts.tf", "infra/modules/aws/monitoring/backup.tf"
IDENTITY = "infra/modules/aws/identity/main.tf"

p = policies
# (policy, file, what is there, the mistake)
MISTAKES: list[tuple[Policy, str, str, str]] = [
    (p.the_job_deletes_nothing, f"{G}/main.tf", "storage.objectCreator", "storage.objectUser"),
    (p.the_job_deletes_nothing, "infra/modules/gcp/blobs/main.tf", "objectViewer", "objectUser"),
    (p.the_job_deletes_nothing, IDENTITY, '["s3:GetObject", "s3:Put', '["s3:DeleteObject", "s3:Put'),
    (p.the_job_deletes_nothing, f"{AWS_PROD}/services.tf", '"files.read"]', '"files.write"]'),
    (p.nobody_deletes_a_backup_of_prod, f"{G}/variables.tf", "retain_days >= 7", "retain_days >= 0"),
    (p.nobody_deletes_a_backup_of_prod, f"{A}/variables.tf", "retain_days >= 7", "retain_days >= 0"),
    (p.nobody_deletes_a_backup_of_prod, f"{G}/main.tf", '"retention_policy"', '"logging"'),
    (p.nobody_deletes_a_backup_of_prod, f"{A}/main.tf", "= var.retain_days > 0", "= false"),
    (p.nobody_deletes_a_backup_of_prod, f"{A}/main.tf", "for_each = local.retained", "for_each = {}"),
    (p.nobody_deletes_a_backup_of_prod, f"{A}/task.tf", 'AWS_CHECKSUM_ALGORITHM = "', 'AWS_SUM = "'),
    (p.nobody_deletes_a_backup_of_prod, f"{GCP_PROD}/sizes.tf", "retain_days = 30", "retain_days = 0"),
    (p.nobody_deletes_a_backup_of_prod, f"{AWS_PROD}/sizes.tf", "expire_days = 35", "expire_days = 9"),
    (p.backups_are_private_and_end, f"{G}/main.tf", '"enforced"', '"inherited"'),
    (p.backups_are_private_and_end, f"{G}/main.tf", "= var.expire_days\n", "= 3650\n"),
    (
        p.backups_are_private_and_end,
        f"{A}/main.tf",
        "block_public_acls       = true",
        "block_public_acls = false",
    ),
    (p.backups_are_private_and_end, f"{A}/main.tf", "days = var.expire_days", "days = 3650"),
    (p.backups_are_private_and_end, f"{A}/main.tf", 'status = "Enabled"\n  }', 'status = "Suspended"\n  }'),
    (p.backups_lie_apart, f"{G}/job.tf", '["backup", "--to", local.url]', '["sh", "-c", "helium backup"]'),
    (p.backups_lie_apart, f"{A}/task.tf", '["backup", "--to", local.url]', '["backup"]'),
    (p.backups_lie_apart, f"{A}/main.tf", "s3://${aws_s3_bucket.this.id}", "s3://${var.name}-files"),
    (p.the_scheduler_starts_it_and_does_nothing_else, f"{G}/schedule.tf", "run.invoker", "run.developer"),
    (p.the_scheduler_starts_it_and_does_nothing_else, f"{G}/main.tf", "* * *", "* * 0"),
    (
        p.the_scheduler_starts_it_and_does_nothing_else,
        f"{GCP_PROD}/services.tf",
        'each day.", roles = []',
        'each day.", roles = ["roles/run.invoker"]',
    ),
    (p.the_scheduler_starts_it_and_does_nothing_else, f"{A}/schedule.tf", "* * ? *", "1 * ? *"),
    (
        p.the_scheduler_starts_it_and_does_nothing_else,
        f"{A}/roles.tf",
        '["ecs:RunTask"]',
        '["ecs:StopTask"]',
    ),
    (p.the_scheduler_starts_it_and_does_nothing_else, f"{A}/roles.tf", '"ecs:cluster"', '"aws:SourceArn"'),
    (p.it_reads_two_secrets, f"{G}/variables.tf", 'BACKUP_KEY", "', 'BACKUP_KEY", "HELIUM_REDIS_URL", "'),
    (p.it_reads_two_secrets, f"{AWS_PROD}/services.tf", "local.backup_secrets)", "local.url_secrets)"),
    (p.its_image_is_terraforms, f"{G}/job.tf", "[client,", "[template[0].template[0].containers[0].image,"),
    (p.its_image_is_terraforms, f"{A}/task.tf", "= var.image", '= "helium-backend"'),
    (p.silence_is_told, ALERTS, "[26h]", "[72h]"),
    (p.silence_is_told, ALERTS, "absent(sum(increase(logging", "(sum(increase(logging"),
    (p.silence_is_told, ALARM, '"breaching"', '"notBreaching"'),
    (p.silence_is_told, ALARM, "evaluation_periods  = 26", "evaluation_periods = 48"),
    (p.silence_is_told, f"{GCP_PROD}/main.tf", "= module.backup.name", '= "backup"'),
]


@pytest.mark.parametrize("policy", policies.POLICIES, ids=lambda policy: policy.__name__)
def test_the_code_keeps_the_policy(policy: Policy) -> None:
    assert policy(CODE) == []


@pytest.mark.parametrize(("policy", "file", "old", "new"), MISTAKES)
def test_the_policy_sees_a_mistake(policy: Policy, file: str, old: str, new: str) -> None:
    assert policy(CODE.replaced(file, old, new)) != []


def test_every_policy_has_a_mistake_that_it_sees() -> None:
    assert {policy for policy, *_ in MISTAKES} == set(policies.POLICIES)


async def test_what_the_alerts_count_is_what_a_backup_says(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("HELIUM_BACKUP_KEY", raising=False)
    settings = Settings(database_url=SecretStr(database_url), home=tmp_path)
    google = re.search(r'textPayload=~\\"(.*?)\\""', CODE.files[ALERTS].partition("backups_made = {")[2])
    amazon = re.search(r'pattern += "\\"(.*?)\\""', CODE.files[ALARM])
    assert google is not None
    assert amazon is not None

    await backup.back_up(settings, to=None, name=None, keep=None)

    lines = capsys.readouterr().out.splitlines()
    assert [bool(re.search(google[1], line)) for line in lines].count(True) == 1
    assert [amazon[1] in line for line in lines].count(True) == 1


async def test_a_backup_that_fails_is_not_counted(
    database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("HELIUM_BACKUP_KEY", raising=False)
    settings = Settings(database_url=SecretStr(database_url), home=tmp_path)
    await backup.back_up(settings, to=None, name="one", keep=None)
    capsys.readouterr()

    with pytest.raises(Failure):
        await backup.back_up(settings, to=None, name="one", keep=None)

    assert "Backed up" not in capsys.readouterr().out


def test_the_settings_that_a_backup_gets_can_be_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    for file in (f"{G}/job.tf", f"{A}/task.tf"):
        for name, value in CODE.local(file, "own").items():
            monkeypatch.setenv(name, "us-east-1" if "${" in value else value)
    monkeypatch.setenv("HELIUM_DATABASE_URL", "secret:gcp:helium-database-url")
    monkeypatch.setenv("HELIUM_BLOBS__URL", "gs://example-helium/files")

    assert Settings().environment == "production"
