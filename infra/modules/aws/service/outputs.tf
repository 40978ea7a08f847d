output "name" {
  description = "Name of the ECS service, and of the family of its task definitions."
  value       = aws_ecs_service.this.name
}

output "target_group" {
  description = "What the load balancer's figures call it; empty for a worker."
  value       = one([for group in aws_lb_target_group.this : group.arn_suffix])
}

output "url" {
  description = "Address inside the network; empty for a worker, which has none."
  value       = var.public ? "https://${var.network.load_balancer.dns_name}" : ""

  depends_on = [aws_ecs_service.this]
}
