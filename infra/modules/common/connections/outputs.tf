output "needed" {
  description = "Connections that the processes may open while they are replaced."
  value       = local.needed
}

output "permitted" {
  description = "Connections that there are for them."
  value       = var.database == "supabase" ? local.permitted[var.supabase.mode] : var.max_connections - 3
}

output "pooler" {
  description = "Whether the address leads to a pooler in transaction mode: HELIUM_DATABASE__POOLER."
  value       = var.database == "supabase" && var.supabase.mode == "transaction"
}
