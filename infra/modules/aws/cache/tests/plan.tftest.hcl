mock_provider "aws" {}

variables {
  name        = "helium-prod"
  environment = "prod"
  password    = "0123456789abcdef0123456789abcdef"

  network = {
    id                      = "vpc-1"
    subnets                 = ["subnet-1", "subnet-2"]
    tasks_security_group_id = "sg-1"
  }
}

run "valkey_in_two_zones_with_tls_and_a_login" {
  command = plan

  assert {
    condition     = aws_elasticache_replication_group.this.engine == "valkey" && aws_elasticache_replication_group.this.num_cache_clusters == 2
    error_message = "Valkey, and one to take over."
  }

  assert {
    condition     = aws_elasticache_replication_group.this.multi_az_enabled && aws_elasticache_replication_group.this.automatic_failover_enabled
    error_message = "The other takes over by itself."
  }

  assert {
    condition     = aws_elasticache_replication_group.this.transit_encryption_mode == "required" && length(aws_elasticache_replication_group.this.user_group_ids) == 1
    error_message = "TLS only, and nobody without a login."
  }

  assert {
    condition     = [for parameter in aws_elasticache_parameter_group.this.parameter : parameter.value if parameter.name == "maxmemory-policy"] == ["noeviction"]
    error_message = "Nothing may be thrown away silently."
  }

  assert {
    condition     = !strcontains(aws_elasticache_user.helium.access_string, "nopass") && aws_elasticache_user.helium.authentication_mode[0].type == "iam"
    error_message = "No password is in the state, and none is not enough."
  }
}

run "an_unknown_size_is_refused" {
  command = plan

  variables {
    size = "huge"
  }

  expect_failures = [var.size]
}
