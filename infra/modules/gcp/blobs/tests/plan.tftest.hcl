mock_provider "google" {}

variables {
  name         = "example-helium-prod"
  environment  = "prod"
  region       = "us-east4"
  expire_days  = 30
  cors_origins = ["https://app.example.com"]
  writers      = { api = "helium-api@example.iam.gserviceaccount.com" }
  readers      = { backup = "helium-backup@example.iam.gserviceaccount.com" }
}

run "it_is_private" {
  command = plan

  assert {
    condition     = google_storage_bucket.main.public_access_prevention == "enforced" && google_storage_bucket.main.uniform_bucket_level_access
    error_message = "Nobody makes it public by mistake."
  }

  assert {
    condition     = !google_storage_bucket.main.force_destroy
    error_message = "In prod a bucket with files cannot be taken down."
  }

  assert {
    condition     = google_storage_bucket_iam_member.readers["backup"].role == "roles/storage.objectViewer" && google_storage_bucket_iam_member.writers["api"].role == "roles/storage.objectUser"
    error_message = "The backup reads and does not write."
  }

  assert {
    condition     = output.url == "gs://example-helium-prod"
    error_message = "As Helium names it."
  }
}

run "live_files_have_no_rule_by_age" {
  command = plan

  assert {
    condition = alltrue([
      for rule in google_storage_bucket.main.lifecycle_rule :
      one(rule.action).type == "AbortIncompleteMultipartUpload" || (one(rule.condition).age == null && one(rule.condition).days_since_noncurrent_time == 30)
    ])
    error_message = "Only what is no longer live is deleted."
  }

  assert {
    condition     = length([for rule in google_storage_bucket.main.lifecycle_rule : rule if one(rule.action).type == "AbortIncompleteMultipartUpload" && one(rule.condition).age == 1]) == 1
    error_message = "Uploads that broke off are gone after a day."
  }
}

run "pages_read_from_named_origins_only" {
  command = plan

  variables {
    cors_origins = ["*"]
  }

  expect_failures = [var.cors_origins]
}
