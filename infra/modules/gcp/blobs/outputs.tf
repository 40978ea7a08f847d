output "bucket" {
  description = "The bucket's name."
  value       = google_storage_bucket.main.name
}

output "url" {
  description = "The bucket as Helium names it; `HELIUM_BLOBS__URL` is this and a folder."
  value       = "gs://${google_storage_bucket.main.name}"
}
