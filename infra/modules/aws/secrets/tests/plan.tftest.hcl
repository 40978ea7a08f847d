mock_provider "aws" {}

variables {
  name        = "helium-prod"
  environment = "prod"
  names       = ["database-url", "openai-api-key"]
  versions    = { database-url = 2 }
  values      = { database-url = "postgresql://helium:password@db.example.com/helium" }
}

run "values_are_written_and_not_kept" {
  command = plan

  assert {
    condition     = keys(aws_secretsmanager_secret.this) == ["database-url", "openai-api-key"] && aws_secretsmanager_secret.this["database-url"].name == "helium-prod/database-url"
    error_message = "All exist, also those without a value."
  }

  assert {
    condition     = keys(aws_secretsmanager_secret_version.this) == ["database-url"] && aws_secretsmanager_secret_version.this["database-url"].secret_string_wo_version == 2
    error_message = "Only those with a version are written."
  }

  assert {
    condition     = aws_secretsmanager_secret_version.this["database-url"].secret_string == null && aws_secretsmanager_secret.this["database-url"].recovery_window_in_days == 30
    error_message = "The value is in no plan, and a deleted secret can be brought back."
  }
}

run "a_version_of_no_secret_is_refused" {
  command = plan

  variables {
    versions = { other = 1 }
  }

  expect_failures = [var.versions]
}
