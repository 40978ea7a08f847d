mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }

  mock_data "aws_region" {
    defaults = { id = "us-east-1", name = "us-east-1" }
  }
}

variables {
  name          = "helium-prod"
  environment   = "prod"
  image         = "123456789012.dkr.ecr.us-east-1.amazonaws.com/helium-prod/helium-backend@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
  account       = "arn:aws:iam::123456789012:role/helium-prod-function"
  queue         = { arn = "arn:aws:sqs:us-east-1:123456789012:agent-processing", visibility_seconds = 5400 }
  settings      = { HELIUM_ENVIRONMENT = "production", HELIUM_QUEUE__KIND = "sqs" }
  secrets       = { HELIUM_DATABASE_URL = "arn:aws:secretsmanager:us-east-1:123456789012:secret:helium-prod/database-url-AbCdEf" }
  max_instances = 20
  network       = { subnets = ["subnet-1", "subnet-2"], tasks_security_group_id = "sg-1" }
}

run "what_was_refused_comes_again" {
  command = plan

  assert {
    condition     = aws_lambda_event_source_mapping.queue.function_response_types == toset(["ReportBatchItemFailures"])
    error_message = "Lambda would delete what was refused."
  }

  assert {
    condition     = aws_lambda_event_source_mapping.queue.scaling_config[0].maximum_concurrency == aws_lambda_function.this.reserved_concurrent_executions
    error_message = "What is throttled waits for the visibility time-out."
  }

  assert {
    condition     = aws_lambda_function.this.environment[0].variables["HELIUM_WORKER__STEP_TIMEOUT_SECONDS"] == "400"
    error_message = "A step ends within half of the time."
  }

  assert {
    condition     = startswith(aws_lambda_function.this.environment[0].variables["HELIUM_DATABASE_URL"], "secret:aws:arn:")
    error_message = "A secret is a reference and not a value."
  }
}

run "a_visibility_under_six_timeouts_is_refused" {
  command = plan

  variables {
    queue = { arn = "arn:aws:sqs:us-east-1:123456789012:agent-processing", visibility_seconds = 900 }
  }

  expect_failures = [aws_lambda_function.this]
}

run "a_function_without_a_database_is_refused" {
  command = plan

  variables {
    secrets = {}
  }

  expect_failures = [var.secrets]
}
