# Goes with the api's image. The pipeline executes it before any traffic moves to a new revision.
resource "google_cloud_run_v2_job" "migrate" {
  for_each = var.role == "api" ? { migrate = "${var.name}-migrate" } : {}

  name                = each.value
  location            = var.region
  labels              = local.labels
  deletion_protection = var.environment == "prod"

  template {
    task_count  = 1
    parallelism = 1

    template {
      service_account       = var.account
      execution_environment = "EXECUTION_ENVIRONMENT_GEN2"
      max_retries           = 0
      timeout               = "3600s"

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
        args  = ["migrate"]

        resources {
          limits = { cpu = "1", memory = "1024Mi" }
        }

        dynamic "env" {
          for_each = local.variables

          content {
            name  = env.key
            value = env.value
          }
        }

        dynamic "volume_mounts" {
          for_each = local.folders

          content {
            name       = volume_mounts.value.volume
            mount_path = volume_mounts.key
          }
        }
      }

      dynamic "volumes" {
        for_each = local.folders

        content {
          name = volumes.value.volume

          secret {
            secret = volumes.value.secret

            items {
              path    = volumes.value.file
              version = "latest"
            }
          }
        }
      }
    }
  }

  lifecycle {
    ignore_changes = [client, client_version, template[0].template[0].containers[0].image]
  }

  depends_on = [google_secret_manager_secret_iam_member.main]
}
