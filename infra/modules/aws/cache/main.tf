locals {
  node_types = { small = "cache.t4g.small", medium = "cache.m7g.large", large = "cache.r7g.large" }
}

resource "aws_elasticache_subnet_group" "this" {
  name       = var.name
  subnet_ids = var.network.subnets
  tags       = var.labels
}

resource "aws_security_group" "this" {
  name        = "${var.name}-cache"
  description = "Valkey: from processes of Helium only"
  vpc_id      = var.network.id
  tags        = merge(var.labels, { Name = "${var.name}-cache" })
}

resource "aws_vpc_security_group_ingress_rule" "tasks" {
  security_group_id            = aws_security_group.this.id
  description                  = "Valkey from tasks"
  referenced_security_group_id = var.network.tasks_security_group_id
  ip_protocol                  = "tcp"
  from_port                    = 6379
  to_port                      = 6379
}

resource "aws_elasticache_parameter_group" "this" {
  name        = "${var.name}-valkey8"
  family      = "valkey8"
  description = "Nothing is thrown away silently"
  tags        = var.labels

  parameter {
    name  = "maxmemory-policy"
    value = "noeviction"
  }
}

# It begins with IAM, so that no password is in Terraform's state; one command then gives it the password
# that the secret has (see the README). Until then nobody gets in.
resource "aws_elasticache_user" "helium" {
  user_id       = "${var.name}-helium"
  user_name     = "${var.name}-helium"
  engine        = "valkey"
  access_string = "on ~helium* &helium* +@all -@dangerous +info"
  tags          = var.labels

  authentication_mode {
    type = "iam"
  }

  lifecycle {
    ignore_changes = [authentication_mode]
  }
}

resource "aws_elasticache_user_group" "this" {
  user_group_id = var.name
  engine        = "valkey"
  user_ids      = [aws_elasticache_user.helium.user_id]
  tags          = var.labels
}

resource "aws_elasticache_replication_group" "this" {
  replication_group_id = var.name
  description          = "Bells, cache and limits of Helium; nothing that must not be lost"
  engine               = "valkey"
  engine_version       = "8.0"
  node_type            = local.node_types[var.size]
  port                 = 6379
  parameter_group_name = aws_elasticache_parameter_group.this.name

  num_cache_clusters         = var.high_availability ? 2 : 1
  automatic_failover_enabled = var.high_availability
  multi_az_enabled           = var.high_availability

  subnet_group_name          = aws_elasticache_subnet_group.this.name
  security_group_ids         = [aws_security_group.this.id]
  user_group_ids             = [aws_elasticache_user_group.this.user_group_id]
  transit_encryption_enabled = true
  transit_encryption_mode    = "required"
  at_rest_encryption_enabled = true
  auto_minor_version_upgrade = true

  # An empty start is allowed, so there is nothing to restore.
  snapshot_retention_limit = 0
  maintenance_window       = "sun:05:30-sun:06:30"
  apply_immediately        = true
  tags                     = var.labels
}

# What `HELIUM_REDIS_URL` refers to.
resource "aws_secretsmanager_secret" "url" {
  name                    = "${var.name}/redis-url"
  description             = "URL of Valkey, with its password"
  recovery_window_in_days = var.environment == "prod" ? 30 : 7
  tags                    = var.labels
}

resource "aws_secretsmanager_secret_version" "url" {
  secret_id = aws_secretsmanager_secret.url.id
  secret_string_wo = join("", [
    "rediss://${aws_elasticache_user.helium.user_name}:${var.password}@",
    "${aws_elasticache_replication_group.this.primary_endpoint_address}:6379/0",
  ])
  secret_string_wo_version = var.password_version
}
