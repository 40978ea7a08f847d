# GitHub's workflows act as an account without a key.
locals {
  federations = var.repository == null ? {} : { github = var.repository }
  # The form of repositories made since July 2026: names with numbers.
  subject = var.repository == null ? "" : join("", [
    "repo:${var.repository.owner}@${var.repository.owner_id}/${var.repository.name}@${var.repository.id}",
    ":environment:${var.environment}",
  ])
  here = "${data.aws_region.current.id}:${local.account_id}"
}

data "aws_region" "current" {}

resource "aws_iam_openid_connect_provider" "github" {
  for_each = local.federations

  url            = "https://token.actions.githubusercontent.com"
  client_id_list = ["sts.amazonaws.com"]
  tags           = var.labels
}

# What `helium release` calls, and what pushing an image needs.
resource "aws_iam_role_policy" "deploy" {
  #checkov:skip=CKV_AWS_355:the calls of the last statement can be permitted for no resource in particular
  for_each = local.federations

  name = "deploy"
  role = aws_iam_role.this[each.value.account].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect = "Allow"
        Action = [
          "ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:CompleteLayerUpload", "ecr:DescribeImages",
          "ecr:GetDownloadUrlForLayer", "ecr:InitiateLayerUpload", "ecr:PutImage", "ecr:UploadLayerPart",
        ]
        Resource = [each.value.images]
      },
      {
        Effect   = "Allow"
        Action   = ["ecs:DescribeServices", "ecs:ListServiceDeployments", "ecs:UpdateService"]
        Resource = ["arn:aws:ecs:${local.here}:service/${var.resources.cluster}/${var.name}-*"]
      },
      {
        Effect   = "Allow"
        Action   = ["ecs:ContinueServiceDeployment", "ecs:DescribeServiceDeployments", "ecs:StopServiceDeployment"]
        Resource = ["arn:aws:ecs:${local.here}:service-deployment/${var.resources.cluster}/${var.name}-*"]
      },
      {
        Effect   = "Allow"
        Action   = ["ecs:DescribeServiceRevisions"]
        Resource = ["arn:aws:ecs:${local.here}:service-revision/${var.resources.cluster}/${var.name}-*"]
      },
      {
        # The record of a release: who holds it, and how far it is. It is replaced only if nobody else did.
        Effect   = "Allow"
        Action   = ["s3:GetObject", "s3:PutObject"]
        Resource = ["${var.resources.bucket}/releases/*"]
      },
      {
        # Without it, a record that is not there yet looks as if it were forbidden.
        Effect   = "Allow"
        Action   = ["s3:ListBucket"]
        Resource = [var.resources.bucket]
      },
      {
        Effect    = "Allow"
        Action    = ["ecs:TagResource"]
        Resource  = ["arn:aws:ecs:${local.here}:task-definition/${var.name}-*", "arn:aws:ecs:${local.here}:task/${var.resources.cluster}/*"]
        Condition = { StringEquals = { "ecs:CreateAction" = ["RegisterTaskDefinition", "RunTask"] } }
      },
      {
        Effect   = "Allow"
        Action   = ["lambda:GetFunctionConfiguration", "lambda:UpdateFunctionCode"]
        Resource = ["arn:aws:lambda:${local.here}:function:${var.name}-lambda-worker"]
      },
      {
        Effect   = "Allow"
        Action   = ["ecs:RunTask"]
        Resource = ["arn:aws:ecs:${local.here}:task-definition/${var.name}-*"]
      },
      {
        Effect   = "Allow"
        Action   = ["ecs:DescribeTasks"]
        Resource = ["arn:aws:ecs:${local.here}:task/${var.resources.cluster}/*"]
      },
      {
        Effect    = "Allow"
        Action    = ["iam:PassRole"]
        Resource  = ["arn:aws:iam::${local.account_id}:role/${var.name}-*"]
        Condition = { StringEquals = { "iam:PassedToService" = "ecs-tasks.amazonaws.com" } }
      },
      {
        # Reason for the wildcard: these calls can be permitted for no resource in particular.
        Effect = "Allow"
        Action = [
          "cloudwatch:DescribeAlarms", "cloudwatch:GetMetricData", "ecr:GetAuthorizationToken",
          "ecs:DescribeTaskDefinition", "ecs:RegisterTaskDefinition",
        ]
        Resource = ["*"]
      },
    ]
  })
}
