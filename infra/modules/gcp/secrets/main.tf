resource "google_secret_manager_secret" "main" {
  for_each = var.names

  secret_id           = "${var.name}-${each.key}"
  labels              = merge(var.labels, { environment = var.environment })
  deletion_protection = var.environment == "prod"

  replication {
    auto {}
  }
}

resource "google_secret_manager_secret_version" "main" {
  for_each = var.versions

  secret                 = google_secret_manager_secret.main[each.key].id
  secret_data_wo         = lookup(var.values, each.key, null)
  secret_data_wo_version = each.value
  # A process that pinned the old version goes on; whoever rotates a leaked key destroys it by hand.
  deletion_policy = "ABANDON"
}
