output "accounts" {
  description = "The accounts' addresses by name."
  value       = { for name, account in google_service_account.main : name => account.email }
}

output "federation_provider" {
  description = "What a workflow names as its workload identity provider; null without a repository."
  value       = one([for provider in google_iam_workload_identity_pool_provider.main : provider.name])
}
