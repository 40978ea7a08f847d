variable "cidr" {
  type        = string
  description = "The private range of the network. Its first quarter is for services, its second for the cache and the database."
  default     = "10.64.0.0/20"

  validation {
    condition     = can(cidrhost(var.cidr, 0)) && try(tonumber(split("/", var.cidr)[1]) <= 20, false)
    error_message = "cidr must be an IPv4 range of /20 or larger: an instance may need two addresses during a rollout."
  }
}

variable "environment" {
  type        = string
  description = "The environment: staging or prod."

  validation {
    condition     = contains(["staging", "prod"], var.environment)
    error_message = "environment must be staging or prod."
  }
}

variable "labels" {
  type        = map(string)
  description = "Labels of all resources that can have some."
  default     = {}

  validation {
    condition     = alltrue([for key, value in var.labels : can(regex("^[a-z][a-z0-9_-]{0,62}$", key)) && can(regex("^[a-z0-9_-]{0,63}$", value))])
    error_message = "labels must be of lower-case letters, digits, hyphens and underscores, 63 at most."
  }
}

variable "name" {
  type        = string
  description = "What the resources are called, or begin with."

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,40}[a-z0-9]$", var.name))
    error_message = "name must be 3 to 42 lower-case letters, digits and hyphens, and begin with a letter."
  }
}

variable "region" {
  type        = string
  description = "The region, such as us-east4."

  validation {
    condition     = can(regex("^[a-z]+-[a-z]+[0-9]+$", var.region))
    error_message = "region must be a region's name, such as us-east4."
  }
}
