variable "deletion_protection" {
  description = "Whether it refuses to be deleted. Always so in prod."
  type        = bool
  default     = true

  validation {
    condition     = var.deletion_protection || var.environment != "prod"
    error_message = "In prod deletion_protection stays true."
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

variable "retention_days" {
  description = "Days back to which the database can be restored, to the second."
  type        = number
  default     = 7

  validation {
    condition     = var.retention_days >= 1 && var.retention_days <= 35
    error_message = "retention_days is 1 to 35."
  }
}

variable "size" {
  description = "small (db.t4g.small: 2 GiB, 190 connections), medium (db.m7g.large: 8 GiB, 800) or large (db.m7g.xlarge: 16 GiB, 1600)."
  type        = string
  default     = "small"

  validation {
    condition     = contains(["small", "medium", "large"], var.size)
    error_message = "size is small, medium or large."
  }
}

variable "storage_gib" {
  description = "GiB of storage to begin with; it grows by itself to ten times as much."
  type        = number
  default     = 20

  validation {
    condition     = var.storage_gib >= 20 && var.storage_gib <= 6000
    error_message = "storage_gib is 20 to 6000."
  }
}
