locals {
  queue_alarms = {
    oldest-message = {
      description = "A message has waited for 5 minutes: workers are away or too few"
      queue       = var.queue.name
      metric      = "ApproximateAgeOfOldestMessage"
      threshold   = 300
    }
    dead-message = {
      description = "A message led to nothing, twenty times"
      queue       = var.queue.dead_name
      metric      = "ApproximateNumberOfMessagesVisible"
      threshold   = 0
    }
  }

  cache_alarms = {
    # It refuses writes when it is full: it may throw nothing away.
    memory = { metric = "DatabaseMemoryUsagePercentage", threshold = 80 }
    cpu    = { metric = "EngineCPUUtilization", threshold = 80 }
  }
}

resource "aws_cloudwatch_metric_alarm" "queue" {
  for_each = local.queue_alarms

  alarm_name          = "${var.name}-${each.key}"
  alarm_description   = each.value.description
  namespace           = "AWS/SQS"
  metric_name         = each.value.metric
  dimensions          = { QueueName = each.value.queue }
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.threshold
  period              = 60
  evaluation_periods  = 2
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
  tags                = var.labels
}

resource "aws_cloudwatch_metric_alarm" "cache" {
  for_each = local.cache_alarms

  alarm_name          = "${var.name}-cache-${each.key}"
  alarm_description   = "Valkey is nearly full or nearly busy"
  namespace           = "AWS/ElastiCache"
  metric_name         = each.value.metric
  dimensions          = { ReplicationGroupId = var.cache }
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.threshold
  period              = 300
  evaluation_periods  = 2
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
  tags                = var.labels
}

# Silence counts: a service that says nothing runs nothing.
resource "aws_cloudwatch_metric_alarm" "tasks" {
  for_each = var.services

  alarm_name          = "${var.name}-${each.key}-tasks"
  alarm_description   = "Fewer tasks of ${each.key} run than must"
  namespace           = "ECS/ContainerInsights"
  metric_name         = "RunningTaskCount"
  dimensions          = { ClusterName = var.cluster, ServiceName = each.value }
  statistic           = "Minimum"
  comparison_operator = "LessThanThreshold"
  threshold           = var.min_instances[each.key]
  period              = 60
  evaluation_periods  = 5
  treat_missing_data  = "breaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
  tags                = var.labels
}

# Until the answer begins; a stream begins at once and ends when it ends. Of two groups the slower one counts.
resource "aws_cloudwatch_metric_alarm" "latency" {
  for_each = local.public

  alarm_name          = "${var.name}-${each.key}-latency"
  alarm_description   = "${each.key}: fewer than ${var.slo.latency * 100} % of answers begin within ${var.slo.latency_seconds} s"
  comparison_operator = "GreaterThanThreshold"
  threshold           = var.slo.latency_seconds
  evaluation_periods  = 3
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alarms.arn]
  ok_actions          = [aws_sns_topic.alarms.arn]
  tags                = var.labels

  metric_query {
    id    = "slowest"
    label = "Seconds until the answer begins"
    # A handful of requests has no p95.
    expression  = "MAX([${join(", ", [for index, group in var.target_groups[each.key] : "IF(FILL(requests${index}, 0) >= 60, seconds${index}, 0)"])}])"
    return_data = true
  }

  dynamic "metric_query" {
    for_each = merge([
      for index, group in var.target_groups[each.key] : {
        "seconds${index}"  = { metric = "TargetResponseTime", stat = "p${var.slo.latency * 100}", group = group }
        "requests${index}" = { metric = "RequestCount", stat = "Sum", group = group }
      }
    ]...)

    content {
      id = metric_query.key

      metric {
        namespace   = "AWS/ApplicationELB"
        metric_name = metric_query.value.metric
        period      = 300
        stat        = metric_query.value.stat
        dimensions  = { LoadBalancer = var.load_balancer, TargetGroup = metric_query.value.group }
      }
    }
  }
}
