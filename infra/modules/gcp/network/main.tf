locals {
  prefix = tonumber(split("/", var.cidr)[1])
  # Addresses of the cache and the database: a range that Google's own network is given.
  managed = cidrsubnet(var.cidr, 2, 1)
}

resource "google_compute_network" "main" {
  name                    = var.name
  description             = "Helium, ${var.environment}"
  auto_create_subnetworks = false
  routing_mode            = "REGIONAL"
}

resource "google_compute_subnetwork" "services" {
  name                     = "${var.name}-services"
  description              = "Direct VPC egress of the services and the migration."
  network                  = google_compute_network.main.id
  region                   = var.region
  ip_cidr_range            = cidrsubnet(var.cidr, 2, 0)
  private_ip_google_access = true

  log_config {
    aggregation_interval = "INTERVAL_10_MIN"
    flow_sampling        = 0.1
    metadata             = "EXCLUDE_ALL_METADATA"
  }
}

# Nothing in this network is reached from outside. The platform's implied rule says so too; this one is logged.
resource "google_compute_firewall" "deny_ingress" {
  name          = "${var.name}-deny-ingress"
  description   = "Nothing comes in."
  network       = google_compute_network.main.id
  direction     = "INGRESS"
  priority      = 65000
  source_ranges = ["0.0.0.0/0"]

  deny {
    protocol = "all"
  }

  log_config {
    metadata = "EXCLUDE_ALL_METADATA"
  }
}

resource "google_compute_global_address" "managed" {
  name          = "${var.name}-managed"
  description   = "The cache and the database."
  labels        = merge(var.labels, { environment = var.environment })
  purpose       = "VPC_PEERING"
  address_type  = "INTERNAL"
  address       = cidrhost(local.managed, 0)
  prefix_length = local.prefix + 2
  network       = google_compute_network.main.id
}

resource "google_service_networking_connection" "managed" {
  network                 = google_compute_network.main.id
  service                 = "servicenetworking.googleapis.com"
  reserved_peering_ranges = [google_compute_global_address.managed.name]
  # Google frees the peering some days after its last user is gone, so deleting it at once would fail.
  deletion_policy = "ABANDON"
}
