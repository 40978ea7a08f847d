output "api_domain" {
  description = "The API's host."
  value       = cloudflare_load_balancer.main["api"].name
}

output "stream_domain" {
  description = "The host of streams. The API's own host leads streams there too."
  value       = cloudflare_load_balancer.main["stream"].name
}
