variable "api_url" {
  description = "Address of the service api: the load balancer."
  type        = string

  validation {
    condition     = can(regex("^https://[^/]+$", var.api_url))
    error_message = "api_url is https:// and a host."
  }
}

variable "certificate_arn" {
  description = "ARN of the ACM certificate in us-east-1, where CloudFront looks, for api.DOMAIN and stream.DOMAIN."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:acm:us-east-1:", var.certificate_arn))
    error_message = "certificate_arn is the ARN of an ACM certificate in us-east-1."
  }
}

variable "domain" {
  description = "Domain under which api.DOMAIN and stream.DOMAIN are made."
  type        = string

  validation {
    condition     = can(regex("^([a-z0-9-]+\\.)+[a-z]{2,}$", var.domain))
    error_message = "domain is a name such as example.com."
  }
}

variable "environment" {
  description = "Which installation this is: staging or prod."
  type        = string

  validation {
    condition     = contains(["staging", "prod"], var.environment)
    error_message = "environment is staging or prod."
  }
}

variable "labels" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}

variable "load_balancer_arn" {
  description = "ARN of the internal load balancer that CloudFront is let in to."
  type        = string

  validation {
    condition     = can(regex("^arn:aws[a-z-]*:elasticloadbalancing:", var.load_balancer_arn))
    error_message = "load_balancer_arn is the ARN of a load balancer."
  }
}

variable "name" {
  description = "What the names of all resources begin with."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name))
    error_message = "name is 3 to 20 characters: small letters, digits and hyphens."
  }
}

variable "notification_channels" {
  description = "E-mail addresses that are told when the API cannot be reached from outside. Each has to confirm once."
  type        = set(string)

  validation {
    condition     = length(var.notification_channels) > 0
    error_message = "At least one e-mail address: an alarm that nobody hears is none."
  }
}

variable "page_target" {
  description = "The host that serves the page, such as the one that Vercel names; app.DOMAIN leads there. Null: no such name."
  type        = string
  default     = null
  nullable    = true

  validation {
    condition     = var.page_target == null || can(regex("^([a-z0-9-]+\\.)+[a-z]+$", var.page_target))
    error_message = "page_target is the name of a host."
  }
}

variable "stream_url" {
  description = "Address of the service stream: on AWS the same load balancer, which tells them apart by path."
  type        = string

  validation {
    condition     = var.stream_url == var.api_url
    error_message = "On AWS api and stream are behind one load balancer."
  }
}

variable "web_acl_arn" {
  description = "ARN of a WAF web ACL in us-east-1 to ask first, such as the one of the module limits; empty: none."
  type        = string
  default     = ""

  validation {
    condition     = var.web_acl_arn == "" || can(regex("^arn:aws[a-z-]*:wafv2:us-east-1:", var.web_acl_arn))
    error_message = "web_acl_arn is empty or the ARN of a web ACL in us-east-1."
  }
}

variable "zone_id" {
  description = "Id of the Route 53 zone of the domain."
  type        = string

  validation {
    condition     = can(regex("^[A-Z0-9]{8,32}$", var.zone_id))
    error_message = "zone_id is the id of a Route 53 zone, such as Z0123456789ABC."
  }
}
