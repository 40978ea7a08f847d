output "advice" {
  description = "What to do if `needed` is more than `permitted`, in one sentence."
  value       = local.advice
}

output "needed" {
  description = "Connections that the processes may open while they are replaced."
  value       = local.needed

  # Of a database that Terraform makes, the stacks say it by themselves, beside what else is known of it.
  precondition {
    condition     = var.database != "supabase" || local.needed <= local.permitted
    error_message = local.advice
  }
}

output "permitted" {
  description = "Connections that there are for them."
  value       = local.permitted
}

output "pooler" {
  description = "Whether the address leads to a pooler in transaction mode: HELIUM_DATABASE__POOLER."
  value       = var.database == "supabase" && var.supabase.mode == "transaction"
}
