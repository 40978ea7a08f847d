# What people outside see: the API is asked from several continents. Route 53 tells it to us-east-1 only, so this
# module's provider is there, and the alarm has a topic of its own there.
resource "aws_route53_health_check" "api" {
  type              = "HTTPS"
  fqdn              = local.api_domain
  port              = 443
  resource_path     = "/api/health"
  enable_sni        = true
  request_interval  = 30
  failure_threshold = 3
  tags              = merge(var.labels, { Name = "${var.name}-api" })
}

data "aws_caller_identity" "current" {}

resource "aws_sns_topic" "probe" {
  name = "${var.name}-probe"
  tags = var.labels
}

resource "aws_sns_topic_policy" "probe" {
  arn = aws_sns_topic.probe.arn

  policy = jsonencode({
    Version = "2012-10-17"
    Statement = [{
      Effect    = "Allow"
      Principal = { Service = "cloudwatch.amazonaws.com" }
      Action    = "sns:Publish"
      Resource  = aws_sns_topic.probe.arn
      Condition = { StringEquals = { "aws:SourceAccount" = data.aws_caller_identity.current.account_id } }
    }]
  })
}

resource "aws_sns_topic_subscription" "mail" {
  for_each = var.notification_channels

  topic_arn = aws_sns_topic.probe.arn
  protocol  = "email"
  endpoint  = each.key
}

resource "aws_cloudwatch_metric_alarm" "unreachable" {
  alarm_name          = "${var.name}-unreachable"
  alarm_description   = "Most places that ask https://${local.api_domain}/api/health from outside get no answer; see docs/operations/runbooks/ProbeFailed.md"
  namespace           = "AWS/Route53"
  metric_name         = "HealthCheckStatus"
  dimensions          = { HealthCheckId = aws_route53_health_check.api.id }
  statistic           = "Minimum"
  comparison_operator = "LessThanThreshold"
  threshold           = 1
  period              = 60
  evaluation_periods  = 3
  treat_missing_data  = "breaching"
  alarm_actions       = [aws_sns_topic.probe.arn]
  ok_actions          = [aws_sns_topic.probe.arn]
  tags                = var.labels
}
