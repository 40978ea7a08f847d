output "bucket" {
  description = "The bucket's name."
  value       = google_storage_bucket.main.name
}

output "name" {
  description = "The job's name."
  value       = google_cloud_run_v2_job.main.name
}

output "url" {
  description = "Where backups are: what `helium restore` and `helium drill restore` take as `--from`."
  value       = local.url
}
