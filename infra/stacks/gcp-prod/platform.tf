locals {
  apis = toset([
    "artifactregistry.googleapis.com",
    "billingbudgets.googleapis.com",
    "cloudscheduler.googleapis.com",
    "cloudtasks.googleapis.com",
    "compute.googleapis.com",
    "iam.googleapis.com",
    "iamcredentials.googleapis.com",
    "logging.googleapis.com",
    "monitoring.googleapis.com",
    "redis.googleapis.com",
    "run.googleapis.com",
    "secretmanager.googleapis.com",
    "servicenetworking.googleapis.com",
    "sqladmin.googleapis.com",
    "storage.googleapis.com",
    "sts.googleapis.com",
  ])
}

resource "google_project_service" "main" {
  for_each = local.apis

  service = each.key
  # Others in the project may need it too.
  disable_on_destroy = false
}

resource "google_artifact_registry_repository" "main" {
  #checkov:skip=CKV_GCP_84: Google encrypts it, and what is in it is published source
  repository_id = local.name
  location      = var.region
  description   = "Images of Helium, ${local.environment}"
  labels        = merge(local.labels, { environment = local.environment })
  format        = "DOCKER"

  docker_config {
    immutable_tags = true
  }

  vulnerability_scanning_config {
    enablement_config = "INHERITED"
  }

  # Fifty releases back; what has no tag is what a build left behind.
  cleanup_policies {
    id     = "releases"
    action = "KEEP"

    most_recent_versions {
      keep_count = 50
    }
  }

  cleanup_policies {
    id     = "leftovers"
    action = "DELETE"

    condition {
      tag_state  = "UNTAGGED"
      older_than = "1209600s"
    }
  }

  depends_on = [google_project_service.main]
}

resource "google_artifact_registry_repository_iam_member" "pipeline" {
  for_each = var.repository == null ? toset([]) : toset(["pipeline"])

  repository = google_artifact_registry_repository.main.name
  location   = var.region
  role       = "roles/artifactregistry.writer"
  member     = "serviceAccount:${module.identity.accounts[each.key]}"
}

resource "google_monitoring_notification_channel" "mails" {
  for_each = var.alarm_mails

  display_name = each.key
  type         = "email"
  labels       = { email_address = each.key }
  user_labels  = merge(local.labels, { environment = local.environment })

  depends_on = [google_project_service.main]
}
