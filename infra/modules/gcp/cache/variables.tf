variable "environment" {
  type        = string
  description = "The environment: staging or prod."

  validation {
    condition     = contains(["staging", "prod"], var.environment)
    error_message = "environment must be staging or prod."
  }
}

variable "high_availability" {
  type        = bool
  description = "Whether a replica in another zone takes over when the first fails."
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

variable "network" {
  type        = object({ id = string, subnetwork = string })
  description = "The output `network` of the module network."

  validation {
    condition     = var.network.id != "" && var.network.subnetwork != ""
    error_message = "network must name a network and a subnetwork."
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

variable "size" {
  type        = string
  description = "small (1 GB), medium (5 GB) or large (16 GB)."
  default     = "small"

  validation {
    condition     = contains(["small", "medium", "large"], var.size)
    error_message = "size must be small, medium or large."
  }
}
