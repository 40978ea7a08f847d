resource "google_storage_bucket" "main" {
  #checkov:skip=CKV_GCP_62: who read what is in the audit log of data access, and access logs would need a bucket more
  name                        = var.name
  location                    = upper(var.region)
  storage_class               = "STANDARD"
  labels                      = merge(var.labels, { environment = var.environment })
  uniform_bucket_level_access = true
  public_access_prevention    = "enforced"
  # Staging can be taken down with its files; prod only when it is empty.
  force_destroy = var.environment == "staging"

  versioning {
    enabled = true
  }

  soft_delete_policy {
    # Versions do the same, for a time that we choose.
    retention_duration_seconds = 0
  }

  # What an upload left that broke off. Helium's row for it is cleaned up by Helium.
  lifecycle_rule {
    action {
      type = "AbortIncompleteMultipartUpload"
    }

    condition {
      age = 1
    }
  }

  # Only versions that are no longer live: a rule by age on live ones would delete what rows refer to.
  lifecycle_rule {
    action {
      type = "Delete"
    }

    condition {
      days_since_noncurrent_time = var.expire_days
      with_state                 = "ARCHIVED"
    }
  }

  dynamic "cors" {
    for_each = length(var.cors_origins) > 0 ? { pages = sort(var.cors_origins) } : {}

    content {
      origin          = cors.value
      method          = ["GET", "HEAD"]
      response_header = ["Content-Type", "Content-Length", "Content-Range", "ETag"]
      max_age_seconds = 3600
    }
  }
}

resource "google_storage_bucket_iam_member" "readers" {
  for_each = var.readers

  bucket = google_storage_bucket.main.name
  role   = "roles/storage.objectViewer"
  member = "serviceAccount:${each.value}"
}

resource "google_storage_bucket_iam_member" "writers" {
  for_each = var.writers

  bucket = google_storage_bucket.main.name
  role   = "roles/storage.objectUser"
  member = "serviceAccount:${each.value}"
}
