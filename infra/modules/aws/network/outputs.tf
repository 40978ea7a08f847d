output "network" {
  description = "What the other modules take as `network`."

  value = {
    id                      = aws_vpc.this.id
    cidr                    = var.cidr
    subnets                 = [for subnet in aws_subnet.private : subnet.id]
    tasks_security_group_id = aws_security_group.tasks.id

    load_balancer = {
      arn          = aws_lb.this.arn
      arn_suffix   = aws_lb.this.arn_suffix
      dns_name     = aws_lb.this.dns_name
      listener_arn = aws_lb_listener.https.arn
    }
  }

  # Whoever starts in it can already get out.
  depends_on = [aws_route.private, aws_route_table_association.private]
}

output "subnets" {
  description = "Ids of the private subnets."
  value       = [for subnet in aws_subnet.private : subnet.id]
}
