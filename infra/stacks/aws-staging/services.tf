locals {
  url_secrets = {
    HELIUM_DATABASE_URL = var.database == "rds" ? one(module.database[*].secret_id) : module.secrets.ids["database-url"]
    HELIUM_REDIS_URL    = module.cache.secret_id
  }
  keys = { for variable, name in local.key_secrets : variable => module.secrets.ids[name] }

  # api names models, and needs their variables for that, but only workers may read the keys.
  accounts = {
    api = {
      description = "Answers requests"
      roles       = ["queue.look", "queue.send", "files.read", "files.write"]
      secrets     = values(local.url_secrets)
    }
    stream = {
      description = "Sends the events of runs"
      roles       = ["queue.look"]
      secrets     = values(local.url_secrets)
    }
    worker = {
      description = "Executes runs"
      roles       = ["queue.look", "queue.send", "queue.receive", "files.read", "files.write"]
      secrets     = concat(values(local.url_secrets), values(local.keys))
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

  # The same for all processes of the installation.
  settings = {
    HELIUM_ENVIRONMENT               = "production"
    HELIUM_LOG_FORMAT                = "json"
    HELIUM_SECRETS__AWS_REGION       = var.region
    HELIUM_DATABASE__PROCESSES       = tostring(sum([for service in local.services : service.max]))
    HELIUM_DATABASE__POOL_SIZE       = "4"
    HELIUM_DATABASE__POOLER          = tostring(var.database_pooler && var.database == "supabase")
    HELIUM_QUEUE__KIND               = "sqs"
    HELIUM_QUEUE__NAME               = module.queue.name
    HELIUM_QUEUE__AWS_REGION         = var.region
    HELIUM_QUEUE__SQS_URL            = module.queue.url
    HELIUM_QUEUE__VISIBILITY_SECONDS = "60"
    HELIUM_QUEUE__DEAD_MAN_BELL      = "false"
    HELIUM_BLOBS__URL                = module.blobs.url
    HELIUM_BLOBS__REGION             = var.region
  }
}

module "service" {
  source   = "../../modules/aws/service"
  for_each = local.services

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
