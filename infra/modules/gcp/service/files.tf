# Folders in which a file lies that Secret Manager keeps, and the rights to read it.
locals {
  folders = {
    for folder, given in var.files : folder => {
      volume = "file-${substr(sha256(folder), 0, 8)}"
      secret = given.secret
      file   = given.file
    }
  }
  collectors = var.metrics == null ? {} : { metrics = var.metrics }
  configured = {
    for name, secret in google_secret_manager_secret.metrics : "/etc/rungmp" => {
      volume = name
      secret = secret.secret_id
      file   = "config.yaml"
    }
  }
  mounted = merge(local.folders, local.configured)
  readable = merge(
    var.secrets,
    { for folder, given in local.folders : folder => given.secret },
    { for name, secret in google_secret_manager_secret.metrics : name => secret.secret_id },
  )
}

# Each process reads its own secrets and no others.
resource "google_secret_manager_secret_iam_member" "main" {
  for_each = local.readable

  secret_id = each.value
  role      = "roles/secretmanager.secretAccessor"
  member    = "serviceAccount:${var.account}"
}

# The sidecar's configuration, no secret: Cloud Run mounts files from Secret Manager only.
resource "google_secret_manager_secret" "metrics" {
  for_each = local.collectors

  secret_id           = "${var.name}-metrics"
  labels              = local.labels
  deletion_protection = var.environment == "prod"

  replication {
    auto {}
  }
}

resource "google_secret_manager_secret_version" "metrics" {
  for_each = local.collectors

  secret = google_secret_manager_secret.metrics[each.key].id
  secret_data = yamlencode({
    apiVersion = "monitoring.googleapis.com/v1beta"
    kind       = "RunMonitoring"
    metadata   = { name = var.name }
    spec = {
      endpoints = [{ port = each.value.port, path = "/metrics", interval = "30s" }]
    }
  })
}
