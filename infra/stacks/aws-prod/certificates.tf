locals {
  domains = ["api.${var.domain}", "stream.${var.domain}"]
}

# For the load balancer.
resource "aws_acm_certificate" "regional" {
  domain_name               = local.domains[0]
  subject_alternative_names = [local.domains[1]]
  validation_method         = "DNS"
  tags                      = local.labels

  lifecycle {
    create_before_destroy = true
  }
}

# For CloudFront.
resource "aws_acm_certificate" "global" {
  provider = aws.global

  domain_name               = local.domains[0]
  subject_alternative_names = [local.domains[1]]
  validation_method         = "DNS"
  tags                      = local.labels

  lifecycle {
    create_before_destroy = true
  }
}

# The same records prove both: they follow from the account and the name.
resource "aws_route53_record" "proof" {
  for_each = toset(local.domains)

  zone_id         = var.zone_id
  allow_overwrite = true
  ttl             = 300
  name            = one([for option in aws_acm_certificate.regional.domain_validation_options : option.resource_record_name if option.domain_name == each.key])
  type            = "CNAME"
  records         = [for option in aws_acm_certificate.regional.domain_validation_options : option.resource_record_value if option.domain_name == each.key]
}

resource "aws_acm_certificate_validation" "regional" {
  certificate_arn         = aws_acm_certificate.regional.arn
  validation_record_fqdns = [for record in aws_route53_record.proof : record.fqdn]
}

resource "aws_acm_certificate_validation" "global" {
  provider = aws.global

  certificate_arn         = aws_acm_certificate.global.arn
  validation_record_fqdns = [for record in aws_route53_record.proof : record.fqdn]
}
