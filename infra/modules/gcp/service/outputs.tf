output "migrate_job" {
  description = "The job that migrates the database; null for other roles than api."
  value       = one([for job in google_cloud_run_v2_job.migrate : job.name])
}

output "name" {
  description = "The service's name."
  value       = google_cloud_run_v2_service.main.name
}

output "url" {
  description = "The service's address."
  value       = google_cloud_run_v2_service.main.uri
}
