output "api_domain" {
  description = "Name under which the API is reached."
  value       = module.edge.api_domain
}

output "backup" {
  description = "The job that makes backups, and where they are."
  value       = { name = module.backup.name, url = module.backup.url }
}

output "cache_user" {
  description = "Valkey's user, who gets a password by one command; see the README."
  value       = "${local.name}-helium"
}

output "candidate_headers" {
  description = "Headers with which a request to api_domain comes to a revision that has no traffic yet."
  value       = module.service["api"].candidate_headers
}

output "dashboard" {
  description = "Name of the dashboard."
  value       = module.monitoring.dashboard
}

output "registry" {
  description = "Where images are pushed to."
  value       = aws_ecr_repository.backend.repository_url
}

output "releases" {
  description = "Where the record of releases is kept."
  value       = "s3://${module.blobs.bucket}/releases"
}

output "services" {
  description = "Names of the ECS services, by role; their task definitions' families are called the same."
  value       = { for role, service in module.service : role => service.name }
}

output "stream_domain" {
  description = "Name under which browsers follow runs."
  value       = module.edge.stream_domain
}
