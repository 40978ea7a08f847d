locals {
  names = { api = "helium-backend", stream = "helium-stream", worker = "helium-worker" }
  # Known before the service is there: senders and the worker itself must have the very same.
  push_url = "https://${local.names.worker}-${data.google_project.current.number}.${var.region}.run.app"

  url_secrets = {
    HELIUM_DATABASE_URL = var.database == "cloud_sql" ? one(module.database[*].secret_id) : module.secrets.ids["database-url"]
    HELIUM_REDIS_URL    = module.cache.secret_id
  }
  keys = { for variable, name in local.key_secrets : variable => module.secrets.ids[name] }
  # api names models, and needs their variables for that, but only workers may read the keys.
  named_keys = { for variable, id in local.keys : variable => "secret:gcp:${id}" }

  measured = var.metrics_image == null ? [] : ["roles/monitoring.metricWriter"]
  accounts = {
    api       = { description = "Answers requests.", roles = local.measured }
    backup    = { description = "Saves the database and the files.", roles = [] }
    push      = { description = "In its name Cloud Tasks and the sweep sign pushes. It has no rights.", roles = [] }
    scheduler = { description = "Starts the backup each day.", roles = [] }
    stream    = { description = "Sends the events of runs.", roles = local.measured }
    worker    = { description = "Executes runs.", roles = local.measured }
  }
  # Deploys revisions, executes the migration, and reads how fast the budget of errors burns.
  pipeline = {
    pipeline = { description = "Workflows on GitHub that deploy.", roles = ["roles/monitoring.viewer", "roles/run.developer"] }
  }

  processes = sum([for service in local.services : service.max])
  pool_size = 2
  # The same for all processes of the installation.
  settings = {
    # Cloud Run takes requests of up to 32 MiB.
    HELIUM_BLOBS__MAX_BYTES    = "31457280"
    HELIUM_BLOBS__URL          = "${module.blobs.url}/files"
    HELIUM_DATABASE__POOL_SIZE = tostring(local.pool_size)
    HELIUM_DATABASE__POOLER    = tostring(module.connections.pooler)
    HELIUM_DATABASE__PROCESSES = tostring(local.processes)
    HELIUM_QUEUE__GCP_LOCATION = var.region
    HELIUM_QUEUE__GCP_PROJECT  = var.project
    HELIUM_QUEUE__KIND         = "cloud_tasks"
    HELIUM_QUEUE__NAME         = module.queue.name
    HELIUM_QUEUE__PUSH_ACCOUNT = module.identity.accounts["push"]
    HELIUM_QUEUE__PUSH_URL     = local.push_url
    HELIUM_REDIS__CA_FILE      = "/etc/helium/redis/ca.pem"
  }
}

data "google_project" "current" {}

module "service" {
  source   = "../../modules/gcp/service"
  for_each = local.services

  name          = local.names[each.key]
  environment   = local.environment
  labels        = local.labels
  region        = var.region
  role          = each.key
  image         = var.image
  network       = module.network.network
  account       = module.identity.accounts[each.key]
  public        = each.key != "worker"
  settings      = merge(local.settings, each.key == "api" ? local.named_keys : {})
  secrets       = merge(local.url_secrets, each.key == "worker" ? local.keys : {})
  files         = { "/etc/helium/redis" = { secret = module.cache.ca_secret_id, file = "ca.pem" } }
  metrics       = var.metrics_image == null ? null : { image = var.metrics_image }
  min_instances = each.value.min
  max_instances = each.value.max
  concurrency   = each.value.concurrency
  cpu           = each.value.cpu
  memory_mib    = each.value.memory_mib
  drain_seconds = 4
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
