mock_provider "google" {}

variables {
  name        = "helium"
  environment = "prod"
  region      = "us-east4"
  cidr        = "10.64.0.0/20"
}

run "ranges_do_not_overlap" {
  command = plan

  assert {
    condition     = google_compute_subnetwork.services.ip_cidr_range == "10.64.0.0/22"
    error_message = "The first quarter is for services."
  }

  assert {
    condition     = google_compute_global_address.managed.address == "10.64.4.0" && google_compute_global_address.managed.prefix_length == 22
    error_message = "The second quarter is for the cache and the database."
  }

  assert {
    condition     = !google_compute_network.main.auto_create_subnetworks
    error_message = "No subnetworks that nobody asked for."
  }
}

run "a_range_that_is_too_small_is_refused" {
  command = plan

  variables {
    cidr = "10.64.0.0/24"
  }

  expect_failures = [var.cidr]
}
