locals {
  functions = { for name, size in { worker = var.lambda_worker } : name => size if size != null }
  resident  = { for role, service in local.services : role => service if !contains(keys(local.functions), role) }
  # A message stays hidden while it is worked on. A function cannot ask for more time as a worker does.
  visibility_seconds = max(60, [for function in local.functions : 6 * function.timeout_seconds]...)

  url_secrets = {
    HELIUM_DATABASE_URL = var.database == "rds" ? one(module.database[*].secret_id) : module.secrets.ids["database-url"]
    HELIUM_REDIS_URL    = module.cache.secret_id
  }
  keys = { for variable, name in local.key_secrets : variable => module.secrets.ids[name] }
  backup_secrets = {
    HELIUM_BACKUP_KEY   = module.secrets.ids["backup-key"]
    HELIUM_DATABASE_URL = local.url_secrets.HELIUM_DATABASE_URL
  }

  # api names models, and needs their variables for that, but only workers may read the keys.
  accounts = {
    api = {
      description = "Answers requests"
      roles       = ["queue.look", "queue.send", "files.read", "files.write"]
      secrets     = values(local.url_secrets)
    }
    backup = {
      description = "Saves the database and the files"
      roles       = ["backups.write", "files.read"]
      secrets     = values(local.backup_secrets)
    }
    stream = {
      description = "Sends the events of runs"
      roles       = ["queue.look"]
      secrets     = values(local.url_secrets)
    }
    worker = {
      description = "Executes runs"
      roles = concat(
        ["queue.look", "queue.send", "queue.receive", "files.read", "files.write"],
        length(local.functions) == 0 ? ["protect"] : [],
      )
      secrets = concat(values(local.url_secrets), values(local.keys))
      runs_on = length(local.functions) == 0 ? "ecs" : "lambda"
    }
  }

  pipeline = {
    pipeline = {
      description = "Workflows on GitHub that deploy"
      roles       = []
      secrets     = []
      runs_on     = "github"
    }
  }

  processes = sum(concat([for service in local.resident : service.max], [for function in local.functions : function.max]))
  pool_size = 2
  # The same for all processes of the installation.
  settings = {
    HELIUM_ENVIRONMENT               = "production"
    HELIUM_LOG_FORMAT                = "json"
    HELIUM_SECRETS__AWS_REGION       = var.region
    HELIUM_DATABASE__PROCESSES       = tostring(local.processes)
    HELIUM_DATABASE__POOL_SIZE       = tostring(local.pool_size)
    HELIUM_DATABASE__POOLER          = tostring(module.connections.pooler)
    HELIUM_QUEUE__KIND               = "sqs"
    HELIUM_QUEUE__NAME               = module.queue.name
    HELIUM_QUEUE__AWS_REGION         = var.region
    HELIUM_QUEUE__SQS_URL            = module.queue.url
    HELIUM_QUEUE__VISIBILITY_SECONDS = tostring(local.visibility_seconds)
    HELIUM_QUEUE__DEAD_MAN_BELL      = "false"
    HELIUM_BLOBS__URL                = module.blobs.url
    HELIUM_BLOBS__REGION             = var.region
  }
}

module "service" {
  source   = "../../modules/aws/service"
  for_each = local.resident

  name               = local.name
  environment        = local.environment
  labels             = local.labels
  role               = each.key
  image              = var.image
  cluster            = { arn = aws_ecs_cluster.this.arn, name = aws_ecs_cluster.this.name }
  network            = module.network.network
  account            = module.identity.accounts[each.key]
  public             = each.key != "worker"
  queue              = each.key == "worker" ? module.queue.name : ""
  settings           = local.settings
  secrets            = merge(local.url_secrets, each.key == "stream" ? {} : local.keys)
  min_instances      = each.value.min
  max_instances      = each.value.max
  concurrency        = each.value.concurrency
  cpu                = each.value.cpu
  memory_mib         = each.value.memory_mib
  spot_percent       = each.value.spot_percent
  log_retention_days = local.log_retention_days

  depends_on = [aws_ecs_cluster_capacity_providers.this]
}

module "lambda_worker" {
  source   = "../../modules/aws/lambda_worker"
  for_each = local.functions

  name               = local.name
  environment        = local.environment
  labels             = local.labels
  image              = var.image
  account            = module.identity.accounts["worker"]
  network            = module.network.network
  queue              = { arn = module.queue.arn, visibility_seconds = local.visibility_seconds }
  settings           = local.settings
  secrets            = merge(local.url_secrets, local.keys)
  max_instances      = each.value.max
  memory_mib         = each.value.memory_mib
  timeout_seconds    = each.value.timeout_seconds
  log_retention_days = local.log_retention_days
}

module "connections" {
  source = "../../modules/common/connections"

  database        = var.database
  supabase        = var.supabase
  max_connections = one(module.database[*].max_connections)
  processes       = local.processes
  pool_size       = local.pool_size
}

# Each process checks this too when it starts, unless it is behind a pooler; here it is seen before anything is made.
resource "terraform_data" "connections" {
  input = local.processes

  lifecycle {
    precondition {
      condition     = var.database == "supabase" || module.connections.needed <= module.connections.permitted
      error_message = "The processes may open ${module.connections.needed} connections, and the database has ${module.connections.permitted}: lower the services' max in sizes.tf, or raise the database's size."
    }
  }
}

# Terraform does not make Supabase's project, so this is a warning.
check "supabase" {
  assert {
    condition     = var.database != "supabase" || module.connections.needed <= module.connections.permitted
    error_message = "The processes may open ${module.connections.needed} connections, and Supabase (${var.supabase.size}, ${var.supabase.mode} mode) has ${module.connections.permitted}: lower the services' max in sizes.tf, or take a larger size and say so in the variable supabase."
  }
}
