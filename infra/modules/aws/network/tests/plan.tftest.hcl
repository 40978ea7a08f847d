mock_provider "aws" {}

variables {
  name            = "helium-prod"
  environment     = "prod"
  cidr            = "10.30.0.0/16"
  zones           = ["us-east-1a", "us-east-1b"]
  certificate_arn = "arn:aws:acm:us-east-1:123456789012:certificate/1"
}

run "prod_is_private_and_has_a_way_out_of_each_zone" {
  command = plan

  assert {
    condition     = length(aws_nat_gateway.this) == 2 && length(aws_subnet.private) == 2
    error_message = "Each zone needs its own way out."
  }

  assert {
    condition     = alltrue([for subnet in aws_subnet.public : !subnet.map_public_ip_on_launch])
    error_message = "Nothing may get a public address by being started."
  }

  assert {
    condition     = aws_lb.this.internal && aws_lb.this.enable_deletion_protection
    error_message = "The load balancer is internal, and stays."
  }

  assert {
    condition     = aws_lb.this.idle_timeout > 15 && aws_lb.this.idle_timeout < 75
    error_message = "Longer than a stream's silence (15 s), shorter than Helium keeps a connection (75 s)."
  }

  assert {
    condition     = length(setintersection([for subnet in aws_subnet.private : subnet.cidr_block], [for subnet in aws_subnet.public : subnet.cidr_block])) == 0
    error_message = "Subnets overlap."
  }
}

run "one_way_out_where_an_outage_is_cheap" {
  command = plan

  variables {
    environment       = "staging"
    high_availability = false
  }

  assert {
    condition     = length(aws_nat_gateway.this) == 1 && !aws_lb.this.enable_deletion_protection
    error_message = "Staging pays for one NAT gateway."
  }
}

run "one_zone_is_refused" {
  command = plan

  variables {
    zones = ["us-east-1a"]
  }

  expect_failures = [var.zones]
}

run "a_network_that_is_too_small_is_refused" {
  command = plan

  variables {
    cidr = "10.30.0.0/24"
  }

  expect_failures = [var.cidr]
}
