# One condition for each alert: Google charges for conditions, and PromQL joins windows in one.
locals {
  pattern = join("|", values(var.services))
  run = {
    for role, service in var.services :
    role => "monitored_resource=\"cloud_run_revision\",service_name=\"${service}\""
  }

  # The share of requests that failed within a time.
  failed = {
    for role, service in local.faced : role => {
      for window in ["5m", "30m", "1h", "2h", "6h", "1d", "3d"] : window => join(" / ", [
        "sum(rate(run_googleapis_com:request_count{${local.run[role]},response_code_class=\"5xx\"}[${window}]))",
        "sum(rate(run_googleapis_com:request_count{${local.run[role]}}[${window}]))",
      ])
    }
  }

  # Rates of burning the budget of errors, each seen in a long and in a short window, so that the alert is neither
  # early nor late, and ends when the trouble ends. `least`: requests under which shares mean nothing.
  burns = {
    page   = { fast = { rate = 14.4, long = "1h", short = "5m" }, slow = { rate = 6, long = "6h", short = "30m" }, least = "1h" }
    ticket = { fast = { rate = 3, long = "1d", short = "2h" }, slow = { rate = 1, long = "3d", short = "6h" }, least = "1d" }
  }
  budget = 1 - var.slo.availability
  burning = merge([
    for role in keys(local.faced) : {
      for kind, burn in local.burns : "${role}-availability-${kind}" => {
        page     = kind == "page" ? "ApiAvailabilityBurn" : "ApiSlowBurn"
        severity = kind == "page" ? "CRITICAL" : "WARNING"
        wait     = "0s"
        query = join("", [
          "(",
          join(" or ", [
            for pace in [burn.fast, burn.slow] :
            "(${local.failed[role][pace.long]} > ${format("%.6g", pace.rate * local.budget)} and ${local.failed[role][pace.short]} > ${format("%.6g", pace.rate * local.budget)})"
          ]),
          ") and sum(increase(run_googleapis_com:request_count{${local.run[role]}}[${burn.least}])) > 100",
        ])
        text = "Requests to ${role} fail so often that the objective of ${format("%.6g", var.slo.availability * 100)} % is missed. If a release has just begun, go back to the revision before it. Otherwise look at the errors of its log, at the database, and at the limits of instances."
      }
    }
  ]...)

  in_time = [
    for window in ["1h", "6h"] : join(" / ", [
      "sum(rate(request_duration_seconds_bucket{job=~\"${var.services.api}.*\",status=~\"2..\",le=\"${var.slo.latency_seconds}\"}[${window}]))",
      "sum(rate(request_duration_seconds_count{job=~\"${var.services.api}.*\",status=~\"2..\"}[${window}]))",
    ])
  ]

  alerts = merge(local.burning, {
    api-latency = {
      page     = "ApiLatencyBurn"
      severity = "WARNING"
      wait     = "300s"
      query    = join(" and ", [for share in local.in_time : "${share} < ${var.slo.latency}"])
      text     = "Fewer than ${format("%.6g", var.slo.latency * 100)} % of the API's answers come within ${var.slo.latency_seconds} s; a stream counts as answered when it begins. Look at the database's load and connections, and at starts of new instances. Needs Managed Prometheus."
    }
    api-unreachable = {
      page     = "ProbeFailed"
      severity = "CRITICAL"
      wait     = "180s"
      query    = "avg(avg_over_time(monitoring_googleapis_com:uptime_check_check_passed{check_id=\"${google_monitoring_uptime_check_config.api.uptime_check_id}\"}[3m])) < 0.5"
      text     = "Most places that ask https://${var.domain}/api/health from outside get no answer. Look at names and load balancer at the edge first, then at the api service."
    }
    backup-missing = {
      page     = "BackupMissing"
      severity = "WARNING"
      wait     = "0s"
      query    = "absent(sum(increase(logging_googleapis_com:user_${local.word}_backups_made{monitored_resource=\"cloud_run_job\"}[26h])) > 0)"
      text     = "No backup was completed for 26 hours. Look at the executions of the job ${var.backup} and at their log, then at Cloud Scheduler. A new installation says this until its first backup: execute the job once."
    }
    dead-letters = {
      page     = "DeadLetters"
      severity = "WARNING"
      wait     = "0s"
      query    = "max(cloudtasks_googleapis_com:queue_depth{queue_id=\"${var.queue.dead_name}\"}) > 0"
      text     = "Messages lie in the dead-letter queue. Their headers say why and from where; they are kept for 31 days. Repair the cause, then resume the queue: it pushes them to the worker again."
    }
    out-of-memory = {
      page     = "ProcessRestarts"
      severity = "WARNING"
      wait     = "0s"
      query    = "sum(increase(logging_googleapis_com:user_${local.word}_out_of_memory{monitored_resource=\"cloud_run_revision\"}[10m])) > 0"
      text     = "Instances were ended because their memory was full. Runs go on elsewhere. Lower the service's concurrency, or raise its memory."
    }
    pushes-refused = {
      page     = "QueueAge"
      severity = "CRITICAL"
      wait     = "0s"
      query    = "sum(increase(logging_googleapis_com:user_${local.word}_pushes_refused{monitored_resource=\"cloud_run_revision\"}[10m])) > 10"
      text     = "The worker refuses pushes, so runs do not start. Its log says why: HELIUM_QUEUE__PUSH_URL and HELIUM_QUEUE__PUSH_ACCOUNT must be the same for senders and worker. Or somebody else tries."
    }
    queue-late = {
      page     = "QueueAge"
      severity = "CRITICAL"
      wait     = "300s"
      query    = "histogram_quantile(0.95, sum by (le) (rate(cloudtasks_googleapis_com:queue_task_attempt_delays_bucket{queue_id=\"${var.queue.name}\"}[10m]))) > 30000"
      text     = "One run in twenty waits more than 30 s for a worker. Look whether the worker is at its most instances, whether the queue's own limits are reached, and whether 429 or 503 answers have slowed it down."
    }
    cache-full = {
      page     = "RedisDown"
      severity = "WARNING"
      wait     = "300s"
      query    = "max(redis_googleapis_com:stats_memory_usage_ratio{instance_id=~\".*/${var.cache}\"}) > 0.8"
      text     = "The cache is nearly full and would then refuse writes; Helium goes on without it, slower. Make it larger."
    }
    sweep-silent = {
      page     = "StuckRuns"
      severity = "CRITICAL"
      wait     = "300s"
      query    = "absent(sum(increase(run_googleapis_com:request_count{${local.run.worker},response_code_class=\"2xx\"}[10m])) > 0)"
      text     = "The worker has answered nothing for 10 minutes, though the sweep comes every minute. Look at the sweep's own log in Cloud Scheduler, then at the worker's starts."
    }
    sweep-failing = {
      page     = "StuckRuns"
      severity = "WARNING"
      wait     = "0s"
      query    = "sum(increase(logging_googleapis_com:user_${local.word}_sweeps_failed[10m])) > 5"
      text     = "The sweep fails. Runs whose message was lost wait until it succeeds. Its log in Cloud Scheduler has the worker's answer."
    }
  })

  log_metrics = {
    # What `helium backup` says when the last part is stored, and not when an execution ends.
    backups_made = {
      text   = "Backups that were completed."
      filter = "resource.type=\"cloud_run_job\" AND resource.labels.job_name=\"${var.backup}\" AND textPayload=~\"^Backed up [0-9]\""
    }
    out_of_memory = {
      text   = "Instances that were ended because their memory was full."
      filter = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=~\"^(${local.pattern})$\" AND log_id(\"run.googleapis.com/varlog/system\") AND textPayload=~\"[Mm]emory limit\""
    }
    pushes_refused = {
      text   = "Pushes whose token the worker refused."
      filter = "resource.type=\"cloud_run_revision\" AND resource.labels.service_name=\"${var.services.worker}\" AND jsonPayload.event=\"push.refused\""
    }
    sweeps_failed = {
      text   = "Sweeps that were not answered with 200."
      filter = "resource.type=\"cloud_scheduler_job\" AND resource.labels.job_id=\"${var.queue.name}-sweep\" AND severity>=ERROR"
    }
  }
}

resource "google_monitoring_alert_policy" "main" {
  for_each = local.alerts

  display_name          = "${local.title}: ${each.key}"
  combiner              = "OR"
  severity              = each.value.severity
  notification_channels = var.notification_channels
  user_labels           = local.labels

  conditions {
    display_name = each.key

    condition_prometheus_query_language {
      query               = each.value.query
      duration            = each.value.wait
      evaluation_interval = "60s"
      # A metric may have no data before the first event.
      disable_metric_validation = true
    }
  }

  documentation {
    subject   = "${local.title}: ${each.key}"
    content   = "${each.value.text}\n\nMore: docs/operations/runbooks/${each.value.page}.md"
    mime_type = "text/markdown"
  }

  alert_strategy {
    auto_close           = "86400s"
    notification_prompts = each.value.severity == "CRITICAL" ? ["OPENED", "CLOSED"] : ["OPENED"]
  }

  depends_on = [google_logging_metric.main]
}
