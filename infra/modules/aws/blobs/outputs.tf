output "arn" {
  description = "ARN of the bucket, for rights."
  value       = aws_s3_bucket.this.arn
}

output "bucket" {
  description = "Name of the bucket."
  value       = aws_s3_bucket.this.bucket
}

output "url" {
  description = "Where files are kept: HELIUM_BLOBS__URL."
  value       = "s3://${aws_s3_bucket.this.bucket}/files"

  depends_on = [aws_s3_bucket_public_access_block.this, aws_s3_bucket_policy.tls]
}
