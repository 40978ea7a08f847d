output "candidate_headers" {
  description = "Headers with which a request comes to a revision that has no traffic yet: what `helium release` is given."
  value       = length(local.gradual) > 0 ? local.candidate_headers : {}
}

output "name" {
  description = "Name of the ECS service, and of the family of its task definitions."
  value       = aws_ecs_service.this.name
}

output "target_groups" {
  description = "What the load balancer's figures call them: one, two for api, none for a worker. Which of the two has the traffic changes with each release."
  value       = [for key in sort(keys(local.groups)) : aws_lb_target_group.this[key].arn_suffix]
}

output "url" {
  description = "Address inside the network; empty for a worker, which has none."
  value       = var.public ? "https://${var.network.load_balancer.dns_name}" : ""

  depends_on = [aws_ecs_service.this]
}
