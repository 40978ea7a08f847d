mock_provider "aws" {}

mock_provider "aws" {
  alias = "global"
}

variables {
  account_id     = "123456789012"
  alarm_mails    = ["on-call@example.com"]
  cache_password = "0123456789abcdef0123456789abcdef"
  domain         = "example.com"
  zone_id        = "Z0123456789ABC"
  image          = "123456789012.dkr.ecr.us-east-1.amazonaws.com/helium-staging/helium-backend@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
  supabase       = { size = "small" }
  model_keys     = ["OPENAI_API_KEY"]
}

run "supabase_by_secret" {
  command = plan

  assert {
    condition     = length(module.database) == 0 && local.settings["HELIUM_DATABASE__POOLER"] == "true"
    error_message = "Supabase's pooler, and no database of ours."
  }

  assert {
    condition     = output.services == { api = "helium-staging-api", stream = "helium-staging-stream", worker = "helium-staging-worker" }
    error_message = "Three services."
  }

  assert {
    condition     = output.api_domain == "api.example.com" && local.settings["HELIUM_DATABASE__PROCESSES"] == "9"
    error_message = "Every process is counted."
  }

  assert {
    condition     = aws_ecr_repository.backend.image_tag_mutability == "IMMUTABLE" && aws_ecr_repository.backend.image_scanning_configuration[0].scan_on_push
    error_message = "Images are looked through and never replaced."
  }
}

run "a_backup_is_made_each_day" {
  command = plan

  assert {
    condition     = output.backup.name == "helium-staging-backup" && keys(local.backup_secrets) == ["HELIUM_BACKUP_KEY", "HELIUM_DATABASE_URL"]
    error_message = "With the database's address and a key, and no other secret."
  }

  assert {
    condition     = local.accounts.backup.roles == ["backups.write", "files.read"] && !anytrue([for name, account in local.accounts : contains(account.roles, "backups.write") if name != "backup"])
    error_message = "Only it writes backups."
  }

  assert {
    condition     = local.backup.retain_days == 0 && local.backup.expire_days > local.backup.retain_days
    error_message = "Prod's are kept, whoever wants them gone."
  }
}

run "a_worker_is_a_service_or_a_function" {
  command = plan

  assert {
    condition     = length(module.lambda_worker) == 0 && keys(module.service) == ["api", "stream", "worker"] && local.visibility_seconds == 60
    error_message = "A service, unless sizes.tf says otherwise."
  }

  assert {
    condition     = contains(local.accounts.worker.roles, "protect") && !contains(local.accounts.api.roles, "protect")
    error_message = "Who holds runs may be protected."
  }
}

run "a_function_takes_the_workers_place" {
  command = plan

  variables {
    lambda_worker = { max = 20 }
  }

  override_module {
    target  = module.identity
    outputs = { accounts = { for role in ["api", "backup", "stream", "worker"] : role => "arn:aws:iam::123456789012:role/helium-${role}" }, federation_provider = null }
  }

  assert {
    condition     = keys(module.service) == ["api", "stream"] && length(module.lambda_worker) == 1 && local.visibility_seconds == 5400
    error_message = "Messages stay hidden for six calls."
  }

  assert {
    condition     = local.accounts.worker.runs_on == "lambda" && local.processes == 25
    error_message = "Its connections are counted."
  }
}

run "rds_behind_the_same_variable" {
  command = plan

  variables {
    database          = "rds"
    database_password = "fedcba9876543210fedcba9876543210"
  }

  assert {
    condition     = length(module.database) == 1 && local.settings["HELIUM_DATABASE__POOLER"] == "false"
    error_message = "A database of ours, without a pooler."
  }

  assert {
    condition     = !local.deletion_protection && !local.high_availability
    error_message = "Staging is cheap."
  }
}

run "workflows_that_deploy" {
  command = plan

  variables {
    repository = { owner = "helium", owner_id = "42", name = "helium", id = "4711" }
  }

  assert {
    condition     = contains(keys(local.pipeline), "pipeline")
    error_message = "One account for the pipeline."
  }
}

run "supabases_default_size_carries_all_processes" {
  command = plan

  variables {
    supabase = {}
  }

  assert {
    condition     = module.connections.needed <= module.connections.permitted
    error_message = "What the stack is by default can be planned."
  }
}
