locals {
  name        = "helium-${local.environment}"
  labels      = { project = "helium", environment = local.environment, managed-by = "terraform" }
  key_secrets = { for variable in var.model_keys : variable => replace(lower(variable), "_", "-") }
}

module "network" {
  source = "../../modules/aws/network"

  name               = local.name
  environment        = local.environment
  labels             = local.labels
  cidr               = local.cidr
  zones              = [for letter in local.zones : "${var.region}${letter}"]
  high_availability  = local.high_availability
  certificate_arn    = aws_acm_certificate_validation.regional.certificate_arn
  log_retention_days = local.log_retention_days
}

module "queue" {
  source = "../../modules/aws/queue"

  name               = local.name
  environment        = local.environment
  labels             = local.labels
  visibility_seconds = local.visibility_seconds
}

module "blobs" {
  source = "../../modules/aws/blobs"

  name         = local.name
  environment  = local.environment
  labels       = local.labels
  expire_days  = local.expire_days
  cors_origins = var.cors_origins
}

module "backup" {
  source = "../../modules/aws/backup"

  name               = local.name
  environment        = local.environment
  labels             = local.labels
  image              = var.image
  cluster            = { arn = aws_ecs_cluster.this.arn, name = aws_ecs_cluster.this.name }
  network            = module.network.network
  account            = module.identity.accounts["backup"]
  settings           = { for name in ["HELIUM_BLOBS__REGION", "HELIUM_BLOBS__URL"] : name => local.settings[name] }
  secrets            = local.backup_secrets
  expire_days        = local.backup.expire_days
  retain_days        = local.backup.retain_days
  log_retention_days = local.log_retention_days
}

module "secrets" {
  source = "../../modules/aws/secrets"

  name        = local.name
  environment = local.environment
  labels      = local.labels
  names       = setunion(values(local.key_secrets), var.database == "supabase" ? ["database-url"] : [], ["backup-key"])
  values      = var.secret_values
  versions    = var.secret_versions
}

# Only where Supabase is not used. Its URL is a secret like Supabase's.
module "database" {
  source = "../../modules/aws/database"
  count  = var.database == "rds" ? 1 : 0

  name                = local.name
  environment         = local.environment
  labels              = local.labels
  network             = module.network.network
  size                = local.database_size
  high_availability   = local.high_availability
  deletion_protection = local.deletion_protection
  password            = var.database_password
}

module "cache" {
  source = "../../modules/aws/cache"

  name              = local.name
  environment       = local.environment
  labels            = local.labels
  network           = module.network.network
  size              = local.cache_size
  high_availability = local.high_availability
  password          = var.cache_password
}

module "identity" {
  source = "../../modules/aws/identity"

  name        = local.name
  environment = local.environment
  labels      = local.labels
  accounts    = merge(local.accounts, var.repository == null ? {} : local.pipeline)
  repository = one([for repository in var.repository[*] : merge(repository, {
    account = "pipeline"
    images  = aws_ecr_repository.backend.arn
  })])

  resources = {
    queue      = module.queue.arn
    dead_queue = module.queue.dead_arn
    bucket     = module.blobs.arn
    backups    = module.backup.arn
    cluster    = aws_ecs_cluster.this.name
  }
}

module "edge" {
  source    = "../../modules/aws/edge"
  providers = { aws = aws.global }

  name                  = local.name
  environment           = local.environment
  labels                = local.labels
  domain                = var.domain
  zone_id               = var.zone_id
  certificate_arn       = aws_acm_certificate_validation.global.certificate_arn
  load_balancer_arn     = module.network.network.load_balancer.arn
  api_url               = module.service["api"].url
  stream_url            = module.service["stream"].url
  page_target           = var.page_target
  web_acl_arn           = var.web_acl_arn
  notification_channels = var.alarm_mails
}

module "monitoring" {
  source = "../../modules/aws/monitoring"

  name                  = local.name
  environment           = local.environment
  labels                = local.labels
  cluster               = aws_ecs_cluster.this.name
  load_balancer         = module.network.network.load_balancer.arn_suffix
  services              = { for role, service in module.service : role => service.name }
  min_instances         = { for role, service in local.resident : role => service.min }
  target_groups         = { for role in ["api", "stream"] : role => module.service[role].target_groups }
  queue                 = { name = module.queue.name, dead_name = module.queue.dead_name }
  cache                 = local.name
  backup                = module.backup.name
  notification_channels = var.alarm_mails
  budget_monthly        = local.budget_monthly
}
