mock_provider "google" {}

variables {
  name        = "helium"
  environment = "prod"
  names       = ["database-url", "openai-key"]
  versions    = { openai-key = 1 }
  values      = { openai-key = "not a key" }
}

run "values_are_written_and_not_kept" {
  command = plan

  assert {
    condition     = google_secret_manager_secret.main["openai-key"].secret_id == "helium-openai-key" && google_secret_manager_secret.main["openai-key"].deletion_protection
    error_message = "Named, and protected in prod."
  }

  assert {
    condition     = google_secret_manager_secret_version.main["openai-key"].secret_data == null && google_secret_manager_secret_version.main["openai-key"].secret_data_wo_version == 1
    error_message = "The state has a number and no value."
  }

  assert {
    condition     = keys(google_secret_manager_secret_version.main) == ["openai-key"]
    error_message = "What Terraform does not write, it leaves alone."
  }

  assert {
    condition     = output.ids["database-url"] == "helium-database-url"
    error_message = "Ids by name."
  }
}

run "a_value_needs_a_secret" {
  command = plan

  variables {
    versions = { other = 1 }
  }

  expect_failures = [var.versions]
}
