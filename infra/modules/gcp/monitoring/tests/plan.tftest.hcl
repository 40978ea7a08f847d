mock_provider "google" {
  mock_data "google_project" {
    defaults = {
      id     = "projects/example"
      number = "123"
    }
  }
}

variables {
  name                  = "helium"
  environment           = "prod"
  services              = { api = "helium-backend", stream = "helium-stream", worker = "helium-worker" }
  queue                 = { name = "agent-processing", dead_name = "agent-processing-dead" }
  cache                 = "helium-redis"
  backup                = "helium-backup"
  domain                = "api.example.com"
  notification_channels = ["projects/p/notificationChannels/1"]
  budget_monthly        = 400
  billing_account       = "012345-6789AB-CDEF01"
}

run "objectives_are_for_what_people_face" {
  command = plan

  assert {
    condition     = keys(google_monitoring_slo.availability) == ["api", "stream"] && google_monitoring_slo.availability["api"].goal == 0.999
    error_message = "99.9 % for api and stream."
  }
}

run "budgets_are_seen_burning_in_two_windows" {
  command = plan

  assert {
    condition     = strcontains(local.alerts["api-availability-page"].query, "[1h]") && strcontains(local.alerts["api-availability-page"].query, "[5m]") && strcontains(local.alerts["api-availability-page"].query, "[6h]") && strcontains(local.alerts["api-availability-page"].query, "[30m]")
    error_message = "14.4 times in 1 h and 5 min, or 6 times in 6 h and 30 min."
  }

  assert {
    condition     = strcontains(local.alerts["api-availability-page"].query, "> 0.0144 and") && strcontains(local.alerts["api-availability-page"].query, "> 0.006 and")
    error_message = "Rates are of the share that may fail, 0.001."
  }

  assert {
    condition     = strcontains(local.alerts["api-availability-ticket"].query, "[3d]") && strcontains(local.alerts["api-availability-ticket"].query, "> 100")
    error_message = "Slow burning makes a ticket, and few requests make none."
  }

  assert {
    condition     = alltrue([for policy in google_monitoring_alert_policy.main : length(policy.conditions) == 1 && length(policy.documentation[0].content) > 40 && length(policy.notification_channels) > 0])
    error_message = "Each alert has one condition, says what to do, and tells somebody."
  }

  assert {
    condition     = length(setsubtract(["dead-letters", "sweep-silent", "pushes-refused", "queue-late", "out-of-memory", "cache-full", "api-unreachable"], keys(google_monitoring_alert_policy.main))) == 0
    error_message = "The platform's own faults are watched too."
  }
}

run "a_day_without_a_backup_is_told" {
  command = plan

  assert {
    condition     = strcontains(local.alerts["backup-missing"].query, "absent(") && strcontains(local.alerts["backup-missing"].query, "_backups_made{") && strcontains(local.alerts["backup-missing"].query, "[26h]")
    error_message = "Silence for 26 hours."
  }

  assert {
    condition     = strcontains(google_logging_metric.main["backups_made"].filter, "job_name=\"helium-backup\"") && google_logging_metric.main["backups_made"].name == "helium_backups_made"
    error_message = "What this job says."
  }
}

run "the_dashboard_is_whole" {
  command = plan

  assert {
    condition     = length(jsondecode(google_monitoring_dashboard.main.dashboard_json).mosaicLayout.tiles) == length(local.charts)
    error_message = "One tile for each chart."
  }

  assert {
    condition     = alltrue([for chart in local.charts : length(regexall("\\{", chart.query)) == length(regexall("\\}", chart.query)) && length(regexall("\\(", chart.query)) == length(regexall("\\)", chart.query))])
    error_message = "Each query closes what it opens."
  }
}

run "a_budget_is_told_before_it_is_spent" {
  command = plan

  assert {
    condition     = google_billing_budget.main["month"].amount[0].specified_amount[0].units == "400" && length(google_billing_budget.main["month"].threshold_rules) == 4
    error_message = "At 50, 90 and 100 %, and when 100 % is to be expected."
  }
}

run "prod_must_tell_somebody" {
  command = plan

  variables {
    notification_channels = []
  }

  expect_failures = [var.notification_channels]
}
