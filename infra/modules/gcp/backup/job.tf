locals {
  own = {
    HELIUM_ENVIRONMENT          = "production"
    HELIUM_LOG_FORMAT           = "json"
    HELIUM_SECRETS__GCP_PROJECT = local.project
  }
  references = { for variable, id in var.secrets : variable => "secret:gcp:${id}" }
  variables  = merge(var.settings, local.references, local.own)
}

# It reads the database's address and the backups' key, and no other secret.
resource "google_secret_manager_secret_iam_member" "main" {
  for_each = var.secrets

  secret_id = each.value
  role      = "roles/secretmanager.secretAccessor"
  member    = "serviceAccount:${var.account}"
}

# Its image is Terraform's and no release's: an older one saves every table that is there, whatever its schema.
resource "google_cloud_run_v2_job" "main" {
  name                = local.job
  location            = var.region
  labels              = local.labels
  deletion_protection = var.environment == "prod"

  template {
    task_count  = 1
    parallelism = 1

    template {
      service_account       = var.account
      execution_environment = "EXECUTION_ENVIRONMENT_GEN2"
      # A new try is a new backup: what broke off has no manifest and is none.
      max_retries = 2
      timeout     = "${local.timeout}s"

      vpc_access {
        egress = "PRIVATE_RANGES_ONLY"

        network_interfaces {
          network    = var.network.id
          subnetwork = var.network.subnetwork
        }
      }

      containers {
        name  = "helium"
        image = var.image
        args  = ["backup", "--to", local.url]

        resources {
          limits = {
            cpu    = var.cpu
            memory = "${var.memory_mib}Mi"
          }
        }

        dynamic "env" {
          for_each = local.variables

          content {
            name  = env.key
            value = env.value
          }
        }
      }
    }
  }

  lifecycle {
    ignore_changes = [client, client_version]

    precondition {
      condition     = length(setintersection(keys(var.settings), keys(local.own))) == 0
      error_message = "settings must leave out what the module sets: ${join(", ", keys(local.own))}."
    }
  }

  depends_on = [google_secret_manager_secret_iam_member.main, google_storage_bucket_iam_member.job]
}
