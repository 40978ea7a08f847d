"""What the Terraform code of both clouds must promise of backups: a sentence for each fault."""

import json
import re
from typing import Any

from tests.support.terraform import Code, Named

GCP, AWS = "infra/modules/gcp/backup", "infra/modules/aws/backup"
STACKS = ("gcp-staging", "gcp-prod", "aws-staging", "aws-prod")
RIGHTS = {"create": "roles/storage.objectCreator", "read": "roles/storage.objectViewer"}
SECRETS = '${toset(keys(var.secrets)) == toset(["HELIUM_BACKUP_KEY", "HELIUM_DATABASE_URL"])}'
KEPT = '${var.retain_days >= 7 || var.environment != "prod"}'
LEAST_KEPT_DAYS = 7
HOURS = 26
NOT_DELETING = {"s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload", "s3:ListBucket"}


def the_job_deletes_nothing(code: Code) -> list[str]:
    found = [] if code.local(f"{GCP}/main.tf", "rights") == RIGHTS else ["gcp: the job may delete backups."]
    readers = [
        each for each in code.resources("google_storage_bucket_iam_member") if each.name == "readers"
    ]
    found += [
        f"{each}: the job may change files." for each in readers if each.body["role"] != RIGHTS["read"]
    ]
    text = code.files["infra/modules/aws/identity/main.tf"]
    rights = text.partition('"backups.write" = [')[2].partition("\n    ]")[0]
    actions = set(re.findall(r'"(s3:\w+)"', rights))
    if actions != NOT_DELETING:
        found.append(f"aws: the task has {sorted(actions)}.")
    for stack in STACKS[2:]:
        account = code.local(f"infra/stacks/{stack}/services.tf", "accounts")["backup"]
        if set(account["roles"]) != {"backups.write", "files.read"}:
            found.append(f"{stack}: the task has other roles.")
    return found


def nobody_deletes_a_backup_of_prod(code: Code) -> list[str]:
    found: list[str] = []
    for variable in code.blocks("variable"):
        if variable.name == "retain_days" and KEPT not in _conditions(variable):
            found.append(f"{variable}: prod need not keep its backups.")
    bucket = _one(code, GCP, "google_storage_bucket").body
    if "retention_policy" not in [name for each in bucket.get("dynamic", []) for name in each]:
        found.append("gcp: backups can be deleted.")
    if _one(code, AWS, "aws_s3_bucket").body["object_lock_enabled"] != "${var.retain_days > 0}":
        found.append("aws: the bucket knows no lock.")
    (lock,) = code.resources("aws_s3_bucket_object_lock_configuration")
    if lock.body["for_each"] != "${local.retained}":
        found.append("aws: backups can be deleted.")
    if '"AWS_CHECKSUM_ALGORITHM": "SHA256"' not in json.dumps(code.local(f"{AWS}/task.tf", "own")):
        found.append("aws: a bucket with a lock would refuse the parts.")
    for stack in STACKS:
        days = code.local(f"infra/stacks/{stack}/sizes.tf", "backup")
        kept, least = days["retain_days"], LEAST_KEPT_DAYS if stack.endswith("prod") else 0
        if not least <= kept < days["expire_days"]:
            found.append(f"{stack}: backups are kept for {kept} days.")
    return found


def backups_are_private_and_end(code: Code) -> list[str]:
    found: list[str] = []
    bucket = _one(code, GCP, "google_storage_bucket").body
    if bucket["public_access_prevention"] != "enforced" or not bucket["uniform_bucket_level_access"]:
        found.append("gcp: backups can be made public.")
    ages = [
        rule["condition"][0].get("age")
        for rule in bucket["lifecycle_rule"]
        if rule["action"][0]["type"] == "Delete"
    ]
    if ages != ["${var.expire_days}", None]:
        found.append("gcp: old backups do not end.")
    closed = _one(code, AWS, "aws_s3_bucket_public_access_block").body
    if {value for name, value in closed.items() if name != "bucket"} != {True}:
        found.append("aws: backups can be made public.")
    rules = _one(code, AWS, "aws_s3_bucket_lifecycle_configuration").body["rule"]
    if [each["expiration"] for each in rules if "expiration" in each] != [[{"days": "${var.expire_days}"}]]:
        found.append("aws: old backups do not end.")
    versions = _one(code, AWS, "aws_s3_bucket_versioning").body["versioning_configuration"]
    if versions != [{"status": "Enabled"}]:
        found.append("aws: what is deleted is gone at once.")
    return found


def backups_lie_apart(code: Code) -> list[str]:
    job = _one(code, GCP, "google_cloud_run_v2_job").body["template"][0]["template"][0]
    found: list[str] = []
    if job["containers"][0]["args"] != ["backup", "--to", "${local.url}"]:
        found.append("gcp: the job does something else, or through a shell.")
    if 'command   = ["backup", "--to", local.url]' not in code.files[f"{AWS}/task.tf"]:
        found.append("aws: the task does something else, or through a shell.")
    urls = [code.local(f"{folder}/main.tf", "url") for folder in (GCP, AWS)]
    if urls != ["gs://${google_storage_bucket.main.name}/helium", "s3://${aws_s3_bucket.this.id}/helium"]:
        found.append("Backups are not in their own bucket.")
    return found


def the_scheduler_starts_it_and_does_nothing_else(code: Code) -> list[str]:
    found: list[str] = []
    (caller,) = code.resources("google_cloud_run_v2_job_iam_member")
    if (caller.body["role"], caller.body["member"]) != (
        "roles/run.invoker",
        "serviceAccount:${var.caller}",
    ):
        found.append("gcp: the scheduler may do more than start the job.")
    if code.local(f"{GCP}/main.tf", "schedules") != {"daily": "10 ${var.hour} * * *"}:
        found.append("gcp: no backup each day.")
    for stack in STACKS[:2]:
        if code.local(f"infra/stacks/{stack}/services.tf", "accounts")["scheduler"]["roles"] != []:
            found.append(f"{stack}: the scheduler has rights in the whole project.")
    schedule = _one(code, AWS, "aws_scheduler_schedule").body
    if schedule["schedule_expression"] != "cron(10 ${var.hour} * * ? *)":
        found.append("aws: no backup each day.")
    roles = code.files[f"{AWS}/roles.tf"].partition('"aws_iam_role_policy" "scheduler"')[2]
    if re.findall(r"Action += (.*)", roles) != ['["ecs:RunTask"]', '["iam:PassRole"]']:
        found.append("aws: the scheduler may do more than start the task.")
    if not {'"ecs:cluster" = var.cluster.arn', '"iam:PassedToService" = "ecs-tasks.amazonaws.com"'} <= set(
        re.findall(r'"[\w:]+" = [\w."-]+', roles)
    ):
        found.append("aws: the scheduler may start the task elsewhere, or give its role away.")
    return found


def it_reads_two_secrets(code: Code) -> list[str]:
    found = [
        f"{each}: other secrets may be given to a backup."
        for each in code.blocks("variable")
        if each.name == "secrets" and each.file.startswith((GCP, AWS)) and SECRETS not in _conditions(each)
    ]
    for stack in STACKS[2:]:
        account = code.local(f"infra/stacks/{stack}/services.tf", "accounts")["backup"]
        if account["secrets"] != "${values(local.backup_secrets)}":
            found.append(f"{stack}: the task reads other secrets.")
    return found


def its_image_is_terraforms(code: Code) -> list[str]:
    """No release knows of it, so one that `apply` left alone would stay for ever."""
    ignored = _one(code, GCP, "google_cloud_run_v2_job").body["lifecycle"][0].get("ignore_changes", [])
    found = ["gcp: its image is never renewed."] if "image" in str(ignored) else []
    task = _one(code, AWS, "aws_ecs_task_definition").body
    if "lifecycle" in task or "image     = var.image" not in code.files[f"{AWS}/task.tf"]:
        found.append("aws: its image is never renewed.")
    return found


def silence_is_told(code: Code) -> list[str]:
    found: list[str] = []
    alert = code.files["infra/modules/gcp/monitoring/alerts.tf"]
    query = re.search(r'backup-missing = \{.*?query += "(.*?)"\n', alert, re.DOTALL)
    if query is None or not re.fullmatch(
        rf"absent\(sum\(.*_backups_made.*\[{HOURS}h\]\)\) > 0\)", query[1]
    ):
        found.append("gcp: nobody hears that there is no backup.")
    alarm = _alarm(code)
    if (alarm["treat_missing_data"], alarm["comparison_operator"]) != ("breaching", "LessThanThreshold"):
        found.append("aws: silence counts as a backup.")
    period = [each["metric"][0]["period"] for each in alarm["metric_query"] if "metric" in each]
    if period != [3600] or {alarm["evaluation_periods"], alarm["datapoints_to_alarm"]} != {HOURS}:
        found.append("aws: nobody hears that there is no backup.")
    found += [
        f"{module}: watches another job."
        for module in code.blocks("module")
        if module.name == "monitoring" and module.body.get("backup") != "${module.backup.name}"
    ]
    return found


def _alarm(code: Code) -> dict[str, Any]:
    return next(e.body for e in code.resources("aws_cloudwatch_metric_alarm") if e.name == "backup")


def _one(code: Code, folder: str, kind: str) -> Named:
    (found,) = [each for each in code.resources(kind) if each.file.startswith(f"{folder}/")]
    return found


def _conditions(variable: Named) -> list[str]:
    return [rule["condition"] for rule in variable.body["validation"]]


POLICIES = (
    the_job_deletes_nothing,
    nobody_deletes_a_backup_of_prod,
    backups_are_private_and_end,
    backups_lie_apart,
    the_scheduler_starts_it_and_does_nothing_else,
    it_reads_two_secrets,
    its_image_is_terraforms,
    silence_is_told,
)
