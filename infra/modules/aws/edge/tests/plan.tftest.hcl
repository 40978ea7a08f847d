mock_provider "aws" {}

variables {
  name                  = "helium-prod"
  environment           = "prod"
  domain                = "example.com"
  zone_id               = "Z0123456789ABC"
  certificate_arn       = "arn:aws:acm:us-east-1:123456789012:certificate/1"
  load_balancer_arn     = "arn:aws:elasticloadbalancing:eu-central-1:123456789012:loadbalancer/app/helium-prod/1"
  api_url               = "https://internal-helium-prod-1.eu-central-1.elb.amazonaws.com"
  stream_url            = "https://internal-helium-prod-1.eu-central-1.elb.amazonaws.com"
  page_target           = "cname.vercel-dns.com"
  notification_channels = ["on-call@example.com"]
}

run "answers_pass_as_they_are" {
  command = plan

  assert {
    condition     = output.api_domain == "api.example.com" && output.stream_domain == "stream.example.com" && length(aws_route53_record.this) == 4
    error_message = "Two names, each with IPv4 and IPv6."
  }

  assert {
    condition     = !aws_cloudfront_distribution.this.default_cache_behavior[0].compress && aws_cloudfront_distribution.this.default_cache_behavior[0].viewer_protocol_policy == "https-only"
    error_message = "Compression gathers events; HTTP gives keys away."
  }

  assert {
    condition     = one(aws_cloudfront_distribution.this.origin).vpc_origin_config[0].origin_read_timeout > 15 && one(aws_cloudfront_distribution.this.origin).vpc_origin_config[0].origin_keepalive_timeout < 60
    error_message = "Longer than a stream's silence, shorter than the load balancer keeps a connection."
  }

  assert {
    condition     = aws_cloudfront_vpc_origin.this.vpc_origin_endpoint_config[0].origin_protocol_policy == "https-only"
    error_message = "TLS as far as the load balancer."
  }
}

run "a_web_acl_is_asked_first" {
  command = plan

  variables {
    web_acl_arn = "arn:aws:wafv2:us-east-1:123456789012:global/webacl/own/1"
  }

  assert {
    condition     = aws_cloudfront_distribution.this.web_acl_id == var.web_acl_arn
    error_message = "It would not be asked."
  }
}

run "silence_seen_from_outside_is_told" {
  command = plan

  assert {
    condition     = aws_route53_health_check.api.fqdn == "api.example.com" && aws_route53_health_check.api.resource_path == "/api/health"
    error_message = "The way that people take."
  }

  assert {
    condition     = aws_cloudwatch_metric_alarm.unreachable.treat_missing_data == "breaching" && keys(aws_sns_topic_subscription.mail) == ["on-call@example.com"]
    error_message = "Nobody hears it."
  }

  assert {
    condition     = aws_route53_record.page["page"].name == "app.example.com"
    error_message = "The page has a name."
  }
}

run "a_certificate_of_another_region_is_refused" {
  command = plan

  variables {
    certificate_arn = "arn:aws:acm:eu-central-1:123456789012:certificate/1"
  }

  expect_failures = [var.certificate_arn]
}
