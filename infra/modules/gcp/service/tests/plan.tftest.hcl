mock_provider "google" {
  mock_data "google_project" {
    defaults = {
      id     = "projects/example"
      number = "123"
    }
  }
}

variables {
  name          = "helium-worker"
  environment   = "prod"
  region        = "us-east4"
  image         = "registry.example/helium/helium-backend@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
  role          = "worker"
  settings      = { HELIUM_QUEUE__KIND = "cloud_tasks", HELIUM_REDIS__CA_FILE = "/etc/helium/redis/ca.pem" }
  secrets       = { HELIUM_DATABASE_URL = "helium-database-url" }
  files         = { "/etc/helium/redis" = { secret = "helium-redis-ca", file = "ca.pem" } }
  min_instances = 1
  max_instances = 100
  concurrency   = 80
  cpu           = 2
  memory_mib    = 2048
  account       = "helium-worker@example.iam.gserviceaccount.com"
  network       = { id = "projects/p/global/networks/helium", subnetwork = "projects/p/regions/us-east4/subnetworks/helium" }
  public        = false
  drain_seconds = 4
}

run "a_worker_is_private_and_always_has_its_cpu" {
  command = plan

  assert {
    condition     = google_cloud_run_v2_service.main.ingress == "INGRESS_TRAFFIC_INTERNAL_ONLY" && google_cloud_run_v2_service.main.invoker_iam_disabled
    error_message = "Internal, and tokens arrive with their signature."
  }

  assert {
    condition     = google_cloud_run_v2_service.main.template[0].containers[0].resources[0].cpu_idle == false
    error_message = "Leases are renewed between requests."
  }

  assert {
    condition     = google_cloud_run_v2_service.main.scaling[0].min_instance_count == 1 && google_cloud_run_v2_service.main.scaling[0].max_instance_count == 100
    error_message = "1 to 100 instances."
  }

  assert {
    condition     = google_cloud_run_v2_service.main.deletion_protection
    error_message = "Protected in prod."
  }

  assert {
    condition     = length(google_cloud_run_v2_job.migrate) == 0
    error_message = "Only the api has the migration."
  }
}

run "a_push_may_last" {
  command = plan

  assert {
    condition     = tonumber(trimsuffix(google_cloud_run_v2_service.main.template[0].timeout, "s")) > tonumber(local.variables.HELIUM_QUEUE__PUSH_SECONDS)
    error_message = "The platform waits longer than Helium."
  }

  assert {
    condition     = tonumber(local.variables.HELIUM_QUEUE__CONCURRENCY) >= google_cloud_run_v2_service.main.template[0].max_instance_request_concurrency
    error_message = "Each push that arrives finds a slot."
  }
}

run "probes_tell_life_from_readiness" {
  command = plan

  assert {
    condition     = google_cloud_run_v2_service.main.template[0].containers[0].liveness_probe[0].http_get[0].path == "/api/health"
    error_message = "Life asks for nothing else."
  }

  assert {
    condition     = google_cloud_run_v2_service.main.template[0].containers[0].readiness_probe[0].http_get[0].path == "/api/ready" && google_cloud_run_v2_service.main.template[0].containers[0].startup_probe[0].http_get[0].path == "/api/ready"
    error_message = "Readiness asks the database."
  }
}

run "secrets_are_references" {
  command = plan

  assert {
    condition     = local.variables.HELIUM_SECRETS__GCP_PROJECT == "example"
    error_message = "Where Helium looks for them."
  }

  assert {
    condition     = local.variables.HELIUM_DATABASE_URL == "secret:gcp:helium-database-url"
    error_message = "Helium reads the value itself."
  }

  assert {
    condition     = keys(google_secret_manager_secret_iam_member.main) == ["/etc/helium/redis", "HELIUM_DATABASE_URL"]
    error_message = "Its own secrets and no others."
  }
}

run "the_grace_is_longer_than_the_drain" {
  command = plan

  assert {
    condition     = local.grace_seconds > tonumber(local.variables.HELIUM_WORKER__DRAIN_SECONDS) + 4
    error_message = "10 s of Cloud Run, 4 s of drain, 4 s of the end."
  }
}

run "streams_last_an_hour_and_the_api_migrates" {
  command = plan

  variables {
    name          = "helium-stream"
    role          = "stream"
    public        = true
    concurrency   = 500
    max_instances = 10
  }

  assert {
    condition     = google_cloud_run_v2_service.main.template[0].timeout == "3600s" && google_cloud_run_v2_service.main.ingress == "INGRESS_TRAFFIC_ALL"
    error_message = "Streams are public and long."
  }
}

run "the_api_has_the_migration" {
  command = plan

  variables {
    name   = "helium-backend"
    role   = "api"
    public = true
  }

  assert {
    condition     = output.migrate_job == "helium-backend-migrate" && google_cloud_run_v2_job.migrate["migrate"].template[0].template[0].containers[0].args == tolist(["migrate"])
    error_message = "One job beside the api."
  }
}

run "a_public_worker_is_refused" {
  command = plan

  variables {
    public = true
  }

  expect_failures = [var.public]
}

run "a_tag_is_refused" {
  command = plan

  variables {
    image = "registry.example/helium/helium-backend:latest"
  }

  expect_failures = [var.image]
}

run "a_password_among_settings_is_refused" {
  command = plan

  variables {
    settings = { HELIUM_REDIS_URL = "redis://:password@10.0.0.1:6379/0" }
  }

  expect_failures = [var.settings]
}

run "a_drain_that_is_cut_off_is_refused" {
  command = plan

  variables {
    drain_seconds = 6
  }

  expect_failures = [var.drain_seconds]
}

run "what_the_module_sets_is_refused_among_settings" {
  command = plan

  variables {
    settings = { HELIUM_PORT = "9000" }
  }

  expect_failures = [google_cloud_run_v2_service.main]
}

run "a_size_that_cloud_run_does_not_have_is_refused" {
  command = plan

  variables {
    cpu        = 1
    memory_mib = 8192
  }

  expect_failures = [google_cloud_run_v2_service.main]
}
