locals {
  per_target = { for title, metric in {
    "Requests in a minute" = ["RequestCount", "Sum"]
    "Errors in a minute"   = ["HTTPCode_Target_5XX_Count", "Sum"]
    "Begin of answers (s)" = ["TargetResponseTime", "p95"]
    } : title => flatten([for role in local.public : [for index, group in var.target_groups[role] : {
      chart = ["AWS/ApplicationELB", metric[0], "LoadBalancer", var.load_balancer, "TargetGroup", group, { label = index == 0 ? role : "${role}, the other", stat = metric[1] }]
    }]])[*].chart
  }

  per_service = { for title, metric in {
    "Running tasks" = ["ECS/ContainerInsights", "RunningTaskCount"]
    "CPU (%)"       = ["AWS/ECS", "CPUUtilization"]
    "Memory (%)"    = ["AWS/ECS", "MemoryUtilization"]
    } : title => [for role, service in var.services :
    [metric[0], metric[1], "ClusterName", var.cluster, "ServiceName", service, { label = role, stat = "Average" }]
    ]
  }

  parts = {
    "Open connections" = [
      ["AWS/ApplicationELB", "ActiveConnectionCount", "LoadBalancer", var.load_balancer, { stat = "Sum" }],
    ]
    "Messages" = [
      ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", var.queue.name, { label = "waiting", stat = "Maximum" }],
      ["AWS/SQS", "ApproximateNumberOfMessagesNotVisible", "QueueName", var.queue.name, { label = "worked on", stat = "Maximum" }],
      ["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", var.queue.dead_name, { label = "dead", stat = "Maximum" }],
    ]
    "Valkey (%)" = [
      ["AWS/ElastiCache", "DatabaseMemoryUsagePercentage", "ReplicationGroupId", var.cache, { label = "memory", stat = "Maximum" }],
      ["AWS/ElastiCache", "EngineCPUUtilization", "ReplicationGroupId", var.cache, { label = "CPU", stat = "Maximum" }],
    ]
  }

  widgets = merge(local.per_target, local.per_service, local.parts)
  titles = [
    "Requests in a minute", "Errors in a minute", "Begin of answers (s)", "Running tasks", "CPU (%)", "Memory (%)",
    "Open connections", "Messages", "Valkey (%)",
  ]
}

resource "aws_cloudwatch_dashboard" "this" {
  dashboard_name = var.name

  dashboard_body = jsonencode({
    widgets = [for index, title in local.titles : {
      type   = "metric"
      x      = (index % 3) * 8
      y      = floor(index / 3) * 6
      width  = 8
      height = 6
      properties = {
        title   = title
        region  = data.aws_region.current.id
        view    = "timeSeries"
        stacked = false
        period  = 60
        metrics = local.widgets[title]
      }
    }]
  })
}
