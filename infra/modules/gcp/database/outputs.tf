output "host" {
  description = "The private address."
  value       = google_sql_database_instance.main.private_ip_address
}

output "max_connections" {
  description = "Connections that the database permits in all."
  value       = local.size.connections
}

output "name" {
  description = "The database's name."
  value       = google_sql_database.main.name
}

output "port" {
  description = "The port."
  value       = 5432
}

output "secret_id" {
  description = "The secret that holds the URL, for `HELIUM_DATABASE_URL`."
  value       = google_secret_manager_secret.url.secret_id
  # Whoever reads the secret may connect.
  depends_on = [google_sql_user.main, google_secret_manager_secret_version.url]
}
