output "config" {
  description = "The file `.vercel/output/config.json`."
  value       = jsonencode(local.config)
}
