# Prompts look like attacks (they hold code), so no rule reads bodies here: addresses of known attackers are turned
# away, and the number of requests is bounded. Helium checks keys and counts requests for each of them.
resource "aws_wafv2_web_acl" "this" {
  #checkov:skip=CKV_AWS_192: its rules for Log4j read bodies, and prompts hold what they look for; nothing here is Java
  #checkov:skip=CKV2_AWS_31: its log would hold the headers of requests, and with them callers' keys; metrics count
  name        = var.name
  description = "Requests of one address, ${var.environment}"
  scope       = "CLOUDFRONT"
  tags        = var.labels

  default_action {
    allow {}
  }

  rule {
    name     = "address"
    priority = 1

    action {
      block {
        custom_response {
          response_code = 429

          response_header {
            name  = "Retry-After"
            value = "60"
          }
        }
      }
    }

    statement {
      rate_based_statement {
        aggregate_key_type    = "IP"
        evaluation_window_sec = 60
        limit                 = var.requests_per_minute
      }
    }

    visibility_config {
      cloudwatch_metrics_enabled = true
      metric_name                = "${var.name}-address"
      sampled_requests_enabled   = false
    }
  }

  rule {
    name     = "reputation"
    priority = 2

    override_action {
      none {}
    }

    statement {
      managed_rule_group_statement {
        name        = "AWSManagedRulesAmazonIpReputationList"
        vendor_name = "AWS"
      }
    }

    visibility_config {
      cloudwatch_metrics_enabled = true
      metric_name                = "${var.name}-reputation"
      sampled_requests_enabled   = false
    }
  }

  # Samples would show the headers of requests, and with them callers' keys.
  visibility_config {
    cloudwatch_metrics_enabled = true
    metric_name                = var.name
    sampled_requests_enabled   = false
  }
}
