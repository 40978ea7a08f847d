mock_provider "aws" {}

variables {
  name        = "helium-prod"
  environment = "prod"
  size        = "medium"
  password    = "0123456789abcdef0123456789abcdef"

  network = {
    id                      = "vpc-1"
    subnets                 = ["subnet-1", "subnet-2"]
    tasks_security_group_id = "sg-1"
  }
}

run "prod_is_private_encrypted_and_stays" {
  command = plan

  assert {
    condition     = aws_db_instance.this.deletion_protection && !aws_db_instance.this.skip_final_snapshot && !aws_db_instance.this.delete_automated_backups
    error_message = "It must not be lost by a command."
  }

  assert {
    condition     = !aws_db_instance.this.publicly_accessible && aws_db_instance.this.storage_encrypted && aws_db_instance.this.multi_az
    error_message = "Private, encrypted, in two zones."
  }

  assert {
    condition     = aws_db_instance.this.backup_retention_period >= 7 && aws_db_instance.this.password == null
    error_message = "A week of backups; the password is written only."
  }
}

run "prod_without_protection_is_refused" {
  command = plan

  variables {
    deletion_protection = false
  }

  expect_failures = [var.deletion_protection]
}

run "a_password_that_breaks_a_url_is_refused" {
  command = plan

  variables {
    password = "0123456789abcdef/123456789abcdef"
  }

  expect_failures = [var.password]
}
