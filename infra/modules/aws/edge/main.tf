locals {
  api_domain    = "api.${var.domain}"
  stream_domain = "stream.${var.domain}"
  origin        = trimprefix(var.api_url, "https://")

  # Amazon's own policies, the same in every account.
  caching_disabled = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad"
  all_viewer       = "216adef6-5c7f-47e4-b989-5492eafa07d3"
  security_headers = "67f7725c-6f97-4210-82d7-5512b31e9d03"
}

# The way into the network: the load balancer itself has no address on the internet.
resource "aws_cloudfront_vpc_origin" "this" {
  tags = var.labels

  vpc_origin_endpoint_config {
    name                   = var.name
    arn                    = var.load_balancer_arn
    http_port              = 80
    https_port             = 443
    origin_protocol_policy = "https-only"

    origin_ssl_protocols {
      items    = ["TLSv1.2"]
      quantity = 1
    }
  }
}

resource "aws_cloudfront_distribution" "this" {
  #checkov:skip=CKV2_AWS_32:it has one; the check does not follow the id of Amazon's own policy
  #checkov:skip=CKV2_AWS_47:rules for Log4j read bodies, and prompts hold what they look for; nothing here is Java
  #checkov:skip=CKV_AWS_68:web_acl_arn; the module limits makes one, and flat-rate plans bring their own
  #checkov:skip=CKV_AWS_86:Helium logs each request itself, without the headers that hold callers' keys
  #checkov:skip=CKV_AWS_305:an API has no page at its root
  #checkov:skip=CKV_AWS_310:one origin; losing the region is a runbook, because the database is there too
  #checkov:skip=CKV_AWS_374:who may ask is decided by keys and not by countries
  enabled         = true
  comment         = var.name
  aliases         = [local.api_domain, local.stream_domain]
  is_ipv6_enabled = true
  http_version    = "http2and3"
  price_class     = "PriceClass_100"
  web_acl_id      = var.web_acl_arn
  tags            = var.labels

  origin {
    origin_id   = "services"
    domain_name = local.origin

    vpc_origin_config {
      vpc_origin_id = aws_cloudfront_vpc_origin.this.id
      # Also the longest silence of a stream, which gives a sign of life every 15 s.
      origin_read_timeout = 60
      # Under the load balancer's 60 s, so that it does not close a connection that is being used.
      origin_keepalive_timeout = 55
    }
  }

  # Nothing is kept and nothing is changed: answers depend on who asks, and events must not be gathered.
  default_cache_behavior {
    target_origin_id           = "services"
    allowed_methods            = ["DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"]
    cached_methods             = ["GET", "HEAD"]
    viewer_protocol_policy     = "https-only"
    compress                   = false
    cache_policy_id            = local.caching_disabled
    origin_request_policy_id   = local.all_viewer
    response_headers_policy_id = local.security_headers
  }

  restrictions {
    geo_restriction {
      restriction_type = "none"
    }
  }

  viewer_certificate {
    acm_certificate_arn      = var.certificate_arn
    minimum_protocol_version = "TLSv1.2_2021"
    ssl_support_method       = "sni-only"
  }
}

resource "aws_route53_record" "this" {
  for_each = {
    for pair in setproduct([local.api_domain, local.stream_domain], ["A", "AAAA"]) :
    "${pair[0]} ${pair[1]}" => { name = pair[0], type = pair[1] }
  }

  zone_id = var.zone_id
  name    = each.value.name
  type    = each.value.type

  alias {
    name                   = aws_cloudfront_distribution.this.domain_name
    zone_id                = aws_cloudfront_distribution.this.hosted_zone_id
    evaluate_target_health = false
  }
}

resource "aws_route53_record" "page" {
  for_each = var.page_target == null ? {} : { page = var.page_target }

  zone_id = var.zone_id
  name    = "app.${var.domain}"
  type    = "CNAME"
  ttl     = 300
  records = [each.value]
}
