mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }

  mock_data "aws_region" {
    defaults = { id = "us-east-1", name = "us-east-1" }
  }
}

variables {
  name          = "helium-prod"
  environment   = "prod"
  role          = "api"
  public        = true
  image         = "123456789012.dkr.ecr.us-east-1.amazonaws.com/helium-prod/helium-backend@sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
  account       = "arn:aws:iam::123456789012:role/helium-prod-api"
  cluster       = { arn = "arn:aws:ecs:us-east-1:123456789012:cluster/helium-prod", name = "helium-prod" }
  settings      = { HELIUM_ENVIRONMENT = "production" }
  secrets       = { HELIUM_DATABASE_URL = "arn:aws:secretsmanager:us-east-1:123456789012:secret:helium-prod/database-url-AbCdEf" }
  min_instances = 2
  max_instances = 20
  concurrency   = 1200
  cpu           = 0.5
  memory_mib    = 1024

  network = {
    id                      = "vpc-1"
    subnets                 = ["subnet-1", "subnet-2"]
    tasks_security_group_id = "sg-1"

    load_balancer = {
      arn_suffix   = "app/helium-prod/1"
      dns_name     = "internal-helium-prod-1.us-east-1.elb.amazonaws.com"
      listener_arn = "arn:aws:elasticloadbalancing:us-east-1:123456789012:listener/app/helium-prod/1/2"
    }
  }
}

run "a_public_role_is_behind_the_load_balancer" {
  command = plan

  assert {
    condition     = keys(aws_lb_target_group.this) == ["api", "api-other"] && length(aws_lb_listener_rule.api) == 1 && length(aws_lb_listener_rule.stream) == 0
    error_message = "api takes what no other takes."
  }

  assert {
    condition     = aws_lb_target_group.this["api"].health_check[0].path == "/api/ready" && tonumber(aws_lb_target_group.this["api"].deregistration_delay) > var.drain_seconds
    error_message = "Requests go to what is ready, and may end."
  }

  assert {
    condition     = aws_appautoscaling_policy.load["api"].target_tracking_scaling_policy_configuration[0].target_value == 840 && keys(local.measures.api.metrics) == ["here", "tasks", "there"]
    error_message = "api is scaled by requests, whichever group has them."
  }

  assert {
    condition     = aws_ecs_service.this.alarms[0].rollback && length(aws_ecs_service.this.alarms[0].alarm_names) == 3 && aws_ecs_service.this.deployment_configuration[0].strategy == "BLUE_GREEN"
    error_message = "A bad deployment goes back by itself."
  }

  assert {
    condition     = length(one(aws_ecs_service.this.load_balancer).advanced_configuration) == 1 && aws_lb_listener_rule.candidate["api"].priority < 10 && output.candidate_headers["x-helium-release"] == "candidate"
    error_message = "A release needs a second group, and a way to what has no traffic."
  }

  assert {
    condition     = !one(aws_ecs_service.this.network_configuration).assign_public_ip && !aws_ecs_service.this.enable_execute_command
    error_message = "No public address, no shell."
  }
}

run "the_container_is_locked_and_told_how_to_end" {
  command = plan

  assert {
    condition     = jsondecode(aws_ecs_task_definition.this.container_definitions)[0].stopTimeout > var.drain_seconds + 7
    error_message = "It would be killed while it drains."
  }

  assert {
    condition = (
      jsondecode(aws_ecs_task_definition.this.container_definitions)[0].readonlyRootFilesystem
      && jsondecode(aws_ecs_task_definition.this.container_definitions)[0].user == "10001:10001"
      && jsondecode(aws_ecs_task_definition.this.container_definitions)[0].linuxParameters.capabilities.drop == ["ALL"]
    )
    error_message = "Read-only, nobody in particular, without powers."
  }

  assert {
    condition     = strcontains(jsondecode(aws_ecs_task_definition.this.container_definitions)[0].healthCheck.command[3], "/api/health")
    error_message = "Liveness asks the process only."
  }

  assert {
    condition = [for variable in jsondecode(aws_ecs_task_definition.this.container_definitions)[0].environment : variable.value if variable.name == "HELIUM_DATABASE_URL"] == [
      "secret:aws:arn:aws:secretsmanager:us-east-1:123456789012:secret:helium-prod/database-url-AbCdEf"
    ]
    error_message = "A secret is a reference and not a value."
  }

  assert {
    condition     = aws_ecs_task_definition.this.runtime_platform[0].cpu_architecture == "ARM64" && aws_ecs_task_definition.this.cpu == "512"
    error_message = "ARM, half a core."
  }
}

run "a_worker_is_private_and_scaled_by_what_waits_and_runs" {
  command = plan

  variables {
    role          = "worker"
    public        = false
    queue         = "agent-processing"
    concurrency   = 100
    drain_seconds = 100
    cpu           = 1
    memory_mib    = 2048
  }

  assert {
    condition     = length(aws_lb_target_group.this) == 0 && length(aws_ecs_service.this.load_balancer) == 0 && output.url == "" && length(output.candidate_headers) == 0
    error_message = "No path leads to a worker."
  }

  assert {
    condition     = aws_ecs_service.this.deployment_circuit_breaker[0].rollback && aws_ecs_service.this.alarms[0].rollback && length(aws_iam_role.traffic) == 0
    error_message = "A bad deployment goes back by itself."
  }

  assert {
    condition     = aws_appautoscaling_policy.load["worker"].target_tracking_scaling_policy_configuration[0].target_value == 70
    error_message = "New workers come before the old ones are full."
  }

  assert {
    condition     = jsondecode(aws_ecs_task_definition.this.container_definitions)[0].stopTimeout == 110
    error_message = "A long drain is waited for."
  }

  assert {
    condition     = [for variable in jsondecode(aws_ecs_task_definition.this.container_definitions)[0].environment : variable.value if variable.name == "HELIUM_QUEUE__CONCURRENCY"] == ["100"]
    error_message = "It takes as many messages as it is scaled for."
  }
}

run "a_stream_service_is_scaled_by_open_streams" {
  command = plan

  variables {
    role        = "stream"
    concurrency = 500
  }

  assert {
    condition     = aws_ecs_service.this.deployment_circuit_breaker[0].enable && length(aws_lb_target_group.this) == 1
    error_message = "It rolls."
  }

  assert {
    condition     = keys(aws_lb_listener_rule.stream) == ["events", "responses"] && aws_appautoscaling_policy.load["stream"].target_tracking_scaling_policy_configuration[0].target_value == 350
    error_message = "Whoever follows a run comes here."
  }
}

run "a_public_worker_is_refused" {
  command = plan

  variables {
    role  = "worker"
    queue = "agent-processing"
  }

  expect_failures = [var.public]
}

run "an_image_by_tag_is_refused" {
  command = plan

  variables {
    image = "123456789012.dkr.ecr.us-east-1.amazonaws.com/helium-prod/helium-backend:latest"
  }

  expect_failures = [var.image]
}

run "a_secret_among_the_settings_is_refused" {
  command = plan

  variables {
    settings = { HELIUM_BLOBS__ENDPOINT = "https://user:password@files.example.com" }
  }

  expect_failures = [var.settings]
}

run "a_value_instead_of_a_secrets_arn_is_refused" {
  command = plan

  variables {
    secrets = { HELIUM_DATABASE_URL = "postgresql://helium:password@db.example.com/helium" }
  }

  expect_failures = [var.secrets]
}

run "a_drain_that_fargate_cuts_off_is_refused" {
  command = plan

  variables {
    drain_seconds = 115
  }

  expect_failures = [var.drain_seconds]
}

run "one_task_in_prod_is_refused" {
  command = plan

  variables {
    min_instances = 1
  }

  expect_failures = [var.min_instances]
}

run "a_pair_that_fargate_does_not_have_is_refused" {
  command = plan

  variables {
    cpu        = 1
    memory_mib = 1024
  }

  expect_failures = [var.memory_mib]
}
