# What ECS does while a release moves traffic: register tasks with the two groups, and weigh two rules.
resource "aws_iam_role" "traffic" {
  for_each = local.gradual

  name        = "${local.service}-traffic"
  description = "ECS, that moves traffic to a new revision"
  tags        = var.labels

  assume_role_policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Action    = "sts:AssumeRole"
      Principal = { Service = "ecs.amazonaws.com" }
      Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id } }
    }]
  })
}

resource "aws_iam_role_policy" "traffic" {
  for_each = local.gradual

  name = "move"
  role = aws_iam_role.traffic[each.key].id

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [
      {
        Effect   = "Allow"
        Action   = ["elasticloadbalancing:RegisterTargets", "elasticloadbalancing:DeregisterTargets"]
        Resource = [for group in aws_lb_target_group.this : group.arn]
      },
      {
        Effect   = "Allow"
        Action   = ["elasticloadbalancing:ModifyRule"]
        Resource = [aws_lb_listener_rule.api[each.key].arn, aws_lb_listener_rule.candidate[each.key].arn]
      },
      {
        # Reason for the wildcard: looking can be permitted for no load balancer in particular.
        Effect = "Allow"
        Action = [
          "elasticloadbalancing:DescribeListeners", "elasticloadbalancing:DescribeRules",
          "elasticloadbalancing:DescribeTargetGroups", "elasticloadbalancing:DescribeTargetHealth",
        ]
        Resource = ["*"]
      },
    ]
  })
}
