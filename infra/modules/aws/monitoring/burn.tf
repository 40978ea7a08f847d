# The error budget burns: a short and a long window must agree, so that an alarm is neither late to come nor
# late to go. 14.4 spends 2 % of a month's budget in an hour, 6 spends 5 % in six hours.
locals {
  windows = {
    fast-short = { seconds = 300, rate = 14.4 }
    fast-long  = { seconds = 3600, rate = 14.4 }
    slow-short = { seconds = 1800, rate = 6 }
    slow-long  = { seconds = 21600, rate = 6 }
  }

  burns = { for pair in setproduct(local.public, keys(local.windows)) :
    "${pair[0]}-${pair[1]}" => merge(local.windows[pair[1]], { role = pair[0] })
  }

  pages = { for pair in setproduct(local.public, ["fast", "slow"]) :
    "${pair[0]}-${pair[1]}" => [for part in ["short", "long"] : "${pair[0]}-${pair[1]}-${part}"]
  }
}

resource "aws_cloudwatch_metric_alarm" "burn" {
  for_each = local.burns

  alarm_name          = "${var.name}-burn-${each.key}"
  alarm_description   = "${each.value.role}: errors over ${each.value.seconds} s burn ${var.slo.days} days of budget ${each.value.rate} times too fast"
  comparison_operator = "GreaterThanThreshold"
  threshold           = each.value.rate * (1 - var.slo.availability)
  evaluation_periods  = 1
  treat_missing_data  = "notBreaching"
  tags                = var.labels

  metric_query {
    id    = "ratio"
    label = "Share of answers that are errors"
    # With a handful of requests one error says nothing.
    expression  = "IF(requests >= 60, FILL(errors, 0) / requests, 0)"
    return_data = true
  }

  dynamic "metric_query" {
    for_each = { errors = "HTTPCode_Target_5XX_Count", requests = "RequestCount" }

    content {
      id = metric_query.key

      metric {
        namespace   = "AWS/ApplicationELB"
        metric_name = metric_query.value
        period      = each.value.seconds
        stat        = "Sum"

        dimensions = {
          LoadBalancer = var.load_balancer
          TargetGroup  = var.target_groups[each.value.role]
        }
      }
    }
  }
}

resource "aws_cloudwatch_composite_alarm" "burn" {
  for_each = local.pages

  alarm_name        = "${var.name}-burn-${each.key}"
  alarm_description = "The error budget burns; see docs/operations"
  alarm_rule        = join(" AND ", [for burn in each.value : "ALARM(\"${aws_cloudwatch_metric_alarm.burn[burn].alarm_name}\")"])
  alarm_actions     = [aws_sns_topic.alarms.arn]
  ok_actions        = [aws_sns_topic.alarms.arn]
  tags              = var.labels
}
