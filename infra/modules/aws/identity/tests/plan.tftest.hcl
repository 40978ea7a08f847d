mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }

  mock_data "aws_region" {
    defaults = { id = "us-east-1", name = "us-east-1" }
  }

  mock_resource "aws_iam_openid_connect_provider" {
    defaults = { arn = "arn:aws:iam::123456789012:oidc-provider/token.actions.githubusercontent.com" }
  }
}

variables {
  name        = "helium-prod"
  environment = "prod"

  accounts = {
    api = {
      description = "Answers requests"
      roles       = ["queue.look", "queue.send"]
      secrets     = ["arn:aws:secretsmanager:us-east-1:123456789012:secret:helium-prod/redis-url-AbCdEf"]
    }
    worker   = { description = "Executes runs", roles = ["queue.receive", "files.write", "protect"] }
    function = { description = "Executes runs", roles = ["queue.receive"], runs_on = "lambda" }
    backup   = { description = "Saves", roles = ["files.read", "backups.write"] }
    pipeline = { description = "Deploys", roles = [], runs_on = "github" }
  }

  resources = {
    queue      = "arn:aws:sqs:us-east-1:123456789012:agent-processing"
    dead_queue = "arn:aws:sqs:us-east-1:123456789012:agent-processing-dead"
    bucket     = "arn:aws:s3:::helium-prod-files-123456789012"
    backups    = "arn:aws:s3:::helium-prod-backups-123456789012"
    cluster    = "helium-prod"
  }

  repository = {
    owner    = "helium"
    owner_id = "42"
    name     = "helium"
    id       = "4711"
    account  = "pipeline"
    images   = "arn:aws:ecr:us-east-1:123456789012:repository/helium-prod/helium-backend"
  }
}

run "each_has_what_it_needs_and_no_more" {
  command = apply

  assert {
    condition     = !strcontains(aws_iam_role_policy.this["api"].policy, "ReceiveMessage") && strcontains(aws_iam_role_policy.this["api"].policy, "sqs:SendMessage")
    error_message = "api rings and does not receive."
  }

  assert {
    condition     = !strcontains(aws_iam_role_policy.this["worker"].policy, "secretsmanager") && strcontains(aws_iam_role_policy.this["api"].policy, "helium-prod/redis-url-AbCdEf")
    error_message = "Only those who were given a secret may read it."
  }

  assert {
    condition = alltrue([for policy in aws_iam_role_policy.this : alltrue([
      for statement in jsondecode(policy.policy).Statement : !anytrue([for action in statement.Action : strcontains(action, "*")]) && !contains(statement.Resource, "*")
    ])])
    error_message = "A wildcard."
  }
}

run "the_backup_reads_files_and_deletes_nothing" {
  command = apply

  assert {
    condition = { for statement in jsondecode(aws_iam_role_policy.this["backup"].policy).Statement : "${statement.Action[0]} ${statement.Resource[0]}" => length(statement.Action) } == {
      "s3:GetObject arn:aws:s3:::helium-prod-files-123456789012/*"   = 1
      "s3:ListBucket arn:aws:s3:::helium-prod-files-123456789012"    = 1
      "s3:GetObject arn:aws:s3:::helium-prod-backups-123456789012/*" = 3
      "s3:ListBucket arn:aws:s3:::helium-prod-backups-123456789012"  = 1
    }
    error_message = "Its rights, bucket by bucket."
  }

  assert {
    condition     = !strcontains(aws_iam_role_policy.this["backup"].policy, "Delete")
    error_message = "Whoever takes the process over can delete no backup."
  }
}

run "only_workflows_of_this_repository_in_this_environment_deploy" {
  command = apply

  assert {
    condition = (jsondecode(aws_iam_role.this["pipeline"].assume_role_policy).Statement[0].Condition.StringEquals["token.actions.githubusercontent.com:sub"]
    == "repo:helium@42/helium@4711:environment:prod")
    error_message = "The subject has to hold names and numbers."
  }

  assert {
    condition     = !contains(keys(aws_iam_role_policy.this), "pipeline") && length(aws_iam_role_policy.deploy) == 1
    error_message = "The pipeline deploys and does nothing else."
  }

  assert {
    condition     = alltrue([for action in ["ecs:ContinueServiceDeployment", "ecs:DescribeServiceRevisions", "ecs:TagResource", "s3:PutObject"] : strcontains(aws_iam_role_policy.deploy["github"].policy, action)])
    error_message = "A release needs these calls."
  }

  assert {
    condition     = strcontains(aws_iam_role_policy.this["worker"].policy, "task/helium-prod/*") && !strcontains(aws_iam_role_policy.this["api"].policy, "TaskProtection")
    error_message = "Only who holds runs may be protected."
  }
}

run "a_role_that_is_not_in_the_table_is_refused" {
  command = plan

  variables {
    accounts   = { api = { description = "Answers", roles = ["admin"] } }
    repository = null
  }

  expect_failures = [var.accounts]
}

run "a_wildcard_is_refused" {
  command = plan

  variables {
    repository = null
    resources  = { queue = "arn:aws:sqs:us-east-1:123456789012:*", dead_queue = "arn:aws:sqs:a", bucket = "arn:aws:s3:::b", backups = "arn:aws:s3:::c", cluster = "c" }
  }

  expect_failures = [var.resources]
}
