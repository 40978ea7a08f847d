locals {
  service = "${var.name}-${var.role}"
  port    = 8000

  # A process needs 4 s after its drain, and is killed by its supervisor 3 s later at the latest.
  stop_timeout = ceil(var.drain_seconds) + 10

  environment = merge(
    var.settings,
    { for name, arn in var.secrets : name => "secret:aws:${arn}" },
    {
      HELIUM_HOST                  = "0.0.0.0"
      HELIUM_PORT                  = tostring(local.port)
      HELIUM_WORKER__PORT          = tostring(local.port)
      HELIUM_WORKER__DRAIN_SECONDS = tostring(var.drain_seconds)
    },
    { for name in(var.role == "worker" ? ["HELIUM_QUEUE__CONCURRENCY"] : []) : name => tostring(var.concurrency) },
  )
}

data "aws_region" "current" {}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/helium/${local.service}"
  retention_in_days = var.log_retention_days
  tags              = var.labels
}

resource "aws_ecs_task_definition" "this" {
  family                   = local.service
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.cpu * 1024
  memory                   = var.memory_mib
  execution_role_arn       = aws_iam_role.execution.arn
  task_role_arn            = var.account
  # What runs on the old revision until its drain has ended must still be found.
  skip_destroy = true
  tags         = var.labels

  runtime_platform {
    cpu_architecture        = "ARM64"
    operating_system_family = "LINUX"
  }

  # Everything else of the file system is read-only.
  volume {
    name = "home"
  }

  volume {
    name = "temporary"
  }

  container_definitions = jsonencode([{
    name      = var.role
    image     = var.image
    command   = [var.role]
    essential = true
    user      = "10001:10001"

    readonlyRootFilesystem = true
    linuxParameters        = { initProcessEnabled = true, capabilities = { drop = ["ALL"], add = [] } }
    stopTimeout            = local.stop_timeout
    ulimits                = [{ name = "nofile", softLimit = 65536, hardLimit = 65536 }]

    portMappings = [{ containerPort = local.port, hostPort = local.port, protocol = "tcp", name = var.role, appProtocol = "http" }]
    environment  = [for name in sort(keys(local.environment)) : { name = name, value = local.environment[name] }]

    mountPoints = [
      { sourceVolume = "home", containerPath = "/var/lib/helium", readOnly = false },
      { sourceVolume = "temporary", containerPath = "/tmp", readOnly = false },
    ]

    # The process only: an outage of the database must not restart everything.
    healthCheck = {
      command = [
        "CMD", "python", "-c",
        "import urllib.request as r; r.urlopen('http://127.0.0.1:${local.port}/api/health', timeout=4)",
      ]
      interval    = 10
      timeout     = 5
      retries     = 3
      startPeriod = 60
    }

    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.this.name
        awslogs-region        = data.aws_region.current.id
        awslogs-stream-prefix = var.role
        mode                  = "non-blocking"
        max-buffer-size       = "8m"
      }
    }
  }])

  lifecycle {
    precondition {
      condition     = local.stop_timeout > var.drain_seconds + 7 && local.stop_timeout <= 120
      error_message = "stopTimeout has to be longer than the drain and 7 s, and at most Fargate's 120 s."
    }
  }
}

resource "aws_ecs_service" "this" {
  name                          = local.service
  cluster                       = var.cluster.arn
  task_definition               = aws_ecs_task_definition.this.arn
  desired_count                 = var.min_instances
  availability_zone_rebalancing = "ENABLED"
  enable_ecs_managed_tags       = true
  propagate_tags                = "SERVICE"
  # Nobody opens a shell in it.
  enable_execute_command             = false
  deployment_minimum_healthy_percent = 100
  deployment_maximum_percent         = 200
  health_check_grace_period_seconds  = var.public ? 60 : null
  tags                               = var.labels

  capacity_provider_strategy {
    capacity_provider = "FARGATE"
    base              = var.min_instances
    weight            = 100 - var.spot_percent
  }

  capacity_provider_strategy {
    capacity_provider = "FARGATE_SPOT"
    weight            = var.spot_percent
  }

  network_configuration {
    subnets          = var.network.subnets
    security_groups  = [var.network.tasks_security_group_id]
    assign_public_ip = false
  }

  dynamic "load_balancer" {
    for_each = local.targets

    content {
      container_name   = var.role
      container_port   = local.port
      target_group_arn = aws_lb_target_group.this[load_balancer.key].arn

      dynamic "advanced_configuration" {
        for_each = local.gradual

        content {
          alternate_target_group_arn = aws_lb_target_group.this["${advanced_configuration.key}-other"].arn
          production_listener_rule   = aws_lb_listener_rule.api[advanced_configuration.key].arn
          test_listener_rule         = aws_lb_listener_rule.candidate[advanced_configuration.key].arn
          role_arn                   = aws_iam_role.traffic[advanced_configuration.key].arn
        }
      }
    }
  }

  # What a deployment is that `helium release` did not begin. A release says for itself how it goes.
  dynamic "deployment_configuration" {
    for_each = local.gradual

    content {
      strategy             = "BLUE_GREEN"
      bake_time_in_minutes = "5"
    }
  }

  # For rolling deployments only: where traffic moves between two groups, the alarms below do its work.
  dynamic "deployment_circuit_breaker" {
    for_each = length(local.gradual) > 0 ? {} : { breaker = true }

    content {
      enable   = deployment_circuit_breaker.value
      rollback = deployment_circuit_breaker.value
    }
  }

  alarms {
    alarm_names = local.deployment_alarms
    enable      = true
    rollback    = true
  }

  # Terraform registers revisions; `helium release` rolls them out, with the image that it was given. A deployment
  # that Terraform began would not know which of the two groups has the traffic
  # (hashicorp/terraform-provider-aws issue 45678).
  lifecycle {
    ignore_changes = [deployment_configuration, desired_count, load_balancer, task_definition]
  }

  depends_on = [
    aws_iam_role_policy.execution,
    aws_iam_role_policy.traffic,
    aws_lb_listener_rule.api,
    aws_lb_listener_rule.stream,
    aws_cloudwatch_metric_alarm.memory,
    aws_cloudwatch_metric_alarm.errors,
  ]
}
