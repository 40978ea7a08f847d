locals {
  # The order in which the load balancer looks; lower is first. 1 is the network's.
  targets = { for role in(var.public ? [var.role] : []) : role => role }
  # A stream that was asked to connect again ends within the drain; requests may take a minute.
  deregistration_seconds = { api = 60, stream = 30 }
}

resource "aws_lb_target_group" "this" {
  for_each = local.targets

  name                          = local.service
  vpc_id                        = var.network.id
  target_type                   = "ip"
  protocol                      = "HTTP"
  port                          = local.port
  load_balancing_algorithm_type = "least_outstanding_requests"
  # Longer than the process needs after SIGTERM, which ECS sends when this time is over or the target is gone.
  deregistration_delay = max(local.deregistration_seconds[each.key], ceil(var.drain_seconds) + 10)
  tags                 = var.labels

  health_check {
    path                = "/api/ready"
    matcher             = "200"
    interval            = 10
    timeout             = 5
    healthy_threshold   = 2
    unhealthy_threshold = 3
  }
}

# Everything that no other rule takes.
resource "aws_lb_listener_rule" "api" {
  for_each = { for role in local.targets : role => role if role == "api" }

  listener_arn = var.network.load_balancer.listener_arn
  priority     = 100
  tags         = var.labels

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.this[each.key].arn
  }

  condition {
    path_pattern {
      values = ["/*"]
    }
  }
}

# Whoever follows a run. An api process answers these too, so a rule too few costs separation only.
resource "aws_lb_listener_rule" "stream" {
  for_each = {
    for key, rule in {
      events    = { priority = 10, path = ["/v1/runs/*/events"], query = [] }
      responses = { priority = 11, path = ["/v1/responses/*"], query = ["true"] }
    } : key => rule if contains(keys(local.targets), "stream")
  }

  listener_arn = var.network.load_balancer.listener_arn
  priority     = each.value.priority
  tags         = var.labels

  action {
    type             = "forward"
    target_group_arn = aws_lb_target_group.this["stream"].arn
  }

  condition {
    path_pattern {
      values = each.value.path
    }
  }

  dynamic "condition" {
    for_each = each.value.query

    content {
      query_string {
        key   = "stream"
        value = condition.value
      }
    }
  }
}
