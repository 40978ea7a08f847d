locals {
  gigabytes = { small = 1, medium = 5, large = 16 }
  labels    = merge(var.labels, { environment = var.environment })
  # Written again when the instance is another one.
  incarnation = parseint(substr(sha256("${google_redis_instance.main.host}:${google_redis_instance.main.port}"), 0, 7), 16)
}

resource "google_redis_instance" "main" {
  name                    = var.name
  display_name            = "Helium, ${var.environment}"
  labels                  = local.labels
  region                  = var.region
  tier                    = var.high_availability ? "STANDARD_HA" : "BASIC"
  memory_size_gb          = local.gigabytes[var.size]
  redis_version           = "REDIS_7_2"
  authorized_network      = var.network.id
  connect_mode            = "PRIVATE_SERVICE_ACCESS"
  auth_enabled            = true
  transit_encryption_mode = "SERVER_AUTHENTICATION"
  deletion_protection     = var.environment == "prod"
  # Nothing in it may vanish by itself while it is full: writers are told instead.
  redis_configs = { maxmemory-policy = "noeviction" }

  persistence_config {
    # PostgreSQL holds the truth: an empty start loses nothing.
    persistence_mode = "DISABLED"
  }

  maintenance_policy {
    weekly_maintenance_window {
      day = "SUNDAY"

      start_time {
        hours   = 4
        minutes = 0
        nanos   = 0
        seconds = 0
      }
    }
  }
}

resource "google_secret_manager_secret" "url" {
  secret_id           = "${var.name}-url"
  labels              = local.labels
  deletion_protection = var.environment == "prod"

  replication {
    auto {}
  }
}

resource "google_secret_manager_secret_version" "url" {
  secret = google_secret_manager_secret.url.id
  secret_data_wo = format(
    "rediss://:%s@%s:%d/0",
    google_redis_instance.main.auth_string,
    google_redis_instance.main.host,
    google_redis_instance.main.port,
  )
  secret_data_wo_version = local.incarnation
}

# No secret, but a file that services mount: the authority that signed this instance's certificate is its own.
resource "google_secret_manager_secret" "ca" {
  secret_id           = "${var.name}-ca"
  labels              = local.labels
  deletion_protection = var.environment == "prod"

  replication {
    auto {}
  }
}

resource "google_secret_manager_secret_version" "ca" {
  secret      = google_secret_manager_secret.ca.id
  secret_data = join("\n", [for authority in google_redis_instance.main.server_ca_certs : authority.cert])
}
