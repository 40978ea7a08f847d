locals {
  # The order in which the load balancer looks; lower is first. 1 is the network's.
  targets = { for role in(var.public ? [var.role] : []) : role => role }
  # Requests of api move step by step to a new revision, so it has two groups: which of them has the traffic is
  # what the last release left. A stream is asked to connect again when its task ends, so stream just rolls.
  gradual = { for role in local.targets : role => role if role == "api" }
  groups  = merge(local.targets, { for role in local.gradual : "${role}-other" => role })
  # A stream that was asked to connect again ends within the drain; requests may take a minute.
  deregistration_seconds = { api = 60, stream = 30 }
  candidate_headers      = { x-helium-release = "candidate" }
}

resource "aws_lb_target_group" "this" {
  #checkov:skip=CKV_AWS_378:inside the network, from one security group to one other
  for_each = local.groups

  name                          = "${var.name}-${each.key}"
  vpc_id                        = var.network.id
  target_type                   = "ip"
  protocol                      = "HTTP"
  port                          = local.port
  load_balancing_algorithm_type = "least_outstanding_requests"
  # Longer than the process needs after SIGTERM, which ECS sends when this time is over or the target is gone.
  deregistration_delay = max(local.deregistration_seconds[each.value], ceil(var.drain_seconds) + 10)
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
  for_each = local.gradual

  listener_arn = var.network.load_balancer.listener_arn
  priority     = 100
  tags         = var.labels

  action {
    type = "forward"

    forward {
      dynamic "target_group" {
        for_each = { (each.key) = 100, "${each.key}-other" = 0 }

        content {
          arn    = aws_lb_target_group.this[target_group.key].arn
          weight = target_group.value
        }
      }
    }
  }

  condition {
    path_pattern {
      values = ["/*"]
    }
  }

  # ECS moves the weights while `helium release` looks on.
  lifecycle {
    ignore_changes = [action]
  }
}

# The way to a revision that has no traffic yet. Whoever finds it finds the same API, which asks for a key.
resource "aws_lb_listener_rule" "candidate" {
  for_each = local.gradual

  listener_arn = var.network.load_balancer.listener_arn
  priority     = 5
  tags         = var.labels

  action {
    type = "forward"

    forward {
      dynamic "target_group" {
        for_each = { (each.key) = 0, "${each.key}-other" = 100 }

        content {
          arn    = aws_lb_target_group.this[target_group.key].arn
          weight = target_group.value
        }
      }
    }
  }

  dynamic "condition" {
    for_each = local.candidate_headers

    content {
      http_header {
        http_header_name = condition.key
        values           = [condition.value]
      }
    }
  }

  lifecycle {
    ignore_changes = [action]
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
