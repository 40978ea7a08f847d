locals {
  deployment_alarms = concat(
    [aws_cloudwatch_metric_alarm.memory.alarm_name],
    [for alarm in aws_cloudwatch_metric_alarm.errors : alarm.alarm_name],
  )
}

# While one of these is on, a deployment is rolled back.
resource "aws_cloudwatch_metric_alarm" "memory" {
  alarm_name          = "${local.service}-memory"
  alarm_description   = "A task is about to be killed for its memory"
  namespace           = "AWS/ECS"
  metric_name         = "MemoryUtilization"
  dimensions          = { ClusterName = var.cluster.name, ServiceName = local.service }
  statistic           = "Maximum"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 90
  period              = 60
  evaluation_periods  = 3
  treat_missing_data  = "notBreaching"
  tags                = var.labels
}

resource "aws_cloudwatch_metric_alarm" "errors" {
  for_each = local.groups

  alarm_name          = "${var.name}-${each.key}-errors"
  alarm_description   = "More than 2 % of the answers are errors of the server, with 20 requests a minute at least"
  comparison_operator = "GreaterThanThreshold"
  threshold           = 2
  evaluation_periods  = 3
  datapoints_to_alarm = 2
  treat_missing_data  = "notBreaching"
  tags                = var.labels

  metric_query {
    id          = "percent"
    label       = "Percent of answers that are errors"
    expression  = "IF(requests >= 20, 100 * FILL(errors, 0) / requests, 0)"
    return_data = true
  }

  dynamic "metric_query" {
    for_each = { errors = "HTTPCode_Target_5XX_Count", requests = "RequestCount" }

    content {
      id = metric_query.key

      metric {
        namespace   = "AWS/ApplicationELB"
        metric_name = metric_query.value
        period      = 60
        stat        = "Sum"

        dimensions = {
          LoadBalancer = var.network.load_balancer.arn_suffix
          TargetGroup  = aws_lb_target_group.this[each.key].arn_suffix
        }
      }
    }
  }
}
