# Internal: only CloudFront reaches it, through its VPC origin. One for all services, for it costs by the hour.
resource "aws_lb" "this" {
  #checkov:skip=CKV_AWS_91:Helium logs each request itself, without the addresses of callers
  #checkov:skip=CKV_AWS_150:it is in prod; staging may be taken down
  name                       = var.name
  internal                   = true
  load_balancer_type         = "application"
  security_groups            = [aws_security_group.load_balancer.id]
  subnets                    = [for subnet in aws_subnet.private : subnet.id]
  enable_deletion_protection = var.environment == "prod"
  drop_invalid_header_fields = true
  desync_mitigation_mode     = "defensive"
  # Under the 75 s for which Helium keeps an idle connection, or requests meet a closed one and are answered
  # with 502. Over the 15 s between two signs of life of a stream.
  idle_timeout = 60
  tags         = var.labels
}

resource "aws_lb_listener" "https" {
  load_balancer_arn = aws_lb.this.arn
  port              = 443
  protocol          = "HTTPS"
  ssl_policy        = "ELBSecurityPolicy-TLS13-1-2-2021-06"
  certificate_arn   = var.certificate_arn
  tags              = var.labels

  default_action {
    type = "fixed-response"

    fixed_response {
      content_type = "text/plain"
      message_body = "Not found"
      status_code  = "404"
    }
  }
}

# Only processes inside the network may ask for these.
resource "aws_lb_listener_rule" "private" {
  listener_arn = aws_lb_listener.https.arn
  priority     = 1
  tags         = var.labels

  action {
    type = "fixed-response"

    fixed_response {
      content_type = "text/plain"
      message_body = "Not found"
      status_code  = "404"
    }
  }

  condition {
    path_pattern {
      values = ["/internal/*", "/metrics", "/metrics/*"]
    }
  }
}
