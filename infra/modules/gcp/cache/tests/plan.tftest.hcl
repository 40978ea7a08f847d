mock_provider "google" {}

variables {
  name              = "helium-redis"
  environment       = "prod"
  region            = "us-east4"
  size              = "medium"
  high_availability = true
  network           = { id = "projects/p/global/networks/helium", subnetwork = "projects/p/regions/us-east4/subnetworks/helium" }
}

run "it_is_private_encrypted_and_asks_for_a_password" {
  command = plan

  assert {
    condition     = google_redis_instance.main.auth_enabled && google_redis_instance.main.transit_encryption_mode == "SERVER_AUTHENTICATION"
    error_message = "A password, and TLS."
  }

  assert {
    condition     = google_redis_instance.main.tier == "STANDARD_HA" && google_redis_instance.main.memory_size_gb == 5
    error_message = "Highly available, 5 GB."
  }

  assert {
    condition     = google_redis_instance.main.redis_configs["maxmemory-policy"] == "noeviction"
    error_message = "Nothing vanishes by itself."
  }

  assert {
    condition     = google_redis_instance.main.deletion_protection && google_secret_manager_secret.url.deletion_protection
    error_message = "Protected in prod."
  }

  assert {
    condition     = google_secret_manager_secret_version.url.secret_data == null
    error_message = "The URL is written only, never kept in the state."
  }
}

run "staging_has_one_instance" {
  command = plan

  variables {
    environment       = "staging"
    size              = "small"
    high_availability = false
  }

  assert {
    condition     = google_redis_instance.main.tier == "BASIC" && google_redis_instance.main.memory_size_gb == 1 && !google_redis_instance.main.deletion_protection
    error_message = "Small, and it can be taken down."
  }
}
