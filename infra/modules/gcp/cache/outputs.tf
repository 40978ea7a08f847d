output "ca_secret_id" {
  description = "The secret that holds the certificates to trust, for `HELIUM_REDIS__CA_FILE`."
  value       = google_secret_manager_secret.ca.secret_id
  depends_on  = [google_secret_manager_secret_version.ca]
}

output "host" {
  description = "The private address."
  value       = google_redis_instance.main.host
}

output "port" {
  description = "The port; TLS only."
  value       = google_redis_instance.main.port
}

output "secret_id" {
  description = "The secret that holds the URL, for `HELIUM_REDIS_URL`."
  value       = google_secret_manager_secret.url.secret_id
  depends_on  = [google_secret_manager_secret_version.url]
}
