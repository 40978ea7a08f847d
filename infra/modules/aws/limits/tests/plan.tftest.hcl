mock_provider "aws" {}

variables {
  name                = "helium-prod"
  environment         = "prod"
  requests_per_minute = 600
}

run "one_address_cannot_send_too_much" {
  command = plan

  assert {
    condition     = one([for rule in aws_wafv2_web_acl.this.rule : rule.statement[0].rate_based_statement[0].limit if rule.name == "address"]) == 600
    error_message = "Requests of one address are bounded."
  }

  assert {
    condition     = !anytrue([for rule in aws_wafv2_web_acl.this.rule : rule.visibility_config[0].sampled_requests_enabled])
    error_message = "Samples show callers' keys."
  }
}

run "a_limit_that_stops_a_person_is_refused" {
  command = plan

  variables {
    requests_per_minute = 10
  }

  expect_failures = [var.requests_per_minute]
}
