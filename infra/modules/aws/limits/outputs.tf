output "web_acl_arn" {
  description = "ARN of the web ACL, for the variable of that name of the module edge."
  value       = aws_wafv2_web_acl.this.arn
}
