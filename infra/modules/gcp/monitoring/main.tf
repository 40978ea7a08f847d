locals {
  labels = merge(var.labels, { environment = var.environment })
  title  = "Helium ${var.environment}"
  # In metrics' names.
  word = replace(var.name, "-", "_")
  # What people wait for. A worker's failed pushes are repeated, and nobody sees them.
  faced = { for role in ["api", "stream"] : role => var.services[role] }
}

data "google_project" "current" {}

resource "google_monitoring_custom_service" "main" {
  for_each = local.faced

  service_id   = "${var.name}-${each.key}"
  display_name = "${local.title}: ${each.key}"
  user_labels  = local.labels
}

resource "google_monitoring_slo" "availability" {
  for_each = local.faced

  service             = google_monitoring_custom_service.main[each.key].service_id
  slo_id              = "${var.name}-${each.key}-availability"
  display_name        = "${format("%.6g", var.slo.availability * 100)} % of requests do not fail"
  goal                = var.slo.availability
  rolling_period_days = var.slo.days
  user_labels         = local.labels

  request_based_sli {
    good_total_ratio {
      total_service_filter = join(" AND ", [
        "metric.type=\"run.googleapis.com/request_count\"",
        "resource.type=\"cloud_run_revision\"",
        "resource.labels.service_name=\"${each.value}\"",
      ])
      bad_service_filter = join(" AND ", [
        "metric.type=\"run.googleapis.com/request_count\"",
        "resource.type=\"cloud_run_revision\"",
        "resource.labels.service_name=\"${each.value}\"",
        "metric.labels.response_code_class=\"5xx\"",
      ])
    }
  }
}

resource "google_monitoring_uptime_check_config" "api" {
  display_name     = "${local.title}: api"
  period           = "60s"
  timeout          = "10s"
  checker_type     = "STATIC_IP_CHECKERS"
  selected_regions = ["USA", "EUROPE", "ASIA_PACIFIC"]
  user_labels      = local.labels

  http_check {
    path         = "/api/health"
    port         = 443
    use_ssl      = true
    validate_ssl = true

    accepted_response_status_codes {
      status_class = "STATUS_CLASS_2XX"
    }
  }

  monitored_resource {
    type   = "uptime_url"
    labels = { host = var.domain }
  }
}

resource "google_logging_metric" "main" {
  for_each = local.log_metrics

  name        = "${local.word}_${each.key}"
  description = each.value.text
  filter      = each.value.filter

  metric_descriptor {
    metric_kind = "DELTA"
    value_type  = "INT64"
    unit        = "1"
  }
}

resource "google_billing_budget" "main" {
  for_each = var.billing_account == null ? {} : { month = var.billing_account }

  billing_account = each.value
  display_name    = local.title

  budget_filter {
    projects        = ["projects/${data.google_project.current.number}"]
    calendar_period = "MONTH"
  }

  amount {
    specified_amount {
      currency_code = "USD"
      units         = tostring(floor(var.budget_monthly))
    }
  }

  dynamic "threshold_rules" {
    for_each = { half = 0.5, most = 0.9, all = 1 }

    content {
      threshold_percent = threshold_rules.value
    }
  }

  threshold_rules {
    threshold_percent = 1
    spend_basis       = "FORECASTED_SPEND"
  }

  all_updates_rule {
    # At most five, and of the kind e-mail; the account's administrators get mails anyway.
    monitoring_notification_channels = slice(sort(var.notification_channels), 0, min(5, length(var.notification_channels)))
  }
}
