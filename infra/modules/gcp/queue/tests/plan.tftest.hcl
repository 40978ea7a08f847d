mock_provider "google" {
  mock_data "google_project" {
    defaults = {
      id     = "projects/example"
      number = "123"
    }
  }
}

variables {
  name                      = "agent-processing"
  environment               = "prod"
  region                    = "us-east4"
  max_dispatches_per_second = 500
  max_concurrent            = 4000
  push_url                  = "https://helium-worker-123.us-east4.run.app"
  push_account              = "helium-push@example.iam.gserviceaccount.com"
  senders = {
    api    = "helium-api@example.iam.gserviceaccount.com"
    worker = "helium-worker@example.iam.gserviceaccount.com"
  }
}

run "no_attempt_is_the_last" {
  command = plan

  assert {
    condition     = google_cloud_tasks_queue.main.retry_config[0].max_attempts == -1 && google_cloud_tasks_queue.dead.retry_config[0].max_attempts == -1
    error_message = "Decision 16."
  }

  assert {
    condition     = google_cloud_tasks_queue.main.retry_config[0].min_backoff == "1s" && google_cloud_tasks_queue.main.retry_config[0].max_backoff == "30s" && google_cloud_tasks_queue.main.retry_config[0].max_doublings == 4
    error_message = "Decision 16."
  }

  assert {
    condition     = length(google_cloud_tasks_queue.main.http_target) == 0
    error_message = "Each message carries its own token."
  }
}

run "the_dead_wait_in_a_paused_queue" {
  command = plan

  assert {
    condition     = google_cloud_tasks_queue.dead.desired_state == "PAUSED" && google_cloud_tasks_queue.dead.name == "agent-processing-dead"
    error_message = "Nothing is pushed from there."
  }
}

run "senders_may_send_to_both_queues_and_nothing_else" {
  command = plan

  assert {
    condition     = length(google_cloud_tasks_queue_iam_member.senders) == 4 && alltrue([for right in google_cloud_tasks_queue_iam_member.senders : right.role == "roles/cloudtasks.enqueuer"])
    error_message = "Two senders, two queues."
  }
}

run "a_sweep_comes_every_minute" {
  command = plan

  assert {
    condition     = google_cloud_scheduler_job.sweep.schedule == "* * * * *" && google_cloud_scheduler_job.sweep.http_target[0].uri == "https://helium-worker-123.us-east4.run.app/internal/tasks/execute"
    error_message = "Once a minute, to the worker."
  }

  assert {
    condition     = base64decode(google_cloud_scheduler_job.sweep.http_target[0].body) == "{\"run_id\":\"sweep\"}"
    error_message = "The message that means a sweep."
  }

  assert {
    condition     = google_cloud_scheduler_job.sweep.http_target[0].oidc_token[0].audience == var.push_url && google_cloud_scheduler_job.sweep.http_target[0].oidc_token[0].service_account_email == var.push_account
    error_message = "Signed as pushes are."
  }
}

run "an_address_with_a_path_is_refused" {
  command = plan

  variables {
    push_url = "https://helium-worker-123.us-east4.run.app/"
  }

  expect_failures = [var.push_url]
}
