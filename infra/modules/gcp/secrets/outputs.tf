output "ids" {
  description = "The secrets' ids by name, for the variable `secrets` of the module service."
  value       = { for name, secret in google_secret_manager_secret.main : name => secret.secret_id }
  depends_on  = [google_secret_manager_secret_version.main]
}
