data "aws_caller_identity" "current" {}
data "aws_region" "current" {}

locals {
  job      = "${var.name}-backup"
  url      = "s3://${aws_s3_bucket.this.id}/helium"
  retained = var.retain_days == 0 ? {} : { days = var.retain_days }
  # What a rule or a person deleted comes back for a week.
  undelete = 7
}

# Names of buckets are one for the whole world, so the account's number is part of it.
resource "aws_s3_bucket" "this" {
  #checkov:skip=CKV_AWS_18:who read what is in CloudTrail's data events, where they are switched on
  #checkov:skip=CKV_AWS_144:a copy in another account or cloud is made by whoever needs one, with a key of its own
  #checkov:skip=CKV2_AWS_62:nobody waits for an event: the alarm on silence looks at log lines
  bucket              = "${var.name}-backups-${data.aws_caller_identity.current.account_id}"
  force_destroy       = false
  object_lock_enabled = var.retain_days > 0
  tags                = var.labels

  lifecycle {
    precondition {
      condition     = var.expire_days > var.retain_days
      error_message = "expire_days is more than retain_days: nothing is deleted before."
    }
  }
}

resource "aws_s3_bucket_public_access_block" "this" {
  bucket                  = aws_s3_bucket.this.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_versioning" "this" {
  bucket = aws_s3_bucket.this.id

  versioning_configuration {
    status = "Enabled"
  }
}

# Whoever has the right to bypass it can, and does so in CloudTrail: the mode for ever is set by hand.
resource "aws_s3_bucket_object_lock_configuration" "this" {
  for_each = local.retained

  bucket = aws_s3_bucket.this.id

  rule {
    default_retention {
      mode = "GOVERNANCE"
      days = each.value
    }
  }

  depends_on = [aws_s3_bucket_versioning.this]
}

# No process deletes a backup: these rules do.
resource "aws_s3_bucket_lifecycle_configuration" "this" {
  bucket = aws_s3_bucket.this.id

  rule {
    id     = "broken-off-uploads"
    status = "Enabled"

    filter {}

    abort_incomplete_multipart_upload {
      days_after_initiation = 1
    }
  }

  rule {
    id     = "old-backups"
    status = "Enabled"

    filter {}

    expiration {
      days = var.expire_days
    }

    noncurrent_version_expiration {
      noncurrent_days = local.undelete
    }
  }

  depends_on = [aws_s3_bucket_versioning.this]
}

resource "aws_s3_bucket_policy" "tls" {
  bucket = aws_s3_bucket.this.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "TlsOnly"
      Effect    = "Deny"
      Principal = { AWS = "*" }
      Action    = "s3:*"
      Resource  = [aws_s3_bucket.this.arn, "${aws_s3_bucket.this.arn}/*"]
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })

  depends_on = [aws_s3_bucket_public_access_block.this]
}
