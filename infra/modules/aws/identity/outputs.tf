output "accounts" {
  description = "ARN of each identity, by its name. They are ready to be used: their rights are there."
  value       = { for name, role in aws_iam_role.this : name => role.arn }

  depends_on = [aws_iam_role_policy.this]
}

output "federation_provider" {
  description = "ARN of the provider of GitHub's tokens; null without a repository."
  value       = one([for provider in aws_iam_openid_connect_provider.github : provider.arn])
}
