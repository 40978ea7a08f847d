# The error budget burns: a short and a long window must agree, so that an alarm is neither late to come nor
# late to go. 14.4 spends 2 % of a month's budget in an hour, 6 spends 5 % in six hours, 3 spends 10 % in a day.
# CloudWatch looks back a day at most in one period, so there is no window of three days.
locals {
  windows = {
    fast-short   = { seconds = 300, rate = 14.4 }
    fast-long    = { seconds = 3600, rate = 14.4 }
    slow-short   = { seconds = 1800, rate = 6 }
    slow-long    = { seconds = 21600, rate = 6 }
    ticket-short = { seconds = 7200, rate = 3 }
    ticket-long  = { seconds = 86400, rate = 3 }
  }

  burns = { for pair in setproduct(local.public, keys(local.windows)) :
    "${pair[0]}-${pair[1]}" => merge(local.windows[pair[1]], { role = pair[0] })
  }

  pages = { for pair in setproduct(local.public, ["fast", "slow", "ticket"]) :
    "${pair[0]}-${pair[1]}" => [for part in ["short", "long"] : "${pair[0]}-${pair[1]}-${part}"]
  }

  # A release moves requests from one target group to the other: both count, whichever has them.
  counts = { for role in local.public : role => merge([
    for index, group in var.target_groups[role] : {
      "errors${index}"   = { metric = "HTTPCode_Target_5XX_Count", group = group }
      "requests${index}" = { metric = "RequestCount", group = group }
    }
  ]...) }

  sums = { for role in local.public : role => {
    for what in ["errors", "requests"] : what => join(" + ", [
      for index, group in var.target_groups[role] : "FILL(${what}${index}, 0)"
    ])
  } }
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
    expression  = "IF(${local.sums[each.value.role].requests} >= 60, (${local.sums[each.value.role].errors}) / (${local.sums[each.value.role].requests}), 0)"
    return_data = true
  }

  dynamic "metric_query" {
    for_each = local.counts[each.value.role]

    content {
      id = metric_query.key

      metric {
        namespace   = "AWS/ApplicationELB"
        metric_name = metric_query.value.metric
        period      = each.value.seconds
        stat        = "Sum"

        dimensions = {
          LoadBalancer = var.load_balancer
          TargetGroup  = metric_query.value.group
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
