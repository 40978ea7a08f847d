mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }

  mock_data "aws_region" {
    defaults = { id = "us-east-1", name = "us-east-1" }
  }

  mock_resource "aws_s3_bucket" {
    defaults = { id = "helium-prod-backups-123456789012", arn = "arn:aws:s3:::helium-prod-backups-123456789012" }
  }

  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/made" }
  }

  mock_resource "aws_ecs_task_definition" {
    defaults = { arn = "arn:aws:ecs:us-east-1:123456789012:task-definition/helium-prod-backup:1" }
  }
}

variables {
  name        = "helium-prod"
  environment = "prod"
  image       = "123456789012.dkr.ecr.us-east-1.amazonaws.com/helium-prod/helium-backend@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
  account     = "arn:aws:iam::123456789012:role/helium-prod-backup"
  cluster     = { arn = "arn:aws:ecs:us-east-1:123456789012:cluster/helium-prod", name = "helium-prod" }
  network     = { subnets = ["subnet-1", "subnet-2"], tasks_security_group_id = "sg-1" }
  settings    = { HELIUM_BLOBS__URL = "s3://helium-prod-files-123456789012", HELIUM_BLOBS__REGION = "us-east-1" }
  expire_days = 35
  retain_days = 30

  secrets = {
    HELIUM_DATABASE_URL = "arn:aws:secretsmanager:us-east-1:123456789012:secret:helium-prod/database-url-AbCdEf"
    HELIUM_BACKUP_KEY   = "arn:aws:secretsmanager:us-east-1:123456789012:secret:helium-prod/backup-key-AbCdEf"
  }
}

run "it_is_made_each_day" {
  command = apply

  assert {
    condition     = output.name == "helium-prod-backup" && aws_s3_bucket.this.bucket == "helium-prod-backups-123456789012" && output.url == "s3://helium-prod-backups-123456789012/helium"
    error_message = "Named like the other resources."
  }

  assert {
    condition     = aws_scheduler_schedule.daily.schedule_expression == "cron(10 2 * * ? *)" && aws_scheduler_schedule.daily.schedule_expression_timezone == "UTC"
    error_message = "Once a day."
  }

  assert {
    condition     = aws_scheduler_schedule.daily.target[0].arn == var.cluster.arn && aws_scheduler_schedule.daily.target[0].ecs_parameters[0].launch_type == "FARGATE" && aws_scheduler_schedule.daily.target[0].ecs_parameters[0].network_configuration[0].assign_public_ip == false
    error_message = "On Fargate, in a private subnet."
  }

  assert {
    condition     = [for statement in jsondecode(aws_iam_role_policy.scheduler.policy).Statement : statement.Action] == [["ecs:RunTask"], ["iam:PassRole"]] && alltrue([for statement in jsondecode(aws_iam_role_policy.scheduler.policy).Statement : length(statement.Condition) == 1])
    error_message = "The scheduler runs this task in this cluster and does nothing else."
  }
}

run "the_task_saves_into_the_bucket_of_backups" {
  command = apply

  assert {
    condition     = jsondecode(aws_ecs_task_definition.this.container_definitions)[0].command == ["backup", "--to", "s3://helium-prod-backups-123456789012/helium"]
    error_message = "Words, and no shell."
  }

  assert {
    condition     = aws_ecs_task_definition.this.runtime_platform[0].cpu_architecture == "ARM64" && aws_ecs_task_definition.this.task_role_arn == var.account && jsondecode(aws_ecs_task_definition.this.container_definitions)[0].readonlyRootFilesystem
    error_message = "Like the services, with a role of its own."
  }

  assert {
    condition     = startswith(local.environment.HELIUM_BACKUP_KEY, "secret:aws:arn:") && startswith(local.environment.HELIUM_DATABASE_URL, "secret:aws:arn:") && local.environment.HELIUM_ENVIRONMENT == "production" && local.environment.AWS_CHECKSUM_ALGORITHM == "SHA256"
    error_message = "References; in production no backup without a key; and what Object Lock asks for."
  }
}

run "nobody_can_delete_a_backup_of_prod" {
  command = apply

  assert {
    condition     = aws_s3_bucket.this.object_lock_enabled && aws_s3_bucket_object_lock_configuration.this["days"].rule[0].default_retention[0].days == 30 && !aws_s3_bucket.this.force_destroy
    error_message = "30 days, for everybody."
  }

  assert {
    condition     = aws_s3_bucket_versioning.this.versioning_configuration[0].status == "Enabled" && aws_s3_bucket_public_access_block.this.restrict_public_buckets
    error_message = "Versions, and private."
  }

  assert {
    condition     = one(aws_s3_bucket_lifecycle_configuration.this.rule[1].expiration).days == 35
    error_message = "Old ones end."
  }
}

run "staging_has_versions_only" {
  command = plan

  variables {
    environment = "staging"
    retain_days = 0
  }

  assert {
    condition     = length(aws_s3_bucket_object_lock_configuration.this) == 0 && aws_s3_bucket.this.object_lock_enabled == false
    error_message = "It can be taken down."
  }
}

run "prod_keeps_its_backups" {
  command = plan

  variables {
    retain_days = 0
  }

  expect_failures = [var.retain_days]
}

run "a_backup_that_ends_before_it_may_be_deleted_is_refused" {
  command = plan

  variables {
    expire_days = 30
  }

  expect_failures = [aws_s3_bucket.this]
}

run "a_backup_without_a_key_is_refused" {
  command = plan

  variables {
    secrets = { HELIUM_DATABASE_URL = "arn:aws:secretsmanager:us-east-1:123456789012:secret:helium-prod/database-url-AbCdEf" }
  }

  expect_failures = [var.secrets]
}
