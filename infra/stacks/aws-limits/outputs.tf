output "web_acl_arn" {
  description = "What the variable `web_acl_arn` of the stacks aws-staging and aws-prod takes."
  value       = module.limits.web_acl_arn
}
