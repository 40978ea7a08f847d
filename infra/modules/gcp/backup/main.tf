locals {
  labels  = merge(var.labels, { environment = var.environment })
  job     = "${var.name}-backup"
  project = trimprefix(data.google_project.current.id, "projects/")
  url     = "gs://${google_storage_bucket.main.name}/helium"
  # It reads what it wrote, for the list of files, and never deletes or replaces: rules of the bucket end old backups.
  rights    = { create = "roles/storage.objectCreator", read = "roles/storage.objectViewer" }
  retained  = var.retain_days == 0 ? {} : { days = var.retain_days }
  undelete  = 7
  day       = 24 * 60 * 60
  timeout   = 4 * 60 * 60
  schedules = { daily = "10 ${var.hour} * * *" }
}

data "google_project" "current" {}

resource "google_storage_bucket" "main" {
  #checkov:skip=CKV_GCP_62: who read what is in the audit log of data access, and access logs would need a bucket more
  #checkov:skip=CKV_GCP_78: Google takes either versions or a retention policy; what is kept by the policy cannot be replaced
  # No other bucket of the world may have its name.
  name                        = "${local.project}-${var.name}-backups"
  location                    = upper(var.region)
  storage_class               = "STANDARD"
  labels                      = local.labels
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  # Staging can be taken down with its backups; prod only when it is empty.
  force_destroy = var.environment == "staging"

  versioning {
    enabled = var.retain_days == 0
  }

  # What a rule or a person deleted comes back for a week.
  soft_delete_policy {
    retention_duration_seconds = local.undelete * local.day
  }

  # Not locked: a lock is for ever, and whoever needs one sets it by hand.
  dynamic "retention_policy" {
    for_each = local.retained

    content {
      retention_period = retention_policy.value * local.day
    }
  }

  lifecycle_rule {
    action {
      type = "AbortIncompleteMultipartUpload"
    }

    condition {
      age = 1
    }
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }

    condition {
      age        = var.expire_days
      with_state = "LIVE"
    }
  }

  lifecycle_rule {
    action {
      type = "Delete"
    }

    condition {
      days_since_noncurrent_time = local.undelete
      with_state                 = "ARCHIVED"
    }
  }

  lifecycle {
    precondition {
      condition     = var.expire_days > var.retain_days
      error_message = "expire_days must be more than retain_days: nothing is deleted before."
    }
  }
}

resource "google_storage_bucket_iam_member" "job" {
  for_each = local.rights

  bucket = google_storage_bucket.main.name
  role   = each.value
  member = "serviceAccount:${var.account}"
}
