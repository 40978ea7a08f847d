locals {
  name        = "helium"
  labels      = { project = "helium", managed-by = "terraform" }
  key_secrets = { for variable in var.model_keys : variable => replace(lower(variable), "_", "-") }
}

module "network" {
  source = "../../modules/gcp/network"

  name        = local.name
  environment = local.environment
  labels      = local.labels
  region      = var.region
  cidr        = local.cidr

  depends_on = [google_project_service.main]
}

module "identity" {
  source = "../../modules/gcp/identity"

  name        = local.name
  environment = local.environment
  labels      = local.labels
  accounts    = merge(local.accounts, var.repository == null ? {} : local.pipeline)
  repository  = var.repository == null ? null : merge(var.repository, { account = "pipeline" })

  depends_on = [google_project_service.main]
}

module "secrets" {
  source = "../../modules/gcp/secrets"

  name        = local.name
  environment = local.environment
  labels      = local.labels
  names       = setunion(values(local.key_secrets), var.database == "supabase" ? ["database-url"] : [], ["backup-key"])
  values      = var.secret_values
  versions    = var.secret_versions

  depends_on = [google_project_service.main]
}

# Only where Supabase is not used. Its URL is a secret like Supabase's.
module "database" {
  source = "../../modules/gcp/database"
  count  = var.database == "cloud_sql" ? 1 : 0

  name                = "helium-database"
  environment         = local.environment
  labels              = local.labels
  region              = var.region
  network             = module.network.network
  size                = local.database_size
  high_availability   = local.high_availability
  deletion_protection = local.deletion_protection
  password            = var.database_password
}

module "cache" {
  source = "../../modules/gcp/cache"

  name              = "helium-redis"
  environment       = local.environment
  labels            = local.labels
  region            = var.region
  network           = module.network.network
  size              = local.cache_size
  high_availability = local.high_availability
}

module "queue" {
  source = "../../modules/gcp/queue"

  name                      = "agent-processing"
  environment               = local.environment
  labels                    = local.labels
  region                    = var.region
  max_dispatches_per_second = 500
  max_concurrent            = min(5000, local.services.worker.max * local.services.worker.concurrency)
  push_url                  = local.push_url
  push_account              = module.identity.accounts["push"]
  senders                   = { for role in ["api", "worker"] : role => module.identity.accounts[role] }
}

module "blobs" {
  source = "../../modules/gcp/blobs"

  # No other bucket of the world may have its name.
  name         = "${var.project}-helium"
  environment  = local.environment
  labels       = local.labels
  region       = var.region
  expire_days  = local.expire_days
  cors_origins = var.cors_origins
  writers      = { for role in ["api", "worker"] : role => module.identity.accounts[role] }
  readers      = { backup = module.identity.accounts["backup"] }

  depends_on = [google_project_service.main]
}

# Without depends_on: the bucket's name must be known whenever a plan is made.
module "backup" {
  source = "../../modules/gcp/backup"

  name        = local.name
  environment = local.environment
  labels      = local.labels
  region      = var.region
  image       = var.image
  network     = module.network.network
  account     = module.identity.accounts["backup"]
  caller      = module.identity.accounts["scheduler"]
  settings    = { HELIUM_BLOBS__URL = local.settings.HELIUM_BLOBS__URL }
  expire_days = local.backup.expire_days
  retain_days = local.backup.retain_days

  secrets = {
    HELIUM_BACKUP_KEY   = module.secrets.ids["backup-key"]
    HELIUM_DATABASE_URL = local.url_secrets.HELIUM_DATABASE_URL
  }
}

module "edge" {
  source = "../../modules/gcp/edge"

  name                = local.name
  environment         = local.environment
  labels              = local.labels
  domain              = var.domain
  zone                = var.zone
  page_target         = var.page_target
  requests_per_minute = local.requests_per_minute
  api_url             = module.service["api"].url
  stream_url          = module.service["stream"].url
}

module "monitoring" {
  source = "../../modules/gcp/monitoring"

  name                  = local.name
  environment           = local.environment
  labels                = local.labels
  services              = { for role, service in module.service : role => service.name }
  queue                 = { name = module.queue.name, dead_name = module.queue.dead_name }
  cache                 = "helium-redis"
  backup                = module.backup.name
  domain                = module.edge.api_domain
  notification_channels = [for channel in google_monitoring_notification_channel.mails : channel.id]
  billing_account       = var.billing_account
  budget_monthly        = local.budget_monthly
}
