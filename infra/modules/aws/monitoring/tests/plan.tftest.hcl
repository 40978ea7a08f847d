mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }

  mock_resource "aws_sns_topic" {
    defaults = { arn = "arn:aws:sns:us-east-1:123456789012:made" }
  }
}

variables {
  name                  = "helium-prod"
  environment           = "prod"
  cluster               = "helium-prod"
  load_balancer         = "app/helium-prod/1"
  services              = { api = "helium-prod-api", stream = "helium-prod-stream", worker = "helium-prod-worker" }
  min_instances         = { api = 2, stream = 2, worker = 2 }
  target_groups         = { api = ["targetgroup/helium-prod-api/1", "targetgroup/helium-prod-api-other/1"], stream = ["targetgroup/helium-prod-stream/1"] }
  queue                 = { name = "agent-processing", dead_name = "agent-processing-dead" }
  cache                 = "helium-prod"
  backup                = "helium-prod-backup"
  notification_channels = ["on-call@example.com"]
  budget_monthly        = 400
}

run "a_burning_budget_is_told_when_both_windows_agree" {
  command = apply

  assert {
    condition     = keys(aws_cloudwatch_composite_alarm.burn) == ["api-fast", "api-slow", "api-ticket", "stream-fast", "stream-slow", "stream-ticket"] && length(aws_cloudwatch_metric_alarm.burn) == 12
    error_message = "Three pairs of windows for each public service."
  }

  assert {
    condition     = aws_cloudwatch_composite_alarm.burn["api-fast"].alarm_rule == "ALARM(\"helium-prod-burn-api-fast-short\") AND ALARM(\"helium-prod-burn-api-fast-long\")"
    error_message = "A short and a long window."
  }

  assert {
    condition     = abs(aws_cloudwatch_metric_alarm.burn["api-fast-short"].threshold - 0.0144) < 0.000001
    error_message = "14.4 times 0.1 %."
  }

  assert {
    condition     = strcontains(local.sums.api.errors, "FILL(errors0, 0) + FILL(errors1, 0)") && length(local.counts.api) == 4 && length(local.counts.stream) == 2
    error_message = "Both groups of api count, whichever has the traffic."
  }
}

run "silence_and_the_dead_are_told" {
  command = apply

  assert {
    condition     = aws_cloudwatch_metric_alarm.tasks["worker"].treat_missing_data == "breaching" && aws_cloudwatch_metric_alarm.tasks["worker"].threshold == 2
    error_message = "A service that says nothing runs nothing."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.queue["dead-message"].threshold == 0 && length(aws_cloudwatch_metric_alarm.queue["dead-message"].alarm_actions) == 1
    error_message = "Any dead message is told."
  }

  assert {
    condition     = aws_budgets_budget.monthly.limit_amount == "400.00" && length(aws_budgets_budget.monthly.notification) == 4
    error_message = "50, 90, 100 % and what is foreseen."
  }

  assert {
    condition     = length(jsondecode(aws_cloudwatch_dashboard.this.dashboard_body).widgets) == 9
    error_message = "Nine pictures."
  }
}

run "a_day_without_a_backup_is_told" {
  command = apply

  assert {
    condition     = aws_cloudwatch_metric_alarm.backup.evaluation_periods == 26 && aws_cloudwatch_metric_alarm.backup.datapoints_to_alarm == 26 && aws_cloudwatch_metric_alarm.backup.treat_missing_data == "breaching"
    error_message = "Silence for 26 hours."
  }

  assert {
    condition     = [for query in aws_cloudwatch_metric_alarm.backup.metric_query : one(query.metric).period if query.id == "backups"] == [3600]
    error_message = "CloudWatch looks back more than a day in whole hours only."
  }

  assert {
    condition     = aws_cloudwatch_log_metric_filter.backups.log_group_name == "/helium/helium-prod-backup" && length(aws_cloudwatch_metric_alarm.backup.alarm_actions) == 1
    error_message = "What this job says; and somebody hears it."
  }
}

run "alarms_that_nobody_hears_are_refused" {
  command = plan

  variables {
    notification_channels = []
  }

  expect_failures = [var.notification_channels]
}
