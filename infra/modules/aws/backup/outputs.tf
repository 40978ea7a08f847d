output "arn" {
  description = "ARN of the bucket, for rights."
  value       = aws_s3_bucket.this.arn
}

output "bucket" {
  description = "Name of the bucket."
  value       = aws_s3_bucket.this.id
}

output "name" {
  description = "Name of the job: the task definition's family."
  value       = aws_ecs_task_definition.this.family
}

output "url" {
  description = "Where backups are: what `helium restore` and `helium drill restore` take as `--from`."
  value       = local.url

  depends_on = [aws_s3_bucket_policy.tls, aws_s3_bucket_public_access_block.this]
}
