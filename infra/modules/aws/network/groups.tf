# What CloudFront's connections into the VPC come from.
data "aws_ec2_managed_prefix_list" "cloudfront" {
  name = "com.amazonaws.global.cloudfront.origin-facing"
}

resource "aws_security_group" "load_balancer" {
  name        = "${var.name}-load-balancer"
  description = "The load balancer: from CloudFront, to tasks"
  vpc_id      = aws_vpc.this.id
  tags        = merge(var.labels, { Name = "${var.name}-load-balancer" })
}

resource "aws_vpc_security_group_ingress_rule" "cloudfront" {
  security_group_id = aws_security_group.load_balancer.id
  description       = "HTTPS from CloudFront only"
  prefix_list_id    = data.aws_ec2_managed_prefix_list.cloudfront.id
  ip_protocol       = "tcp"
  from_port         = 443
  to_port           = 443
}

resource "aws_vpc_security_group_egress_rule" "to_tasks" {
  security_group_id            = aws_security_group.load_balancer.id
  description                  = "HTTP to tasks"
  referenced_security_group_id = aws_security_group.tasks.id
  ip_protocol                  = "tcp"
  from_port                    = 8000
  to_port                      = 8000
}

resource "aws_security_group" "tasks" {
  #checkov:skip=CKV2_AWS_5:services and the function are attached to it, in modules of their own
  name        = "${var.name}-tasks"
  description = "Processes of Helium: from the load balancer, to what they use"
  vpc_id      = aws_vpc.this.id
  tags        = merge(var.labels, { Name = "${var.name}-tasks" })
}

resource "aws_vpc_security_group_ingress_rule" "from_load_balancer" {
  security_group_id            = aws_security_group.tasks.id
  description                  = "HTTP from the load balancer"
  referenced_security_group_id = aws_security_group.load_balancer.id
  ip_protocol                  = "tcp"
  from_port                    = 8000
  to_port                      = 8000
}

# HTTPS: models and AWS. 5432 and 6543: PostgreSQL and Supabase's pooler, whose addresses change.
resource "aws_vpc_security_group_egress_rule" "out" {
  for_each = { https = 443, postgresql = 5432, pooler = 6543 }

  security_group_id = aws_security_group.tasks.id
  description       = "To ${each.key}"
  cidr_ipv4         = "0.0.0.0/0"
  ip_protocol       = "tcp"
  from_port         = each.value
  to_port           = each.value
}

resource "aws_vpc_security_group_egress_rule" "cache" {
  security_group_id = aws_security_group.tasks.id
  description       = "To Valkey"
  cidr_ipv4         = var.cidr
  ip_protocol       = "tcp"
  from_port         = 6379
  to_port           = 6379
}
