locals {
  own = {
    HELIUM_ENVIRONMENT         = "production"
    HELIUM_LOG_FORMAT          = "json"
    HELIUM_SECRETS__AWS_REGION = data.aws_region.current.id
    # A bucket with Object Lock refuses parts without a checksum. It is no setting of Helium's, but obstore's.
    AWS_CHECKSUM_ALGORITHM = "SHA256"
  }
  environment = merge(
    var.settings,
    { for name, arn in var.secrets : name => "secret:aws:${arn}" },
    local.own,
  )
  mounts = { home = "/var/lib/helium", temporary = "/tmp" }
}

resource "aws_cloudwatch_log_group" "this" {
  name              = "/helium/${local.job}"
  retention_in_days = var.log_retention_days
  tags              = var.labels
}

# Its image is Terraform's and no release's: an older one saves every table that is there, whatever its schema.
resource "aws_ecs_task_definition" "this" {
  family                   = local.job
  requires_compatibilities = ["FARGATE"]
  network_mode             = "awsvpc"
  cpu                      = var.cpu * 1024
  memory                   = var.memory_mib
  execution_role_arn       = aws_iam_role.execution.arn
  task_role_arn            = var.account
  tags                     = var.labels

  runtime_platform {
    cpu_architecture        = "ARM64"
    operating_system_family = "LINUX"
  }

  # Everything else of the file system is read-only.
  dynamic "volume" {
    for_each = local.mounts

    content {
      name = volume.key
    }
  }

  container_definitions = jsonencode([{
    name      = "backup"
    image     = var.image
    command   = ["backup", "--to", local.url]
    essential = true
    user      = "10001:10001"

    readonlyRootFilesystem = true
    linuxParameters        = { initProcessEnabled = true, capabilities = { drop = ["ALL"], add = [] } }

    environment = [for name in sort(keys(local.environment)) : { name = name, value = local.environment[name] }]
    mountPoints = [for name, path in local.mounts : { sourceVolume = name, containerPath = path, readOnly = false }]

    logConfiguration = {
      logDriver = "awslogs"
      options = {
        awslogs-group         = aws_cloudwatch_log_group.this.name
        awslogs-region        = data.aws_region.current.id
        awslogs-stream-prefix = "backup"
      }
    }
  }])
}
