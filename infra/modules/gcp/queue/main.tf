locals {
  queues = {
    main = google_cloud_tasks_queue.main.name
    dead = google_cloud_tasks_queue.dead.name
  }
  rights = merge([
    for queue, name in local.queues : {
      for sender, account in var.senders : "${queue} ${sender}" => { queue = queue, account = account }
    }
  ]...)
}

# Messages are made with their own tokens, and refusals become messages of their own, so the queue has no
# target, and no attempt is the last: a worker that crashes loses nothing.
resource "google_cloud_tasks_queue" "main" {
  name          = var.name
  location      = var.region
  desired_state = "RUNNING"

  rate_limits {
    max_dispatches_per_second = var.max_dispatches_per_second
    max_concurrent_dispatches = var.max_concurrent
  }

  retry_config {
    max_attempts       = -1
    max_retry_duration = "0s"
    min_backoff        = "1s"
    max_backoff        = "30s"
    max_doublings      = 4
  }

  stackdriver_logging_config {
    sampling_ratio = var.environment == "prod" ? 0.01 : 1
  }
}

# Cloud Tasks has no dead-letter queue of its own: workers put what nobody can work on into this one, paused.
resource "google_cloud_tasks_queue" "dead" {
  name          = "${var.name}-dead"
  location      = var.region
  desired_state = "PAUSED"

  rate_limits {
    max_dispatches_per_second = 1
    max_concurrent_dispatches = 1
  }

  retry_config {
    max_attempts       = -1
    max_retry_duration = "0s"
    min_backoff        = "1s"
    max_backoff        = "30s"
    max_doublings      = 4
  }

  stackdriver_logging_config {
    sampling_ratio = 1
  }
}

resource "google_cloud_tasks_queue_iam_member" "senders" {
  for_each = local.rights

  name     = local.queues[each.value.queue]
  location = var.region
  role     = "roles/cloudtasks.enqueuer"
  member   = "serviceAccount:${each.value.account}"
}

data "google_project" "current" {}

# Whoever makes a message says in whose name it is signed.
resource "google_service_account_iam_member" "senders" {
  for_each = var.senders

  service_account_id = "${data.google_project.current.id}/serviceAccounts/${var.push_account}"
  role               = "roles/iam.serviceAccountUser"
  member             = "serviceAccount:${each.value}"
}

# Rings again for runs whose message was lost; also what wakes a worker that scaled to zero.
resource "google_cloud_scheduler_job" "sweep" {
  name             = "${var.name}-sweep"
  description      = "Looks for runs that nobody executes."
  region           = var.region
  schedule         = "* * * * *"
  time_zone        = "Etc/UTC"
  attempt_deadline = "120s"

  retry_config {
    # The next minute is the next try.
    retry_count = 0
  }

  http_target {
    http_method = "POST"
    uri         = "${var.push_url}/internal/tasks/execute"
    headers     = { "Content-Type" = "application/json" }
    body        = base64encode(jsonencode({ run_id = "sweep" }))

    oidc_token {
      service_account_email = var.push_account
      audience              = var.push_url
    }
  }
}
