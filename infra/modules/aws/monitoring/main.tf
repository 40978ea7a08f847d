data "aws_caller_identity" "current" {}
data "aws_region" "current" {}

locals {
  # Names of resources follow roles: target groups' names are known only when they are made.
  public = toset(["api", "stream"])
}

# Not encrypted by a key of ours: alarms name what is wrong and hold nothing of anybody's, and Amazon's own key
# would not let CloudWatch publish.
resource "aws_sns_topic" "alarms" {
  name = "${var.name}-alarms"
  tags = var.labels
}

resource "aws_sns_topic_policy" "alarms" {
  arn = aws_sns_topic.alarms.arn

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = ["cloudwatch.amazonaws.com", "budgets.amazonaws.com"] }
      Action    = "sns:Publish"
      Resource  = aws_sns_topic.alarms.arn
      Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id } }
    }]
  })
}

resource "aws_sns_topic_subscription" "mail" {
  for_each = var.notification_channels

  topic_arn = aws_sns_topic.alarms.arn
  protocol  = "email"
  endpoint  = each.key
}

resource "aws_budgets_budget" "monthly" {
  name         = var.name
  budget_type  = "COST"
  limit_amount = format("%.2f", var.budget_monthly)
  limit_unit   = "USD"
  time_unit    = "MONTHLY"
  tags         = var.labels

  dynamic "notification" {
    for_each = { half = [50, "ACTUAL"], most = [90, "ACTUAL"], all = [100, "ACTUAL"], foreseen = [100, "FORECASTED"] }

    content {
      comparison_operator        = "GREATER_THAN"
      threshold                  = notification.value[0]
      threshold_type             = "PERCENTAGE"
      notification_type          = notification.value[1]
      subscriber_email_addresses = var.notification_channels
    }
  }
}
