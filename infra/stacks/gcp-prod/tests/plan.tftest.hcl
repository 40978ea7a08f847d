mock_provider "cloudflare" {}

mock_provider "google" {
  mock_data "google_project" {
    defaults = {
      id     = "projects/helium-example"
      number = "123"
    }
  }
}

override_module {
  target = module.identity
  outputs = {
    accounts = {
      api       = "helium-api@helium-example.iam.gserviceaccount.com"
      backup    = "helium-backup@helium-example.iam.gserviceaccount.com"
      pipeline  = "helium-pipeline@helium-example.iam.gserviceaccount.com"
      push      = "helium-push@helium-example.iam.gserviceaccount.com"
      scheduler = "helium-scheduler@helium-example.iam.gserviceaccount.com"
      stream    = "helium-stream@helium-example.iam.gserviceaccount.com"
      worker    = "helium-worker@helium-example.iam.gserviceaccount.com"
    }
    federation_provider = null
  }
}

variables {
  project     = "helium-example"
  domain      = "example.com"
  image       = "registry.example/helium/helium-backend@sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
  supabase    = { size = "2xl" }
  model_keys  = ["OPENAI_API_KEY"]
  alarm_mails = ["ops@example.com"]
  zone        = { id = "0123456789abcdef0123456789abcdef", account_id = "fedcba9876543210fedcba9876543210" }
}

run "services_have_the_names_that_everybody_knows" {
  command = plan

  assert {
    condition     = output.services == { api = "helium-backend", stream = "helium-stream", worker = "helium-worker" }
    error_message = "The founding document's names."
  }

  assert {
    condition     = output.migrate_job == "helium-backend-migrate"
    error_message = "The migration goes with the api."
  }
}

run "senders_and_the_worker_agree_where_pushes_go" {
  command = plan

  assert {
    condition     = local.settings.HELIUM_QUEUE__PUSH_URL == "https://helium-worker-123.us-east4.run.app"
    error_message = "The address that Cloud Run makes of name, project and region."
  }

  assert {
    condition     = local.settings.HELIUM_QUEUE__NAME == "agent-processing" && module.queue.dead_name == "agent-processing-dead"
    error_message = "As Helium makes the second name from the first."
  }
}

run "only_workers_read_the_models_keys" {
  command = plan

  assert {
    condition     = local.named_keys.OPENAI_API_KEY == "secret:gcp:helium-openai-api-key"
    error_message = "api knows which keys there are."
  }
}

run "a_backup_is_made_each_day" {
  command = plan

  assert {
    condition     = output.backup.name == "helium-backup" && output.backup.url == "gs://helium-example-helium-backups/helium"
    error_message = "In a bucket of its own."
  }

  assert {
    condition     = local.backup.retain_days >= 7 && local.backup.expire_days > local.backup.retain_days
    error_message = "Prod's are kept, whoever wants them gone."
  }
}

run "supabase_is_the_default" {
  command = plan

  assert {
    condition     = length(module.database) == 0 && local.url_secrets.HELIUM_DATABASE_URL == "helium-database-url" && local.settings.HELIUM_DATABASE__POOLER == "true"
    error_message = "Its URL is a secret, behind its pooler."
  }
}

run "numbers_fit_together" {
  command = plan

  assert {
    condition     = alltrue([for service in local.services : service.max >= service.min])
    error_message = "Most is not under least."
  }

  assert {
    condition     = tonumber(local.settings.HELIUM_DATABASE__PROCESSES) == sum([for service in local.services : service.max])
    error_message = "All processes are counted."
  }
}

run "prod_is_highly_available_and_scales_to_a_hundred" {
  command = plan

  assert {
    condition     = local.high_availability && local.deletion_protection
    error_message = "Two zones, protected."
  }

  assert {
    condition     = local.services.api.min >= 1 && local.services.api.max == 100 && local.services.worker.max == 100
    error_message = "1 to 100."
  }
}

run "cloud_sql_with_too_many_processes_is_refused" {
  command = plan

  variables {
    database          = "cloud_sql"
    database_password = "notapasswordnotapassword"
  }

  expect_failures = [terraform_data.connections]
}
