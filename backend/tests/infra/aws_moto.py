"""The staging stack of AWS in a copy that Terraform applies to moto's server, without an account."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import httpx

from tests.infra.aws_terraform import ROOT
from tests.support.moto_server import ACCESS_KEY_ID, ACCOUNT, SECRET_ACCESS_KEY, MotoServer
from tests.support.servers import require

REGION = "us-east-1"
DIGEST = "sha256:" + "0123456789abcdef" * 4
DATABASE_PASSWORD = "never-in-the-state-1"
CACHE_PASSWORD = "neverinthestate2neverinthestate2"
APPLY_SECONDS = 280
PROVIDER = "*/hashicorp/aws"

# What moto does not know, by file; the rest of the stack is applied as it is.
NOT_IN_MOTO = {
    "modules/aws/cache/main.tf": (
        "aws_elasticache_parameter_group",
        "aws_elasticache_user_group",
        "aws_elasticache_replication_group",
    ),
    # The provider waits until these are read back as they were written, which does not come to pass.
    "modules/aws/queue/main.tf": ("aws_sqs_queue_redrive_allow_policy", "aws_sqs_queue_policy"),
    "modules/aws/service/scaling.tf": ("aws_appautoscaling_policy", "aws_appautoscaling_target"),
    "modules/aws/monitoring/burn.tf": ("aws_cloudwatch_composite_alarm",),
    "modules/aws/monitoring/main.tf": ("aws_budgets_budget",),
}
# What is then said of it elsewhere.
IN_ITS_PLACE = {
    "aws_elasticache_replication_group.this.primary_endpoint_address": '"cache.invalid"',
    "aws_elasticache_replication_group.this.port": "6379",
}
# CloudFront's VPC origins are unknown to it too, and the module `edge` is little else.
WITHOUT_EDGE = {
    "stacks/aws-staging/main.tf": r'^module "edge" \{\n.*?^\}\n',
    "stacks/aws-staging/outputs.tf": r'^output "(?:api|stream)_domain" \{\n.*?^\}\n',
}
# What the provider that is mirrored is too old for: how a release moves traffic.
PINNED, MIRRORED = "6.25.0", "5.100.0"
NOT_IN_MIRRORED = {
    "modules/aws/service/main.tf": (
        r'^ {6}dynamic "advanced_configuration" \{\n.*?^ {6}\}\n',
        r'^ {2}dynamic "deployment_configuration" \{\n.*?^ {2}\}\n',
        r"(?<=ignore_changes = \[)deployment_configuration, ",
    ),
}
OVERRIDE = """
terraform {
  backend "local" {}
}

provider "aws" {
  s3_use_path_style = true
  max_retries       = 2
}

provider "aws" {
  alias             = "global"
  s3_use_path_style = true
  max_retries       = 2
}
"""


def mirror() -> Path:
    """A folder with the provider aws. Skips the test where none is; fails in CI, which must have one."""
    named = os.environ.get("HELIUM_TEST_TERRAFORM_MIRROR")
    usual = [
        Path.home() / ".terraform.d/plugins",
        Path("/usr/local/share/terraform/plugins"),
        *Path("/opt").glob("*"),
    ]
    places = [Path(named)] if named else usual
    found = next((place for place in places if list(place.glob(PROVIDER))), None)
    require(found or places[0] / "hashicorp/aws")
    assert found is not None
    return found


class Stack:
    """A copy of the staging stack, in a folder of its own."""

    def __init__(self, folder: Path, server: MotoServer) -> None:
        require(Path(shutil.which("terraform") or "/usr/bin/terraform"))
        self._infra = folder / "infra"
        for part in ("modules/aws", "modules/common", "stacks/aws-staging"):
            shutil.copytree(ROOT / "infra" / part, self._infra / part)
        self._folder = self._infra / "stacks/aws-staging"
        self._leave_out()
        (self._folder / "override.tf").write_text(OVERRIDE)
        config = folder / "terraformrc"
        config.write_text(
            f'provider_installation {{\n  filesystem_mirror {{\n    path = "{mirror()}"\n  }}\n}}\n'
        )
        self._environment = _environment(config, server.url)

    def terraform(self, *arguments: str) -> str:
        """What a command prints. Raises `AssertionError` with its errors if it fails."""
        ended = subprocess.run(
            ["nice", "-n", "19", "terraform", *arguments],
            cwd=self._folder,
            env=self._environment,
            capture_output=True,
            text=True,
            timeout=APPLY_SECONDS,
            check=False,
        )
        assert ended.returncode == 0, ended.stdout[-2000:] + ended.stderr
        return ended.stdout

    def plan(self) -> dict[str, Any]:
        """Make the plan `plan.bin`: all of it, as JSON."""
        self.terraform("plan", "-no-color", "-input=false", "-out=plan.bin")
        return json.loads(self.terraform("show", "-json", "plan.bin"))

    def state(self) -> str:
        return (self._folder / "terraform.tfstate").read_text()

    def _leave_out(self) -> None:
        for name, types in NOT_IN_MOTO.items():
            for each in types:
                self._cut(name, rf'^resource "{each}" "\w+" \{{\n.*?^\}}\n')
                self._cut(name, rf"^.*= \[?{each}\..*\n", most=9)
        for name, pattern in WITHOUT_EDGE.items():
            self._cut(name, pattern)
        for name, patterns in NOT_IN_MIRRORED.items():
            for pattern in patterns:
                self._cut(name, pattern)
        for file in self._infra.rglob("*.tf"):
            file.write_text(file.read_text().replace(PINNED, MIRRORED))
        for file in (self._infra / "modules/aws/cache").glob("*.tf"):
            text = file.read_text()
            for reference, value in IN_ITS_PLACE.items():
                text = text.replace(reference, value)
            file.write_text(text)

    def _cut(self, name: str, pattern: str, most: int = 0) -> None:
        file = self._infra / name
        text, count = re.subn(pattern, "", file.read_text(), flags=re.M | re.S if not most else re.M)
        assert count or most, f"{pattern} is not in {name}"
        file.write_text(text)


def make_zone(url: str) -> str:
    """A zone for example.com in Route 53; its id."""
    scope = f"{ACCESS_KEY_ID}/20260101/{REGION}/route53/aws4_request"
    made = httpx.post(
        f"{url}/2013-04-01/hostedzone",
        headers={"Authorization": f"AWS4-HMAC-SHA256 Credential={scope}"},
        content="<CreateHostedZoneRequest xmlns='https://route53.amazonaws.com/doc/2013-04-01/'>"
        "<Name>example.com</Name><CallerReference>1</CallerReference></CreateHostedZoneRequest>",
    )
    found = re.search(r"<Id>/hostedzone/(\w+)</Id>", made.text)
    assert found is not None, made.text
    return found[1]


def _environment(config: Path, url: str) -> dict[str, str]:
    variables: dict[str, Any] = {
        "account_id": ACCOUNT,
        "alarm_mails": '["on-call@example.com"]',
        "cache_password": CACHE_PASSWORD,
        "domain": "example.com",
        "zone_id": make_zone(url),
        "image": f"{ACCOUNT}.dkr.ecr.{REGION}.amazonaws.com/helium-staging/helium-backend@{DIGEST}",
        "model_keys": '["OPENAI_API_KEY"]',
        "secret_values": json.dumps(
            {"database-url": f"postgresql://helium:{DATABASE_PASSWORD}@db.example.com/helium"}
        ),
        "secret_versions": '{"database-url":1}',
    }
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(config.parent),
        "TF_CLI_CONFIG_FILE": str(config),
        "TF_IN_AUTOMATION": "1",
        "CHECKPOINT_DISABLE": "1",
        "AWS_ENDPOINT_URL": url,
        "AWS_ACCESS_KEY_ID": ACCESS_KEY_ID,
        "AWS_SECRET_ACCESS_KEY": SECRET_ACCESS_KEY,
        "AWS_EC2_METADATA_DISABLED": "true",
        **{f"TF_VAR_{name}": value for name, value in variables.items()},
    }
