# What `helium backup` says when the last part is stored, and not when a task ends.
resource "aws_cloudwatch_log_metric_filter" "backups" {
  name           = "${var.name}-backups"
  log_group_name = "/helium/${var.backup}"
  pattern        = "\"Backed up \""

  metric_transformation {
    namespace = "Helium/${var.name}"
    name      = "Backups"
    value     = "1"
    unit      = "Count"
  }
}

# Hours are looked at one by one: in the last 26 none had a backup. Where nothing was counted, nothing was made.
resource "aws_cloudwatch_metric_alarm" "backup" {
  alarm_name          = "${var.name}-backup-missing"
  alarm_description   = "No backup was completed for 26 hours; see docs/operations/runbooks/BackupMissing.md"
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  evaluation_periods  = 26
  datapoints_to_alarm = 26
  treat_missing_data  = "breaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
  tags                = var.labels

  metric_query {
    id          = "made"
    label       = "Backups in an hour"
    expression  = "FILL(backups, 0)"
    return_data = true
  }

  metric_query {
    id = "backups"

    metric {
      namespace   = aws_cloudwatch_log_metric_filter.backups.metric_transformation[0].namespace
      metric_name = aws_cloudwatch_log_metric_filter.backups.metric_transformation[0].name
      period      = 3600
      stat        = "Sum"
    }
  }
}
