mock_provider "aws" {}

variables {
  account_id  = "123456789012"
  environment = "prod"
}

run "it_has_the_name_of_its_installation" {
  command = plan

  assert {
    condition     = startswith(local.labels.environment, "prod") && var.requests_per_minute == 600
    error_message = "One web ACL for each environment."
  }
}

run "another_environment_is_refused" {
  command = plan

  variables {
    environment = "production"
  }

  expect_failures = [var.environment]
}
