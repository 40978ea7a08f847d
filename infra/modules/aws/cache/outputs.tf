output "host" {
  description = "Name of the host that takes writes, reachable inside the network only."
  value       = aws_elasticache_replication_group.this.primary_endpoint_address
}

output "port" {
  description = "TCP port; TLS only."
  value       = aws_elasticache_replication_group.this.port
}

output "secret_id" {
  description = "ARN of the secret that holds the whole URL. It has its value."
  value       = aws_secretsmanager_secret.url.arn

  depends_on = [aws_secretsmanager_secret_version.url]
}
