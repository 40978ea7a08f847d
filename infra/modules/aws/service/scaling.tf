resource "aws_appautoscaling_target" "this" {
  service_namespace  = "ecs"
  scalable_dimension = "ecs:service:DesiredCount"
  resource_id        = "service/${var.cluster.name}/${aws_ecs_service.this.name}"
  min_capacity       = var.min_instances
  max_capacity       = var.max_instances
  tags               = var.labels
}

locals {
  # New tasks take a minute, so they are asked for before the old ones are full.
  full = 0.7

  tasks = {
    namespace  = "ECS/ContainerInsights"
    name       = "RunningTaskCount"
    stat       = "Average"
    dimensions = { ClusterName = var.cluster.name, ServiceName = local.service }
  }

  # What is under way, and what divides it.
  measures = {
    api = {
      # ECS's own measure looks at one target group, and a release moves requests to the other one.
      expression = "(FILL(here, 0) + FILL(there, 0)) / FILL(tasks, 1)"
      metrics = merge({ tasks = local.tasks }, {
        for key, group in aws_lb_target_group.this : key == var.role ? "here" : "there" => {
          namespace  = "AWS/ApplicationELB"
          name       = "RequestCount"
          stat       = "Sum"
          dimensions = { LoadBalancer = var.network.load_balancer.arn_suffix, TargetGroup = group.arn_suffix }
        }
      })
    }
    stream = {
      # A stream has a connection to the load balancer and one from it: half of them are streams. Those of api
      # are among them, so this scales too early rather than too late.
      expression = "connections / 2 / FILL(tasks, 1)"
      metrics = {
        connections = {
          namespace  = "AWS/ApplicationELB"
          name       = "ActiveConnectionCount"
          stat       = "Sum"
          dimensions = { LoadBalancer = var.network.load_balancer.arn_suffix }
        }
        tasks = local.tasks
      }
    }
    worker = {
      # A message is not visible while its run is executed. Delayed ones are in neither figure.
      expression = "(waiting + running) / FILL(tasks, 1)"
      metrics = {
        waiting = {
          namespace  = "AWS/SQS"
          name       = "ApproximateNumberOfMessagesVisible"
          stat       = "Average"
          dimensions = { QueueName = var.queue }
        }
        running = {
          namespace  = "AWS/SQS"
          name       = "ApproximateNumberOfMessagesNotVisible"
          stat       = "Average"
          dimensions = { QueueName = var.queue }
        }
        tasks = local.tasks
      }
    }
  }
  measured = { for role, measure in local.measures : role => measure if role == var.role }
}

# api: requests in a minute for each task. stream: open streams. worker: messages that wait or are worked on.
resource "aws_appautoscaling_policy" "load" {
  for_each = local.measured

  name               = "load"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.this.service_namespace
  scalable_dimension = aws_appautoscaling_target.this.scalable_dimension
  resource_id        = aws_appautoscaling_target.this.resource_id

  target_tracking_scaling_policy_configuration {
    target_value       = var.concurrency * local.full
    scale_out_cooldown = 30
    scale_in_cooldown  = 300

    customized_metric_specification {
      metrics {
        id          = "load"
        label       = "Load for each task"
        expression  = each.value.expression
        return_data = true
      }

      dynamic "metrics" {
        for_each = each.value.metrics

        content {
          id          = metrics.key
          return_data = false

          metric_stat {
            stat = metrics.value.stat

            metric {
              namespace   = metrics.value.namespace
              metric_name = metrics.value.name

              dynamic "dimensions" {
                for_each = metrics.value.dimensions

                content {
                  name  = dimensions.key
                  value = dimensions.value
                }
              }
            }
          }
        }
      }
    }
  }
}

# Whatever the load was thought to cost, a busy core needs help.
resource "aws_appautoscaling_policy" "cpu" {
  name               = "cpu"
  policy_type        = "TargetTrackingScaling"
  service_namespace  = aws_appautoscaling_target.this.service_namespace
  scalable_dimension = aws_appautoscaling_target.this.scalable_dimension
  resource_id        = aws_appautoscaling_target.this.resource_id

  target_tracking_scaling_policy_configuration {
    target_value       = 60
    scale_out_cooldown = 30
    scale_in_cooldown  = 300

    predefined_metric_specification {
      predefined_metric_type = "ECSServiceAverageCPUUtilization"
    }
  }
}
