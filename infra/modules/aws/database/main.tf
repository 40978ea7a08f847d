locals {
  classes = { small = "db.t4g.small", medium = "db.m7g.large", large = "db.m7g.xlarge" }
  # A little under what Amazon would choose by the memory, and known before there is a database.
  connections = { small = 190, medium = 800, large = 1600 }
}

resource "aws_db_subnet_group" "this" {
  name       = var.name
  subnet_ids = var.network.subnets
  tags       = var.labels
}

resource "aws_security_group" "this" {
  name        = "${var.name}-database"
  description = "PostgreSQL: from processes of Helium only"
  vpc_id      = var.network.id
  tags        = merge(var.labels, { Name = "${var.name}-database" })
}

resource "aws_vpc_security_group_ingress_rule" "tasks" {
  security_group_id            = aws_security_group.this.id
  description                  = "PostgreSQL from tasks"
  referenced_security_group_id = var.network.tasks_security_group_id
  ip_protocol                  = "tcp"
  from_port                    = 5432
  to_port                      = 5432
}

resource "aws_db_parameter_group" "this" {
  name        = "${var.name}-postgres17"
  family      = "postgres17"
  description = "TLS only; slow statements are logged"
  tags        = var.labels

  parameter {
    name  = "rds.force_ssl"
    value = "1"
  }

  parameter {
    name         = "max_connections"
    value        = local.connections[var.size]
    apply_method = "pending-reboot"
  }

  parameter {
    name  = "log_min_duration_statement"
    value = "1000"
  }
}

resource "aws_db_instance" "this" {
  #checkov:skip=CKV_AWS_118:Performance Insights tells what the database waits for, and the host is Amazon's
  #checkov:skip=CKV_AWS_161:a token lives 15 minutes and a pool for weeks; the password is in Secrets Manager only
  identifier     = var.name
  engine         = "postgres"
  engine_version = "17"
  instance_class = local.classes[var.size]

  allocated_storage     = var.storage_gib
  max_allocated_storage = var.storage_gib * 10
  storage_type          = "gp3"
  storage_encrypted     = true

  db_name             = "helium"
  username            = "helium"
  password_wo         = var.password
  password_wo_version = var.password_version

  db_subnet_group_name   = aws_db_subnet_group.this.name
  vpc_security_group_ids = [aws_security_group.this.id]
  publicly_accessible    = false
  multi_az               = var.high_availability
  parameter_group_name   = aws_db_parameter_group.this.name

  backup_retention_period   = var.retention_days
  backup_window             = "03:00-04:00"
  maintenance_window        = "sun:04:30-sun:05:30"
  copy_tags_to_snapshot     = true
  delete_automated_backups  = var.environment != "prod"
  deletion_protection       = var.deletion_protection
  final_snapshot_identifier = "${var.name}-final"
  skip_final_snapshot       = false

  auto_minor_version_upgrade            = true
  enabled_cloudwatch_logs_exports       = ["postgresql", "upgrade"]
  performance_insights_enabled          = true
  performance_insights_retention_period = 7
  tags                                  = var.labels
}

# What `HELIUM_DATABASE_URL` refers to.
resource "aws_secretsmanager_secret" "url" {
  name                    = "${var.name}/database-url"
  description             = "URL of the database, with its password"
  recovery_window_in_days = var.environment == "prod" ? 30 : 7
  tags                    = var.labels
}

resource "aws_secretsmanager_secret_version" "url" {
  secret_id = aws_secretsmanager_secret.url.id
  secret_string_wo = join("", [
    "postgresql://helium:${var.password}@",
    "${aws_db_instance.this.address}:5432/${aws_db_instance.this.db_name}?sslmode=require",
  ])
  secret_string_wo_version = var.password_version
}
