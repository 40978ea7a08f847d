variable "cors_origins" {
  type        = set(string)
  description = "Origins of pages that may read files by signed links. Empty: none."
  default     = []

  validation {
    condition     = alltrue([for origin in var.cors_origins : can(regex("^https://[^/*]+$", origin))])
    error_message = "cors_origins must be https:// and a host each, without a wildcard."
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

variable "expire_days" {
  type        = number
  description = "Days for which files that were overwritten or deleted can be brought back."
  default     = 14

  validation {
    condition     = var.expire_days >= 1 && floor(var.expire_days) == var.expire_days
    error_message = "expire_days must be a whole number from 1."
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
  description = "The bucket's name. No other bucket of the world may have it."

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{1,61}[a-z0-9]$", var.name))
    error_message = "name must be 3 to 63 lower-case letters, digits and hyphens."
  }
}

variable "readers" {
  type        = map(string)
  description = "The accounts that only read files, by any name."
  default     = {}

  validation {
    condition     = length(setintersection(values(var.readers), values(var.writers))) == 0
    error_message = "An account must be of readers or of writers."
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

variable "writers" {
  type        = map(string)
  description = "The accounts that read and write files, by any name."

  validation {
    condition     = length(var.writers) > 0
    error_message = "writers must name one account at least."
  }
}
