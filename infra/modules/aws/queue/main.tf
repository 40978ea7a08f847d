locals {
  retention_seconds      = 4 * 24 * 60 * 60
  dead_retention_seconds = 14 * 24 * 60 * 60
  max_receive_count      = 20
}

resource "aws_sqs_queue" "dead" {
  name                      = "agent-processing-dead"
  message_retention_seconds = local.dead_retention_seconds
  sqs_managed_sse_enabled   = true
  tags                      = var.labels
}

resource "aws_sqs_queue" "this" {
  name                       = "agent-processing"
  message_retention_seconds  = local.retention_seconds
  receive_wait_time_seconds  = 20
  visibility_timeout_seconds = var.visibility_seconds
  sqs_managed_sse_enabled    = true
  tags                       = var.labels
}

resource "aws_sqs_queue_redrive_policy" "this" {
  queue_url = aws_sqs_queue.this.id

  redrive_policy = jsonencode({
    deadLetterTargetArn = aws_sqs_queue.dead.arn
    maxReceiveCount     = local.max_receive_count
  })
}

resource "aws_sqs_queue_redrive_allow_policy" "dead" {
  queue_url = aws_sqs_queue.dead.id

  redrive_allow_policy = jsonencode({
    redrivePermission = "byQueue"
    sourceQueueArns   = [aws_sqs_queue.this.arn]
  })
}

resource "aws_sqs_queue_policy" "tls" {
  for_each = { queue = aws_sqs_queue.this, dead = aws_sqs_queue.dead }

  queue_url = each.value.id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Sid       = "TlsOnly"
      Effect    = "Deny"
      Principal = { AWS = "*" }
      Action    = "sqs:*"
      Resource  = each.value.arn
      Condition = { Bool = { "aws:SecureTransport" = "false" } }
    }]
  })
}
