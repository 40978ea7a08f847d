# Whoever calls may execute this job as it is, and nothing else: no other arguments, no other job.
resource "google_cloud_run_v2_job_iam_member" "caller" {
  name     = google_cloud_run_v2_job.main.name
  location = var.region
  role     = "roles/run.invoker"
  member   = "serviceAccount:${var.caller}"
}

resource "google_cloud_scheduler_job" "main" {
  for_each = local.schedules

  name             = "${local.job}-${each.key}"
  description      = "Makes a backup of the database and the files."
  region           = var.region
  schedule         = each.value
  time_zone        = "Etc/UTC"
  attempt_deadline = "180s"

  # For the call only, which is answered when the execution begins. Two backups do no harm.
  retry_config {
    retry_count          = 3
    min_backoff_duration = "60s"
    max_backoff_duration = "600s"
  }

  http_target {
    http_method = "POST"
    uri         = "https://run.googleapis.com/v2/projects/${local.project}/locations/${var.region}/jobs/${google_cloud_run_v2_job.main.name}:run"
    headers     = { "Content-Type" = "application/json" }
    body        = base64encode("{}")

    oauth_token {
      service_account_email = var.caller
      scope                 = "https://www.googleapis.com/auth/cloud-platform"
    }
  }

  depends_on = [google_cloud_run_v2_job_iam_member.caller]
}
