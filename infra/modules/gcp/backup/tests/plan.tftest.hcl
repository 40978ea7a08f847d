mock_provider "google" {
  mock_data "google_project" {
    defaults = {
      id     = "projects/example"
      number = "123"
    }
  }
}

variables {
  name        = "helium"
  environment = "prod"
  region      = "us-east4"
  image       = "registry.example/helium/helium-backend@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
  account     = "helium-backup@example.iam.gserviceaccount.com"
  caller      = "helium-scheduler@example.iam.gserviceaccount.com"
  network     = { id = "projects/p/global/networks/helium", subnetwork = "projects/p/regions/us-east4/subnetworks/helium" }
  settings    = { HELIUM_BLOBS__URL = "gs://example-helium/files" }
  secrets     = { HELIUM_DATABASE_URL = "helium-database-url", HELIUM_BACKUP_KEY = "helium-backup-key" }
  expire_days = 35
  retain_days = 30
}

run "it_is_made_each_day" {
  command = plan

  assert {
    condition     = output.name == "helium-backup" && output.bucket == "example-helium-backups" && output.url == "gs://example-helium-backups/helium"
    error_message = "The founding document's way of names."
  }

  assert {
    condition     = google_cloud_scheduler_job.main["daily"].schedule == "10 2 * * *" && google_cloud_scheduler_job.main["daily"].time_zone == "Etc/UTC"
    error_message = "Once a day."
  }

  assert {
    condition     = google_cloud_scheduler_job.main["daily"].http_target[0].uri == "https://run.googleapis.com/v2/projects/example/locations/us-east4/jobs/helium-backup:run" && google_cloud_scheduler_job.main["daily"].http_target[0].oauth_token[0].service_account_email == "helium-scheduler@example.iam.gserviceaccount.com"
    error_message = "Google's own API takes OAuth tokens."
  }

  assert {
    condition     = google_cloud_run_v2_job_iam_member.caller.role == "roles/run.invoker" && google_cloud_run_v2_job_iam_member.caller.name == "helium-backup"
    error_message = "This job, as it is."
  }
}

run "the_job_saves_into_the_bucket_of_backups" {
  command = plan

  assert {
    condition     = google_cloud_run_v2_job.main.template[0].template[0].containers[0].args == tolist(["backup", "--to", "gs://example-helium-backups/helium"])
    error_message = "Words, and no shell."
  }

  assert {
    condition     = local.variables.HELIUM_BACKUP_KEY == "secret:gcp:helium-backup-key" && local.variables.HELIUM_DATABASE_URL == "secret:gcp:helium-database-url" && local.variables.HELIUM_ENVIRONMENT == "production"
    error_message = "References; and in production there is no backup without a key."
  }

  assert {
    condition     = google_cloud_run_v2_job.main.template[0].template[0].max_retries == 2 && google_cloud_run_v2_job.main.template[0].template[0].timeout == "14400s" && google_cloud_run_v2_job.main.deletion_protection
    error_message = "Three tries of four hours, and the job stays."
  }
}

run "nobody_can_delete_a_backup_of_prod" {
  command = plan

  assert {
    condition     = { for right, member in google_storage_bucket_iam_member.job : right => member.role } == { create = "roles/storage.objectCreator", read = "roles/storage.objectViewer" }
    error_message = "The job itself neither deletes nor replaces."
  }

  assert {
    condition     = google_storage_bucket.main.public_access_prevention == "enforced" && google_storage_bucket.main.uniform_bucket_level_access && !google_storage_bucket.main.force_destroy
    error_message = "Private."
  }

  assert {
    condition     = tonumber(google_storage_bucket.main.retention_policy[0].retention_period) == 30 * 24 * 60 * 60
    error_message = "30 days, for everybody."
  }

  assert {
    condition = [
      for rule in [for rule in google_storage_bucket.main.lifecycle_rule : rule if one(rule.action).type == "Delete"] :
      one(rule.condition).with_state == "LIVE" ? one(rule.condition).age : one(rule.condition).days_since_noncurrent_time
    ] == [35, 7]
    error_message = "Old ones end."
  }
}

run "staging_has_versions_in_its_place" {
  command = plan

  variables {
    environment = "staging"
    retain_days = 0
  }

  assert {
    condition     = length(google_storage_bucket.main.retention_policy) == 0 && google_storage_bucket.main.versioning[0].enabled && google_storage_bucket.main.force_destroy
    error_message = "It can be taken down."
  }
}

run "prod_keeps_its_backups" {
  command = plan

  variables {
    retain_days = 0
  }

  expect_failures = [var.retain_days]
}

run "a_backup_that_ends_before_it_may_be_deleted_is_refused" {
  command = plan

  variables {
    expire_days = 30
  }

  expect_failures = [google_storage_bucket.main]
}

run "a_backup_without_a_key_is_refused" {
  command = plan

  variables {
    secrets = { HELIUM_DATABASE_URL = "helium-database-url" }
  }

  expect_failures = [var.secrets]
}
