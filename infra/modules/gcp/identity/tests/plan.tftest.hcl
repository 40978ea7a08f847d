mock_provider "google" {
  mock_data "google_project" {
    defaults = {
      id     = "projects/example"
      number = "123"
    }
  }
}

variables {
  name        = "helium"
  environment = "prod"
  accounts = {
    api    = { description = "Answers requests.", roles = ["roles/monitoring.metricWriter"] }
    deploy = { description = "Deploys.", roles = ["roles/run.developer"] }
  }
  repository = { id = "1234", owner_id = "99", account = "deploy" }
}

run "accounts_have_their_roles_and_no_more" {
  command = plan

  assert {
    condition     = google_service_account.main["api"].account_id == "helium-api"
    error_message = "Accounts begin with the name."
  }

  assert {
    condition     = { for key, grant in google_project_iam_member.main : key => grant.role } == { "api roles/monitoring.metricWriter" = "roles/monitoring.metricWriter", "deploy roles/run.developer" = "roles/run.developer" }
    error_message = "One grant for each role."
  }

  assert {
    condition     = keys(google_service_account_iam_member.deployable) == ["api"]
    error_message = "A deployment acts as the others, not as itself."
  }
}

run "a_workflow_is_known_by_numbers_and_environment" {
  command = plan

  assert {
    condition     = google_iam_workload_identity_pool_provider.main["github"].attribute_condition == "assertion.repository_id == '1234' && assertion.repository_owner_id == '99' && assertion.environment == 'prod'"
    error_message = "Names can be taken over; numbers cannot."
  }
}

run "without_a_repository_nobody_federates" {
  command = plan

  variables {
    repository = null
  }

  assert {
    condition     = length(google_iam_workload_identity_pool.main) == 0 && output.federation_provider == null
    error_message = "No pool without a repository."
  }
}

run "primitive_roles_are_refused" {
  command = plan

  variables {
    accounts   = { api = { description = "Too much.", roles = ["roles/editor"] } }
    repository = null
  }

  expect_failures = [var.accounts]
}
