output "host" {
  description = "Name of the host, reachable inside the network only."
  value       = aws_db_instance.this.address
}

output "max_connections" {
  description = "Connections that the database permits in all."
  value       = local.connections[var.size]
}

output "name" {
  description = "Name of the database."
  value       = aws_db_instance.this.db_name
}

output "port" {
  description = "TCP port."
  value       = aws_db_instance.this.port
}

output "secret_id" {
  description = "ARN of the secret that holds the whole URL. It has its value."
  value       = aws_secretsmanager_secret.url.arn

  depends_on = [aws_secretsmanager_secret_version.url]
}
