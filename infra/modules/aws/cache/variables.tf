variable "environment" {
  description = "Which installation this is: staging or prod."
  type        = string

  validation {
    condition     = contains(["staging", "prod"], var.environment)
    error_message = "environment is staging or prod."
  }
}

variable "high_availability" {
  description = "Whether a second one in another zone takes over."
  type        = bool
  default     = true
}

variable "labels" {
  description = "Tags of every resource."
  type        = map(string)
  default     = {}
}

variable "name" {
  description = "What the names of all resources begin with."
  type        = string

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,18}[a-z0-9]$", var.name))
    error_message = "name is 3 to 20 characters: small letters, digits and hyphens."
  }
}

variable "network" {
  description = "The output `network` of the module of that name."

  type = object({
    id                      = string
    subnets                 = list(string)
    tasks_security_group_id = string
  })

  validation {
    condition     = length(var.network.subnets) >= 2
    error_message = "network has subnets in two zones at least."
  }
}

variable "password" {
  description = "The password, 32 to 64 letters and digits. Never stored by Terraform; see the README."
  type        = string
  ephemeral   = true
  sensitive   = true

  validation {
    condition     = can(regex("^[A-Za-z0-9]{32,64}$", var.password))
    error_message = "password is 32 to 64 letters and digits: it stands in a URL."
  }
}

variable "password_version" {
  description = "A number that is raised to have a new password written."
  type        = number
  default     = 1

  validation {
    condition     = var.password_version >= 1 && floor(var.password_version) == var.password_version
    error_message = "password_version is a whole number from 1."
  }
}

variable "size" {
  description = "small (cache.t4g.small: 1.4 GiB), medium (cache.m7g.large: 6.4 GiB) or large (cache.r7g.large: 13 GiB)."
  type        = string
  default     = "small"

  validation {
    condition     = contains(["small", "medium", "large"], var.size)
    error_message = "size is small, medium or large."
  }
}
