output "api_domain" {
  description = "Name under which the API is reached."
  value       = local.api_domain

  depends_on = [aws_route53_record.this]
}

output "stream_domain" {
  description = "Name under which browsers follow runs."
  value       = local.stream_domain

  depends_on = [aws_route53_record.this]
}
