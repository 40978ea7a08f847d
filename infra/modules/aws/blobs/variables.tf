variable "cors_origins" {
  description = "Addresses of pages that may read files by signed links."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for origin in var.cors_origins : can(regex("^https://[a-z0-9.-]+$", origin))])
    error_message = "An origin is https:// and a host, and never a wildcard."
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

variable "expire_days" {
  description = "Days for which a deleted or replaced file can still be brought back. Files themselves never expire by a rule."
  type        = number
  default     = 30

  validation {
    condition     = var.expire_days >= 1 && var.expire_days <= 365
    error_message = "expire_days is 1 to 365."
  }
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
