data "aws_caller_identity" "current" {}

locals {
  account_id = data.aws_caller_identity.current.account_id

  trust = {
    ecs = {
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ecs-tasks.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = local.account_id } }
    }
    # Lambda does not say for whom it asks.
    lambda = {
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "lambda.amazonaws.com" }
    }
    github = {
      Effect    = "Allow"
      Action    = "sts:AssumeRoleWithWebIdentity"
      Principal = { Federated = one([for provider in aws_iam_openid_connect_provider.github : provider.arn]) }
      Condition = { StringEquals = {
        "token.actions.githubusercontent.com:aud" = "sts.amazonaws.com"
        "token.actions.githubusercontent.com:sub" = local.subject
      } }
    }
  }

  # The exact calls of the adapters `sqs` and `blobs`, each on the things that it is about.
  statements = {
    "queue.look" = [{
      Effect   = "Allow"
      Action   = ["sqs:GetQueueUrl", "sqs:GetQueueAttributes"]
      Resource = [var.resources.queue, var.resources.dead_queue]
    }]
    "queue.send" = [{
      Effect   = "Allow"
      Action   = ["sqs:SendMessage"]
      Resource = [var.resources.queue, var.resources.dead_queue]
    }]
    "queue.receive" = [{
      Effect   = "Allow"
      Action   = ["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:ChangeMessageVisibility"]
      Resource = [var.resources.queue, var.resources.dead_queue]
    }]
    "files.read" = [
      { Effect = "Allow", Action = ["s3:GetObject"], Resource = ["${var.resources.bucket}/*"] },
      { Effect = "Allow", Action = ["s3:ListBucket"], Resource = [var.resources.bucket] },
    ]
    # It reads what it wrote, for the list of files, and never deletes: rules of the bucket end old backups.
    "backups.write" = [
      { Effect = "Allow", Action = ["s3:GetObject", "s3:PutObject", "s3:AbortMultipartUpload"], Resource = ["${var.resources.backups}/*"] },
      { Effect = "Allow", Action = ["s3:ListBucket"], Resource = [var.resources.backups] },
    ]
    # The agent beside the container asks in the container's name. A task is in the service's cluster or is none.
    "protect" = [{
      Effect   = "Allow"
      Action   = ["ecs:GetTaskProtection", "ecs:UpdateTaskProtection"]
      Resource = ["arn:aws:ecs:${local.here}:task/${var.resources.cluster}/*"]
    }]
    "files.write" = [{
      Effect   = "Allow"
      Action   = ["s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"]
      Resource = ["${var.resources.bucket}/*"]
    }]
  }

  secrets = {
    for name, account in var.accounts : name => [for arns in [account.secrets] : {
      Effect   = "Allow"
      Action   = ["secretsmanager:GetSecretValue"]
      Resource = arns
    } if length(arns) > 0]
  }

  permitted = {
    for name, account in var.accounts : name => concat(
      flatten([for role in account.roles : local.statements[role]]),
      local.secrets[name],
    )
  }
}

resource "aws_iam_role" "this" {
  for_each = var.accounts

  name        = "${var.name}-${each.key}"
  description = each.value.description
  tags        = var.labels

  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [local.trust[each.value.runs_on]]
  })
}

resource "aws_iam_role_policy" "this" {
  for_each = { for name, account in var.accounts : name => account if length(account.roles) + length(account.secrets) > 0 }

  name   = "helium"
  role   = aws_iam_role.this[each.key].id
  policy = jsonencode({ Version = "2012-10-17", Statement = local.permitted[each.key] })
}
