mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
}

variables {
  name         = "helium-prod"
  environment  = "prod"
  cors_origins = ["https://app.example.com"]
}

run "files_are_private_and_never_expire_by_age" {
  command = plan

  assert {
    condition     = output.bucket == "helium-prod-files-123456789012" && output.url == "s3://helium-prod-files-123456789012/files"
    error_message = "The bucket's name holds the account's number."
  }

  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.this.block_public_acls, aws_s3_bucket_public_access_block.this.block_public_policy,
      aws_s3_bucket_public_access_block.this.ignore_public_acls, aws_s3_bucket_public_access_block.this.restrict_public_buckets,
    ])
    error_message = "The bucket is closed to the public."
  }

  assert {
    condition     = one([for rule in aws_s3_bucket_lifecycle_configuration.this.rule : rule if rule.id == "broken-off-uploads"]).abort_incomplete_multipart_upload[0].days_after_initiation == 1
    error_message = "Parts of broken-off uploads end after a day."
  }

  assert {
    condition     = flatten([for rule in aws_s3_bucket_lifecycle_configuration.this.rule : [for expiration in rule.expiration : expiration.expired_object_delete_marker]]) == [true]
    error_message = "The database would still name a file that a rule deleted."
  }

  assert {
    condition     = aws_s3_bucket_versioning.this.versioning_configuration[0].status == "Enabled" && !aws_s3_bucket.this.force_destroy
    error_message = "What was deleted can be brought back."
  }
}

run "a_wildcard_origin_is_refused" {
  command = plan

  variables {
    cors_origins = ["https://*.example.com"]
  }

  expect_failures = [var.cors_origins]
}
