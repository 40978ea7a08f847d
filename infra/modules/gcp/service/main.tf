locals {
  labels = merge(var.labels, { environment = var.environment, role = var.role })
  port   = 8080
  # Cloud Run's own, from SIGTERM to SIGKILL. It cannot be set.
  grace_seconds = 10
  # A viewer is asked to connect again after HELIUM_STREAM__MAX_CONNECTION_SECONDS, and a push is given up after
  # HELIUM_QUEUE__PUSH_SECONDS: the platform's limits are above both.
  push_seconds = 1500
  timeouts     = { api = 900, stream = 3600, worker = 1800 }
  own = merge(
    {
      HELIUM_ENVIRONMENT           = "production"
      HELIUM_HOST                  = "0.0.0.0"
      HELIUM_LOG_FORMAT            = "json"
      HELIUM_PORT                  = local.port
      HELIUM_QUEUE__PUSH_SECONDS   = local.push_seconds
      HELIUM_SECRETS__GCP_PROJECT  = trimprefix(data.google_project.current.id, "projects/")
      HELIUM_WORKER__DRAIN_SECONDS = var.drain_seconds
    },
    # A push that finds no free slot is a 429, and those slow the whole queue down.
    var.role == "worker" ? { HELIUM_WORKER__PORT = local.port, HELIUM_QUEUE__CONCURRENCY = var.concurrency } : {},
    var.metrics == null ? {} : { HELIUM_METRICS__PORT = var.metrics.port },
  )
  references = { for variable, id in var.secrets : variable => "secret:gcp:${id}" }
  variables  = merge(var.settings, local.references, local.own)
}

data "google_project" "current" {}

resource "google_cloud_run_v2_service" "main" {
  name        = var.name
  location    = var.region
  description = "Helium ${var.role}, ${var.environment}"
  labels      = local.labels
  ingress     = var.public ? "INGRESS_TRAFFIC_ALL" : "INGRESS_TRAFFIC_INTERNAL_ONLY"
  # Helium asks every caller for a key itself; a worker verifies the token of each push. Were Cloud Run to check
  # tokens as well, it would take away the signature that the worker needs.
  invoker_iam_disabled = true
  deletion_protection  = var.environment == "prod"

  # Of all revisions together, so that a canary does not double what is kept.
  scaling {
    min_instance_count = var.min_instances
    max_instance_count = var.max_instances
  }

  template {
    service_account                  = var.account
    execution_environment            = "EXECUTION_ENVIRONMENT_GEN2"
    max_instance_request_concurrency = var.concurrency
    timeout                          = "${local.timeouts[var.role]}s"
    session_affinity                 = false

    scaling {
      max_instance_count = var.max_instances
    }

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
      args  = [var.role]

      ports {
        name           = "http1"
        container_port = local.port
      }

      resources {
        limits = {
          cpu    = var.cpu
          memory = "${var.memory_mib}Mi"
        }
        # Leases are renewed and bells are heard between requests, so the CPU must not rest then.
        cpu_idle          = false
        startup_cpu_boost = true
      }

      dynamic "env" {
        for_each = local.variables

        content {
          name  = env.key
          value = env.value
        }
      }

      # The way into the network may take a minute to open.
      startup_probe {
        period_seconds    = 5
        timeout_seconds   = 4
        failure_threshold = 36

        http_get {
          path = "/api/ready"
          port = local.port
        }
      }

      # Never /api/ready: an outage of the database would restart everything.
      liveness_probe {
        period_seconds    = 15
        timeout_seconds   = 5
        failure_threshold = 4

        http_get {
          path = "/api/health"
          port = local.port
        }
      }

      readiness_probe {
        period_seconds    = 5
        timeout_seconds   = 4
        failure_threshold = 3
        success_threshold = 1

        http_get {
          path = "/api/ready"
          port = local.port
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

    dynamic "containers" {
      for_each = local.collectors

      content {
        name       = "metrics"
        image      = containers.value.image
        depends_on = ["helium"]

        resources {
          limits            = { cpu = "1", memory = "512Mi" }
          cpu_idle          = false
          startup_cpu_boost = false
        }

        volume_mounts {
          name       = "metrics"
          mount_path = "/etc/rungmp"
        }
      }
    }

    dynamic "volumes" {
      for_each = local.mounted

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

  lifecycle {
    # The pipeline's: which image runs, and who gets how much of the traffic.
    ignore_changes = [
      client,
      client_version,
      template[0].annotations,
      template[0].containers[0].image,
      template[0].labels,
      template[0].revision,
      traffic,
    ]

    precondition {
      condition     = local.grace_seconds > var.drain_seconds + 4
      error_message = "The platform must give more than drain_seconds and 4 s."
    }

    precondition {
      condition     = local.timeouts.worker > local.push_seconds
      error_message = "A worker's request must be allowed to last longer than a push."
    }

    precondition {
      condition     = var.memory_mib <= var.cpu * 4096 && (var.cpu < 4 || var.memory_mib >= 2048)
      error_message = "Cloud Run has at most 4 GiB for each vCPU, and at least 2 GiB from 4 vCPUs."
    }

    precondition {
      condition     = length(setintersection(keys(var.settings), keys(local.own))) == 0
      error_message = "settings must leave out what the module sets: ${join(", ", keys(local.own))}."
    }
  }

  depends_on = [google_secret_manager_secret_iam_member.main]
}
