output "api_domain" {
  description = "Name under which the API is reached."
  value       = module.edge.api_domain
}

output "backup" {
  description = "The job that makes backups, and where they are."
  value       = { name = module.backup.name, url = module.backup.url }
}

output "dashboard" {
  description = "Id of the dashboard."
  value       = module.monitoring.dashboard
}

output "federation_provider" {
  description = "What workflows name as their workload identity provider; null without a repository."
  value       = module.identity.federation_provider
}

output "migrate_job" {
  description = "The job that migrates the database."
  value       = module.service["api"].migrate_job
}

output "registry" {
  description = "Where images are pushed to."
  value       = google_artifact_registry_repository.main.registry_uri
}

output "services" {
  description = "Names of the Cloud Run services, by role."
  value       = { for role, service in module.service : role => service.name }
}

output "stream_domain" {
  description = "Name under which browsers follow runs."
  value       = module.edge.stream_domain
}
