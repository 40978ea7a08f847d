output "ids" {
  description = "ARN of each secret, by name. Those that Terraform writes have their value."
  value       = { for name, secret in aws_secretsmanager_secret.this : name => secret.arn }

  depends_on = [aws_secretsmanager_secret_version.this]
}
