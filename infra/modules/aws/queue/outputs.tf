output "arn" {
  description = "ARN of the queue, for rights."
  value       = aws_sqs_queue.this.arn
}

output "dead_arn" {
  description = "ARN of the queue of the dead, for rights."
  value       = aws_sqs_queue.dead.arn
}

output "dead_name" {
  description = "Name of the queue of messages that led to nothing."
  value       = aws_sqs_queue.dead.name
}

output "name" {
  description = "Name of the queue: HELIUM_QUEUE__NAME."
  value       = aws_sqs_queue.this.name

  depends_on = [aws_sqs_queue_redrive_policy.this]
}

output "url" {
  description = "URL of the queue: HELIUM_QUEUE__SQS_URL."
  value       = aws_sqs_queue.this.url

  depends_on = [aws_sqs_queue_redrive_policy.this]
}
