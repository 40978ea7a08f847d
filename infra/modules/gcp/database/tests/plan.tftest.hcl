mock_provider "google" {}

variables {
  name                = "helium-database"
  environment         = "prod"
  region              = "us-east4"
  size                = "medium"
  high_availability   = true
  deletion_protection = true
  password            = "not-a-password-not-a-password"
  network             = { id = "projects/p/global/networks/helium", subnetwork = "projects/p/regions/us-east4/subnetworks/helium" }
}

run "it_is_private_protected_and_recoverable" {
  command = plan

  assert {
    condition     = google_sql_database_instance.main.deletion_protection && google_sql_database_instance.main.settings[0].deletion_protection_enabled
    error_message = "Neither Terraform nor the console deletes it."
  }

  assert {
    condition     = !google_sql_database_instance.main.settings[0].ip_configuration[0].ipv4_enabled && google_sql_database_instance.main.settings[0].ip_configuration[0].ssl_mode == "ENCRYPTED_ONLY"
    error_message = "Private, and TLS only."
  }

  assert {
    condition     = google_sql_database_instance.main.settings[0].availability_type == "REGIONAL"
    error_message = "Two zones."
  }

  assert {
    condition     = google_sql_database_instance.main.settings[0].backup_configuration[0].point_in_time_recovery_enabled
    error_message = "Any point in time of the last days."
  }

  assert {
    condition     = output.max_connections == 410
    error_message = "As docs/operations/scaling.md needs for 40 processes with 4 connections each."
  }
}

run "an_unprotected_database_in_prod_is_refused" {
  command = plan

  variables {
    deletion_protection = false
  }

  expect_failures = [var.deletion_protection]
}

run "a_password_that_breaks_the_url_is_refused" {
  command = plan

  variables {
    password = "short@example"
  }

  expect_failures = [var.password]
}
